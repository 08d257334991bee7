// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* producer.h on the replaced system: kicks by hand, by itself, and before space is refused. */
#include "producer_rig.h"

static int drain_some(void *ctx)
{
	int *calls = ctx;

	(*calls)++;
	return sim_drain(r, NULL, NULL, SIM_NO_WAKEUP);
}

static int count_calls(void *ctx)
{
	++*(int *)ctx;
	return 0;
}

static void kicks_by_itself(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	int calls = 0;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		ring(PAGE, NULL);
		opts = (struct bpfring_producer_opts){.sz = sizeof(opts)};
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		opts.kick = drain_some;
		opts.kick_ctx = &calls;
		opts.kick_samples = 10;
		calls = 0;
		assert_int_equal(open_with(&opts), 0);
		for (int i = 1; i <= 95; i++) {
			assert_int_equal(put_sample(1, 16), 0);
			assert_int_equal(calls, i / 10);
		}
		assert_int_equal(bpfring_producer_stats(p, &stats), 0);
		assert_int_equal(stats.kicks, 9);
		assert_int_equal(stats.drained, 90);
		bpfring_producer_close(p);

		opts.kick_samples = 0;
		opts.kick_bytes = 1024;
		sim_drain(r, NULL, NULL, 0);
		calls = 0;
		assert_int_equal(open_with(&opts), 0);
		for (int i = 1; i <= 100; i++) {
			assert_int_equal(put_sample(1, 120), 0);
			assert_true(PAGE - bpfring_producer_free_space(p) < 1024);
		}
		assert_int_equal(calls, 100 / 8);
		/* drained by others meanwhile: then not */
		sim_drain(r, NULL, NULL, 0);
		calls = 0;
		for (int i = 1; i <= 100; i++) {
			assert_int_equal(put_sample(1, 120), 0);
			sim_drain(r, NULL, NULL, 0);
		}
		assert_int_equal(calls, 0);
		done();
		sim_sys_reset();
	}
}

static void what_a_kick_may_return(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_kick(p), -EOPNOTSUPP);
	assert_logged("-EOPNOTSUPP", "nothing to kick");
	bpfring_producer_close(p);
	sim_sys_prog(r->memory_fd, no_kick, NULL);
	opts.kick_prog_fd = r->memory_fd;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(bpfring_producer_kick(p), 0);
	for (int i = 0; i < 2; i++) { /* logged once */
		sim_sys_fail(0, "prog_run");
		assert_int_equal(bpfring_producer_kick(p), -EPERM);
	}
	assert_logged("kick", "-EPERM");
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	assert_int_equal(stats.kicks, 3);
	assert_int_equal(stats.kick_errors, 2);
	assert_int_equal(bpfring_producer_kick(NULL), -EINVAL);
	done();
}

static int report(void *ctx)
{
	return *(int *)ctx;
}

static void errors_of_the_kernel(void **state)
{
	static const struct {
		int err;
		const char *word;
	} cases[] = {{-E2BIG, "recover"},
		     {-EINVAL, "recover"},
		     {-EPERM, "may not run"},
		     {-EFAULT, "failed"}};
	BPFRING_OPTS(bpfring_producer_opts, opts);
	int result = -EBUSY;

	(void)state;
	ring(PAGE, NULL);
	opts.kick = report;
	opts.kick_ctx = &result;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(bpfring_producer_kick(p), -EBUSY); /* another drains: no reason to log */
	bpfring_producer_close(p);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		result = cases[i].err;
		assert_int_equal(open_with(&opts), 0);
		assert_int_equal(bpfring_producer_kick(p), result);
		assert_logged("kick", cases[i].word);
		bpfring_producer_close(p);
	}
	/* each once, in whatever order they come */
	assert_int_equal(open_with(&opts), 0);
	for (size_t i = 0; i < 10 * ARRAY_SIZE(cases); i++) {
		result = cases[i % ARRAY_SIZE(cases)].err;
		assert_int_equal(bpfring_producer_kick(p), result);
		if (i < ARRAY_SIZE(cases))
			assert_logged("kick", cases[i].word);
	}
	done();
}

