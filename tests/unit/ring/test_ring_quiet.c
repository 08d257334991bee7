// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: what a quiet consumer costs (nothing), saves (notifications) and leaves behind (a mark). */
#include <bpfring/ring.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void init(struct bpfring_cons *c, struct sim_ring *r)
{
	assert_int_equal(bpfring_cons_init(c, r->cons_word, r->prod_word, r->data, r->size,
					   r->word_size, NULL),
			 0);
}

static int put(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	if (payload)
		sim_submit(r, payload, 0);
	return payload != NULL;
}

static unsigned int drain(struct bpfring_cons *c)
{
	struct bpfring_record record;
	unsigned int count = 0;

	while (bpfring_cons_peek(c, &record) == 1)
		count++;
	assert_int_equal(bpfring_cons_release(c), 0);
	return count;
}

static void no_commit_notifies_while_quiet(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_cons c;

		init(&c, r);
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(sim_ring_notified(r), 1);
		bpfring_cons_set_quiet(&c, 1);
		assert_int_equal(drain(&c), 1);
		for (unsigned int i = 0; i < 3 * PAGE / 16; i++) {
			assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + (i + 1) * 16 - 1));
			assert_int_equal(put(r, 1 + i % 8), 1);
			assert_int_equal(drain(&c), 1);
			if (i % 5 == 0) /* nothing new: nothing happens */
				assert_int_equal(drain(&c), 0);
		}
		assert_int_equal(sim_ring_notified(r), 1);
		sim_ring_free(r);
	}
}

static void armed_the_next_commit_notifies_once(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_cons c;

		init(&c, r);
		for (unsigned int i = 0; i < 1000; i++) {
			assert_int_equal(bpfring_cons_arm(&c), 0);
			assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
			assert_int_equal(put(r, i % 100), 1);
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(sim_ring_notified(r), i + 1);
			bpfring_cons_set_quiet(&c, 1);
			assert_int_equal(drain(&c), 2);
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(bpfring_cons_arm(&c), 1); /* do not sleep: it is there */
			bpfring_cons_set_quiet(&c, 1);
			assert_int_equal(drain(&c), 1);
			assert_int_equal(sim_ring_notified(r), i + 1);
		}
		sim_ring_free(r);
	}
}

/* A quiet consumer that has nothing to release goes quiet with an empty release. */
static void quiet_takes_effect_with_the_next_release(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_cons c;

	(void)state;
	init(&c, r);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(&c), 1);
	bpfring_cons_set_quiet(&c, 1);
	assert_int_equal(sim_ring_cons(r), 16);
	assert_int_equal(bpfring_cons_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 15);
	bpfring_cons_set_quiet(&c, 0);
	assert_int_equal(bpfring_cons_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 16);
	sim_ring_free(r);
}

/*
 * Which reservations succeed: for every fill of the ring, every size of record. The two consumers
 * stand at the same place, one of them quiet.
 */
static void quiet_costs_no_reservation(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *rings[2];
		struct bpfring_cons c[2];

		for (int i = 0; i < 2; i++) {
			rings[i] = ring_new(PAGE, s);
			init(&c[i], rings[i]);
			bpfring_cons_set_quiet(&c[i], i);
		}
		for (uint64_t fill = 0; fill < PAGE; fill += 8) {
			for (uint64_t total = 8; total <= PAGE + 8; total += 8) {
				int fits[2];

				for (int i = 0; i < 2; i++) {
					assert_int_equal(drain(&c[i]), 0);
					if (fill)
						assert_int_equal(put(rings[i], fill - 8), 1);
					fits[i] = put(rings[i], total - 8);
					drain(&c[i]);
				}
				if (fits[0] != fits[1] || fits[0] != (fill + total < PAGE))
					fail_msg("fill %u, record %u: loud %d, quiet %d",
						 (unsigned int)fill, (unsigned int)total, fits[0],
						 fits[1]);
			}
		}
		assert_int_equal(c[0].pos, c[1].pos);
		assert_int_equal(sim_ring_cons(rings[1]),
				 ring_word(rings[1], sim_ring_cons(rings[0]) - 1));
		for (int i = 0; i < 2; i++)
			sim_ring_free(rings[i]);
	}
}

