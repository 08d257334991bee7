// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads that wait for space, in true time: cancelled at the head of the queue, behind it or in a
 * hook, gone from a hook for ever, or still waiting when the producer is closed. The others go on.
 */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include "producer_rig.h"

UNWINDS_STACKS

#define WAITERS 4

static sem_t in_hook;
static bool hook_jumps;

struct waiter_thread {
	size_t size;
	int err; /* 1: it has not returned */
	jmp_buf back;
	pthread_t thread;
};

static _Thread_local struct waiter_thread *self;

static void sleep_for(int64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void *wait_for_space(void *arg)
{
	struct waiter_thread *w = arg;
	void *data;

	self = w;
	if (setjmp(w->back))
		return NULL;
	w->err = bpfring_producer_reserve_wait(p, w->size, -1, &data);
	if (!w->err)
		assert_int_equal(bpfring_producer_discard(p, data), 0);
	return NULL;
}

static void start(struct waiter_thread *w, size_t size)
{
	*w = (struct waiter_thread){.size = size, .err = 1};
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_space, w), 0);
}

/* It sleeps, to all appearances. */
static void start_and_let_wait(struct waiter_thread *w, size_t size)
{
	start(w, size);
	sleep_for(20 * MSEC);
}

/* The result of its wait. */
static int join(struct waiter_thread *w)
{
	void *result;

	assert_int_equal(pthread_join(w->thread, &result), 0);
	assert_null(result);
	return w->err;
}

static void cancel(struct waiter_thread *w)
{
	void *result;

	assert_int_equal(pthread_cancel(w->thread), 0);
	assert_int_equal(pthread_join(w->thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
}

static void open_full(bpfring_kick_fn kick)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);

	alarm(60);
	ring(PAGE, NULL);
	opts.kick = kick;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(put_sample(1, 2040), 0);
	assert_int_equal(put_sample(2, 2040), 0);
}

/* Nothing is left of those that waited: there is space for all, at once. */
static void close_empty(void)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	void *data;

	sim_drain(r, NULL, NULL, 0);
	assert_int_equal(bpfring_producer_reserve(p, PAGE - 8, &data), 0);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	assert_true(stats.waits > 0);
	done();
	alarm(0);
}

static void the_first_is_cancelled(void **state)
{
	struct waiter_thread first, second;

	(void)state;
	open_full(NULL);
	start_and_let_wait(&first, 4000);
	start_and_let_wait(&second, 8);
	cancel(&first);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
	assert_int_equal(join(&second), 0);
	close_empty();
}

static void one_behind_is_cancelled(void **state)
{
	struct waiter_thread waiters[3];

	(void)state;
	for (int which = 1; which < 3; which++) {
		open_full(NULL);
		for (int i = 0; i < 3; i++)
			start_and_let_wait(&waiters[i], 8);
		cancel(&waiters[which]);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
		assert_int_equal(join(&waiters[0]), 0);
		assert_int_equal(join(&waiters[3 - which]), 0);
		close_empty();
		sim_sys_reset();
	}
}

/* It comes back never, or after the others were served. */
static int stay(void *ctx)
{
	(void)ctx;
	sem_post(&in_hook);
	if (hook_jumps)
		longjmp(self->back, 1);
	for (int i = 0; i < 20; i++) {
		/* not in the sleep itself: ThreadSanitizer would take it that it goes on */
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		sleep_for(10 * MSEC);
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		pthread_testcancel();
	}
	return 0;
}

static void await_hook(void)
{
	while (sem_wait(&in_hook))
		;
}

static void cancelled_in_its_hook(void **state)
{
	struct waiter_thread first, second;

	(void)state;
	hook_jumps = false;
	open_full(stay);
	start(&first, 4000);
	await_hook();
	start(&second, 8);
	cancel(&first);
	sim_drain(r, NULL, NULL, 0);
	assert_int_equal(join(&second), 0);
	close_empty();
}

static void gone_from_its_hook(void **state)
{
	struct waiter_thread first, second;

	(void)state;
	hook_jumps = true;
	open_full(stay);
	start(&first, 4000);
	assert_int_equal(join(&first), 1);
	hook_jumps = false;
	start(&second, 8);
	sim_drain(r, NULL, NULL, 0);
	assert_int_equal(join(&second), 0);
	close_empty();
}

/*
 * Whoever waits returns before anything is freed; a thread in its hook finds the producer closed.
 */
static void closed_meanwhile(void **state)
{
	struct waiter_thread waiters[WAITERS];

	(void)state;
	hook_jumps = false;
	for (int hook = 0; hook < 2; hook++) {
		open_full(hook ? stay : NULL);
		for (int i = 0; i < WAITERS; i++)
			start(&waiters[i], 8);
		if (hook)
			await_hook();
		else
			sleep_for(20 * MSEC);
		bpfring_producer_close(p);
		for (int i = 0; i < WAITERS; i++) {
			int err = join(&waiters[i]);

			if (hook)
				assert_true(err == -ECANCELED || err == -EBADF);
			else
				assert_int_equal(err, -ECANCELED);
		}
		p = NULL;
		done();
		sim_sys_reset();
	}
	log_forget();
}

static int setup(void **state)
{
	sem_init(&in_hook, 0, 0);
	return rig_setup(state);
}

#define queue_test(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		queue_test(the_first_is_cancelled), queue_test(one_behind_is_cancelled),
		queue_test(cancelled_in_its_hook),  queue_test(gone_from_its_hook),
		queue_test(closed_meanwhile),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
