// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: a consumer at work, and others who look at its ring. */
#include <errno.h>

#include "cons_rig.h"

/* One more end of the same ring, opened now. */
static struct bpfring_ring looker(struct sim_ring *r)
{
	struct bpfring_ring c;

	init(&c, r);
	return c;
}

static void peek_and_cancel_store_nothing(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_ring c, other;
		struct bpfring_record record;

		init(&c, r);
		bpfring_ring_set_quiet(&c, 1);
		for (int i = 0; i < 500; i++) {
			uint64_t before;

			assert_int_equal(put(r, 8), 1);
			if (i % 3 == 0)
				assert_int_equal(put_discarded(r, 8), 1);
			if (i % 2)
				assert_int_equal(drain(&c), 2);
			before = sim_ring_cons(r);
			other = looker(r);
			assert_int_equal(bpfring_ring_peek(&other, &record), i % 2 == 0);
			bpfring_ring_cancel(&other);
			assert_int_equal(sim_ring_cons(r), before);
		}
		drain(&c);
		sim_ring_free(r);
	}
}

/*
 * Who peeks once and finds discarded records only leaves them alone. Who goes on gives them back;
 * the consumer takes that for what it is.
 */
static void discards_given_back_by_another(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (int quiet = 0; quiet < 2; quiet++) {
			struct sim_ring *r = ring_new(PAGE, s);
			struct bpfring_record record;
			struct bpfring_ring c, other;
			unsigned int taken = 0;
			uint64_t before;

			init(&c, r);
			bpfring_ring_set_quiet(&c, quiet);
			for (unsigned int i = 0; i < 1000; i++) {
				for (unsigned int n = i % 4; n; n--)
					assert_int_equal(put_discarded(r, 8), 1);
				if (i % 5 == 0)
					assert_int_equal(bpfring_ring_peek(&c, &record), 0);
				if (i % 7 == 0)
					assert_int_equal(put_discarded(r, 24), 1);
				other = looker(r);
				before = sim_ring_cons(r);
				assert_int_equal(bpfring_ring_peek(&other, &record), 0);
				assert_true(sim_ring_cons(r) == before || !c.records);
				assert_int_equal(bpfring_ring_peek(&other, &record), 0);
				assert_int_equal(ring_word(r, other.released), sim_ring_prod(r));
				if (i % 3 == 0)
					assert_int_equal(put(r, 40), 1);
				if (i % 11 == 0) {
					assert_int_equal(bpfring_ring_arm(&c), i % 3 == 0);
					bpfring_ring_set_quiet(&c, quiet);
				}
				taken += drain(&c);
				assert_int_equal(taken, i / 3 + 1);
				assert_int_equal(ring_word(r, c.released), sim_ring_prod(r));
			}
			assert_int_equal(c.records, 334);
			sim_ring_free(r);
		}
	}
}

/* The true position instead of the one kept back: nothing was taken from us by that. */
static void somebody_publishes_what_was_kept_back(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	bpfring_ring_set_quiet(&c, 1);
	for (uint64_t i = 1; i < 100; i++) {
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(drain(&c), 1);
		sim_ring_set_cons(r, 16 * i);
		assert_int_equal(i % 2 ? bpfring_ring_release(&c) : bpfring_ring_arm(&c), 0);
		bpfring_ring_set_quiet(&c, 1);
	}
	sim_ring_free(r);
}

/* Each is taken for a second consumer, and nothing of it is overwritten. */
static void what_is_not_harmless(void **state)
{
	static const int64_t moves[] = {-8, 8,	17,   24,	  32,
					48, 64, PAGE, 0x7fffff00, -(int64_t)PAGE};

	(void)state;
	for_each_start(s)
	{
		for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
			for (int how = 0; how < 3; how++) {
				struct sim_ring *r = ring_new(PAGE, s);
				uint64_t to = ring_word(r, s->pos + 16 + (uint64_t)moves[i]);
				struct bpfring_record record;
				struct bpfring_ring c;
				int err;

				/* [0, 16) released, then discarded, record, busy */
				assert_int_equal(put(r, 8), 1);
				init(&c, r);
				assert_int_equal(drain(&c), 1);
				assert_int_equal(put_discarded(r, 8), 1);
				assert_int_equal(put(r, 8), 1);
				assert_non_null(sim_reserve(r, 8));
				sim_ring_set_cons(r, to);
				if (how == 0) {
					assert_int_equal(bpfring_ring_peek(&c, &record), 1);
					err = bpfring_ring_release(&c);
				} else {
					err = how == 1 ? bpfring_ring_release(&c)
						       : bpfring_ring_arm(&c);
				}
				if (err != -EBUSY)
					fail_msg("moved by %d: %d", (int)moves[i], err);
				assert_int_equal(sim_ring_cons(r), to);
				sim_ring_free(r);
			}
		}
	}
}

/* Producers have gone on over the place where it stood: that is no corrupt ring. */
static void left_behind_by_a_lap(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c, other;

		init(&c, r);
		other = looker(r);
		for (int i = 0; i < 1000; i++) {
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(drain(&c), 1);
		}
		assert_int_equal(bpfring_ring_peek(&other, &record), -EBUSY);
		assert_int_equal(bpfring_ring_arm(&other), -EBUSY);
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(drain(&c), 1);
		sim_ring_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peek_and_cancel_store_nothing),
		cmocka_unit_test(discards_given_back_by_another),
		cmocka_unit_test(somebody_publishes_what_was_kept_back),
		cmocka_unit_test(what_is_not_harmless),
		cmocka_unit_test(left_behind_by_a_lap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
