// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The loop: what can be put into it, whose turn it is, when it returns. */
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rig.h"

static struct bpfring_loop *loop_new(uint32_t wait, uint64_t budget_records)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait, .budget_records = budget_records);
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	return l;
}

static struct bpfring_loop_stats stats_of(const struct bpfring_loop *l)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};

	assert_int_equal(bpfring_loop_stats(l, &stats), 0);
	return stats;
}

static int on_fd(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &count, sizeof(count)), 8);
	++*(int *)ctx;
	return 0;
}

static void put_one(void *ctx)
{
	put(ctx, 8);
}

static void options(void **state)
{
	struct {
		struct bpfring_loop_opts known;
		uint64_t later[2];
	} newer = {.known = {.sz = sizeof(newer)}};
	struct bpfring_loop_opts bad[] = {
		{.sz = sizeof(size_t) - 1}, {.wait = 4},     {.wait = UINT32_MAX}, {.reserved = 1},
		{.max_latency_ns = -1},	    {.tick_ns = -1}, {.budget_ns = -1},
	};
	struct bpfring_loop *l = NULL;

	(void)state;
	assert_int_equal(bpfring_loop_new(NULL, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!bad[i].sz)
			bad[i].sz = sizeof(bad[i]);
		assert_int_equal(bpfring_loop_new(&l, &bad[i]), -EINVAL);
		assert_logged("bpfring_loop_opts");
	}
	newer.later[1] = 1;
	assert_int_equal(bpfring_loop_new(&l, &newer.known), -E2BIG);
	assert_logged("bpfring_loop_opts");
	assert_null(l);
	newer.later[1] = 0;
	assert_int_equal(bpfring_loop_new(&l, &newer.known), 0);
	bpfring_loop_free(l);
	newer.known.sz = offsetof(struct bpfring_loop_opts, tick_ns); /* older */
	newer.known.tick_ns = -1;
	assert_int_equal(bpfring_loop_new(&l, &newer.known), 0);
	bpfring_loop_free(l);
	bpfring_loop_free(NULL);
}

