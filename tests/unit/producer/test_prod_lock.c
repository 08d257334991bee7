// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* prod_lock.c on a clock of our own: how who finds it taken waits. */
#include "producer/prod_lock.h"

#include "sim_sys.h"
#include "unit.h"

#define US 1000LL

static struct prod_lock l;

static int setup(void **state)
{
	(void)state;
	sim_sys_reset();
	sim_clock_start(1000 * US);
	sim_clock_set_step(50); /* so that whoever spins comes to an end */
	l = (struct prod_lock){0};
	return 0;
}

static void a_lock_that_is_free(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		bpfring_prod_lock(&l);
		assert_int_equal(l.taken, 1);
		assert_false(bpfring_prod_trylock(&l));
		bpfring_prod_unlock(&l);
		assert_int_equal(l.taken, 0);
	}
	assert_int_equal(sim_sys_count("now"), 0); /* nothing but the word is touched */
}

static void unlock(void *ctx)
{
	(void)ctx;
	bpfring_prod_unlock(&l);
}

/* Briefly: spins. By a thread that was interrupted: that may run. For very long: sleeps. */
static void a_lock_that_is_taken(void **state)
{
	static const struct {
		int64_t held;
		int64_t late; /* at most */
		bool yields;
		bool sleeps;
	} cases[] = {{300, 600, false, false},
		     {2 * US, 900, false, false},
		     {10 * US, 2 * US, true, false},
		     {1000 * US, 51 * US, true, true},
		     {100000 * US, 51 * US, true, true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t free_at;

		setup(state);
		assert_true(bpfring_prod_trylock(&l));
		assert_false(bpfring_prod_trylock(&l));
		free_at = sim_clock_now() + cases[i].held;
		sim_clock_at(free_at, unlock, NULL);
		bpfring_prod_lock(&l);
		assert_true(sim_clock_now() >= free_at);
		assert_true(sim_clock_now() <= free_at + cases[i].late);
		assert_int_equal(sim_sys_count("yield") > 0, cases[i].yields);
		assert_int_equal(sim_sys_count("futex_wait") > 0, cases[i].sleeps);
		bpfring_prod_unlock(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_lock_that_is_free, setup),
		cmocka_unit_test_setup(a_lock_that_is_taken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
