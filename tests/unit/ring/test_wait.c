// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* bpfring_consumer_wait(): sleeps, notifications, busy heads, time-outs, wake-ups. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "rig.h"

static void put_one(void *ctx)
{
	put(ctx, 8);
}

static void put_silently(void *ctx)
{
	assert_int_equal(sim_output(ctx, "12345678", 8, SIM_NO_WAKEUP), 0);
}

static void bad_arguments(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_consumer_wait(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_consumer_wait(rig.c, -2), -EINVAL);
	assert_logged("events", "-2 ns");
	assert_int_equal(bpfring_consumer_wait(rig.c, INT64_MIN), -EINVAL);
	assert_int_equal(bpfring_consumer_wakeup(NULL), -EINVAL);
	rig_close(&rig);
}

static void looking_only(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	assert_int_equal(bpfring_consumer_wait(rig.c, 0), 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_wait(rig.c, 0), 1);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1); /* it is still there */
	assert_int_equal(sim_clock_now(), 1000);
	rig_close(&rig);
}

static void a_notification_ends_the_sleep(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct counter counter = {0};
		struct bpfring_consumer_stats stats;
		struct rig rig;

		rig_open(&rig, PAGE, s, 0);
		sim_clock_start(1000);
		for (int64_t i = 1; i <= 10; i++) {
			sim_clock_at(1000 + i * 500, put_one, rig.r);
			assert_int_equal(bpfring_consumer_wait(rig.c, i % 2 ? -1 : 600), 1);
			assert_int_equal(sim_clock_now(), 1000 + i * 500);
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				1);
			assert_int_equal(sim_ring_notified(rig.r), i);
		}
		stats = stats_of_consumer(rig.c);
		assert_int_equal(stats.wakeups, 10);
		assert_int_equal(stats.empty_wakeups, 0);
		assert_int_equal(stats.asleep_ns, 5000);
		assert_int_equal(stats.busy_waits, 0);
		/* one sleep each: nothing was looked for in between */
		assert_int_equal(sim_clock_sleeps(), 10);
		rig_close(&rig);
	}
}

static void between_waits_it_is_quiet(void **state)
{
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
	rig.r->notified = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
		put(rig.r, 8);
	}
	assert_int_equal(sim_ring_notified(rig.r), 0);
	rig_close(&rig);
}

/* Unless it found nothing: then whoever waits by other means is to hear of the next record. */
static void after_a_wait_for_nothing_it_is_not(void **state)
{
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(bpfring_consumer_wait(rig.c, i % 2 ? 500 : 0), 0);
		assert_int_equal(sim_ring_cons(rig.r), sim_ring_prod(rig.r));
		for (int n = 0; n < 3; n++) {
			rig.r->notified = 0;
			put(rig.r, 8);
			assert_int_equal(sim_ring_notified(rig.r), 1);
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				1);
		}
	}
	rig_close(&rig);
}

/* It goes to sleep with records consumed quietly: the notification must come all the same. */
static void quiet_then_asleep(void **state)
{
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1);
	for (int i = 0; i < 300; i++) {
		sim_clock_at(sim_clock_now() + 1000, put_one, rig.r);
		assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
		put(rig.r, 8);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
	}
	assert_int_equal(sim_ring_notified(rig.r), 300);
	rig_close(&rig);
}

static void time_outs(void **state)
{
	static const int64_t timeouts[] = {0, 1, 999, 1000000, 3600000000000};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(5);
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		int64_t before = sim_clock_now();

		assert_int_equal(bpfring_consumer_wait(rig.c, timeouts[i]), 0);
		assert_int_equal(sim_clock_now() - before, timeouts[i]);
	}
	/* so long that the end cannot be written down */
	sim_clock_at(sim_clock_now() + 7, put_one, rig.r);
	assert_int_equal(bpfring_consumer_wait(rig.c, INT64_MAX), 1);
	rig_close(&rig);
}

static void submit(void *ctx)
{
	sim_submit(((struct rig *)ctx)->r, *(void **)((struct rig *)ctx + 1), 0);
}

