// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* How long empty rings and busy heads hold others back, what is late, and keys that lie. */
#include "merge_rig.h"

#define L MSEC

static void an_empty_ring_holds_back(void **state)
{
	(void)state;
	for (int batch = 0; batch < 2; batch++) {
		BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
		struct scene *s;

		sim_clock_start(1000 * L);
		s = scene_new(2, &opts, 4096);
		put_key(s, 0, (uint64_t)(1000 * L - 300));
		put_key(s, 0, (uint64_t)(1000 * L - 100));
		assert_int_equal(consume(s, batch), BPFRING_END_HELD);
		assert_nothing_seen(s);
		assert_int_equal(bpfring_merge_next_due(s->m), 1001 * L - 300);
		sim_clock_advance(L - 301);
		assert_int_equal(consume(s, batch), BPFRING_END_HELD);
		assert_nothing_seen(s);
		sim_clock_advance(1);
		assert_int_equal(consume(s, batch), BPFRING_END_HELD);
		assert_seen(s, (uint64_t)(1000 * L - 300));
		assert_int_equal(bpfring_merge_next_due(s->m), 1001 * L - 100);
		/* the other ring has something: nobody is held back that is less than that */
		put_key(s, 1, (uint64_t)(1000 * L - 50));
		assert_int_equal(consume(s, batch), BPFRING_END_HELD);
		assert_seen(s, (uint64_t)(1000 * L - 100));
		assert_int_equal(merge_stats(s->m).held, 4);
		/* the end of it all */
		assert_int_equal(bpfring_merge_flush(s->m), 0);
		assert_int_equal(consume(s, batch), BPFRING_END_DRAINED);
		assert_seen(s, (uint64_t)(1000 * L - 50));
		assert_int_equal(merge_stats(s->m).late, 0);
		scene_free(s);
	}
}

/* Keys that are no times: from when a record was first seen, wherever it stands in its ring. */
static void numbers_are_held_since_they_were_seen(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L, .clock = BPFRING_KEY_NUMBER);
	struct scene *s;

	(void)state;
	sim_clock_start(5);
	s = scene_new(3, &opts, 4096);
	for (uint64_t i = 0; i < 50; i++)
		put_key(s, 0, 100 + i);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_int_equal(bpfring_merge_next_due(s->m), 5 + L);
	sim_clock_advance(L / 2);
	put_key(s, 0, 1000);
	put_key(s, 1, UINT64_MAX);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_nothing_seen(s);
	sim_clock_advance(L / 2);
	assert_int_equal(consume(s, true), BPFRING_END_HELD);
	assert_int_equal(s->count, 50);
	s->count = 0;
	assert_int_equal(bpfring_merge_next_due(s->m), 5 + L + L / 2);
	sim_clock_advance(L / 2);
	assert_int_equal(consume(s, true), BPFRING_END_DRAINED);
	assert_seen(s, 1000, UINT64_MAX);
	scene_free(s);
}

static void less_than_one_that_is_gone_is_late(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);
	struct scene *s = scene_new(2, &opts, 4096);
	struct bpfring_merge_stats stats;

	(void)state;
	put_key(s, 0, 50);
	assert_int_equal(consume(s, false), BPFRING_END_DRAINED);
	put_key(s, 1, 40);
	put_key(s, 1, 50);
	put_key(s, 0, 60);
	put_key(s, 0, 30); /* an interrupt came between clock and reserve */
	put_key(s, 0, 70);
	assert_int_equal(consume(s, false), BPFRING_END_DRAINED);
	assert_false(s->late[0]);
	assert_true(s->late[1]);
	assert_false(s->late[2]);
	assert_false(s->late[3]);
	assert_true(s->late[4]);
	assert_false(s->late[5]);
	assert_seen(s, 50, 40, 50, 60, 30, 70);
	stats = merge_stats(s->m);
	assert_int_equal(stats.late, 2);
	assert_int_equal(stats.late_max, 30);
	assert_int_equal(stats.misordered, 1);
	scene_free(s);
}

static void a_busy_head_is_waited_for(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
	struct scene *s;
	void *busy;

	(void)state;
	sim_clock_start(1000 * L);
	s = scene_new(2, &opts, 4096);
	busy = reserve_key(s, 0, (uint64_t)(1000 * L - 10));
	put_key(s, 0, (uint64_t)(1000 * L - 5));
	put_key(s, 1, (uint64_t)(1000 * L - 8));
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_nothing_seen(s);
	sim_submit(s->rings[0].r, busy, 0);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_seen(s, (uint64_t)(1000 * L - 10), (uint64_t)(1000 * L - 8));
	assert_int_equal(merge_stats(s->m).busy_passed, 0);
	/* and once more, for too long */
	sim_clock_advance(L);
	assert_int_equal(consume(s, false), BPFRING_END_DRAINED);
	assert_seen(s, (uint64_t)(1000 * L - 5));
	busy = reserve_key(s, 0, (uint64_t)(1001 * L - 10));
	put_key(s, 1, (uint64_t)(1001 * L));
	put_key(s, 1, (uint64_t)(1001 * L + 5));
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_nothing_seen(s);
	sim_clock_advance(L + 5);
	assert_int_equal(consume(s, false), BPFRING_END_BUSY_HEAD);
	assert_seen(s, (uint64_t)(1001 * L), (uint64_t)(1001 * L + 5));
	assert_int_equal(merge_stats(s->m).busy_passed, 1);
	sim_submit(s->rings[0].r, busy, 0);
	consume(s, false);
	assert_true(s->late[0]);
	assert_seen(s, (uint64_t)(1001 * L - 10));
	scene_free(s);
}

