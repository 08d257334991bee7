// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Ending a sleep: stop and wakeup, from threads and signal handlers, before and during a poll. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "rig.h"

enum { MODES = BPFRING_WAIT_SPIN + 1 };

static struct bpfring_loop *loop_new(uint32_t wait)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait);
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	return l;
}

static void stop(void *ctx)
{
	assert_int_equal(bpfring_loop_stop(ctx), 0);
}

static void wake(void *ctx)
{
	assert_int_equal(bpfring_loop_wakeup(ctx), 0);
}

static void before_the_sleep(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < MODES; wait++) {
		struct bpfring_loop *l = loop_new(wait);

		stop(l);
		stop(l);
		assert_int_equal(bpfring_loop_run(l), 0);
		wake(l);
		assert_int_equal(bpfring_loop_poll(l, -1), 0);
		/* spent: the next poll waits again */
		sim_clock_start(10);
		sim_clock_set_step(1);
		assert_int_equal(bpfring_loop_poll(l, 500), 0);
		assert_true(sim_clock_now() >= 510);
		sim_sys_reset();
		bpfring_loop_free(l);
	}
}

static void during_the_sleep(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		struct counter counter = {0};
		struct bpfring_loop *l;
		struct rig rig;

		sim_clock_start(10);
		l = loop_new(wait);
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		sim_clock_at(1000, stop, l);
		assert_int_equal(bpfring_loop_run(l), 0);
		assert_int_equal(sim_clock_now(), 1000);
		sim_clock_at(2000, wake, l);
		assert_int_equal(bpfring_loop_poll(l, -1), 0);
		assert_int_equal(sim_clock_now(), 2000);
		sim_clock_at(3000, stop, l); /* a poll returns as well */
		assert_int_equal(bpfring_loop_poll(l, -1), 0);
		assert_int_equal(sim_clock_now(), 3000);
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

/* A wake-up also looks at what was committed without a notification. */
static void put_silently_and_wake(void *ctx)
{
	struct rig *rig = ctx;

	assert_int_equal(sim_output(rig->r, "12345678", 8, SIM_NO_WAKEUP), 0);
	wake(*(struct bpfring_loop **)(rig + 1));
}

static void a_wake_up_finds_silent_records(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		struct {
			struct rig rig;
			struct bpfring_loop *l;
		} r;
		struct counter counter = {0};

		sim_clock_start(10);
		r.l = loop_new(wait);
		rig_open(&r.rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(r.l, r.rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_poll(r.l, 0), 0);
		sim_clock_at(1000, put_silently_and_wake, &r);
		assert_int_equal(bpfring_loop_poll(r.l, -1), 1);
		assert_int_equal(sim_clock_now(), 1000);
		/* and before the sleep */
		for (int i = 0; i < 10; i++)
			assert_int_equal(bpfring_loop_poll(r.l, 1000000), 0);
		put_silently_and_wake(&r);
		assert_int_equal(bpfring_loop_poll(r.l, -1), 1);
		bpfring_loop_free(r.l);
		rig_close(&r.rig);
		sim_sys_reset();
	}
}

static void put_silently(void *ctx)
{
	assert_int_equal(sim_output(ctx, "12345678", 8, SIM_NO_WAKEUP), 0);
}

static void a_tick_finds_silent_records(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait, .tick_ns = 10 * MSEC);
		struct bpfring_loop *l = NULL;
		struct counter counter = {0};
		struct rig rig;

		sim_clock_start(10);
		assert_int_equal(bpfring_loop_new(&l, &opts), 0);
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		for (int i = 0; i < 20; i++) {
			int64_t when = sim_clock_now() + 25 * MSEC + i * MSEC;

			sim_clock_at(when, put_silently, rig.r);
			assert_int_equal(bpfring_loop_poll(l, -1), 1);
			assert_in_range(sim_clock_now() - when, 0, 10 * MSEC);
		}
		bpfring_loop_free(l);
		rig_close(&rig);
		sim_sys_reset();
	}
}

