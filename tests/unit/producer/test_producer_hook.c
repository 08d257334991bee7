// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Hooks that leave by an exception, longjmp(), the end of their thread, in a forked child, or that
 * close the producer; out of every function that calls them. Afterwards the producer works, and
 * close() frees it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "producer/producer.h"
#include "producer_rig.h"

UNWINDS_STACKS

enum way { RETURN, THROW, JUMP, EXIT, FORK, CLOSE };

enum call { RESERVE, OUTPUT, BATCH, SUBMIT, SUBMIT_BATCH, KICK, WAIT, ARM, CALLS };

static struct {
	enum way way; /* of the next call of the hook; then it returns */
	bool drains;
	unsigned int calls;
	jmp_buf back;
	struct _Unwind_Exception exception;
	bool in_child;
} hook;

/* An exception that is caught at the frame of the test: every frame on the way is cleaned up. */
static _Unwind_Reason_Code catch_it(int version, _Unwind_Action actions,
				    _Unwind_Exception_Class class, struct _Unwind_Exception *e,
				    struct _Unwind_Context *context, void *frame)
{
	(void)version;
	(void)actions;
	(void)class;
	(void)e;
	if (_Unwind_GetCFA(context) >= (uintptr_t)frame)
		longjmp(hook.back, 1);
	return _URC_NO_REASON;
}

static void *frame_of_test;

static int leave(void *ctx)
{
	enum way way = hook.way;
	int drained = hook.drains ? sim_drain(r, NULL, NULL, 0) : 0;

	(void)ctx;
	hook.way = RETURN;
	hook.calls++;
	switch (way) {
	case RETURN:
		break;
	case THROW:
		_Unwind_ForcedUnwind(&hook.exception, catch_it, frame_of_test);
		break;
	case JUMP:
		longjmp(hook.back, 1);
	case EXIT:
		pthread_exit(NULL);
	case FORK:
		/* another thread may have it, which is not there in the child */
		pthread_mutex_lock(&p->queue.lock);
		hook.in_child = !fork();
		if (hook.in_child)
			alarm(20);
		else
			pthread_mutex_unlock(&p->queue.lock);
		break;
	case CLOSE:
		bpfring_producer_close(p);
		break;
	}
	return drained;
}

static int wait_for_child(void)
{
	int status;

	assert_true(waitpid(-1, &status, 0) > 0);
	return status;
}

static void *held; /* reserved, the last in the ring */
static const uint8_t payload[PAGE];

/*
 * A full ring. The hook is due by itself if the last sample is submitted, or else if space is
 * wanted.
 */
static void open_full(enum call call, bool threads)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = leave);

	ring(PAGE, NULL);
	sim_clock_start(1000 * MSEC);
	memset(&hook, 0, sizeof(hook));
	opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
	opts.kick_samples = call == SUBMIT || call == SUBMIT_BATCH ? 2 : call < SUBMIT ? 1000 : 0;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(put_sample(1, 2040), 0);
	assert_int_equal(bpfring_producer_reserve(p, 2040, &held), 0);
	if (call != SUBMIT && call != SUBMIT_BATCH)
		assert_int_equal(bpfring_producer_submit(p, held), 0);
	if (call == ARM)
		assert_true(bpfring_producer_fd(p) >= 0);
	assert_int_equal(hook.calls, 0);
}

/* A reservation that succeeded is given back. */
static int give_back(int err, void *data)
{
	return err ? err : bpfring_producer_discard(p, data);
}

