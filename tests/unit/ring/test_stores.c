// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * How often the shared consumer position is stored: once for what is given back together, never by
 * a look.
 */
#include <errno.h>

#include "cons_rig.h"
#include "stores.h"

static struct sim_ring *r;
static struct bpfring_ring c;
static int watched;

static void begin(void)
{
	r = ring_new(PAGE, NULL);
	watched = watch_stores(r->cons_word, 8);
	if (watched < 0)
		sim_ring_free(r);
	skip_without_breakpoints(watched);
	init(&c, r);
}

static void end(void)
{
	close(watched);
	sim_ring_free(r);
}

static void one_store_for_all_that_is_held(void **state)
{
	struct bpfring_record records[64];

	(void)state;
	begin();
	for (unsigned int n = 1; n <= 64; n++) {
		for (int quiet = 0; quiet < 2; quiet++) {
			uint64_t before;

			bpfring_ring_set_quiet(&c, quiet);
			for (unsigned int i = 0; i < n; i++)
				assert_int_equal(put(r, 8), 1);
			assert_int_equal(put_discarded(r, 8), 1);
			before = stores(watched);
			assert_int_equal(bpfring_ring_peek_batch(&c, records, 64), n);
			assert_int_equal(bpfring_ring_peek(&c, records), 0);
			assert_int_equal(stores(watched), before);
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(stores(watched), before + 1);
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(stores(watched), before + 1);
		}
	}
	end();
}

/* Armed at the place where the next record is, there is nothing to store for it. */
static void none_for_the_first_record_after_a_sleep(void **state)
{
	struct bpfring_record record;
	uint64_t before;

	(void)state;
	begin();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(bpfring_ring_arm(&c), 0);
		bpfring_ring_set_quiet(&c, 1);
		assert_int_equal(put(r, 8), 1);
		before = stores(watched);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(stores(watched), before);
	}
	end();
}

static void a_look_stores_nothing(void **state)
{
	struct bpfring_record record;
	struct bpfring_ring other;
	uint64_t before;

	(void)state;
	begin();
	bpfring_ring_set_quiet(&c, 1);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		assert_int_equal(bpfring_ring_release(&c), 0);
		before = stores(watched);
		init(&other, r);
		assert_int_equal(bpfring_ring_avail_data(&other), 16);
		assert_int_equal(bpfring_ring_peek(&other, &record), 1);
		assert_int_equal(bpfring_ring_peek(&other, &record), 0);
		bpfring_ring_cancel(&other);
		assert_int_equal(stores(watched), before);
		assert_int_equal(drain(&c), 1);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_store_for_all_that_is_held),
		cmocka_unit_test(none_for_the_first_record_after_a_sleep),
		cmocka_unit_test(a_look_stores_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