/* Callbacks that stop their own loop: what the ring's turn has begun is finished first. */
static int stop_inside(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	stop(*(struct bpfring_loop **)ctx);
	++*((int *)((struct bpfring_loop **)ctx + 1));
	return 0;
}

static void from_a_callback(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < MODES; wait++) {
		struct {
			struct bpfring_loop *l;
			int calls;
		} r = {loop_new(wait), 0};
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(r.l, rig.c, stop_inside, &r), 0);
		for (int i = 0; i < 5; i++)
			put(rig.r, 8);
		assert_int_equal(bpfring_loop_run(r.l), 0);
		assert_int_equal(r.calls, 5);
		bpfring_loop_free(r.l);
		rig_close(&rig);
	}
}

/* Many stops and wake-ups from a thread, at all moments: none is lost. */
struct poke {
	struct bpfring_loop *l;
	int rounds;
	int seen; /* by the loop's thread */
};

static void *poke(void *ctx)
{
	struct poke *p = ctx;

	for (int i = 0; i < p->rounds; i++) {
		if (i % 2)
			stop(p->l);
		else
			wake(p->l);
		while (__atomic_load_n(&p->seen, __ATOMIC_ACQUIRE) <= i)
			if (i % 3 == 0)
				usleep(10);
	}
	return NULL;
}

static void from_a_thread(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < MODES; wait++) {
		struct poke p = {loop_new(wait), 1000, 0};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, poke, &p), 0);
		for (int i = 0; i < p.rounds; i++) {
			if (i % 2)
				assert_int_equal(bpfring_loop_run(p.l), 0);
			else
				assert_int_equal(bpfring_loop_poll(p.l, -1), 0);
			__atomic_store_n(&p.seen, i + 1, __ATOMIC_RELEASE);
		}
		pthread_join(thread, NULL);
		bpfring_loop_free(p.l);
	}
}

static struct bpfring_loop *signalled;

static void on_signal(int number)
{
	int saved = errno;

	errno = 12345;
	if (number == SIGALRM)
		stop(signalled);
	else
		wake(signalled);
	if (errno != 12345)
		_exit(99); /* a handler must leave errno alone */
	errno = saved;
}

static void from_a_signal_handler(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	for (uint32_t wait = 0; wait < MODES; wait++) {
		signalled = loop_new(wait);
		for (int i = 0; i < 20; i++) {
			ualarm(2000, 0);
			assert_int_equal(bpfring_loop_run(signalled), 0);
		}
		raise(SIGALRM);
		assert_int_equal(bpfring_loop_run(signalled), 0);
		bpfring_loop_free(signalled);
	}
}

static void ignore_signal(int number)
{
	(void)number;
}

static void signals_do_not_surface(void **state)
{
	const struct sigaction action = {.sa_handler = ignore_signal};

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		struct bpfring_loop *l = loop_new(wait);
		int64_t before = monotonic();

		ualarm(1000, 1000);
		assert_int_equal(bpfring_loop_poll(l, 30 * MSEC), 0);
		ualarm(0, 0);
		assert_in_range(monotonic() - before, 30 * MSEC, 500 * MSEC);
		bpfring_loop_free(l);
	}
}

/* An epoll that fails is an error, not an endless loop. */
static void the_wait_fails(void **state)
{
	struct bpfring_loop *l = loop_new(BPFRING_WAIT_SLEEP);

	(void)state;
	sim_sys_fail_always("epoll_wait", -EBADF);
	assert_int_equal(bpfring_loop_poll(l, -1), -EBADF);
	assert_int_equal(bpfring_loop_run(l), -EBADF);
	assert_logged("cannot sleep", "EBADF", "closed");
	sim_sys_fail(-1, NULL);
	bpfring_loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(before_the_sleep),
		rig_test(during_the_sleep),
		rig_test(a_wake_up_finds_silent_records),
		rig_test(a_tick_finds_silent_records),
		rig_test(from_a_callback),
		rig_test(from_a_thread),
		rig_test(from_a_signal_handler),
		rig_test(signals_do_not_surface),
		rig_test(the_wait_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