static void a_busy_head_is_skipped_and_counted(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L, .busy = BPFRING_BUSY_SKIP,
		     .clock = BPFRING_KEY_NUMBER);
	struct scene *s;
	void *busy;

	(void)state;
	sim_clock_start(1);
	s = scene_new(3, &opts, 4096);
	busy = reserve_key(s, 0, 10);
	put_key(s, 1, 20);
	put_key(s, 1, 30);
	put_key(s, 2, 25);
	put_key(s, 2, 27);
	put_key(s, 2, 35);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_seen(s, 20, 25, 27, 30); /* then ring 1 is empty */
	assert_int_equal(merge_stats(s->m).busy_passed, 1);
	sim_submit(s->rings[0].r, busy, 0);
	put_key(s, 0, 36);
	put_key(s, 1, 40);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_true(s->late[0]);
	assert_seen(s, 10, 35);
	scene_free(s);
}

/* A key from the future neither stops its ring nor makes all others late. */
static void keys_ahead_of_their_clock(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
	struct scene *s;

	(void)state;
	sim_clock_start(1000 * L);
	s = scene_new(2, &opts, 4096);
	put_key(s, 0, UINT64_MAX);
	put_key(s, 0, (uint64_t)(1000 * L));
	put_key(s, 1, 0);
	put_key(s, 1, (uint64_t)(1000 * L - 7));
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_seen(s, 0, (uint64_t)(1000 * L - 7));
	assert_int_equal(bpfring_merge_next_due(s->m), 1001 * L);
	sim_clock_advance(L);
	put_key(s, 1, (uint64_t)(1000 * L + 9));
	consume(s, false);
	assert_seen(s, UINT64_MAX, (uint64_t)(1000 * L));
	assert_int_equal(merge_stats(s->m).late, 0);
	assert_int_equal(merge_stats(s->m).ahead, 1);
	scene_free(s);
}

/* The first and the last number are keys like others, where keys are no times. */
static void the_ends_of_the_numbers(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);
	struct scene *s = scene_new(3, &opts, 4096);

	(void)state;
	put_key(s, 0, UINT64_MAX);
	put_key(s, 0, UINT64_MAX);
	put_key(s, 2, 0);
	put_key(s, 2, UINT64_MAX);
	assert_int_equal(consume(s, true), BPFRING_END_DRAINED);
	assert_seen(s, 0, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	assert_int_equal(merge_stats(s->m).late, 0);
	scene_free(s);
}

/*
 * Honest clocks: a record becomes visible up to the lateness after its key, busy or not. All come
 * in order, none late, and none is held back longer than it must.
 */
static void in_order_and_in_time(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
	unsigned int seed = 3;

	(void)state;
	for (unsigned int n = 1; n <= 33; n += 8) {
		struct {
			void *payload;
			uint64_t until;
		} busy[33] = {{0}};
		struct scene *s;
		uint64_t put = 0;

		sim_clock_start(1000 * L);
		s = scene_new(n, &opts, 16384);
		for (unsigned int step = 0; step < 6000; step++) {
			uint64_t now;
			unsigned int i = (unsigned int)rand_r(&seed) % n;
			int64_t due;

			sim_clock_advance(rand_r(&seed) % (L / 20));
			now = (uint64_t)sim_clock_now();
			for (unsigned int k = 0; k < n; k++) {
				if (!busy[k].payload || busy[k].until > now)
					continue;
				sim_submit(s->rings[k].r, busy[k].payload, 0);
				busy[k].payload = NULL;
			}
			if (!busy[i].payload) {
				if (rand_r(&seed) % 3) {
					put_key(s, i, now);
				} else {
					busy[i].payload = reserve_key(s, i, now);
					busy[i].until =
						now + (unsigned int)rand_r(&seed) % (L * 9 / 10);
				}
				put++;
			}
			if (rand_r(&seed) % 2)
				continue;
			consume(s, step % 4 < 2);
			due = bpfring_merge_next_due(s->m);
			assert_true(due > sim_clock_now());
			assert_true(due == INT64_MAX || due <= sim_clock_now() + L);
		}
		for (unsigned int k = 0; k < n; k++)
			if (busy[k].payload)
				sim_submit(s->rings[k].r, busy[k].payload, 0);
		sim_clock_advance(L);
		assert_int_equal(consume(s, true), BPFRING_END_DRAINED);
		assert_int_equal(s->count, put);
		for (unsigned int k = 1; k < s->count; k++)
			assert_true(s->seen[k].key >= s->seen[k - 1].key);
		assert_int_equal(merge_stats(s->m).late, 0);
		assert_int_equal(merge_stats(s->m).busy_passed, 0);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(an_empty_ring_holds_back),
		rig_test(numbers_are_held_since_they_were_seen),
		rig_test(less_than_one_that_is_gone_is_late),
		rig_test(a_busy_head_is_waited_for),
		rig_test(a_busy_head_is_skipped_and_counted),
		rig_test(keys_ahead_of_their_clock),
		rig_test(the_ends_of_the_numbers),
		rig_test(in_order_and_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
