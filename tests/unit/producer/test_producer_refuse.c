// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every mistake that a program can make with a producer: what is said of it, and that it is said
 * once.
 */
#include "producer_rig.h"

#define REPEATS 800

static void *sample;

static int submit_again(void)
{
	return bpfring_producer_submit(p, sample);
}

static int discard_again(void)
{
	return bpfring_producer_discard(p, sample);
}

static int batch_again(void)
{
	struct bpfring_sample again[2] = {{.data = sample}, {.data = sample}};

	return bpfring_producer_submit_batch(p, again, 2);
}

static int reserve_too_much(void)
{
	void *data;

	return bpfring_producer_reserve(p, PAGE, &data);
}

static int reserve_batch_too_much(void)
{
	struct bpfring_sample batch = {.size = PAGE};

	return bpfring_producer_reserve_batch(p, &batch, 1);
}

static int output_too_much(void)
{
	static const uint8_t payload[2 * PAGE];

	return bpfring_producer_output(p, payload, sizeof(payload));
}

static int wait_for_too_much(void)
{
	void *data;

	return bpfring_producer_reserve_wait(p, PAGE, 0, &data);
}

static int wait_for_milliseconds(void)
{
	void *data;

	return bpfring_producer_reserve_wait(p, 8, -100, &data);
}

static int arm_too_early(void)
{
	return bpfring_producer_arm(p, 8);
}

static int arm_for_too_much(void)
{
	return bpfring_producer_arm(p, PAGE);
}

static int kick_nothing(void)
{
	return bpfring_producer_kick(p);
}

static int stats_of_no_size(void)
{
	struct bpfring_producer_stats stats = {0};

	return bpfring_producer_stats(p, &stats);
}

static int check_of_no_size(void)
{
	struct bpfring_recovery found = {0};

	return bpfring_producer_check(p, &found);
}

static int recover_of_no_size(void)
{
	struct bpfring_recovery found = {0};

	return bpfring_producer_recover(p, &found);
}

static int recover_with_one_open(void)
{
	void *data;
	int err;

	if (bpfring_producer_ring(p)->reserve_pos == bpfring_producer_ring(p)->published)
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	err = bpfring_producer_recover(p, NULL);
	return err;
}

/* The kernel's position, and those of others: these have to come last. */
static int submit_beside_another(void)
{
	void *data;

	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	sim_ring_set_prod(r, sim_ring_prod(r) + 16);
	return bpfring_producer_submit(p, data);
}

static int submit_written_over(void)
{
	void *first, *second;

	assert_int_equal(bpfring_producer_reserve(p, 8, &first), 0);
	assert_int_equal(bpfring_producer_reserve(p, 8, &second), 0);
	((uint32_t *)second)[-2] = 3000;
	bpfring_producer_submit(p, second);
	return bpfring_producer_submit(p, first);
}

static int reserve_behind_a_wild_position(void)
{
	void *data;

	sim_ring_set_cons(r, 4 * PAGE);
	return bpfring_producer_reserve(p, PAGE - 8, &data);
}

static int submit_to_closed(void)
{
	bpfring_producer_close(p);
	return bpfring_producer_submit(p, sample);
}

static int stats_of_closed(void)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);

	bpfring_producer_close(p);
	return bpfring_producer_stats(p, &stats);
}

static const struct {
	int (*mistake)(void);
	int err;
	const char *word;
	bool once; /* it cannot be repeated */
} mistakes[] = {
	{submit_again, -EINVAL, "submitted or discarded before", false},
	{discard_again, -EINVAL, "submitted or discarded before", false},
	{batch_again, -EINVAL, "submitted or discarded before", false},
	{reserve_too_much, -E2BIG, "bpfring_producer_max_sample()", false},
	{reserve_batch_too_much, -E2BIG, "max_entries", false},
	{output_too_much, -E2BIG, "max_entries", false},
	{wait_for_too_much, -E2BIG, "max_entries", false},
	{wait_for_milliseconds, -EINVAL, "nanoseconds", false},
	{arm_too_early, -EINVAL, "bpfring_producer_fd()", false},
	{arm_for_too_much, -E2BIG, "max_entries", false},
	{kick_nothing, -EOPNOTSUPP, "kick_prog_fd", false},
	{stats_of_no_size, -EINVAL, "BPFRING_OPTS()", false},
	{check_of_no_size, -EINVAL, "BPFRING_OPTS()", false},
	{recover_of_no_size, -EINVAL, "BPFRING_OPTS()", false},
	{recover_with_one_open, -EBUSY, "submit or discard them first", false},
	{submit_beside_another, -EBUSY, "take the claim", true},
	{submit_written_over, -EBADMSG, "beyond the end of a sample", true},
	{reserve_behind_a_wild_position, -EBADMSG, "BPFRING_PRODUCER_RECOVER", true},
	{submit_to_closed, -EBADF, "closed", false},
	{stats_of_closed, -EBADF, "closed", false},
};

