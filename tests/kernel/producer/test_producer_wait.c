// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Waiting for space on real rings: asleep, on time, woken by drains of every kind, in turn. */
#include "user_rig.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Late by no more than that, once in a few tries: the machine may be busy. */
#define LATE  limit(MSEC)
#define TRIES 20

static void sleep_ns(int64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000),
			     .tv_nsec = (long)(ns % 1000000000)};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Three quarters full. */
static void open_filled(struct user_rig *rig, const struct bpfring_producer_opts *opts)
{
	rig_open(rig, 4096, opts);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(put(rig->p, 0, i, 1016), 0);
}

/* Some space is free, but not enough: a level-triggered wait would spin here. */
static void it_sleeps_until_the_deadline(void **state)
{
	int64_t best = INT64_MAX;
	struct user_rig rig;
	void *data;

	(void)state;
	open_filled(&rig, NULL);
	for (int i = 0; i < 3; i++) {
		int64_t cpu = clock_of(CLOCK_THREAD_CPUTIME_ID);
		int64_t end = clock_of(CLOCK_MONOTONIC) + 1000 * MSEC, late;

		assert_int_equal(bpfring_producer_reserve_wait(rig.p, 2000, 1000 * MSEC, &data),
				 -ETIMEDOUT);
		late = clock_of(CLOCK_MONOTONIC) - end;
		cpu = clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
		print_message("1 s: %.3f %% CPU, %lld us late\n", (double)cpu / 1e7,
			      (long long)late / 1000);
		assert_true(late >= 0);
		assert_true(cpu < limit(10 * MSEC));
		best = late < best ? late : best;
	}
	assert_true(best < LATE);
	rig_close(&rig);
}

struct helper {
	struct user_rig *rig;
	struct bpf_program *prog;
	int64_t after;
	int64_t done_at;
	pthread_t thread;
};

static void *drain_later(void *arg)
{
	struct helper *h = arg;

	sleep_ns(h->after);
	h->done_at = clock_of(CLOCK_MONOTONIC);
	run(h->prog);
	return NULL;
}

/* How long after the drain the wait ended, at best. */
static int64_t delay_of(struct bpf_program *(*prog)(struct user_rig *rig), int64_t after)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES && best > LATE / 4; i++) {
		struct user_rig rig;
		struct helper h = {.rig = &rig, .after = after};
		int64_t delay;
		void *data;

		open_filled(&rig, NULL);
		h.prog = prog(&rig);
		pthread_create(&h.thread, NULL, drain_later, &h);
		assert_int_equal(bpfring_producer_reserve_wait(rig.p, 3000, 5000 * MSEC, &data), 0);
		delay = clock_of(CLOCK_MONOTONIC);
		pthread_join(h.thread, NULL);
		delay -= h.done_at;
		best = delay < best ? delay : best;
		rig_close(&rig);
	}
	return best;
}

static struct bpf_program *notifying(struct user_rig *rig)
{
	return rig->skel->progs.drain;
}

static struct bpf_program *silent(struct user_rig *rig)
{
	return rig->skel->progs.drain_silently;
}

static void a_drain_wakes_it(void **state)
{
	int64_t delay = delay_of(notifying, 150 * MSEC);

	(void)state;
	print_message("woken %lld us after the drain\n", (long long)delay / 1000);
	assert_true(delay < LATE);
}

/* BPF_RB_NO_WAKEUP: the next look comes after as long as was waited already, or 64 ms. */
static void a_silent_drain_is_noticed(void **state)
{
	int64_t soon = delay_of(silent, 2 * MSEC), late = delay_of(silent, 300 * MSEC);

	(void)state;
	print_message("noticed after %lld us, %lld us\n", (long long)soon / 1000,
		      (long long)late / 1000);
	assert_true(soon < limit(5 * MSEC));
	assert_true(late < limit(66 * MSEC));
}

