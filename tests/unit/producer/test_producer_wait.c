// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* producer.h on the replaced system: waiting for space, output, and what a forked child may not. */
#include "producer/producer.h"
#include "producer_rig.h"

/* Drains and puts an answer, or a full ring's worth of them, into the ring itself. */
static int drain_and_put(void *ctx)
{
	unsigned int *calls = ctx;
	void *data;
	int n = sim_drain(r, NULL, NULL, SIM_NO_WAKEUP);

	assert_true(n >= 0);
	assert_int_equal(p->lock.taken, 0);
	if (++*calls % 2) { /* else it would be called for its own sample, for ever */
		int err = bpfring_producer_reserve(p, 8, &data);

		assert_true(!err || err == -ENOSPC);
		if (!err)
			assert_int_equal(bpfring_producer_submit(p, data), 0);
	}
	return n;
}

/* A hook is called outside of the lock, from submit and from a reserve that waits. */
static void a_hook_that_produces(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	unsigned int calls;
	void *data;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		calls = 0;
		ring(PAGE, NULL);
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		opts.kick = drain_and_put;
		opts.kick_ctx = &calls;
		opts.kick_samples = 1;
		assert_int_equal(open_with(&opts), 0);
		for (int i = 0; i < 100; i++)
			assert_int_equal(put_sample(1, 500), 0);
		assert_int_equal(calls, 200);
		assert_int_equal(bpfring_producer_stats(p, &stats), 0);
		assert_int_equal(stats.samples, 200);
		assert_int_equal(stats.drained, 200);
		bpfring_producer_close(p);
		opts.kick_samples = 0;
		calls = 0;
		assert_int_equal(open_with(&opts), 0);
		while (!put_sample(1, 500))
			;
		assert_int_equal(calls, 0);
		assert_int_equal(bpfring_producer_reserve_wait(p, 500, MSEC, &data), 0);
		assert_int_equal(bpfring_producer_submit(p, data), 0);
		assert_int_equal(calls, 1);
		/* while a thread waits only that one gets space, and nobody else locks up */
		assert_int_equal(sim_drain(r, NULL, NULL, 0), threads ? 1 : 2);
		done();
		sim_sys_reset();
	}
}

static int same_bytes(void *ctx, uint8_t *data, uint32_t size)
{
	assert_int_equal(size, *(size_t *)ctx);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(data[i], (uint8_t)(i * 7));
	return 0;
}

/* In one go up to some size, in steps beyond, and by the inline path. */
static void output(void **state)
{
	static const size_t sizes[] = {0, 1, 8, 255, 256, 257, 1000, PAGE - 8};
	BPFRING_OPTS(bpfring_producer_opts, opts);
	uint8_t payload[PAGE];

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (int threads = 0; threads < 2; threads++) {
		ring(PAGE, NULL);
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		assert_int_equal(open_with(&opts), 0);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			size_t size = sizes[i];

			assert_int_equal(bpfring_producer_output(p, size ? payload : NULL, size),
					 0);
			assert_int_equal(p->lock.taken, 0);
			assert_int_equal(sim_drain(r, same_bytes, &size, 0), 1);
		}
		assert_int_equal(bpfring_producer_output(p, payload, PAGE - 7), -E2BIG);
		assert_logged("-E2BIG", "max_sample");
		assert_int_equal(bpfring_producer_output(p, payload, PAGE - 8), 0);
		assert_int_equal(bpfring_producer_output(p, payload, 8), -ENOSPC);
		assert_int_equal(bpfring_producer_output(p, payload, 257), -ENOSPC);
		bpfring_producer_close(p);
		assert_int_equal(bpfring_producer_output(p, payload, 8), -EBADF);
		assert_int_equal(bpfring_producer_output(p, payload, 257), -EBADF);
		assert_logged("-EBADF");
		sim_ring_free(r);
		sim_sys_reset();
	}
}

static void what_never_fits(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	struct bpfring_sample batch = {.size = UINT32_MAX};
	void *data;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		ring(PAGE, NULL);
		assert_int_equal(open_with(threads ? &opts : NULL), 0);
		/* others wait for space: what can never have any is refused at once all the same */
		p->queue.keeps_space = threads;
		assert_int_equal(bpfring_producer_reserve(p, PAGE - 7, &data), -E2BIG);
		assert_int_equal(bpfring_producer_reserve(p, SIZE_MAX, &data), -E2BIG);
		assert_int_equal(bpfring_producer_reserve_wait(p, SIZE_MAX, -1, &data), -E2BIG);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), threads ? -ENOSPC : 0);
		p->queue.keeps_space = false;
		assert_int_equal(bpfring_producer_reserve_batch(p, &batch, 1), -E2BIG);
		assert_logged("-E2BIG");
		done();
		sim_sys_reset();
	}
}