/* In the ways in which a program may ask for space. 0 or -errno. */
static int ask(unsigned int way, size_t size)
{
	struct bpfring_sample sample = {.size = (uint32_t)size};
	int err;

	switch (way) {
	case 0:
		err = bpfring_producer_reserve(p, size, &sample.data);
		break;
	case 1:
		return put_sample(1, size); /* output */
	case 2:
		err = bpfring_producer_reserve_wait(p, size, 0, &sample.data);
		break;
	default:
		err = bpfring_producer_reserve_batch(p, &sample, 1);
		err = err == 1 ? 0 : err;
	}
	return err ? err : bpfring_producer_submit(p, sample.data);
}

/* More samples than fit, or a level that the next sample goes over: the ring flows all the same. */
static void levels_that_are_never_reached(void **state)
{
	static const struct {
		uint64_t samples, bytes;
		size_t size;
	} cases[] = {{1000, 0, 16},	{171, 0, 16},	     {UINT64_MAX, 0, 400},
		     {0, PAGE, 16},	{0, PAGE, 1016 + 8}, {0, PAGE, 257},
		     {1000, PAGE, 300}, {2, 3000, PAGE - 8}};
	BPFRING_OPTS(bpfring_producer_stats, stats);
	BPFRING_OPTS(bpfring_producer_opts, opts);
	int calls = 0;

	(void)state;
	opts.kick = drain_some;
	opts.kick_ctx = &calls;
	for (size_t i = 0; i < ARRAY_SIZE(cases) * 8; i++) {
		const size_t size = cases[i / 8].size;

		ring(PAGE, NULL);
		opts.flags = i & 4 ? BPFRING_PRODUCER_THREADS : 0;
		opts.kick_samples = cases[i / 8].samples;
		opts.kick_bytes = cases[i / 8].bytes;
		calls = 0;
		assert_int_equal(open_with(&opts), 0);
		for (int n = 0; n < 1000; n++)
			assert_int_equal(ask(i & 3, size), 0);
		assert_int_equal(bpfring_producer_stats(p, &stats), 0);
		assert_int_equal(stats.samples, 1000);
		assert_true(calls > 0);
		/* once per ring of samples; those of a wait do not count as kicks by itself */
		assert_true((uint64_t)calls / ((i & 3) == 2 ? 2 : 1) <=
			    1 + 1000 / (PAGE / ((size + 15) & ~7UL)));
		done();
		sim_sys_reset();
	}
}

/* A drain that takes nothing is not asked again and again by whoever tries again and again. */
static void kicks_that_do_not_help(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = count_calls, .kick_bytes = PAGE);
	int calls = 0;
	void *data;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		ring(PAGE, NULL);
		sim_clock_start(1000 * MSEC);
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		opts.kick_ctx = &calls;
		assert_int_equal(open_with(&opts), 0);
		/* what is in the way is not even submitted */
		assert_int_equal(bpfring_producer_reserve(p, 4000, &data), 0);
		calls = 0;
		for (int i = 0; i < 100; i++)
			assert_int_equal(put_sample(1, 1000), -ENOSPC);
		assert_int_equal(calls, 0);
		assert_int_equal(bpfring_producer_submit(p, data), 0);
		for (int i = 1; i <= 10; i++) {
			for (int k = 0; k < 100; k++)
				assert_int_equal(put_sample(1, 1000), -ENOSPC);
			assert_int_equal(calls, i);
			sim_clock_advance(MSEC); /* then it may help again */
		}
		/* progress: it is worth another try at once */
		assert_int_equal(put_sample(1, 1000), -ENOSPC);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		assert_int_equal(put_sample(1, 4000), 0);
		calls = 0;
		assert_int_equal(put_sample(1, 1000), -ENOSPC);
		assert_int_equal(calls, 1);
		done();
		sim_sys_reset();
	}
}

/* Of a producer that is not asked to kick by itself. */
static void no_kicks_unasked(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = count_calls);
	int calls = 0;
	void *data;

	(void)state;
	ring(PAGE, NULL);
	opts.kick_ctx = &calls;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(put_sample(1, 4000), 0);
	assert_int_equal(put_sample(1, 1000), -ENOSPC);
	assert_int_equal(calls, 0);
	assert_int_equal(bpfring_producer_reserve_wait(p, 1000, 0, &data), -ETIMEDOUT);
	assert_int_equal(calls, 1);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(kicks_by_itself),	  rig_test(what_a_kick_may_return),
		rig_test(errors_of_the_kernel),	  rig_test(levels_that_are_never_reached),
		rig_test(kicks_that_do_not_help), rig_test(no_kicks_unasked),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
