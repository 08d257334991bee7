// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A child that is forked while another thread is inside the producer: its lock is taken there and
 * nobody will ever leave it. Whatever the child calls returns.
 */
#include <stdio.h>
#include <unistd.h>

#include "producer/prod_lock.h"
#include "producer/producer.h"
#include "producer_rig.h"

#define check(condition)                                                   \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "in the child: %s\n", #condition); \
			return 1;                                          \
		}                                                          \
	} while (0)

/* What the header says that a child may still do is right there, too. */
static int look(void *ctx)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);

	(void)ctx;
	alarm(20); /* or it would wait for ever */
	check(!bpfring_producer_stats(p, &stats));
	check(stats.samples == 3);
	check(stats.bytes == 3 * 16);
	check(stats.ring_size == PAGE);
	check(stats.prod_pos == 3 * 16);
	check(stats.cons_pos == 0);
	check(bpfring_producer_free_space(p) <= PAGE - 3 * 16);
	check(stats.map_id == ID);
	return 0;
}

static int try(void *ctx)
{
	static const char large[PAGE / 2];
	struct bpfring_sample sample = {.size = 8};
	void *data;

	alarm(20);
	check(bpfring_producer_reserve(p, 8, &data) == -ECHILD);
	check(bpfring_producer_reserve_wait(p, 8, 0, &data) == -ECHILD);
	check(bpfring_producer_reserve_batch(p, &sample, 1) == -ECHILD);
	check(bpfring_producer_output(p, "12345678", 8) == -ECHILD);
	check(bpfring_producer_output(p, large, sizeof(large)) == -ECHILD);
	check(bpfring_producer_submit(p, ctx) == -ECHILD);
	check(bpfring_producer_discard(p, ctx) == -ECHILD);
	sample.data = ctx;
	check(bpfring_producer_submit_batch(p, &sample, 1) == -ECHILD);
	check(bpfring_producer_kick(p) == -ECHILD);
	check(bpfring_producer_stop(p) == -ECHILD);
	check(bpfring_producer_resume(p) == -ECHILD);
	check(bpfring_producer_fd(p) == -ECHILD);
	check(bpfring_producer_arm(p, 8) == -ECHILD);
	check(bpfring_producer_check(p, NULL) == -ECHILD);
	check(bpfring_producer_recover(p, NULL) == -ECHILD);
	return 0;
}

static int close_it(void *ctx)
{
	(void)ctx;
	alarm(20);
	bpfring_producer_close(p);
	check(bpfring_producer_kick(p) == -EBADF);
	return 0;
}

static void forked_while_the_lock_is_taken(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	void *data;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(&opts), 0);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(put_sample(i, 8), 0);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	bpfring_prod_lock(&p->lock); /* as a thread does that is interrupted there */
	assert_int_equal(in_child(look, NULL), 0);
	assert_int_equal(in_child(try, data), 0);
	assert_int_equal(in_child(close_it, NULL), 0);
	bpfring_prod_unlock(&p->lock);
	/* the parent's own did not suffer */
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 4);
	log_forget();
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(forked_while_the_lock_is_taken),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