static void null_arguments(void **state)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};
	struct counter counter = {0};
	struct bpfring_loop *l = loop_new(0, 0);
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_add(NULL, rig.c, count_record, &counter), -EINVAL);
	assert_int_equal(bpfring_loop_add(l, NULL, count_record, &counter), -EINVAL);
	assert_int_equal(bpfring_loop_add(l, rig.c, NULL, &counter), -EINVAL);
	assert_logged("events", "callback");
	assert_int_equal(bpfring_loop_add_batch(l, rig.c, NULL, &counter), -EINVAL);
	assert_int_equal(bpfring_loop_add_fd(NULL, 0, EPOLLIN, on_fd, NULL), -EINVAL);
	assert_int_equal(bpfring_loop_add_fd(l, 0, EPOLLIN, NULL, NULL), -EINVAL);
	assert_logged("fd 0", "callback");
	assert_int_equal(bpfring_loop_remove(NULL, rig.c), -EINVAL);
	assert_int_equal(bpfring_loop_remove(l, NULL), -EINVAL);
	assert_int_equal(bpfring_loop_remove_fd(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_loop_poll(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_loop_poll(l, -2), -EINVAL);
	assert_logged("-2 ns");
	assert_int_equal(bpfring_loop_run(NULL), -EINVAL);
	assert_int_equal(bpfring_loop_stop(NULL), -EINVAL);
	assert_int_equal(bpfring_loop_wakeup(NULL), -EINVAL);
	assert_int_equal(bpfring_loop_fd(NULL), -EINVAL);
	assert_int_equal(bpfring_loop_dispatch(NULL), -EINVAL);
	assert_int_equal(bpfring_loop_dispatch(l), -EINVAL); /* no loop_fd() yet */
	assert_logged("bpfring_loop_fd()");
	assert_int_equal(bpfring_loop_stats(NULL, &stats), -EINVAL);
	assert_int_equal(bpfring_loop_stats(l, NULL), -EINVAL);
	stats.sz = offsetof(struct bpfring_loop_stats, sleeps) - 1;
	assert_int_equal(bpfring_loop_stats(l, &stats), -EINVAL);
	assert_logged("@sz");
	bpfring_loop_free(l);
	rig_close(&rig);
}

static void adding_and_removing(void **state)
{
	struct bpfring_loop *l = loop_new(0, 0), *other = loop_new(0, 0);
	struct bpfring_record record;
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_remove(l, rig.c), -ENOENT);
	assert_logged("events", "not in this loop");
	assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), -EINVAL); /* held */
	assert_logged("events", "held");
	bpfring_consumer_cancel(rig.c);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), -EEXIST);
	assert_logged("events", "this loop already");
	assert_int_equal(bpfring_loop_add_batch(other, rig.c, count_batch, &counter), -EEXIST);
	assert_int_equal(bpfring_loop_remove(other, rig.c), -ENOENT);
	assert_int_equal(bpfring_consumer_wait(rig.c, 0), -EINVAL); /* the loop waits for it */
	assert_logged("events", "is in a loop");
	assert_int_equal(stats_of(l).rings, 1);
	assert_int_equal(bpfring_loop_remove(l, rig.c), 0);
	assert_int_equal(bpfring_loop_remove(l, rig.c), -ENOENT);
	assert_int_equal(stats_of(l).rings, 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	/* its record stayed, and it can go elsewhere */
	assert_int_equal(bpfring_loop_add_batch(other, rig.c, count_batch, &counter), 0);
	assert_int_equal(bpfring_loop_poll(other, -1), 1);
	bpfring_loop_free(other); /* removes it */
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	bpfring_consumer_close(rig.c); /* removes it too */
	rig.c = NULL;
	assert_int_equal(stats_of(l).rings, 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	bpfring_loop_free(l);
	rig_close(&rig);
}

static void records_of_many_rings(void **state)
{
	enum { RINGS = 100 };
	struct bpfring_loop *l = loop_new(0, 0);
	struct counter counters[RINGS] = {0};
	struct rig rigs[RINGS];

	(void)state;
	for (int i = 0; i < RINGS; i++) {
		rig_open(&rigs[i], PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rigs[i].c, count_numbers, &counters[i]), 0);
	}
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(stats_of(l).active, 0);
	for (int round = 1; round <= 20; round++) {
		const int expected = (RINGS + round - 1) / round;
		int handled = 0;

		for (int i = 0; i < RINGS; i++)
			if (i % round == 0)
				put_number(rigs[i].r, counters[i].next);
		/* a ring that had a record just now has its next at the end of its window */
		for (int i = 0; i < 100 && handled < expected; i++)
			handled += bpfring_loop_poll(l, 10000000);
		assert_int_equal(handled, expected);
	}
	bpfring_loop_free(l);
	for (int i = 0; i < RINGS; i++)
		rig_close(&rigs[i]);
}

/* A wake-up costs as much with a thousand idle rings as with one. */
static void cost_of_a_wake_up(void **state)
{
	unsigned long costs[2];

	(void)state;
	for (int many = 0; many < 2; many++) {
		const int rings = many ? 500 : 1;
		struct bpfring_loop *l = loop_new(BPFRING_WAIT_SLEEP, 0);
		struct counter counter = {0};
		static struct rig rigs[500];

		for (int i = 0; i < rings; i++) {
			rig_open(&rigs[i], PAGE, NULL, 0);
			assert_int_equal(bpfring_loop_add(l, rigs[i].c, count_record, &counter), 0);
		}
		assert_int_equal(bpfring_loop_poll(l, 0), 0);
		sim_sys_count_reset();
		for (int n = 0; n < 100; n++) {
			put(rigs[rings / 2].r, 8);
			assert_int_equal(bpfring_loop_poll(l, -1), 1);
		}
		costs[many] = sim_sys_count(NULL) + sim_sys_count("now");
		assert_int_equal(stats_of(l).arms, rings + 100);
		bpfring_loop_free(l);
		for (int i = 0; i < rings; i++)
			rig_close(&rigs[i]);
	}
	assert_int_equal(costs[0], costs[1]);
}

struct endless {
	struct sim_ring *r;
	unsigned long records;
};

static int refill(void *ctx, const void *data, size_t size)
{
	struct endless *e = ctx;

	(void)data;
	(void)size;
	e->records++;
	put(e->r, 8);
	return 0;
}

