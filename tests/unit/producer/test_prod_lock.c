// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* prod_lock.c on a clock of our own: who waits for whom, and when there are leases. */
#include "producer/prod_lock.h"

#include "sim_sys.h"
#include "unit.h"

#define US 1000LL

enum { ALICE = 1, BOB };

static struct bpfring_prod p;

static int setup(void **state)
{
	(void)state;
	sim_sys_reset();
	sim_clock_start(1000 * US);
	sim_clock_set_step(50); /* so that whoever spins comes to an end */
	memset(&p, 0, sizeof(p));
	return 0;
}

/* A turn in which that thread reserves so many samples, each of which takes it so long. */
static void turn(uintptr_t self, uint32_t samples, int64_t ns)
{
	for (uint32_t i = 0; i < samples; i++) {
		bool locked = bpfring_prod_trylock(&p);

		if (!locked || p.user != self)
			bpfring_prod_take_turn(&p, self, locked);
		assert_int_equal(p.lock, 1);
		assert_int_equal(p.user, self);
		bpfring_prod_unlock(&p);
		sim_clock_advance(ns);
	}
}

/* How long it waits before it may reserve. */
static int64_t wait_of(uintptr_t self)
{
	int64_t start = sim_clock_now();

	turn(self, 1, 0);
	return sim_clock_now() - start;
}

/* In turn, until there are leases; the last turn is of Bob. */
static void crowd(int64_t ns)
{
	for (unsigned int i = 0; i < 100 && !p.leasing; i++) {
		turn(ALICE, 1, ns);
		turn(BOB, 1, ns);
	}
}

static void a_thread_alone(void **state)
{
	(void)state;
	turn(ALICE, 10000, 10);
	assert_int_equal(p.lease_until, 0);
	assert_int_equal(sim_sys_count("now"), 1); /* it looked at the clock once */
}

static void threads_that_meet_now_and_then(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(wait_of(ALICE) < US);
		sim_clock_advance(30 * US);
		assert_true(wait_of(BOB) < US);
	}
	assert_false(p.leasing);
	crowd(4000); /* often, but there is little to gain */
	assert_false(p.leasing);
}

static void threads_that_do_nothing_else(void **state)
{
	int64_t waited;

	(void)state;
	sim_sys_set_cpu(1);
	crowd(200);
	assert_true(p.leasing);
	turn(BOB, 1000, 15);
	sim_sys_set_cpu(2);
	waited = wait_of(ALICE);
	assert_true(waited > 30 * US && waited <= 51 * US); /* Bob began some time ago */
	/* what is reserved is ended at any time */
	assert_true(bpfring_prod_trylock(&p));
	bpfring_prod_unlock(&p);
	/* leases go on, 50 us each, and plain turns are tried again now and then */
	for (int i = 0; i < 250 && p.leasing; i++) {
		turn(i % 2 ? ALICE : BOB, 3000, 15);
		assert_true(p.leasing);
	}
	for (int i = 0; i < 20 && p.leasing; i++)
		turn(i % 2 ? ALICE : BOB, 3000, 15);
	assert_false(p.leasing);
	assert_int_equal(p.lease_until, 0);
	crowd(200);
	assert_true(p.leasing);
}

static void leases_that_are_not_used(void **state)
{
	int64_t end;

	(void)state;
	crowd(200);
	assert_true(p.leasing);
	/* paced threads: each does as little in its lease as without one, and the other waits */
	for (int i = 0; i < 6 && p.leasing; i++)
		turn(i % 2 ? BOB : ALICE, 1, 500);
	assert_false(p.leasing);
	end = sim_clock_now() + 19000 * US;
	while (sim_clock_now() < end) {
		assert_true(wait_of(ALICE) < US);
		sim_clock_advance(200);
		assert_true(wait_of(BOB) < US);
		sim_clock_advance(200);
	}
	assert_false(p.leasing);
	sim_clock_advance(2000 * US); /* but later they are tried again */
	crowd(200);
	assert_true(p.leasing);
}

static void a_thread_that_went_away(void **state)
{
	(void)state;
	sim_sys_set_cpu(1);
	crowd(200);
	assert_true(p.leasing);
	sim_sys_set_cpu(2);
	sim_clock_advance(100 * US); /* all have gone */
	assert_true(wait_of(ALICE) < US);
	assert_false(p.leasing);
}

/* The lease is that of a thread which cannot run, for we are on its processor. */
static void a_lease_on_this_processor(void **state)
{
	(void)state;
	sim_sys_set_cpu(1);
	crowd(200);
	sim_sys_count_reset();
	assert_true(wait_of(ALICE) <= 51 * US);
	assert_true(sim_sys_count("yield") > 10); /* nobody else wants to run */
	sim_sys_set_cpu(2);
	sim_sys_count_reset();
	assert_true(wait_of(BOB) <= 51 * US);
	assert_int_equal(sim_sys_count("yield"), 0);
	assert_int_equal(sim_sys_count("futex_wait"), 0);
}

static void unlock(void *ctx)
{
	(void)ctx;
	bpfring_prod_unlock(&p);
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
		assert_true(bpfring_prod_trylock(&p));
		assert_false(bpfring_prod_trylock(&p));
		free_at = sim_clock_now() + cases[i].held;
		sim_clock_at(free_at, unlock, NULL);
		bpfring_prod_lock(&p);
		assert_true(sim_clock_now() >= free_at);
		assert_true(sim_clock_now() <= free_at + cases[i].late);
		assert_int_equal(sim_sys_count("yield") > 0, cases[i].yields);
		assert_int_equal(sim_sys_count("futex_wait") > 0, cases[i].sleeps);
		bpfring_prod_unlock(&p);
	}
}

static void use(void *ctx)
{
	int64_t *until = ctx;

	bpfring_prod_unlock(&p);
	if (sim_clock_now() < *until) {
		assert_true(bpfring_prod_trylock(&p));
		sim_clock_at(sim_clock_now() + US, use, until);
	}
}

/* Others get on, but it is never free when we look: no reason to go away. */
static void a_lock_that_is_taken_again_and_again(void **state)
{
	int64_t until = sim_clock_now() + 500 * US;

	(void)state;
	assert_true(bpfring_prod_trylock(&p));
	use(&until);
	bpfring_prod_lock(&p);
	assert_true(sim_clock_now() >= until && sim_clock_now() < until + 2 * US);
	assert_int_equal(sim_sys_count("yield"), 0);
	assert_int_equal(sim_sys_count("futex_wait"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_thread_alone, setup),
		cmocka_unit_test_setup(threads_that_meet_now_and_then, setup),
		cmocka_unit_test_setup(threads_that_do_nothing_else, setup),
		cmocka_unit_test_setup(leases_that_are_not_used, setup),
		cmocka_unit_test_setup(a_thread_that_went_away, setup),
		cmocka_unit_test_setup(a_lease_on_this_processor, setup),
		cmocka_unit_test_setup(a_lock_that_is_taken, setup),
		cmocka_unit_test_setup(a_lock_that_is_taken_again_and_again, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