static void a_kick_makes_waiting_short(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct user_rig rig;
	uint64_t number;
	void *data;

	(void)state;
	rig_load(&rig, 4096);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain_silently);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	for (number = 0; number < 1000; number++) {
		assert_int_equal(bpfring_producer_reserve_wait(rig.p, 1000, 0, &data), 0);
		*(struct user_sample *)data = (struct user_sample){.number = number};
		assert_int_equal(bpfring_producer_submit(rig.p, data), 0);
	}
	assert_int_equal(bpfring_producer_kick(rig.p), 4);
	assert_int_equal(rig.skel->bss->samples, number);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
	assert_int_equal(stats.drained, number);
	assert_int_equal(stats.kick_errors, 0);
	rig_close(&rig);
}

/* A program that notifies though it drains nothing: no reason to stay awake. */
static void a_useless_kick(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct user_rig rig;
	int64_t cpu;
	void *data, *held;

	(void)state;
	rig_load(&rig, 4096);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain_loudly);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(bpfring_producer_reserve(rig.p, 3000, &held), 0); /* nothing to drain */
	cpu = clock_of(CLOCK_THREAD_CPUTIME_ID);
	assert_int_equal(bpfring_producer_reserve_wait(rig.p, 3000, 500 * MSEC, &data), -ETIMEDOUT);
	cpu = clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
	assert_true(cpu < limit(10 * MSEC));
	rig_close(&rig);
}

static void what_a_kick_returns(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct user_rig rig;

	(void)state;
	bpfring_set_log(NULL);
	rig_load(&rig, 4096);
	opts.kick_prog_fd = rig.fd; /* not a program */
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), -EINVAL);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain_wrongly);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(bpfring_producer_kick(rig.p), -EINVAL);
	assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
	assert_int_equal(stats.kicks, 1);
	assert_int_equal(stats.kick_errors, 1);
	bpfring_producer_close(rig.p);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
	assert_int_equal(bpfring_producer_kick(rig.p), -EOPNOTSUPP);
	rig_close(&rig);
}

static struct bpfring_producer *to_stop;

static void stop_it(int sig)
{
	(void)sig;
	/* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c): made for it */
	bpfring_producer_stop(to_stop);
}

static void *send_signals(void *arg)
{
	pthread_t target = *(pthread_t *)arg;

	for (int i = 0; i < 20; i++) {
		sleep_ns(2 * MSEC);
		pthread_kill(target, SIGUSR1); /* interrupts, no more */
	}
	pthread_kill(target, SIGUSR2);
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

static void a_signal_handler_stops_it(void **state)
{
	pthread_t self = pthread_self(), sender;
	struct user_rig rig;
	void *data;

	(void)state;
	signal(SIGUSR1, ignore);
	signal(SIGUSR2, stop_it);
	open_filled(&rig, NULL);
	to_stop = rig.p;
	pthread_create(&sender, NULL, send_signals, &self);
	assert_int_equal(bpfring_producer_reserve_wait(rig.p, 2000, -1, &data), -ECANCELED);
	pthread_join(sender, NULL);
	/* what needs no waiting still works */
	assert_int_equal(bpfring_producer_reserve_wait(rig.p, 2000, -1, &data), -ECANCELED);
	assert_int_equal(bpfring_producer_reserve_wait(rig.p, 8, -1, &data), 0);
	assert_int_equal(bpfring_producer_resume(rig.p), 0);
	assert_int_equal(bpfring_producer_reserve_wait(rig.p, 2000, MSEC, &data), -ETIMEDOUT);
	rig_close(&rig);
}

struct waiter_thread {
	struct bpfring_producer *p;
	size_t size;
	int64_t timeout;
	int err;
	uint64_t number;
	pthread_t thread;
	bool runs;
};

static void *wait_in_turn(void *arg)
{
	struct waiter_thread *w = arg;
	void *data;

	__atomic_store_n(&w->runs, true, __ATOMIC_RELEASE);
	w->err = bpfring_producer_reserve_wait(w->p, w->size, w->timeout, &data);
	if (!w->err) {
		*(struct user_sample *)data = (struct user_sample){1, 0, w->number};
		assert_int_equal(bpfring_producer_submit(w->p, data), 0);
	}
	return NULL;
}

/* First come, first served, also when what the first needs is large and there are small ones. */
static void threads_wait_in_turn(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	struct waiter_thread waiters[8];
	struct user_rig rig;
	void *data;

	(void)state;
	open_filled(&rig, &opts);
	for (int i = 0; i < 8; i++) {
		waiters[i] = (struct waiter_thread){.p = rig.p,
						    .size = i % 2 ? 16 : 3500,
						    .timeout = i == 3 ? limit(60 * MSEC) : -1,
						    .number = (uint64_t)(i < 3 ? i : i - 1)};
		pthread_create(&waiters[i].thread, NULL, wait_in_turn, &waiters[i]);
		while (!__atomic_load_n(&waiters[i].runs, __ATOMIC_ACQUIRE))
			sleep_ns(MSEC / 10); /* a busy machine may start it late */
		sleep_ns(limit(5 * MSEC));   /* it waits */
	}
	assert_int_equal(bpfring_producer_reserve(rig.p, 8, &data), -ENOSPC); /* they come first */
	pthread_join(waiters[3].thread, NULL);
	assert_int_equal(waiters[3].err, -ETIMEDOUT);
	/* samples are drained in the order of their reservation */
	while (rig.skel->bss->samples < 3 + 7) {
		run(rig.skel->progs.drain);
		sleep_ns(MSEC / 2);
	}
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	for (int i = 0; i < 8; i++) {
		if (i == 3)
			continue;
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].err, 0);
	}
	assert_int_equal(bpfring_producer_reserve(rig.p, 8, &data), 0);
	rig_close(&rig);
}

