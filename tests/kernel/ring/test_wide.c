// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Positions past 4 GiB. On a 64-bit kernel they are 64 bits wide, whatever the width of the
 * process: one that wrote only the low half would leave the kernel a full ring for ever.
 */
#include <stdio.h>

#include "kernel.h"

#define RING_SIZE  (16U << 20)
#define LARGE	   (LARGE_SIZE + 8ULL)
#define GIB	   (1ULL << 30)
#define NUMBER_POS 16 /* what a numbered record takes of the ring */

static int count_large(void *ctx, const void *data, size_t size)
{
	unsigned int *count = ctx;

	(void)data;
	assert_int_equal(size, LARGE_SIZE);
	++*count;
	return 0;
}

/* Puts and takes large records up to the last place for one before a position. */
static void go_near(const struct ring *r, struct bpfring_consumer *c, uint64_t *pos, uint64_t near)
{
	while (*pos + LARGE < near) {
		unsigned int count = 0;

		assert_int_equal(produce(r, OP_LARGE, 0, 1, 0, 0), 1);
		assert_int_equal(bpfring_consumer_wait(c, -1), 1);
		assert_int_equal(bpfring_consumer_consume(c, count_large, &count, NULL, NULL), 1);
		assert_int_equal(count, 1);
		*pos += LARGE;
	}
}

/* The same with numbers, in batches, so that none can be missed at the limit. */
static void go_across(const struct ring *r, struct bpfring_consumer *c, struct expect *expect,
		      uint64_t *pos, uint64_t limit)
{
	while (*pos < limit + 100 * NUMBER_POS) {
		put_numbers(r, MAX_COUNT, expect->next);
		assert_int_equal(bpfring_consumer_wait(c, -1), 1);
		assert_int_equal(bpfring_consumer_consume(c, take_number, expect, NULL, NULL),
				 MAX_COUNT);
		*pos += MAX_COUNT * NUMBER_POS;
	}
}

static void past_4_gib(void **state)
{
	struct ring r = ring_new(RING_SIZE);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct expect expect = {0};
	uint64_t pos = 0;

	(void)state;
	for (uint64_t limit = 4 * GIB; limit <= 8 * GIB; limit += 4 * GIB) {
		go_near(&r, c, &pos, limit);
		go_across(&r, c, &expect, &pos, limit);
		/* a second consumer begins where the first ended */
		bpfring_consumer_close(c);
		c = consumer_new(&r, 0);
		assert_int_equal(bpfring_consumer_wait(c, 0), 0);
	}
	bpfring_consumer_close(c);
	ring_free(&r);
}

/* The loop sleeps and is woken beyond it too. */
static void a_loop_past_4_gib(void **state)
{
	struct ring r = ring_new(RING_SIZE);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_loop *l = NULL;
	struct expect expect = {0};
	uint64_t pos = 0;

	(void)state;
	go_near(&r, c, &pos, 4 * GIB);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
	while (pos < 4 * GIB + 100 * NUMBER_POS) {
		uint64_t next = expect.next + MAX_COUNT;

		put_numbers(&r, MAX_COUNT, expect.next);
		while (expect.next < next) /* a slow machine needs more than one time slice */
			assert_true(bpfring_loop_poll(l, -1) > 0);
		pos += MAX_COUNT * NUMBER_POS;
	}
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	ring_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(past_4_gib),
		cmocka_unit_test(a_loop_past_4_gib),
	};
	const char *cannot = kernel_open();
	int failed;

	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
