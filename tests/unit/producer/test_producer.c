// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* producer.h on the replaced system: opening, options, errors, closing. */
#include "producer_rig.h"

static void open_and_close(void **state)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);

	(void)state;
	for_each_start(s)
	{
		ring(PAGE, s);
		assert_int_equal(open_with(NULL), 0);
		assert_int_equal(bpfring_producer_max_sample(p), PAGE - 8);
		assert_int_equal(bpfring_producer_free_space(p), PAGE);
		assert_true(bpfring_producer_map_fd(p) >= 0);
		assert_true(bpfring_producer_claim_fd(p) >= 0);
		for (int i = 0; i < 100; i++) {
			assert_int_equal(put_sample(1, 500), 0);
			assert_int_equal(put_sample(2, 33), 0);
			assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
		}
		assert_int_equal(put_sample(3, 0), 0);
		assert_int_equal(bpfring_producer_stats(p, &stats), 0);
		assert_int_equal(stats.samples, 201);
		assert_int_equal(stats.bytes, 100 * (512 + 48) + 8);
		assert_int_equal(stats.ring_size, PAGE);
		assert_int_equal(stats.prod_pos - stats.cons_pos, 8);
		assert_int_equal(stats.map_id, ID);
		assert_string_equal(stats.map_name, "commands");
		/* the next one goes on behind what was submitted */
		bpfring_producer_close(p);
		assert_int_equal(open_with(NULL), 0);
		assert_int_equal(bpfring_producer_free_space(p), PAGE - 8);
		assert_int_equal(put_sample(4, 0), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
		done();
		sim_sys_reset();
	}
	bpfring_producer_close(NULL);
}

static void after_close(void **state)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct bpfring_sample batch = {.size = 8};
	void *data, *other;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	bpfring_producer_close(p);
	assert_int_equal(bpfring_producer_submit(p, data), -EBADF);
	assert_int_equal(bpfring_producer_discard(p, data), -EBADF);
	assert_int_equal(bpfring_producer_submit_batch(p, &batch, 1), -EBADF);
	assert_int_equal(bpfring_producer_reserve(p, 8, &other), -EBADF);
	assert_int_equal(bpfring_producer_reserve_batch(p, &batch, 1), -EBADF);
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, -1, &other), -EBADF);
	assert_int_equal(bpfring_producer_kick(p), -EBADF);
	assert_int_equal(bpfring_producer_stop(p), -EBADF);
	assert_int_equal(bpfring_producer_resume(p), -EBADF);
	assert_int_equal(bpfring_producer_fd(p), -EBADF);
	assert_int_equal(bpfring_producer_arm(p, 8), -EBADF);
	assert_int_equal(bpfring_producer_check(p, NULL), -EBADF);
	assert_int_equal(bpfring_producer_recover(p, NULL), -EBADF);
	assert_int_equal(bpfring_producer_claim_fd(p), -EBADF);
	assert_int_equal(bpfring_producer_stats(p, &stats), -EBADF);
	assert_int_equal(bpfring_producer_map_fd(p), -EBADF); /* and not 0, which is open */
	assert_logged("commands", "-EBADF", "closed");	      /* once, of all these */
	bpfring_producer_close(p);
	/* a sample of the producer before */
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_submit(p, data), -EINVAL);
	assert_logged("commands", "-EINVAL", "another producer");
	done();
}