/* What kicks by itself is not inline either: all ways say the same. */
static int open_as(unsigned int kind)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);

	opts.flags = kind == 1 ? BPFRING_PRODUCER_THREADS : 0;
	if (kind == 2) {
		opts.kick = no_kick;
		opts.kick_samples = 1000;
	}
	return open_with(&opts);
}

static void mistakes_are_explained_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		for (unsigned int kind = 0; kind < 3; kind++) {
			if (kind == 2 && mistakes[i].mistake == kick_nothing)
				continue;
			ring(PAGE, NULL);
			assert_int_equal(open_as(kind), 0);
			assert_int_equal(bpfring_producer_reserve(p, 8, &sample), 0);
			assert_int_equal(bpfring_producer_submit(p, sample), 0);
			for (int k = 0; k < (mistakes[i].once ? 1 : REPEATS); k++)
				assert_int_equal(mistakes[i].mistake(), mistakes[i].err);
			assert_logged("libbpfring: map 'commands' id 7: ",
				      bpfring_errname(mistakes[i].err), mistakes[i].word);
			done();
			sim_sys_reset();
		}
	}
}

/* Another producer, or the next on the same memory, has not said anything yet. */
static void each_for_itself(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		ring(PAGE, NULL);
		assert_int_equal(open_with(NULL), 0);
		assert_int_equal(kick_nothing(), -EOPNOTSUPP);
		assert_logged("nothing to kick");
		assert_int_equal(arm_too_early(), -EINVAL);
		assert_logged("bpfring_producer_fd()");
		done();
		sim_sys_reset();
	}
}

/* A full ring and what was asked for are no mistakes. */
static void what_is_not_said(void **state)
{
	struct bpfring_sample batch = {.size = 8};
	void *data;

	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++) {
		ring(PAGE, NULL);
		assert_int_equal(open_as(kind), 0);
		assert_int_equal(put_sample(1, PAGE - 8), 0);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), -ENOSPC);
		assert_int_equal(bpfring_producer_reserve_batch(p, &batch, 1), -ENOSPC);
		assert_int_equal(bpfring_producer_output(p, "", 1), -ENOSPC);
		assert_int_equal(bpfring_producer_reserve_wait(p, 8, 0, &data), -ETIMEDOUT);
		assert_int_equal(bpfring_producer_stop(p), 0);
		assert_int_equal(bpfring_producer_reserve_wait(p, 8, -1, &data), -ECANCELED);
		done();
		sim_sys_reset();
	}
}

static int stop_in_the_child(void *ctx)
{
	void *data;

	(void)ctx;
	if (bpfring_producer_stop(p) != -ECHILD || log_lines()) /* it is for signal handlers */
		return 1;
	if (bpfring_producer_reserve(p, 8, &data) != -ECHILD || log_lines() != 1 ||
	    !strstr(log_text(), "forked"))
		return 2;
	return bpfring_producer_submit(p, sample) == -ECHILD && log_lines() == 1 ? 0 : 3;
}

static void a_forked_child(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++) {
		ring(PAGE, NULL);
		assert_int_equal(open_as(kind), 0);
		assert_int_equal(bpfring_producer_reserve(p, 8, &sample), 0);
		assert_int_equal(in_child(stop_in_the_child, NULL), 0);
		done();
		sim_sys_reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(mistakes_are_explained_once),
		rig_test(each_for_itself),
		rig_test(what_is_not_said),
		rig_test(a_forked_child),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
