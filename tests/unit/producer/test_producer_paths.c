// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * producer.h where it is not inline, for many threads: batches, closed producers, failing
 * descriptors.
 */
#include <unistd.h>

#include "producer/producer.h"
#include "producer_rig.h"
#include "stores.h"

static void open_for(bool threads, const struct start *start, bpfring_kick_fn kick, void *ctx)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);

	ring(PAGE, start);
	opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
	opts.kick = kick;
	opts.kick_ctx = ctx;
	opts.kick_samples = kick ? 4 : 0;
	assert_int_equal(open_with(&opts), 0);
}

static void open_for_threads(const struct start *start)
{
	open_for(true, start, NULL, NULL);
}

/* The lock is free, whatever happened. */
static void assert_left(void)
{
	assert_int_equal(p->lock.taken, 0);
}

static int drain_counted(void *ctx)
{
	++*(unsigned int *)ctx;
	return sim_drain(r, NULL, NULL, 0);
}

static void batches_of(bool threads)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);

	for_each_start(s)
	{
		struct bpfring_sample samples[4];
		unsigned int kicks = 0;

		open_for(threads, s, drain_counted, &kicks);
		for (int round = 0; round < 100; round++) {
			for (unsigned int i = 0; i < 4; i++)
				samples[i] = (struct bpfring_sample){.size = 8 * i};
			assert_int_equal(bpfring_producer_reserve_batch(p, samples, 4), 4);
			assert_left();
			assert_int_equal(bpfring_producer_stats(p, &stats), 0);
			assert_int_equal(stats.prod_pos, stats.cons_pos);
			for (unsigned int i = 1; i < 4; i++) /* one behind the other */
				assert_int_equal(((uintptr_t)samples[i].data -
						  (uintptr_t)samples[i - 1].data) %
							 PAGE,
						 8 * i);
			assert_int_equal(bpfring_producer_submit_batch(p, samples, 4), 4);
			assert_left();
			/* one kick, after the batch, drained it whole */
			assert_int_equal(kicks, (unsigned int)round + 1);
			assert_int_equal(bpfring_producer_free_space(p), PAGE);
		}
		assert_int_equal(bpfring_producer_reserve_batch(p, samples, 0), 0);
		assert_int_equal(bpfring_producer_submit_batch(p, samples, 0), 0);
		done();
		sim_sys_reset();
	}
}

static void batches(void **state)
{
	(void)state;
	batches_of(false);
	batches_of(true);
}

static void that_do_not_fit(bool threads)
{
	struct bpfring_sample samples[3] = {{.size = 2000}, {.size = 2000}, {.size = 2000}};
	struct bpfring_sample large[2] = {{.size = 8}, {.size = PAGE}};

	open_for(threads, NULL, NULL, NULL);
	assert_int_equal(bpfring_producer_reserve_batch(p, &large[1], 1), -E2BIG);
	assert_left();
	assert_logged("-E2BIG");
	assert_int_equal(bpfring_producer_reserve_batch(p, large, 2), 1);
	assert_left();
	assert_int_equal(bpfring_producer_discard(p, large[0].data), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 0);
	assert_int_equal(bpfring_producer_reserve_batch(p, samples, 3), 2);
	assert_int_equal(bpfring_producer_reserve_batch(p, &samples[2], 1), -ENOSPC);
	assert_left();
	assert_true(samples[2].data == NULL); /* written only on success */
	/* somebody waits: nobody else gets space, even if there is some */
	p->queue.keeps_space = true;
	assert_int_equal(bpfring_producer_reserve_batch(p, large, 1), -ENOSPC);
	p->queue.keeps_space = false;
	assert_int_equal(bpfring_producer_reserve_batch(p, large, 1), 1);
	assert_int_equal(bpfring_producer_submit_batch(p, large, 1), 1);
	assert_int_equal(bpfring_producer_submit_batch(p, samples, 2), 2);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 3);
	done();
	sim_sys_reset();
}

static void batches_that_do_not_fit(void **state)
{
	(void)state;
	that_do_not_fit(false);
	that_do_not_fit(true);
}

static void that_may_not_be_ended(bool threads)
{
	struct bpfring_sample samples[3] = {{.size = 8}, {.size = 8}, {.size = 8}};
	struct bpfring_sample twice[3];

	open_for(threads, NULL, NULL, NULL);
	assert_int_equal(bpfring_producer_reserve_batch(p, NULL, 1), -EINVAL);
	assert_int_equal(bpfring_producer_submit_batch(p, NULL, 1), -EINVAL);
	assert_int_equal(bpfring_producer_reserve_batch(p, samples, 3), 3);
	twice[0] = twice[1] = samples[0], twice[2] = samples[1];
	assert_int_equal(bpfring_producer_submit_batch(p, twice, 3), 2);
	assert_logged("-EINVAL", "not an open sample");
	assert_int_equal(bpfring_producer_submit(p, samples[2].data), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 3);
	assert_int_equal(bpfring_producer_reserve_batch(p, samples, 3), 3);
	assert_int_equal(bpfring_producer_submit(p, samples[1].data), 0);
	assert_int_equal(bpfring_producer_submit_batch(p, samples, 3), 2);
	assert_left();
	assert_int_equal(bpfring_producer_submit_batch(p, samples, 3), -EINVAL);
	assert_left();
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 3);
	/* a second producer */
	assert_int_equal(bpfring_producer_reserve_batch(p, samples, 3), 3);
	sim_ring_set_prod(r, 512);
	assert_int_equal(bpfring_producer_submit_batch(p, samples, 3), -EBUSY);
	assert_logged("-EBUSY", "another producer");
	assert_left();
	done();
	sim_sys_reset();
}