/* The same over time: records of about a third of the page, taken one, two or three at a time. */
static void a_third_of_the_page(void **state)
{
	(void)state;
	for (uint64_t size = PAGE / 3 - 40; size < PAGE / 3 + 24; size++) {
		for (unsigned int every = 1; every <= 3; every++) {
			struct sim_ring *loud = ring_new(PAGE, NULL), *quiet = ring_new(PAGE, NULL);
			struct bpfring_cons c[2];

			init(&c[0], loud);
			init(&c[1], quiet);
			bpfring_cons_set_quiet(&c[1], 1);
			for (unsigned int i = 0; i < 60; i++) {
				assert_int_equal(put(loud, size), put(quiet, size));
				if (i % every == 0)
					assert_int_equal(drain(&c[0]), drain(&c[1]));
			}
			assert_int_equal(sim_ring_prod(loud), sim_ring_prod(quiet));
			assert_true(sim_ring_notified(quiet) <= 1);
			sim_ring_free(loud);
			sim_ring_free(quiet);
		}
	}
}

/* The same at random: sizes, busy records that are committed late, drains now and then. */
static void random_lockstep(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *rings[2];
		struct bpfring_cons c[2];
		void *late[2] = {NULL, NULL};

		srandom(1);
		for (int i = 0; i < 2; i++) {
			rings[i] = ring_new(PAGE, s);
			init(&c[i], rings[i]);
			bpfring_cons_set_quiet(&c[i], i);
		}
		for (int step = 0; step < 20000; step++) {
			uint64_t size = (uint64_t)random() % (random() % 4 ? 200 : 2000);
			long what = random() % 8;
			int fits[2] = {0, 0};

			for (int i = 0; i < 2; i++) {
				if (what == 0) {
					fits[i] = (int)drain(&c[i]);
				} else if (what == 1 && !late[i]) {
					late[i] = sim_reserve(rings[i], size);
					fits[i] = late[i] != NULL;
				} else if (what == 2 && late[i]) {
					sim_submit(rings[i], late[i], 0);
					late[i] = NULL;
				} else {
					fits[i] = put(rings[i], size);
				}
			}
			if (fits[0] != fits[1])
				fail_msg("step %d: loud %d, quiet %d", step, fits[0], fits[1]);
		}
		for (int i = 0; i < 2; i++)
			sim_ring_free(rings[i]);
	}
}

/* A consumer is gone without a word: the next one finds the exact place. */
static void the_mark_of_a_crash(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		uint64_t pos = s->pos;

		for (unsigned int i = 0; i < 600; i++) {
			struct bpfring_record record = {.pos = 1};
			struct bpfring_cons c; /* a new one each time, the old one just stops */
			uint64_t notified = sim_ring_notified(r);

			init(&c, r);
			assert_int_equal(put(r, 8), 1);
			/* whether this one finds a mark or not: what is notified is as it was left */
			if (i)
				assert_int_equal(sim_ring_notified(r), notified + (i % 3 == 1));
			bpfring_cons_set_quiet(&c, i % 3 != 0);
			assert_int_equal(bpfring_cons_peek(&c, &record), 1);
			assert_int_equal(ring_word(r, record.pos), ring_word(r, pos));
			assert_int_equal(bpfring_cons_release(&c), 0);
			assert_int_equal(bpfring_cons_peek(&c, &record), 0);
			pos += 16;
			assert_int_equal(sim_ring_cons(r), ring_word(r, pos - (i % 3 != 0)));
		}
		sim_ring_free(r);
	}
}

static void a_new_consumer_can_arm_over_the_mark(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_cons c;

		init(&c, r);
		bpfring_cons_set_quiet(&c, 1);
		put(r, 8);
		drain(&c);
		init(&c, r);
		assert_int_equal(bpfring_cons_avail_data(&c), 0);
		r->notified = 0;
		assert_int_equal(bpfring_cons_arm(&c), 0);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		put(r, 8);
		assert_int_equal(sim_ring_notified(r), 1);
		assert_int_equal(drain(&c), 1);
		sim_ring_free(r);
	}
}

static void no_arm_while_records_are_held(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_record record;
	struct bpfring_cons c;

	(void)state;
	init(&c, r);
	bpfring_cons_set_quiet(&c, 1);
	put(r, 8);
	assert_int_equal(bpfring_cons_peek(&c, &record), 1);
	assert_int_equal(bpfring_cons_arm(&c), -EINVAL);
	bpfring_cons_cancel(&c);
	assert_int_equal(bpfring_cons_arm(&c), 1);
	assert_int_equal(drain(&c), 1);
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_commit_notifies_while_quiet),
		cmocka_unit_test(armed_the_next_commit_notifies_once),
		cmocka_unit_test(quiet_takes_effect_with_the_next_release),
		cmocka_unit_test(quiet_costs_no_reservation),
		cmocka_unit_test(a_third_of_the_page),
		cmocka_unit_test(random_lockstep),
		cmocka_unit_test(the_mark_of_a_crash),
		cmocka_unit_test(a_new_consumer_can_arm_over_the_mark),
		cmocka_unit_test(no_arm_while_records_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
