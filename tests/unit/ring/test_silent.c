// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Records that nobody is notified of, and the last look when a time-out is over. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

enum { MODES = BPFRING_WAIT_SPIN }; /* a loop that spins finds everything anyway */

static struct bpfring_loop *loop_new(uint32_t wait, int64_t max_latency)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait, .max_latency_ns = max_latency);
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	return l;
}

static void put_silently(void *ctx)
{
	assert_int_equal(sim_output(ctx, "12345678", 8, SIM_NO_WAKEUP), 0);
}

/* Discarded without a word, and a record behind it whose commit finds the consumer elsewhere. */
static void put_behind_a_discard(void *ctx)
{
	void *discarded = sim_reserve(ctx, 8), *record = sim_reserve(ctx, 8);

	assert_non_null(record);
	sim_discard(ctx, discarded, SIM_NO_WAKEUP);
	sim_submit(ctx, record, 0);
}

/* The record at the head is still being written. */
static void put_behind_a_busy_one(void *ctx)
{
	assert_non_null(sim_reserve(ctx, 8));
	put(ctx, 8);
}

static void time_is_up(void **state)
{
	static void (*const puts[])(void *ctx) = {put_silently, put_behind_a_discard};
	static const int64_t timeouts[] = {10 * USEC, 100 * MSEC, 0};

	(void)state;
	for (uint32_t i = 0; i < MODES * ARRAY_SIZE(puts) * ARRAY_SIZE(timeouts); i++) {
		int64_t timeout = timeouts[i / MODES / ARRAY_SIZE(puts)], before;
		struct counter counter = {0};
		struct bpfring_loop *l;
		struct rig rig;

		sim_clock_start(1000);
		l = loop_new(i % MODES, 0);
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_poll(l, 0), 0);
		for (int n = 0; n < 5; n++) {
			before = sim_clock_now();
			if (timeout)
				sim_clock_at(before + timeout / 2, puts[i / MODES % 2], rig.r);
			else
				puts[i / MODES % 2](rig.r);
			assert_int_equal(bpfring_loop_poll(l, timeout), 1);
			assert_int_equal(sim_clock_now() - before, timeout);
			/* the windows after it */
			while (bpfring_loop_poll(l, MSEC) > 0)
				;
		}
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

/* A ring that is quiet, in a window longer than the time-out. */
static void within_a_window(void **state)
{
	struct counter counter = {0};
	struct bpfring_loop *l;
	struct rig rig;

	(void)state;
	sim_clock_start(1000);
	l = loop_new(BPFRING_WAIT_COALESCE, 1000 * MSEC);
	rig_open(&rig, 16 * PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	for (int i = 0; i < 12; i++) { /* the window grows */
		put(rig.r, 8);
		assert_int_equal(bpfring_loop_poll(l, -1), 1);
	}
	for (int i = 0; i < 5; i++) {
		put(rig.r, 8);
		assert_int_equal(bpfring_loop_poll(l, 0), 0); /* it is not over */
		assert_int_equal(bpfring_loop_poll(l, 50 * MSEC), 1);
	}
	bpfring_loop_free(l);
	rig_close(&rig);
}

/* Nothing to read: one look at each ring, and the time-out is kept. */
static void busy_heads_and_idle_rings(void **state)
{
	enum { RINGS = 50 };
	struct counter counter = {0};
	struct rig rigs[RINGS];
	struct bpfring_loop *l;
	unsigned long calls;
	int64_t before;

	(void)state;
	sim_clock_start(1000);
	l = loop_new(BPFRING_WAIT_SLEEP, 0);
	for (int i = 0; i < RINGS; i++) {
		rig_open(&rigs[i], PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rigs[i].c, count_record, &counter), 0);
	}
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	sim_sys_count_reset();
	assert_int_equal(bpfring_loop_poll(l, 100 * MSEC), 0);
	calls = sim_sys_count(NULL) + sim_sys_count("now");
	assert_in_range(calls, 1, 12); /* however many rings */
	put_behind_a_busy_one(rigs[7].r);
	before = sim_clock_now();
	assert_int_equal(bpfring_loop_poll(l, 100 * MSEC), 0);
	assert_int_equal(sim_clock_now() - before, 100 * MSEC);
	bpfring_loop_free(l);
	for (int i = 0; i < RINGS; i++)
		rig_close(&rigs[i]);
}

static void many_rings_at_once(void **state)
{
	enum { RINGS = 50 };
	struct counter counter = {0};
	struct rig rigs[RINGS];
	struct bpfring_loop *l;

	(void)state;
	sim_clock_start(1000);
	l = loop_new(BPFRING_WAIT_ADAPTIVE, 0);
	for (int i = 0; i < RINGS; i++) {
		rig_open(&rigs[i], PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rigs[i].c, count_record, &counter), 0);
	}
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	for (int i = 0; i < RINGS; i++)
		put_silently(rigs[i].r);
	assert_int_equal(bpfring_loop_poll(l, 10 * MSEC), RINGS);
	bpfring_loop_free(l);
	for (int i = 0; i < RINGS; i++)
		rig_close(&rigs[i]);
}