static void a_busy_head_is_slept_through(void **state)
{
	struct {
		struct rig rig;
		void *busy;
	} r;
	struct bpfring_consumer_stats stats;
	struct counter counter = {0};

	(void)state;
	rig_open(&r.rig, PAGE, NULL, 0);
	r.busy = sim_reserve(r.rig.r, 8);
	put(r.rig.r, 8);
	sim_clock_start(1000);
	sim_clock_at(1000 + 1000 * MSEC, submit, &r);
	assert_int_equal(bpfring_consumer_wait(r.rig.c, -1), 1);
	assert_int_equal(sim_clock_now(), 1000 + 1000 * MSEC); /* at once when it is committed */
	/* 1, 2, 4 ... 64, 64 ms: looked again 6 + 15 times in that second, not more */
	assert_in_range(sim_clock_sleeps(), 18, 24);
	stats = stats_of_consumer(r.rig.c);
	assert_int_equal(stats.busy_waits, 1);
	assert_int_equal(stats.busy_max_ns, 1000 * MSEC);
	assert_int_equal(stats.wakeups, 1);
	assert_int_equal(bpfring_consumer_consume(r.rig.c, count_record, &counter, NULL, NULL), 2);
	rig_close(&r.rig);
}

static void submit_silently(void *ctx)
{
	sim_submit(((struct rig *)ctx)->r, *(void **)((struct rig *)ctx + 1), SIM_NO_WAKEUP);
}

static void a_busy_head_that_is_committed_in_silence(void **state)
{
	static const int64_t after[] = {0, MSEC / 2, 3 * MSEC, 10 * MSEC, 50 * MSEC, 1000 * MSEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
		struct {
			struct rig rig;
			void *busy;
		} r;
		int64_t late;

		rig_open(&r.rig, PAGE, NULL, 0);
		r.busy = sim_reserve(r.rig.r, 8);
		sim_clock_start(1000);
		sim_clock_at(1000 + after[i], submit_silently, &r);
		assert_int_equal(bpfring_consumer_wait(r.rig.c, -1), 1);
		late = sim_clock_now() - 1000 - after[i];
		/* found within as long as it took before, 64 ms at most */
		assert_true(late >= 0 && late <= 64 * MSEC);
		assert_true(late <= (after[i] < MSEC ? MSEC : 2 * after[i]));
		rig_close(&r.rig);
	}
}

static void a_busy_head_does_not_stretch_the_time_out(void **state)
{
	struct rig rig;
	void *busy;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	busy = sim_reserve(rig.r, 8);
	sim_clock_start(1000);
	assert_int_equal(bpfring_consumer_wait(rig.c, 500), 0);
	assert_int_equal(sim_clock_now(), 1500);
	assert_int_equal(bpfring_consumer_wait(rig.c, 100 * MSEC), 0);
	assert_int_equal(sim_clock_now(), 1500 + 100 * MSEC);
	sim_submit(rig.r, busy, 0);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
	rig_close(&rig);
}

static void a_notification_without_a_record(void **state)
{
	struct bpfring_consumer_stats stats;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	assert_int_equal(bpfring_consumer_wait(rig.c, 1), 0); /* makes the epoll */
	/* a notification for a record that somebody else has taken: none is there */
	assert_int_equal(write(rig.r->event_fd, &(uint64_t){1}, 8), 8);
	sim_ring_set_prod(rig.r, 8);
	*sim_ring_header(rig.r, 0) = BPFRING_BUSY_BIT;
	assert_int_equal(bpfring_consumer_wait(rig.c, 100), 0);
	stats = stats_of_consumer(rig.c);
	assert_int_equal(stats.wakeups, 1);
	assert_int_equal(stats.empty_wakeups, 1);
	rig_close(&rig);
}

static void discard_three(void *ctx)
{
	for (int i = 0; i < 3; i++)
		sim_discard(ctx, sim_reserve(ctx, 8), i == 2 ? SIM_FORCE_WAKEUP : 0);
}

static void force_a_wakeup(void *ctx)
{
	struct sim_ring *r = ctx;
	void *busy = sim_reserve(r, 8), *behind = sim_reserve(r, 8);

	sim_submit(r, behind, SIM_FORCE_WAKEUP); /* behind one that stays busy */
	(void)busy;
}

/*
 * Discarded records are given back on the way; they do not end a wait, whatever their commit says.
 */