/* Something that calls the hook. */
static int make_call(enum call call)
{
	struct bpfring_sample sample = {.data = held, .size = 8};
	void *data;
	int result;

	switch (call) {
	case RESERVE:
		result = bpfring_producer_reserve(p, 8, &data);
		return give_back(result, data);
	case OUTPUT:
		return bpfring_producer_output(p, payload, 8);
	case BATCH:
		result = bpfring_producer_reserve_batch(p, &sample, 1);
		return result == 1 ? give_back(0, sample.data) : result;
	case SUBMIT:
		return bpfring_producer_submit(p, held);
	case SUBMIT_BATCH:
		return bpfring_producer_submit_batch(p, &sample, 1);
	case KICK:
		return bpfring_producer_kick(p);
	case WAIT:
		result = bpfring_producer_reserve_wait(p, 8, 1000 * MSEC, &data);
		return give_back(result, data);
	default:
		return bpfring_producer_arm(p, 8);
	}
}

/* Whatever had happened: every function does what it should, and nothing is left of a wait. */
static void assert_works(enum call call)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	void *data;

	hook.drains = true;
	/*
	 * a place that is kept, or a kick that is not repeated, for a hook that may still come back
	 */
	sim_clock_advance(65 * MSEC);
	if (call > SUBMIT_BATCH) /* it does not kick by itself */
		sim_drain(r, NULL, NULL, 0);
	assert_int_equal(bpfring_producer_reserve(p, 1000, &data), 0);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_true(bpfring_producer_kick(p) >= 0);
	assert_int_equal(bpfring_producer_reserve_wait(p, 2000, 100 * MSEC, &data), 0);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_true(bpfring_producer_fd(p) >= 0);
	assert_int_equal(bpfring_producer_arm(p, 3000), 1);
	assert_int_equal(bpfring_producer_output(p, payload, 4000), 0);
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	assert_true(stats.samples >= 4);
	assert_true(stats.kicks >= 2);
	assert_int_equal(bpfring_producer_stop(p), 0);
	assert_int_equal(bpfring_producer_reserve_wait(p, 4000, 0, &data),
			 0); /* the hook drained */
	assert_int_equal(bpfring_producer_discard(p, data), 0);
	done();
	sim_sys_reset();
}

#define for_each_call(call, threads)                   \
	for (enum call call = 0; call < CALLS; call++) \
		for (int threads = 0; threads < 2; threads++)

/* Makes a call that ends here, out of the hook. */
static void leave_by(enum way way, enum call call)
{
	frame_of_test = __builtin_frame_address(0);
	hook.way = way;
	if (!setjmp(hook.back)) {
		make_call(call);
		fail_msg("call %d came back", call);
	}
	assert_int_equal(hook.calls, 1);
}

static void one_that_leaves(enum way way)
{
	for_each_call(call, threads)
	{
		open_full(call, threads);
		leave_by(way, call);
		assert_works(call);
	}
}

static void one_that_throws(void **state)
{
	(void)state;
	one_that_leaves(THROW);
}

static void one_that_jumps(void **state)
{
	(void)state;
	one_that_leaves(JUMP);
}

/* As assert_works() without the pause: an exception takes back what a wait has left at once. */
static void nothing_is_kept_for_an_exception(void **state)
{
	void *data;

	(void)state;
	open_full(WAIT, true);
	leave_by(THROW, WAIT);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	done();
}

static void *make_call_in_thread(void *call)
{
	make_call(*(enum call *)call);
	return p; /* not NULL: it did not end */
}