/* An outer loop whose own time-out is over may dispatch, and that looks too. */
static void a_dispatch_for_no_reason(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < MODES; wait++) {
		struct counter counter = {0};
		struct bpfring_loop *l;
		struct rig rig;

		sim_clock_start(1000);
		l = loop_new(wait, 0);
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_true(bpfring_loop_fd(l) >= 0);
		assert_int_equal(bpfring_loop_dispatch(l), 0);
		put_silently(rig.r);
		assert_int_equal(bpfring_loop_dispatch(l), 1);
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

static int take_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	++*(int *)ctx;
	return read(fd, &count, sizeof(count)) == 8 ? 0 : -EIO;
}

/* Only a poll whose time is up looks: one that had something to do says so at once. */
static void not_before_time_is_up(void **state)
{
	int event = eventfd(1, EFD_CLOEXEC), calls = 0;
	struct counter counter = {0};
	struct bpfring_loop *l;
	struct rig rig;

	(void)state;
	sim_clock_start(1000);
	l = loop_new(BPFRING_WAIT_SLEEP, 0);
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, take_event, &calls), 0);
	put_silently(rig.r);
	assert_int_equal(bpfring_loop_poll(l, 10 * MSEC), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(bpfring_loop_poll(l, 10 * MSEC), 1);
	bpfring_loop_free(l);
	rig_close(&rig);
	close(event);
}

/* Whoever means milliseconds is told so, once, and nobody else is. */
static void time_outs_that_are_none(void **state)
{
	(void)state;
	for (int looped = 0; looped < 2; looped++) {
		struct bpfring_loop *l = NULL;
		struct counter counter = {0};
		struct rig rig;

		sim_clock_start(1000);
		rig_open(&rig, PAGE, NULL, 0);
		if (looped) {
			l = loop_new(0, 0);
			assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		}
#define WAIT(ns) (looped ? bpfring_loop_poll(l, ns) : bpfring_consumer_wait(rig.c, ns))
		for (int i = 0; i < 5000; i++) { /* each is meant as it is */
			assert_int_equal(WAIT(0), 0);
			assert_int_equal(WAIT(1000), 0);
		}
		for (int i = 0; i < 3000; i++) { /* and these find something */
			put(rig.r, 8);
			assert_int_equal(
				WAIT(1) + (looped ? 0
						  : bpfring_consumer_consume(rig.c, count_record,
									     &counter, NULL, NULL)),
				looped ? 1 : 2);
			while (looped && i % 100 == 0 && WAIT(MSEC) > 0)
				;
		}
		assert_int_equal(log_lines(), 0);
		for (int i = 0; i < 10000; i++)
			assert_int_equal(WAIT(100), 0);
#undef WAIT
		assert_logged("100 ns", "nanoseconds", "100000000");
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(time_is_up),
		rig_test(within_a_window),
		rig_test(busy_heads_and_idle_rings),
		rig_test(many_rings_at_once),
		rig_test(a_dispatch_for_no_reason),
		rig_test(not_before_time_is_up),
		rig_test(time_outs_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
