// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Calls at places where they do not belong, others at the same ring, and options at their limits.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

struct scene {
	struct rig rig;
	struct bpfring_loop *loop;
	struct counter counter;
	int inner; /* what a call from inside a callback returned */
};

static void scene_open(struct scene *s, const struct bpfring_loop_opts *opts)
{
	*s = (struct scene){.inner = 1};
	rig_open(&s->rig, 16 * PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&s->loop, opts), 0);
	assert_int_equal(bpfring_loop_add(s->loop, s->rig.c, count_numbers, &s->counter), 0);
}

static void scene_close(struct scene *s)
{
	bpfring_loop_free(s->loop);
	rig_close(&s->rig);
}

static int poll_from_inside(void *ctx, const void *data, size_t size)
{
	struct scene *s = ctx;

	if (s->inner == 1)
		s->inner = bpfring_loop_poll(s->loop, 0);
	return count_numbers(&s->counter, data, size);
}

/* Consumed by hand, while the callback lets the loop consume the same ring. */
static void a_turn_inside_a_callback(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	for (uint64_t i = 0; i < 100; i++)
		put_number(s.rig.r, i);
	assert_int_equal(bpfring_consumer_consume(s.rig.c, poll_from_inside, &s, NULL, NULL), 100);
	assert_int_equal(s.inner, -EINVAL);
	assert_int_equal(s.counter.records, 100);
	assert_logged("own callbacks");
	scene_close(&s);
}

static void a_turn_while_records_are_held(void **state)
{
	struct bpfring_record record;
	struct scene s;
	uint64_t pos;

	(void)state;
	scene_open(&s, NULL);
	put_number(s.rig.r, 0);
	put_number(s.rig.r, 1);
	assert_int_equal(bpfring_consumer_peek(s.rig.c, &record), 1);
	pos = stats_of_consumer(s.rig.c).cons_pos;
	assert_int_equal(bpfring_loop_poll(s.loop, 0), -EINVAL);
	assert_logged("held");
	assert_int_equal(stats_of_consumer(s.rig.c).cons_pos, pos);
	bpfring_consumer_cancel(s.rig.c);
	assert_int_equal(bpfring_loop_wakeup(s.loop), 0);
	assert_int_equal(bpfring_loop_poll(s.loop, 0), 2);
	scene_close(&s);
}

static int close_it(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	struct rig *rig = ctx;

	(void)record, (void)state;
	bpfring_consumer_close(rig->c);
	rig->c = NULL;
	return 0;
}

static void closed_by_its_snapshot(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put_number(rig.r, 0);
	put_number(rig.r, 1);
	assert_int_equal(bpfring_consumer_snapshot(rig.c, close_it, &rig), 1);
	rig_close(&rig);
}

/* Somebody opens the ring to look at it and closes it: the consumer at work goes on. */
static void a_look_from_outside(void **state)
{
	(void)state;
	for_each_start(start)
	{
		struct bpfring_consumer *other = NULL;
		struct counter counter = {0};
		struct rig rig;

		sim_sys_set_word_size(start->word_size);
		rig_open(&rig, PAGE, start, 0);
		bpfring_ring_set_quiet(bpfring_consumer_ring(rig.c), 1);
		put_number(rig.r, 0);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_numbers, &counter, NULL, NULL), 1);
		assert_int_equal(
			bpfring_consumer_open(&other, bpfring_consumer_map_fd(rig.c), NULL), 0);
		bpfring_consumer_close(other);
		put_number(rig.r, 1);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_numbers, &counter, NULL, NULL), 1);
		rig_close(&rig);
	}
	sim_sys_set_word_size(8);
}

static int fail_record(void *ctx, const void *data, size_t size)
{
	(void)data, (void)size;
	bpfring_loop_stop(((struct scene *)ctx)->loop);
	return -EIO;
}

/* A stop is for a run; neither a poll nor an error in between takes it away. */
static void a_stop_is_kept(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	assert_int_equal(bpfring_loop_stop(s.loop), 0);
	assert_int_equal(bpfring_loop_poll(s.loop, 0), 0);
	assert_int_equal(bpfring_loop_run(s.loop), 0);

	assert_int_equal(bpfring_loop_remove(s.loop, s.rig.c), 0);
	assert_int_equal(bpfring_loop_add(s.loop, s.rig.c, fail_record, &s), 0);
	put_number(s.rig.r, 0);
	assert_int_equal(bpfring_loop_run(s.loop), -EIO);
	assert_int_equal(bpfring_loop_run(s.loop), 0);
	/* and it is used up */
	put_number(s.rig.r, 1);
	assert_int_equal(bpfring_loop_run(s.loop), -EIO);
	scene_close(&s);
}

