// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Consuming a real ring: order, discards, space, notifications, busy heads, taking over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel.h"

/* Edges of the map's descriptor since the last call. */
static int edges(int epoll_fd)
{
	struct epoll_event event;

	usleep(200); /* a notification is an interrupt that may still be on its way */
	return epoll_wait(epoll_fd, &event, 1, 0);
}

static int watch(const struct ring *r)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll_fd >= 0);
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r->fd, &event), 0);
	edges(epoll_fd);
	return epoll_fd;
}

static void records_come_in_order(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct expect expect = {0};

	(void)state;
	for (uint64_t round = 0; round < 2000; round++) {
		uint64_t n = round % 200;

		put_numbers(&r, n, expect.next);
		if (round % 3 == 0)
			assert_int_equal(produce(&r, OP_DISCARD, 0, 5, 0, 0), 5);
		assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), n);
	}
	assert_int_equal(consumer_stats(c).discards, 5 * ((2000 + 2) / 3));
	assert_int_equal(bpfring_consumer_avail_data(c), 0);
	bpfring_consumer_close(c);
	ring_free(&r);
}

static int size_is(void *ctx, const void *data, size_t size)
{
	(void)data;
	assert_int_equal(size, *(uint64_t *)ctx);
	return 0;
}

static void records_of_every_size(void **state)
{
	struct ring r = ring_new(8192);
	struct bpfring_consumer *c = consumer_new(&r, 0);

	(void)state;
	for (uint64_t size = 0; size <= 8192 - 16; size += size < 64 ? 1 : 13) {
		assert_int_equal(produce(&r, OP_OUTPUT, size, 1, 0, 0), 1);
		assert_int_equal(bpfring_consumer_consume(c, size_is, &size, NULL, NULL), 1);
	}
	assert_int_equal(produce(&r, OP_OUTPUT, 8192 - 15, 1, 0, 0), 0);
	bpfring_consumer_close(c);
	ring_free(&r);
}

static void quiet_commits_do_not_notify(void **state)
{
	(void)state;
	for (uint32_t loud = 0; loud < 2; loud++) {
		struct ring r = ring_new(4096);
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct expect expect = {0};
		int epoll_fd, count = 0;

		put_numbers(&r, 1, 0);
		assert_int_equal(bpfring_consumer_wait(c, -1), 1);
		bpfring_ring_set_quiet(bpfring_consumer_ring(c), !loud);
		assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 1);
		epoll_fd = watch(&r);
		for (int i = 0; i < 300; i++) {
			put_numbers(&r, 1, expect.next);
			count += edges(epoll_fd);
			assert_int_equal(
				bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 1);
		}
		assert_int_equal(count, loud ? 300 : 0);
		/* armed, the next one notifies again */
		assert_int_equal(bpfring_ring_arm(bpfring_consumer_ring(c)), 0);
		edges(epoll_fd);
		put_numbers(&r, 1, expect.next);
		assert_int_equal(edges(epoll_fd), 1);
		put_numbers(&r, 1, expect.next + 1);
		assert_int_equal(edges(epoll_fd), 0);
		close(epoll_fd);
		bpfring_consumer_close(c);
		ring_free(&r);
	}
}

/*
 * Which records fit, for fills and sizes all over one page: all but the last record, if it is
 * small.
 */
static void quiet_costs_the_last_record(void **state)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct ring r = ring_new(page);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_ring *cons = bpfring_consumer_ring(c);
	struct bpfring_record record;

	(void)state;
	for (uint64_t fill = 8; fill < page; fill += fill < 64 ? 8 : 328) {
		uint64_t last = 8 + fill % 512 / 8 * 8, kept = last <= page / 16 ? last : 0;

		for (uint64_t total = 8; total <= page - fill + 16; total += 8) {
			int fits;

			if (total > MAX_PAYLOAD)
				break;
			assert_int_equal(bpfring_ring_arm(cons), 0);
			bpfring_ring_set_quiet(cons, 1);
			assert_int_equal(produce(&r, OP_OUTPUT, last - 8, 1, 0, 0), 1);
			assert_int_equal(bpfring_ring_peek(cons, &record), 1);
			assert_int_equal(bpfring_ring_release(cons), 0);
			if (!produce(&r, OP_OUTPUT, fill - 8, 1, 0, 0)) {
				assert_true(kept + fill >= page);
				continue;
			}
			fits = produce(&r, OP_OUTPUT, total - 8, 1, 0, 0);
			while (bpfring_ring_peek(cons, &record) == 1)
				;
			assert_int_equal(bpfring_ring_release(cons), 0);
			if (fits != (kept + fill + total < page))
				fail_msg("last %u, fill %u, record %u: %d", (unsigned int)last,
					 (unsigned int)fill, (unsigned int)total, fits);
		}
	}
	bpfring_consumer_close(c);
	ring_free(&r);
}