static void what_cannot_be_opened(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(bpfring_producer_open(NULL, r->event_fd, NULL), -EINVAL);
	assert_int_equal(bpfring_producer_open_pinned(&p, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_producer_open(&p, -1, NULL), -EBADF);
	assert_logged("fd -1");
	map->info.type = BPF_MAP_TYPE_RINGBUF;
	assert_int_equal(open_with(NULL), -EINVAL);
	assert_logged("commands", "ringbuf", "user_ringbuf");
	map->info.type = BPF_MAP_TYPE_USER_RINGBUF;
	map->info.id = 0; /* the claim is in the ring, whatever the map is called */
	assert_int_equal(open_with(NULL), 0);
	bpfring_producer_close(p);
	opts.flags = BPFRING_PRODUCER_UNCLAIMED;
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(bpfring_producer_claim_fd(p), -ENOENT);
	assert_logged("-ENOENT", "no claim");
	assert_int_equal(bpfring_producer_recover(p, NULL), -EPERM);
	assert_logged("without the claim");
	bpfring_producer_close(p);
	map->info.id = ID;
	map->mmap_error = -EPERM;
	map->frozen = 1;
	assert_int_equal(open_with(NULL), -EPERM);
	assert_logged("frozen");
	map->mmap_error = -EACCES;
	assert_int_equal(open_with(NULL), -EACCES);
	assert_logged("read-only");
	map->mmap_error = 0;
	sim_ring_set_prod(r, 4);
	assert_int_equal(open_with(NULL), -EBADMSG);
	assert_logged("corrupt", "BPFRING_PRODUCER_RECOVER");
	sim_sys_set_lookup(-ENOENT);
	assert_int_equal(bpfring_producer_open_pinned(&p, "/sys/fs/bpf/x", NULL), -ENOENT);
	assert_logged("/sys/fs/bpf/x");
	sim_ring_set_prod(r, 0);
	sim_sys_set_lookup(r->event_fd);
	assert_int_equal(bpfring_producer_open_pinned(&p, "/sys/fs/bpf/x", NULL), 0);
	done();
}

static void options_that_contradict(void **state)
{
	static const struct bpfring_producer_opts bad[] = {
		{.sz = sizeof(bad[0]), .flags = 1U << 31},
		{.sz = sizeof(bad[0]), .reserved = 1},
		{.sz = sizeof(bad[0]), .claim_fd = -1},
		{.sz = sizeof(bad[0]), .kick_prog_fd = -1},
		{.sz = sizeof(bad[0]), .claim_fd = 3, .flags = BPFRING_PRODUCER_UNCLAIMED},
		{.sz = sizeof(bad[0]), .kick_prog_fd = 3, .kick = no_kick},
		{.sz = sizeof(bad[0]), .kick_samples = 1},
		{.sz = sizeof(bad[0]), .kick_bytes = 1},
		{.sz = sizeof(bad[0]),
		 .flags = BPFRING_PRODUCER_UNCLAIMED | BPFRING_PRODUCER_RECOVER},
	};
	struct {
		struct bpfring_producer_opts known;
		uint64_t later;
	} longer = {.known.sz = sizeof(longer)};
	struct bpfring_producer_opts short_opts = {
		.sz = offsetof(struct bpfring_producer_opts, claim_fd)};
	struct bpfring_producer_opts level = {.sz = sizeof(level), .kick = no_kick};

	(void)state;
	ring(PAGE, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(open_with(&bad[i]), -EINVAL);
		assert_null(p);
		assert_logged("struct bpfring_producer_opts");
	}
	level.kick_bytes = PAGE + 1; /* never reached */
	assert_int_equal(open_with(&level), -EINVAL);
	assert_logged("commands", "kick_bytes");
	level.kick_bytes = UINT64_MAX;
	assert_int_equal(open_with(&level), -EINVAL);
	assert_logged("commands", "kick_bytes");
	level.kick_bytes = PAGE;
	assert_int_equal(open_with(&level), 0);
	bpfring_producer_close(p);
	assert_int_equal(open_with(&longer.known), 0);
	bpfring_producer_close(p);
	longer.later = 1;
	assert_int_equal(open_with(&longer.known), -E2BIG);
	log_forget();
	assert_int_equal(open_with(&short_opts), 0);
	done();
}

static void the_claim(void **state)
{
	struct bpfring_producer *second = NULL;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_open(&second, r->event_fd, NULL), -EBUSY);
	assert_logged("commands", "another holds the claim of the producer");
	bpfring_producer_close(p);
	assert_int_equal(open_with(NULL), 0);
	done();
}

/* Every call that can fail does so once; nothing is left behind (rig_teardown). */
static void every_failure_of_opening(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	unsigned long calls;

	(void)state;
	ring(PAGE, NULL);
	sim_sys_prog(r->memory_fd, no_kick, NULL);
	opts.kick_prog_fd = r->memory_fd;
	sim_sys_count_reset();
	assert_int_equal(open_with(&opts), 0);
	calls = sim_sys_count(NULL);
	bpfring_producer_close(p);
	assert_true(calls > 8);
	for (unsigned long n = 0; n < calls; n++) {
		int err, result;

		sim_sys_fail((long)n, NULL);
		result = open_with(&opts);
		assert_non_null(sim_sys_failed(&err));
		if (result)
			assert_null(p);
		bpfring_producer_close(p);
		log_forget();
	}
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(open_and_close),
		rig_test(after_close),
		rig_test(what_cannot_be_opened),
		rig_test(options_that_contradict),
		rig_test(the_claim),
		rig_test(every_failure_of_opening),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
