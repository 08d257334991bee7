// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: what a quiet consumer saves (notifications), and costs (the last record). */
#include <errno.h>
#include <stdlib.h>

#include "cons_rig.h"

#define KEPT (PAGE / 16) /* most that is kept back */

static uint64_t total_of(uint64_t size)
{
	return (size + 15) & ~7ULL;
}

static void no_commit_notifies_while_quiet(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_ring c;

		init(&c, r);
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(sim_ring_notified(r), 1);
		bpfring_ring_set_quiet(&c, 1);
		assert_int_equal(drain(&c), 1);
		for (unsigned int i = 0; i < 3 * PAGE / 16; i++) {
			/* the start of the last record */
			assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + i * 16));
			assert_int_equal(put(r, 1 + i % 8), 1);
			assert_int_equal(drain(&c), 1);
			if (i % 5 == 0) /* nothing new: nothing happens */
				assert_int_equal(drain(&c), 0);
			assert_int_equal(c.released, s->pos + (i + 2) * 16);
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
		struct bpfring_ring c;

		init(&c, r);
		for (unsigned int i = 0; i < 1000; i++) {
			assert_int_equal(bpfring_ring_arm(&c), 0);
			assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
			assert_int_equal(put(r, i % 100), 1);
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(sim_ring_notified(r), i + 1);
			bpfring_ring_set_quiet(&c, 1);
			assert_int_equal(drain(&c), 2);
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(bpfring_ring_arm(&c), 1); /* do not sleep: it is there */
			bpfring_ring_set_quiet(&c, 1);
			assert_int_equal(drain(&c), 1);
			assert_int_equal(sim_ring_notified(r), i + 1);
		}
		sim_ring_free(r);
	}
}

/* Only what was released since can be kept back: a position never goes back. */
static void quiet_takes_effect_with_the_next_record(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(&c), 1);
	bpfring_ring_set_quiet(&c, 1);
	assert_int_equal(bpfring_ring_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 16);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(&c), 1);
	assert_int_equal(sim_ring_cons(r), 16);
	bpfring_ring_set_quiet(&c, 0);
	assert_int_equal(bpfring_ring_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 32);
	/* nor behind a sleep */
	bpfring_ring_set_quiet(&c, 1);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(&c), 1);
	assert_int_equal(bpfring_ring_arm(&c), 0);
	bpfring_ring_set_quiet(&c, 1);
	assert_int_equal(bpfring_ring_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 48);
	/* nor what is peeked and put back */
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(&c), 1);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(bpfring_ring_peek(&c, &(struct bpfring_record){0}), 1);
	bpfring_ring_cancel(&c);
	assert_int_equal(bpfring_ring_release(&c), 0);
	assert_int_equal(sim_ring_cons(r), 64);
	sim_ring_free(r);
}

/*
 * Which reservations fail because of it, for a last record of every size, every fill behind it and
 * every size of the next: those that need the space of that record, if it is small. Else none.
 */
static void what_is_kept_back_is_one_small_record(void **state)
{
	(void)state;
	for (uint64_t last = 8; last < 2 * KEPT; last += last < 64 || last == KEPT ? 8 : 24) {
		const uint64_t kept = last <= KEPT ? last : 0;

		for (uint64_t fill = 0; fill + kept < PAGE; fill += fill < 16 ? 8 : 424) {
			struct sim_ring *r = ring_new(PAGE, &starts[(last / 8 + fill) % 7]);
			struct bpfring_ring c;

			init(&c, r);
			bpfring_ring_set_quiet(&c, 1);
			for (uint64_t total = 8; total <= PAGE + 8; total += 8) {
				int fits;

				assert_int_equal(bpfring_ring_arm(&c), 0);
				bpfring_ring_set_quiet(&c, 1);
				assert_int_equal(put(r, last - 8), 1);
				assert_int_equal(drain(&c), 1);
				if (fill)
					assert_int_equal(put(r, fill - 8), 1);
				fits = put(r, total - 8);
				if (fits != (kept + fill + total < PAGE))
					fail_msg("last %u, fill %u, record %u: %d",
						 (unsigned int)last, (unsigned int)fill,
						 (unsigned int)total, fits);
				drain(&c);
			}
			sim_ring_free(r);
		}
	}
}