/* Somebody is gone without a word, quiet or loud; the next finds the exact place. */
static void taking_over(void **state)
{
	struct ring r = ring_new(4096);
	uint64_t number = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct bpfring_consumer *gone = consumer_new(&r, 0), *next;
		struct expect expect = {.next = number};
		struct bpfring_record record;

		bpfring_ring_set_quiet(bpfring_consumer_ring(gone), i % 3);
		put_numbers(&r, 3, number);
		assert_int_equal(bpfring_consumer_peek(gone, &record), 1);
		assert_int_equal(bpfring_consumer_release(gone), 0);
		assert_int_equal(bpfring_consumer_peek(gone, &record), 1); /* not released */
		next = consumer_new(&r, 0);
		expect.next = number + 1;
		assert_int_equal(bpfring_consumer_consume(next, take_number, &expect, NULL, NULL),
				 2);
		number += 3;
		/* the one that is gone is not, here: it notices, and changes nothing */
		assert_int_equal(bpfring_consumer_release(gone), -EBUSY);
		bpfring_consumer_close(gone);
		assert_int_equal(bpfring_consumer_avail_data(next), 0);
		put_numbers(&r, 1, number);
		expect.next = number++;
		assert_int_equal(bpfring_consumer_consume(next, take_number, &expect, NULL, NULL),
				 1);
		bpfring_consumer_close(next);
	}
	ring_free(&r);
}

/* The program commits the second record first: a busy head in between, for a moment. */
static void out_of_order_commits(void **state)
{
	struct ring r = ring_new(16384);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_record record;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(produce(&r, OP_PAIR, 1 * 4 + 2, 1, 0, 0), 2);
		assert_int_equal(bpfring_consumer_peek(c, &record), 1);
		assert_int_equal(record.size, PAIR_SIZE_1);
		assert_int_equal(bpfring_consumer_peek(c, &record), 1);
		assert_int_equal(record.size, PAIR_SIZE_2);
		assert_int_equal(bpfring_consumer_release(c), 0);
	}
	bpfring_consumer_close(c);
	ring_free(&r);
}

struct seen {
	int count;
	enum bpfring_record_state states[8];
};

static int see(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	struct seen *seen = ctx;

	assert_int_equal(record->size, 8);
	assert_true(seen->count < 8);
	seen->states[seen->count++] = state;
	return 0;
}

static void a_busy_head(void **state)
{
	(void)state;
	for (int discard = 0; discard < 2; discard++) {
		struct ring r = ring_new(4096);
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct expect expect = {.next = 10};
		struct bpfring_record record;
		BPFRING_OPTS(bpfring_outcome, out);
		struct seen seen = {0};
		const char *cannot;
		struct busy b;

		put_numbers(&r, 1, 10);
		cannot = busy_begin(&b, &r, 0, discard);
		if (cannot) {
			bpfring_consumer_close(c);
			ring_free(&r);
			skip_because("%s", cannot);
		}
		put_numbers(&r, 2, discard ? 11 : 12);
		assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, &out), 1);
		assert_int_equal(out.end, BPFRING_END_BUSY_HEAD);
		assert_int_equal(bpfring_consumer_peek(c, &record), 0);
		assert_int_equal(bpfring_consumer_wait(c, MSEC), 0);
		assert_int_equal(bpfring_consumer_snapshot(c, see, &seen), 3);
		assert_int_equal(seen.states[0], BPFRING_RECORD_BUSY);
		assert_int_equal(seen.states[1], BPFRING_RECORD_READY);
		busy_end(&b, 11);
		if (discard) {
			seen.count = 0;
			assert_int_equal(bpfring_consumer_snapshot(c, see, &seen), 3);
			assert_int_equal(seen.states[0], BPFRING_RECORD_DISCARDED);
		}
		assert_int_equal(bpfring_consumer_wait(c, -1), 1);
		assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, &out),
				 discard ? 2 : 3);
		assert_int_equal(out.end, BPFRING_END_DRAINED);
		bpfring_consumer_close(c);
		ring_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_in_order),
		cmocka_unit_test(records_of_every_size),
		cmocka_unit_test(quiet_commits_do_not_notify),
		cmocka_unit_test(quiet_costs_the_last_record),
		cmocka_unit_test(taking_over),
		cmocka_unit_test(out_of_order_commits),
		cmocka_unit_test(a_busy_head),
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