static int read_byte(void *ctx, int fd, uint32_t events)
{
	char byte;

	(void)events;
	++*(int *)ctx;
	return read(fd, &byte, 1) == 1 ? 0 : -EIO;
}

/* What one dispatch leaves is seen again by an outer loop that is told of edges only. */
static void left_by_a_dispatch(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int outer = epoll_create1(EPOLL_CLOEXEC), pipes[100][2], calls = 0;
	struct bpfring_loop *l = NULL;

	(void)state;
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, bpfring_loop_fd(l), &event), 0);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(bpfring_loop_add_fd(l, pipes[i][0], EPOLLIN, read_byte, &calls),
				 0);
		assert_int_equal(write(pipes[i][1], "four", 4), 4);
	}
	while (epoll_wait(outer, &event, 1, 20) == 1)
		assert_true(bpfring_loop_dispatch(l) >= 0);
	assert_int_equal(calls, 400);
	bpfring_loop_free(l);
	for (size_t i = 0; i < 100; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	close(outer);
}

static void the_longest_times(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .max_latency_ns = INT64_MAX, .tick_ns = INT64_MAX);
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};
	struct scene s;

	(void)state;
	sim_clock_start(1000 * MSEC);
	scene_open(&s, &opts);
	for (uint64_t i = 0; i < 100; i++) {
		put_number(s.rig.r, i);
		bpfring_loop_poll(s.loop, 10 * MSEC);
	}
	assert_int_equal(bpfring_loop_stats(s.loop, &stats), 0);
	assert_in_range(stats.sleeps, 1, 300);
	assert_in_range(stats.polls, 100, 100);
	scene_close(&s);
}

/* Records are always there, and still it can be woken. */
static void woken_beside_records(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put_number(rig.r, 0);
	assert_int_equal(bpfring_consumer_wakeup(rig.c), 0);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
	rig_close(&rig);
}

static void a_busy_head_that_is_discarded(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = BPFRING_WAIT_SLEEP);
	struct bpfring_consumer_stats stats;
	struct scene s;
	void *busy;

	(void)state;
	sim_clock_start(1000 * MSEC);
	scene_open(&s, &opts);
	busy = sim_reserve(s.rig.r, 8);
	assert_int_equal(bpfring_loop_poll(s.loop, 10 * MSEC), 0);
	sim_discard(s.rig.r, busy, 0);
	assert_int_equal(bpfring_loop_poll(s.loop, 5000 * MSEC), 0);
	put_number(s.rig.r, 0);
	assert_int_equal(bpfring_loop_poll(s.loop, 0), 1);
	stats = stats_of_consumer(s.rig.c);
	assert_int_equal(stats.busy_waits, 1);
	assert_in_range(stats.busy_max_ns, 10 * MSEC, 80 * MSEC);
	scene_close(&s);
}

/* The caller was busy elsewhere, and records have piled up: the window is not slept out. */
static void a_pile_after_work_elsewhere(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = BPFRING_WAIT_COALESCE,
		     .max_latency_ns = 1000 * MSEC);
	struct scene s;

	(void)state;
	sim_clock_start(1000 * MSEC);
	scene_open(&s, &opts);
	for (uint64_t i = 0; i < 2; i++)
		put_number(s.rig.r, i);
	assert_int_equal(bpfring_loop_poll(s.loop, -1), 2);
	for (uint64_t round = 0; round < 10; round++) {
		unsigned long sleeps = sim_clock_sleeps();

		for (uint64_t i = 0; i < 200; i++)
			put_number(s.rig.r, 2 + round * 200 + i);
		sim_clock_advance(20 * USEC);
		assert_int_equal(bpfring_loop_poll(s.loop, -1), 200);
		assert_int_equal(sim_clock_sleeps(), sleeps);
	}
	/* a few are no pile, and without time in between nothing is looked at */
	put_number(s.rig.r, 2002);
	sim_clock_advance(20 * USEC);
	assert_int_equal(bpfring_loop_poll(s.loop, 0), 0);
	for (uint64_t i = 2003; i < 2200; i++)
		put_number(s.rig.r, i);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bpfring_loop_poll(s.loop, 0), 0);
	sim_clock_advance(20 * USEC);
	assert_int_equal(bpfring_loop_poll(s.loop, 0), 198);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_turn_inside_a_callback),
		rig_test(a_turn_while_records_are_held),
		rig_test(closed_by_its_snapshot),
		rig_test(a_look_from_outside),
		rig_test(a_stop_is_kept),
		rig_test(left_by_a_dispatch),
		rig_test(the_longest_times),
		rig_test(woken_beside_records),
		rig_test(a_busy_head_that_is_discarded),
		rig_test(a_pile_after_work_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