/* Records larger than that are given back as a whole: everything is as if it were not quiet. */
static void a_third_of_the_page(void **state)
{
	(void)state;
	for (uint64_t size = PAGE / 3 - 40; size < PAGE / 3 + 24; size++) {
		for (unsigned int every = 1; every <= 3; every++) {
			struct sim_ring *loud = ring_new(PAGE, NULL), *quiet = ring_new(PAGE, NULL);
			struct bpfring_ring c[2];

			init(&c[0], loud);
			init(&c[1], quiet);
			bpfring_ring_set_quiet(&c[1], 1);
			for (unsigned int i = 0; i < 60; i++) {
				assert_int_equal(put(loud, size), put(quiet, size));
				if (i % every == 0)
					assert_int_equal(drain(&c[0]), drain(&c[1]));
			}
			assert_int_equal(sim_ring_prod(loud), sim_ring_prod(quiet));
			assert_int_equal(sim_ring_notified(loud), sim_ring_notified(quiet));
			sim_ring_free(loud);
			sim_ring_free(quiet);
		}
	}
}

/* Is there a committed record at the published position, or is it that of the producer? */
static bool is_a_position(struct sim_ring *r, const uint64_t *starts_of, unsigned int count)
{
	for (unsigned int i = count; i && count - i <= PAGE / 8; i--)
		if (ring_word(r, starts_of[i - 1]) == sim_ring_cons(r))
			return true;
	return sim_ring_cons(r) == sim_ring_prod(r);
}

#define MANY 20000

/* At random: sizes, discards, busy records that are committed late, drains, sleeps. */
static void at_any_moment(void **state)
{
	static uint64_t begins[MANY]; /* of records */
	void *late = NULL;

	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		unsigned int count = 0;
		struct bpfring_ring c;
		uint64_t published;

		srandom(1);
		init(&c, r);
		published = c.published;
		for (int step = 0; step < MANY; step++) {
			uint64_t size = (uint64_t)random() % (random() % 4 ? 200 : 2000);
			uint64_t prod = c.released + bpfring_ring_avail_data(&c);
			uint64_t free = PAGE - (prod - c.released);
			void *payload = NULL;

			switch (random() % 8) {
			case 0:
				bpfring_ring_set_quiet(&c, (int)(random() % 4));
				drain(&c);
				break;
			case 1:
				if (random() % 8 == 0)
					bpfring_ring_arm(&c);
				break;
			case 2:
				if (late)
					sim_submit(r, late, 0);
				late = NULL;
				break;
			default:
				payload = sim_reserve(r, size);
				if (payload ? total_of(size) >= free
					    : total_of(size) + KEPT < free && !late)
					fail_msg("step %d: %u of %u fit: %d", step,
						 (unsigned int)total_of(size), (unsigned int)free,
						 payload != NULL);
				if (!payload)
					break;
				begins[count++] = prod;
				if (random() % 8 == 0 && !late)
					late = payload;
				else if (random() % 8 == 0)
					sim_discard(r, payload, 0);
				else
					sim_submit(r, payload, 0);
			}
			if (!is_a_position(r, begins, count))
				fail_msg("step %d: no record at %llu", step,
					 (unsigned long long)sim_ring_cons(r));
			assert_true((int64_t)(c.published - published) >= 0);
			published = c.published;
			assert_true(c.released - published <= KEPT);
		}
		if (late)
			sim_submit(r, late, 0);
		late = NULL;
		sim_ring_free(r);
	}
}

static void no_arm_while_records_are_held(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_record record;
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	bpfring_ring_set_quiet(&c, 1);
	put(r, 8);
	assert_int_equal(bpfring_ring_peek(&c, &record), 1);
	assert_int_equal(bpfring_ring_arm(&c), -EINVAL);
	bpfring_ring_cancel(&c);
	assert_int_equal(bpfring_ring_arm(&c), 1);
	assert_int_equal(drain(&c), 1);
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_commit_notifies_while_quiet),
		cmocka_unit_test(armed_the_next_commit_notifies_once),
		cmocka_unit_test(quiet_takes_effect_with_the_next_record),
		cmocka_unit_test(what_is_kept_back_is_one_small_record),
		cmocka_unit_test(a_third_of_the_page),
		cmocka_unit_test(at_any_moment),
		cmocka_unit_test(no_arm_while_records_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
