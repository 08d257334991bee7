// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A producer past 4 GiB of positions, which on a 64-bit kernel are 64 bits wide whatever the width
 * of the process: for one thread and for many, with full rings, and opened anew there.
 */
#include "user_rig.h"

#include <bpf/libbpf.h>

#define RING_SIZE (16U << 20)
#define HALF	  (RING_SIZE / 2)
#define GIB	  (1ULL << 30)
#define SMALL	  (sizeof(struct user_sample) + 8) /* of the ring */
#define AHEAD	  100				   /* small ones */

static void put_large(struct user_rig *rig, uint64_t size, uint64_t *pos)
{
	void *data;

	assert_int_equal(bpfring_producer_reserve(rig->p, (size_t)size - 8, &data), 0);
	assert_int_equal(bpfring_producer_submit(rig->p, data), 0);
	*pos += size;
}

/* Up to a few small samples before a position. */
static void go_near(struct user_rig *rig, uint64_t *pos, uint64_t near)
{
	while (*pos < near) {
		uint64_t size = near - *pos < HALF ? near - *pos : HALF;

		put_large(rig, size, pos);
		assert_int_equal(run(rig->skel->progs.drain_any), 1);
	}
}

/* In small batches, none of which may be lost or come twice. */
static void go_across(struct user_rig *rig, uint64_t *number, uint64_t *pos)
{
	for (int batch = 0; batch < 2 * AHEAD / 10; batch++) {
		for (int i = 0; i < 10; i++)
			assert_int_equal(put(rig->p, 0, (*number)++, sizeof(struct user_sample)),
					 0);
		assert_int_equal(run(rig->skel->progs.drain), 10);
		assert_int_equal(rig->skel->bss->out_of_order, 0);
		assert_int_equal(bpfring_producer_free_space(rig->p), RING_SIZE);
	}
	*pos += 2 * AHEAD * SMALL;
}

static void fill(struct user_rig *rig, uint64_t *pos)
{
	void *data;

	put_large(rig, HALF, pos);
	put_large(rig, HALF, pos);
	assert_int_equal(bpfring_producer_free_space(rig->p), 0);
	assert_int_equal(bpfring_producer_reserve_wait(rig->p, 8, MSEC, &data), -ETIMEDOUT);
	assert_int_equal(run(rig->skel->progs.drain_any), 2);
}

static void past_4_gib(uint32_t flags)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = flags);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct user_rig rig;
	uint64_t number = 0, pos = 0;

	rig_open(&rig, RING_SIZE, &opts);
	for (uint64_t limit = 4 * GIB; limit <= 8 * GIB; limit += 4 * GIB) {
		go_near(&rig, &pos, limit - AHEAD * SMALL);
		go_across(&rig, &number, &pos);
		fill(&rig, &pos);
		assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
		assert_true(stats.prod_pos == pos);
		assert_true(stats.cons_pos == pos);
		bpfring_producer_close(rig.p);
		assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
		assert_int_equal(bpfring_producer_free_space(rig.p), RING_SIZE);
	}
	assert_int_equal(rig.skel->bss->next[0], number);
	rig_close(&rig);
}

static void one_thread_past_4_gib(void **state)
{
	(void)state;
	past_4_gib(0);
}

static void threads_past_4_gib(void **state)
{
	(void)state;
	past_4_gib(BPFRING_PRODUCER_THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_past_4_gib),
		cmocka_unit_test(threads_past_4_gib),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
