// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Sleeps that end late. The time-outs of system calls are late by whatever timer slack the thread
 * was given, so none may be used; a timer is late when the thread gets no processor, and that is
 * measured.
 */
#include <errno.h>
#include <sys/prctl.h>

#include "rig.h"

#define RING (16 * PAGE)
#define GAP  (5 * USEC) /* 200,000 records/s: the ring lasts 20 ms */

enum { RECORDS = 300000 };

struct stream {
	struct rig rig;
	struct bpfring_loop *l;
	unsigned long left, put, dropped, taken;
};

static void produce(void *ctx)
{
	struct stream *s = ctx;

	if (sim_output(s->rig.r, "12345678", 8, 0))
		s->dropped++;
	else
		s->put++;
	if (--s->left)
		sim_clock_at(sim_clock_now() + GAP, produce, s);
}

static int take(void *ctx, const void *data, size_t size)
{
	(void)data, (void)size;
	((struct stream *)ctx)->taken++;
	return 0;
}

static void run(struct stream *s, uint32_t wait, int64_t late, unsigned long records)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait);

	memset(s, 0, sizeof(*s));
	sim_clock_start(1000 * MSEC);
	sim_clock_set_timer_lateness(late);
	rig_open(&s->rig, RING, NULL, 0);
	assert_int_equal(bpfring_loop_new(&s->l, &opts), 0);
	assert_int_equal(bpfring_loop_add(s->l, s->rig.c, take, s), 0);
	s->left = records;
	sim_clock_at(sim_clock_now() + GAP, produce, s);
	while (s->left || s->taken < s->put)
		assert_true(bpfring_loop_poll(s->l, -1) >= 0);
	bpfring_loop_free(s->l);
	rig_close(&s->rig);
	sim_sys_reset();
}

/* However late the timers: the ring is armed, and the first record notifies. */
static void timers_that_are_late(void **state)
{
	static const int64_t late[] = {50 * USEC, MSEC, 40 * MSEC, 500 * MSEC};

	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++)
		for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
			struct stream s;

			run(&s, wait, late[i], RECORDS);
			print_message("mode %u, %lld us late: %lu of %d lost\n", wait,
				      (long long)late[i] / 1000, s.dropped, RECORDS);
			if (late[i] < 2 * MSEC || wait == BPFRING_WAIT_SLEEP)
				assert_int_equal(s.dropped, 0);
			else /* what it takes to find out, and to try again from time to time */
				assert_in_range(s.dropped, 1, late[i] / GAP + RECORDS / 25);
		}
}

/* What a thread may ask for as its slack: nothing in the library depends on it. */
static void the_slack_of_the_thread(void **state)
{
	static const unsigned long slacks[] = {1, 50000, 300000000};
	const int before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slacks); i++) {
		struct bpfring_loop *l = NULL;
		struct counter counter = {0};
		struct rig rig;
		int64_t began;

		rig_open(&rig, PAGE, NULL, 0);
		if (i % 2)
			assert_int_equal(prctl(PR_SET_TIMERSLACK, slacks[i], 0, 0, 0), 0);
		assert_int_equal(bpfring_loop_new(&l, NULL), 0);
		if (i % 2 == 0)
			assert_int_equal(prctl(PR_SET_TIMERSLACK, slacks[i], 0, 0, 0), 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		/* the shortest of several: the machine may be busy, but hardly each time */
		for (int tries = 0;; tries++) {
			began = monotonic();
			for (int n = 0; n < 10; n++)
				assert_int_equal(bpfring_loop_poll(l, 2 * MSEC), 0);
			if (monotonic() - began < 300 * MSEC)
				break;
			assert_true(tries < 20);
		}
		assert_int_equal(bpfring_loop_remove(l, rig.c), 0);
		for (int tries = 0;; tries++) {
			began = monotonic();
			for (int n = 0; n < 10; n++)
				assert_int_equal(bpfring_consumer_wait(rig.c, 2 * MSEC), 0);
			if (monotonic() - began < 300 * MSEC)
				break;
			assert_true(tries < 20);
		}
		bpfring_loop_free(l);
		rig_close(&rig);
	}
	assert_int_equal(prctl(PR_SET_TIMERSLACK, (unsigned long)before, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(timers_that_are_late),
		rig_test(the_slack_of_the_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