/* A ring that never gets empty takes its budget and lets the others have theirs. */
static void fairness(void **state)
{
	(void)state;
	for (uint32_t wait = BPFRING_WAIT_ADAPTIVE; wait <= BPFRING_WAIT_SPIN; wait++) {
		struct counter counters[5] = {0};
		struct endless busy = {0};
		struct bpfring_loop *l;
		struct rig rigs[6];

		sim_clock_start(1);
		l = loop_new(wait, 10);
		for (int i = 0; i < 6; i++) {
			rig_open(&rigs[i], PAGE, NULL, 0);
			put(rigs[i].r, 8);
		}
		busy.r = rigs[2].r;
		assert_int_equal(bpfring_loop_add(l, rigs[2].c, refill, &busy), 0);
		for (int i = 0, n = 0; i < 6; i++)
			if (i != 2)
				assert_int_equal(bpfring_loop_add(l, rigs[i].c, count_record,
								  &counters[n++]),
						 0);
		for (unsigned long round = 1; round <= 50; round++) {
			assert_in_range(bpfring_loop_poll(l, -1), 10, 60);
			assert_int_equal(busy.records, 10 * round);
			sim_clock_advance(MSEC); /* every window is over */
			for (int i = 0; i < 6; i++)
				if (i != 2)
					for (int k = 0; k < 3; k++)
						put(rigs[i].r, 8);
		}
		for (int i = 0; i < 5; i++)
			assert_int_equal(counters[i].records, 1 + 3 * 49);
		bpfring_loop_free(l);
		for (int i = 0; i < 6; i++)
			rig_close(&rigs[i]);
		sim_sys_reset();
	}
}

/* Descriptors are not starved by a ring that never gets empty either. */
static void descriptors_beside_an_endless_ring(void **state)
{
	int event = eventfd(1, EFD_CLOEXEC), calls = 0;
	struct bpfring_loop *l = loop_new(0, 10);
	struct endless busy = {0};
	int64_t end = monotonic() + 1000 * MSEC;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	busy.r = rig.r;
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_add(l, rig.c, refill, &busy), 0);
	assert_int_equal(bpfring_loop_poll(l, -1), 10);
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), 0);
	while (!calls && monotonic() < end)
		assert_int_equal(bpfring_loop_poll(l, -1), 10);
	assert_int_equal(calls, 1);
	bpfring_loop_free(l);
	rig_close(&rig);
	close(event);
}

static void budgets_of_bytes_and_time(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, by_bytes, .budget_bytes = 100);
	BPFRING_OPTS(bpfring_loop_opts, by_time, .budget_ns = 1);
	struct bpfring_loop *l = NULL;
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	for (int i = 0; i < 240; i++)
		put(rig.r, 8);
	assert_int_equal(bpfring_loop_new(&l, &by_bytes), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	assert_int_equal(bpfring_loop_poll(l, -1), 7);
	assert_int_equal(bpfring_loop_poll(l, -1), 7);
	bpfring_loop_free(l);
	assert_int_equal(bpfring_loop_new(&l, &by_time), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	assert_in_range(bpfring_loop_poll(l, -1), 1, 128); /* of 226 */
	bpfring_loop_free(l);
	rig_close(&rig);
}

static void time_outs(void **state)
{
	static const int64_t timeouts[] = {0, 1, 10 * USEC, MSEC, 3600000 * MSEC};

	(void)state;
	for (uint32_t wait = BPFRING_WAIT_ADAPTIVE; wait <= BPFRING_WAIT_COALESCE; wait++) {
		struct counter counter = {0};
		struct bpfring_loop *l;
		struct rig rig;

		sim_clock_start(77);
		l = loop_new(wait, 0);
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
			int64_t before = sim_clock_now();

			assert_int_equal(bpfring_loop_poll(l, timeouts[i]), 0);
			assert_int_equal(sim_clock_now() - before, timeouts[i]);
		}
		sim_clock_at(sim_clock_now() + 5, put_one, rig.r);
		assert_int_equal(bpfring_loop_poll(l, INT64_MAX), 1);
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(options),
		rig_test(null_arguments),
		rig_test(adding_and_removing),
		rig_test(records_of_many_rings),
		rig_test(cost_of_a_wake_up),
		rig_test(fairness),
		rig_test(descriptors_beside_an_endless_ring),
		rig_test(budgets_of_bytes_and_time),
		rig_test(time_outs),
	};
	struct rlimit files;

	/* 500 rings need more descriptors than the usual soft limit of 1024 allows */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