static void one_that_ends_its_thread(void **state)
{
	(void)state;
	for_each_call(call, threads)
	{
		pthread_t thread;
		void *result;

		open_full(call, threads);
		hook.way = EXIT;
		assert_int_equal(pthread_create(&thread, NULL, make_call_in_thread, &call), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_null(result);
		assert_int_equal(hook.calls, 1);
		assert_works(call);
	}
}

static void one_that_forks(void **state)
{
	(void)state;
	for_each_call(call, threads)
	{
		const bool ended = call == SUBMIT || call == SUBMIT_BATCH || call == KICK;
		void *data;
		int err;

		open_full(call, threads);
		hook.way = FORK;
		hook.drains = true;
		err = make_call(call);
		if (hook.in_child) {
			if (ended ? err < 0 : err != -ECHILD)
				_exit(1);
			if (bpfring_producer_reserve(p, 8, &data) != -ECHILD)
				_exit(2);
			bpfring_producer_close(p);
			_exit(bpfring_producer_reserve(p, 8, &data) == -EBADF ? 0 : 3);
		}
		assert_true(err >= 0);
		assert_int_equal(hook.calls, 1);
		assert_int_equal(wait_for_child(), 0);
		assert_works(call);
	}
}

static void one_that_closes(void **state)
{
	(void)state;
	for_each_call(call, threads)
	{
		const bool ended = call == SUBMIT || call == SUBMIT_BATCH || call == KICK;
		void *data;
		int err;

		open_full(call, threads);
		hook.way = CLOSE;
		err = make_call(call);
		if (ended)
			assert_true(err >= 0);
		else
			assert_int_equal(err, -EBADF);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), -EBADF);
		assert_logged("-EBADF", "closed");
		done();
		sim_sys_reset();
	}
}

/* It is called for space that itself wants, once. */
static int reserve_first(void *ctx)
{
	void *data;

	(void)ctx;
	hook.calls++;
	assert_int_equal(bpfring_producer_reserve(p, 1000, &data), -ENOSPC);
	return sim_drain(r, NULL, NULL, 0);
}

static void one_that_wants_space_itself(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = reserve_first, .kick_bytes = PAGE);
	void *data;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		memset(&hook, 0, sizeof(hook));
		ring(PAGE, NULL);
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		assert_int_equal(open_with(&opts), 0);
		assert_int_equal(put_sample(1, 4000), 0);
		assert_int_equal(bpfring_producer_reserve(p, 1000, &data), 0);
		assert_int_equal(hook.calls, 1);
		done();
		sim_sys_reset();
	}
}

/* Others come while it runs: there is space now, but for the one whose hook it is. For a while. */
static int drain_and_look(void *ctx)
{
	int drained = sim_drain(r, NULL, NULL, 0);
	void *data;

	(void)ctx;
	if (hook.calls++)
		return drained;
	assert_int_equal(bpfring_producer_free_space(p), PAGE);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), -ENOSPC);
	assert_int_equal(bpfring_producer_output(p, payload, 8), -ENOSPC);
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, 10 * MSEC, &data), -ETIMEDOUT);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), -ENOSPC);
	if (!hook.drains)
		return drained;
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, 100 * MSEC, &data), 0);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_int_equal(bpfring_producer_output(p, payload, 8), 0);
	return drained;
}

static void the_place_is_kept(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = drain_and_look,
		     .flags = BPFRING_PRODUCER_THREADS);
	int64_t start = 1000 * MSEC;
	void *data;

	(void)state;
	for (int late = 0; late < 2; late++) {
		ring(PAGE, NULL);
		memset(&hook, 0, sizeof(hook));
		hook.drains = late;
		sim_clock_start(start);
		assert_int_equal(open_with(&opts), 0);
		assert_int_equal(put_sample(1, PAGE - 8), 0);
		assert_int_equal(bpfring_producer_reserve_wait(p, PAGE - 8, -1, &data), 0);
		/*
		 * it came back and is first again; the ones that passed it are drained by its next
		 * kick
		 */
		assert_int_equal(hook.calls, late ? 2 : 1);
		assert_in_range(sim_clock_now(), start + (late ? 64 : 10) * MSEC,
				start + (late ? 75 : 11) * MSEC);
		assert_int_equal(bpfring_producer_discard(p, data), 0);
		done();
		sim_sys_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(one_that_throws),
		rig_test(one_that_jumps),
		rig_test(nothing_is_kept_for_an_exception),
		rig_test(one_that_ends_its_thread),
		rig_test(one_that_forks),
		rig_test(one_that_closes),
		rig_test(one_that_wants_space_itself),
		rig_test(the_place_is_kept),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