static void drain_now(void *flags)
{
	assert_true(sim_drain(r, NULL, NULL, *(unsigned int *)flags) > 0);
}

static void waiting(void **state)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	unsigned int loud = 0, silent = SIM_NO_WAKEUP;
	void *data;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_reserve_wait(NULL, 8, 0, &data), -EINVAL);
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, 0, NULL), -EINVAL);
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, -2, &data), -EINVAL);
	assert_logged("-EINVAL", "nanoseconds");
	assert_int_equal(bpfring_producer_reserve_wait(p, PAGE, -1, &data), -E2BIG);
	assert_logged("-E2BIG");
	assert_int_equal(put_sample(1, 3000), 0);
	sim_clock_start(1000);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, 0, &data), -ETIMEDOUT);
	assert_int_equal(sim_clock_now(), 1000);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, 1000 * MSEC, &data), -ETIMEDOUT);
	assert_int_equal(sim_clock_now(), 1000 + 1000 * MSEC);
	assert_in_range(sim_clock_sleeps(), 7, 25); /* 1, 2, 4 .. 64, 64 .. ms */
	/* a drain that notifies */
	sim_clock_start(0);
	sim_clock_at(333 * MSEC, drain_now, &loud);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, -1, &data), 0);
	assert_int_equal(sim_clock_now(), 333 * MSEC);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	/* and one that does not */
	sim_clock_start(0);
	sim_clock_at(333 * MSEC, drain_now, &silent);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, -1, &data), 0);
	assert_in_range(sim_clock_now(), 333 * MSEC, 397 * MSEC);
	assert_int_equal(bpfring_producer_discard(p, data), 0);
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	assert_int_equal(stats.waits, 4);
	assert_in_range(stats.waited_ns, 1666 * MSEC, 1730 * MSEC);
	/* errors of the first wait */
	for (int i = 0; i < 3; i++) {
		static const char *const calls[] = {"alloc", "epoll", "epoll_add"};
		static const int errors[] = {-ENOMEM, -EMFILE, -ENOSPC};

		bpfring_producer_close(p);
		assert_int_equal(open_with(NULL), 0);
		sim_sys_fail(0, calls[i]);
		assert_int_equal(bpfring_producer_reserve_wait(p, 3000, MSEC, &data), errors[i]);
		assert_logged("cannot wait", bpfring_errname(errors[i]));
		sim_sys_fail(-1, NULL);
		assert_int_equal(bpfring_producer_reserve_wait(p, 3000, MSEC, &data), -ETIMEDOUT);
	}
	done();
}

static void stop_it(void *ctx)
{
	assert_int_equal(bpfring_producer_stop(ctx), 0);
}

static void stopping(void **state)
{
	void *data;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(put_sample(1, 3000), 0);
	sim_clock_start(0);
	sim_clock_at(5 * MSEC / 2, stop_it, p);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, -1, &data), -ECANCELED);
	assert_int_equal(sim_clock_now(), 5 * MSEC / 2);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, -1, &data), -ECANCELED);
	assert_int_equal(bpfring_producer_resume(p), 0);
	assert_int_equal(bpfring_producer_reserve_wait(p, 3000, MSEC, &data), -ETIMEDOUT);
	assert_int_equal(bpfring_producer_stop(NULL), -EINVAL);
	assert_int_equal(bpfring_producer_resume(NULL), -EINVAL);
	done();
}

static int in_the_child(void *ctx)
{
	void *data;

	if (bpfring_producer_submit(p, ctx) != -ECHILD ||
	    bpfring_producer_reserve(p, 8, &data) != -ECHILD ||
	    bpfring_producer_output(p, &data, 8) != -ECHILD ||
	    bpfring_producer_reserve_wait(p, 8, -1, &data) != -ECHILD ||
	    bpfring_producer_stop(p) != -ECHILD || bpfring_producer_kick(p) != -ECHILD ||
	    bpfring_producer_fd(p) != -ECHILD || bpfring_producer_recover(p, NULL) != -ECHILD)
		return 1;
	bpfring_producer_close(p);
	return 0;
}

static void in_a_forked_child(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		void *data;

		ring(PAGE, NULL);
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		assert_int_equal(open_with(&opts), 0);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
		assert_int_equal(in_child(in_the_child, data), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 0);
		assert_int_equal(bpfring_producer_submit(p, data), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		done();
		sim_sys_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_hook_that_produces),
		rig_test(output),
		rig_test(what_never_fits),
		rig_test(waiting),
		rig_test(stopping),
		rig_test(in_a_forked_child),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