static void a_wait_for_discards_only(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct counter counter = {0};
		struct rig rig;

		rig_open(&rig, PAGE, s, 0);
		sim_clock_start(1000);
		for (int i = 0; i < 100; i++) {
			int64_t before = sim_clock_now();

			if (i % 2)
				discard_three(rig.r);
			sim_clock_at(before + 100, discard_three, rig.r);
			sim_clock_at(before + 200, discard_three, rig.r);
			assert_int_equal(bpfring_consumer_wait(rig.c, 1000), 0);
			assert_int_equal(sim_clock_now(), before + 1000);
			assert_int_equal(sim_ring_cons(rig.r), sim_ring_prod(rig.r));
			assert_int_equal(bpfring_consumer_avail_data(rig.c), 0);
		}
		/* a record behind them does */
		discard_three(rig.r);
		put(rig.r, 8);
		assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
		assert_int_equal(stats_of_consumer(rig.c).discards, 100 * 6 + 50 * 3 + 3);
		rig_close(&rig);
	}
}

static void a_forced_notification_of_nothing(void **state)
{
	struct bpfring_consumer_stats stats;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	sim_clock_at(1500, force_a_wakeup, rig.r);
	assert_int_equal(bpfring_consumer_wait(rig.c, 10000), 0);
	assert_int_equal(sim_clock_now(), 11000);
	stats = stats_of_consumer(rig.c);
	assert_int_equal(stats.wakeups, 1);
	assert_int_equal(stats.empty_wakeups, 1);
	rig_close(&rig);
}

static void what_is_not_notified_is_not_seen(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	sim_clock_at(1500, put_silently, rig.r);
	assert_int_equal(bpfring_consumer_wait(rig.c, 1000), 1); /* the last look finds it */
	assert_int_equal(sim_clock_now(), 2000);
	rig_close(&rig);
}

static void wake(void *ctx)
{
	assert_int_equal(bpfring_consumer_wakeup(((struct rig *)ctx)->c), 0);
}

static void wake_ups(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_start(1000);
	/* before the first wait: the next one returns, and only that */
	wake(&rig);
	wake(&rig);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	assert_int_equal(sim_clock_now(), 1000);
	assert_int_equal(bpfring_consumer_wait(rig.c, 100), 0);
	assert_int_equal(sim_clock_now(), 1100);
	/* during one */
	sim_clock_at(1150, wake, &rig);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	assert_int_equal(sim_clock_now(), 1150);
	/* between two */
	wake(&rig);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	assert_int_equal(sim_clock_now(), 1150);
	assert_int_equal(bpfring_consumer_wait(rig.c, 50), 0);
	assert_int_equal(sim_clock_now(), 1200);
	rig_close(&rig);
}

static void *wake_from_thread(void *ctx)
{
	usleep(20000);
	wake(ctx);
	return NULL;
}

static struct rig *woken_by_signal;

static void on_signal(int number)
{
	(void)number;
	wake(woken_by_signal);
}

static void wake_ups_from_elsewhere(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(pthread_create(&thread, NULL, wake_from_thread, &rig), 0);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	pthread_join(thread, NULL);
	woken_by_signal = &rig;
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 10; i++) {
		ualarm(5000, 0);
		assert_int_equal(bpfring_consumer_wait(rig.c, -1), 0);
	}
	rig_close(&rig);
}

static void ignore_signal(int number)
{
	(void)number;
}

static void signals_do_not_surface(void **state)
{
	const struct sigaction action = {.sa_handler = ignore_signal};
	int64_t before = monotonic();
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	sigaction(SIGALRM, &action, NULL);
	ualarm(1000, 1000);
	assert_int_equal(bpfring_consumer_wait(rig.c, 30 * MSEC), 0);
	ualarm(0, 0);
	assert_in_range(monotonic() - before, 30 * MSEC, 500 * MSEC);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(bad_arguments),
		rig_test(looking_only),
		rig_test(a_notification_ends_the_sleep),
		rig_test(between_waits_it_is_quiet),
		rig_test(after_a_wait_for_nothing_it_is_not),
		rig_test(quiet_then_asleep),
		rig_test(time_outs),
		rig_test(a_busy_head_is_slept_through),
		rig_test(a_busy_head_that_is_committed_in_silence),
		rig_test(a_busy_head_does_not_stretch_the_time_out),
		rig_test(a_notification_without_a_record),
		rig_test(a_wait_for_discards_only),
		rig_test(a_forced_notification_of_nothing),
		rig_test(what_is_not_notified_is_not_seen),
		rig_test(wake_ups),
		rig_test(wake_ups_from_elsewhere),
		rig_test(signals_do_not_surface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