static void batches_that_may_not_be_ended(void **state)
{
	(void)state;
	that_may_not_be_ended(false);
	that_may_not_be_ended(true);
}

/* The kernel gets a batch at one moment: the position is stored once for it. */
static void a_batch_is_published_in_one_step(void **state)
{
	struct bpfring_sample samples[16];
	int watched;

	(void)state;
	open_for_threads(NULL);
	watched = watch_stores(bpfring_producer_ring(p)->prod_word, 8);
	if (watched < 0)
		done();
	skip_without_breakpoints(watched);
	for (unsigned int n = 1; n <= 16; n++) {
		uint64_t before = stores(watched);

		for (unsigned int i = 0; i < n; i++)
			samples[i] = (struct bpfring_sample){.size = 8 + i};
		assert_int_equal(bpfring_producer_reserve_batch(p, samples, n), n);
		assert_int_equal(stores(watched), before);
		assert_int_equal(bpfring_producer_submit_batch(p, samples, n), n);
		assert_int_equal(stores(watched), before + 1);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), n);
	}
	close(watched);
	done();
}

/* A sample as large as the ring: there is just enough space for it. */
static void armed_for_all_there_is(void **state)
{
	void *data;

	(void)state;
	open_for_threads(NULL);
	assert_true(bpfring_producer_fd(p) >= 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_producer_arm(p, PAGE - 8), 1);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
		assert_int_equal(bpfring_producer_arm(p, PAGE - 8), 0);
		assert_int_equal(bpfring_producer_arm(p, PAGE - 16 - 8), 1);
		assert_int_equal(bpfring_producer_arm(p, PAGE - 16 - 8 + 1), 0);
		assert_int_equal(bpfring_producer_submit(p, data), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
	}
	done();
}

static void after_close(void **state)
{
	struct bpfring_sample batch = {.size = 8};
	void *data;

	(void)state;
	open_for_threads(NULL);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	bpfring_producer_close(p);
	assert_int_equal(bpfring_producer_reserve_batch(p, &batch, 1), -EBADF);
	assert_int_equal(bpfring_producer_submit_batch(p, &batch, 1), -EBADF);
	assert_int_equal(bpfring_producer_submit(p, data), -EBADF);
	assert_int_equal(bpfring_producer_discard(p, data), -EBADF);
	assert_logged("-EBADF");
	assert_int_equal(bpfring_producer_free_space(p), 0);
	p = NULL;
	done();
}

/* Every call of fd() and arm() that can fail does so; the next attempt is none the worse for it. */
static void descriptors_that_fail(void **state)
{
	unsigned long calls;
	int fd;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_fd(NULL), -EINVAL);
	assert_int_equal(bpfring_producer_arm(NULL, 8), -EINVAL);
	assert_int_equal(bpfring_producer_arm(p, 8), -EINVAL); /* before fd() */
	assert_logged("-EINVAL", "bpfring_producer_fd() before");
	assert_int_equal(bpfring_producer_arm(p, PAGE), -E2BIG);
	assert_logged("-E2BIG");
	sim_sys_count_reset();
	assert_true(bpfring_producer_fd(p) >= 0);
	calls = sim_sys_count(NULL);
	assert_true(calls >= 3);
	bpfring_producer_close(p);
	assert_int_equal(open_with(NULL), 0);
	for (unsigned long n = 0; n < calls; n++) {
		int err;

		sim_sys_fail((long)n, NULL);
		fd = bpfring_producer_fd(p);
		assert_non_null(sim_sys_failed(&err));
		assert_int_equal(fd, err);
		sim_sys_fail(-1, NULL);
		assert_int_equal(bpfring_producer_arm(p, 8), -EINVAL); /* still not there */
	}
	log_forget();
	fd = bpfring_producer_fd(p);
	assert_true(fd >= 0);
	assert_int_equal(bpfring_producer_fd(p), fd);
	assert_int_equal(put_sample(1, 2000), 0);
	assert_int_equal(put_sample(1, 1500), 0);
	sim_sys_fail_always("epoll_add", -ENOMEM);
	assert_int_equal(bpfring_producer_arm(p, 2000), -ENOMEM);
	sim_sys_fail(-1, NULL);
	assert_int_equal(bpfring_producer_arm(p, 2000), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
	assert_int_equal(bpfring_producer_arm(p, 2000), 1);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(batches),
		rig_test(batches_that_do_not_fit),
		rig_test(batches_that_may_not_be_ended),
		rig_test(a_batch_is_published_in_one_step),
		rig_test(armed_for_all_there_is),
		rig_test(after_close),
		rig_test(descriptors_that_fail),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