static void stop_ends_all_waits(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	struct waiter_thread waiters[8];
	struct user_rig rig;

	(void)state;
	open_filled(&rig, &opts);
	for (int i = 0; i < 8; i++) {
		waiters[i] = (struct waiter_thread){.p = rig.p, .size = 2000, .timeout = -1};
		pthread_create(&waiters[i].thread, NULL, wait_in_turn, &waiters[i]);
	}
	sleep_ns(10 * MSEC);
	assert_int_equal(bpfring_producer_stop(rig.p), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].err, -ECANCELED);
	}
	rig_close(&rig);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, timeout_ms) == 1;
}

static void another_loop_waits(void **state)
{
	struct user_rig rig;
	int fd;

	(void)state;
	open_filled(&rig, NULL);
	assert_int_equal(bpfring_producer_arm(rig.p, 8), -EINVAL); /* no descriptor yet */
	fd = bpfring_producer_fd(rig.p);
	assert_true(fd >= 0);
	assert_int_equal(bpfring_producer_fd(rig.p), fd);
	assert_false(readable(fd, 0)); /* not armed */
	assert_int_equal(bpfring_producer_arm(rig.p, 5000), -E2BIG);
	assert_int_equal(bpfring_producer_arm(rig.p, 8), 1);
	assert_false(readable(fd, 0));
	assert_int_equal(bpfring_producer_arm(rig.p, 2000), 0);
	for (int i = 0; i < 4; i++) { /* ticks, ever longer */
		assert_true(readable(fd, 1000));
		assert_int_equal(bpfring_producer_arm(rig.p, 2000), 0);
	}
	for (int i = 0; i < 6; i++)
		assert_int_equal(bpfring_producer_arm(rig.p, 2000), 0);
	assert_false(readable(fd, 10)); /* by now it is 64 ms */
	run(rig.skel->progs.drain);
	assert_true(readable(fd, 10));
	assert_int_equal(bpfring_producer_arm(rig.p, 2000), 1);
	assert_false(readable(fd, 100));
	/* and a silent drain */
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(put(rig.p, 0, i, 1016), 0);
	assert_int_equal(bpfring_producer_arm(rig.p, 2000), 0);
	run(rig.skel->progs.drain_silently);
	assert_true(readable(fd, 100));
	assert_int_equal(bpfring_producer_arm(rig.p, 2000), 1);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_sleeps_until_the_deadline),
		cmocka_unit_test(a_drain_wakes_it),
		cmocka_unit_test(a_silent_drain_is_noticed),
		cmocka_unit_test(a_kick_makes_waiting_short),
		cmocka_unit_test(a_useless_kick),
		cmocka_unit_test(what_a_kick_returns),
		cmocka_unit_test(a_signal_handler_stops_it),
		cmocka_unit_test(threads_wait_in_turn),
		cmocka_unit_test(stop_ends_all_waits),
		cmocka_unit_test(another_loop_waits),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
