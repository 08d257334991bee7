// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Others who only look at a ring: they do not disturb its consumer, nor does an idle ring disturb
 * them.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel.h"

#define LOOKS 10000 /* by the factor of slowness() fewer */

static struct scene {
	struct ring ring;
	struct bpfring_loop *loop;
	struct bpfring_consumer *c;
	struct expect expect;
	uint64_t put;
	atomic_bool stop;
	int result;
	bool by_hand; /* peek and release, and an epoll of its own */
} s;

static void *produce_some(void *ctx)
{
	uint32_t random = 1;

	(void)ctx;
	while (!atomic_load(&s.stop)) {
		random = random * 1664525 + 1013904223;
		if (random >> 24 < 100)
			produce(&s.ring, OP_DISCARD, 0, random >> 16 & 15, 0, 0);
		s.put += (uint64_t)produce(&s.ring, OP_NUMBER, 0, random >> 20 & 7, s.put, 0);
		if (random >> 28 == 0)
			usleep(random >> 16 & 1023);
		else
			sched_yield();
	}
	return NULL;
}

static int consume_by_hand(void)
{
	while (!atomic_load(&s.stop)) {
		struct bpfring_record record;
		int err = bpfring_consumer_wait(s.c, MSEC);

		while (err >= 0 && (err = bpfring_consumer_peek(s.c, &record)) == 1) {
			take_number(&s.expect, record.data, record.size);
			err = bpfring_consumer_release(s.c);
		}
		if (err < 0)
			return err;
	}
	return 0;
}

static void *consume(void *ctx)
{
	(void)ctx;
	s.result = s.by_hand ? consume_by_hand() : bpfring_loop_run(s.loop);
	return NULL;
}

static int count(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	(void)record, (void)state;
	++*(unsigned long *)ctx;
	return 0;
}

/* Everything that does not take a record. */
static void look(int how, unsigned long *seen)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
	struct bpfring_record record;
	struct bpfring_consumer *c;
	int n;

	assert_int_equal(bpfring_consumer_open(&c, s.ring.fd, NULL), 0);
	assert_int_equal(bpfring_consumer_stats(c, &stats), 0);
	assert_true(bpfring_consumer_avail_data(c) <= s.ring.size);
	n = bpfring_consumer_snapshot(c, count, seen);
	if (n < 0)
		fail_msg("snapshot: %d", n);
	if (how & 1) {
		do
			n = bpfring_consumer_peek(c, &record);
		while (n == 1 && how & 2);
		if (how & 4)
			bpfring_consumer_cancel(c);
	}
	if (how & 8)
		usleep(100);
	bpfring_consumer_close(c);
}

static void ten_thousand_looks(bool by_hand, uint32_t wait)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait);
	pthread_t producer, consumer;
	unsigned long seen = 0;

	s = (struct scene){.ring = ring_new(16384), .by_hand = by_hand};
	s.c = consumer_new(&s.ring, 0);
	if (!by_hand) {
		assert_int_equal(bpfring_loop_new(&s.loop, &opts), 0);
		assert_int_equal(bpfring_loop_add(s.loop, s.c, take_number, &s.expect), 0);
	}
	log_forget();
	assert_int_equal(pthread_create(&producer, NULL, produce_some, NULL), 0);
	assert_int_equal(pthread_create(&consumer, NULL, consume, NULL), 0);
	for (int i = 0; i < LOOKS / slowness(); i++)
		look(i, &seen);
	atomic_store(&s.stop, true);
	pthread_join(producer, NULL);
	if (s.loop)
		bpfring_loop_stop(s.loop);
	pthread_join(consumer, NULL);
	if (s.result)
		fail_msg("the consumer was disturbed: %s; %s", bpfring_errname(s.result),
			 log_text());
	bpfring_loop_free(s.loop);
	assert_true(bpfring_consumer_consume(s.c, take_number, &s.expect, NULL, NULL) >= 0);
	assert_int_equal(s.expect.next, s.put);
	assert_true(s.put > 0);
	bpfring_consumer_close(s.c);
	ring_free(&s.ring);
}

static void beside_a_loop(void **state)
{
	(void)state;
	ten_thousand_looks(false, BPFRING_WAIT_ADAPTIVE);
}

static void beside_one_that_sleeps(void **state)
{
	(void)state;
	ten_thousand_looks(false, BPFRING_WAIT_SLEEP);
}

static void beside_peek_and_release(void **state)
{
	(void)state;
	ten_thousand_looks(true, 0);
}

/* How often a level-triggered epoll, as another process would have it, returns within 20 ms. */
static unsigned int returns(int epoll_fd)
{
	int64_t until = monotonic() + 20 * MSEC;
	struct epoll_event event;
	unsigned int n = 0;

	while (monotonic() < until)
		n += epoll_wait(epoll_fd, &event, 1, 5) == 1;
	return n;
}

static int consume_nothing(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static void an_idle_ring_is_silent(void **state)
{
	struct ring r = ring_new(4096);
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r.fd, &event), 0);
	for (int i = 0; i < 8; i++) {
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct bpfring_loop *l = NULL;

		put_numbers(&r, 3, 0);
		produce(&r, OP_DISCARD, 0, (uint64_t)i % 3, 0, 0);
		if (i & 1) { /* in a loop, until it is armed */
			assert_int_equal(bpfring_loop_new(&l, NULL), 0);
			assert_int_equal(bpfring_loop_add(l, c, consume_nothing, NULL), 0);
			assert_int_equal(bpfring_loop_poll(l, MSEC), 3);
			while (bpfring_loop_poll(l, 10 * MSEC))
				;
		} else {
			assert_int_equal(bpfring_consumer_wait(c, -1), 1);
			assert_int_equal(
				bpfring_consumer_consume(c, consume_nothing, NULL, NULL, NULL), 3);
		}
		if (i & 2) /* armed, or closed while it is quiet */
			assert_int_equal(l ? bpfring_loop_poll(l, 0) : bpfring_consumer_wait(c, 0),
					 0);
		else
			bpfring_consumer_close(c);
		if (returns(epoll_fd) > 1)
			fail_msg("case %d: an idle ring is not silent", i);
		if (i & 2)
			bpfring_consumer_close(c);
		bpfring_loop_free(l);
	}
	close(epoll_fd);
	ring_free(&r);
}

/* With an epoll of one's own, behind nothing but discarded records. */
static void discards_do_not_keep_an_epoll_awake(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct bpfring_record record;
	unsigned int taken = 0;

	(void)state;
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r.fd, &event), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(produce(&r, OP_DISCARD, 0, 7, 0, 0), 7);
		if (i % 50 == 0)
			put_numbers(&r, 1, (uint64_t)i);
		assert_int_equal(epoll_wait(epoll_fd, &event, 1, 1000), 1);
		while (bpfring_consumer_peek(c, &record) == 1) {
			taken++;
			assert_int_equal(bpfring_consumer_release(c), 0);
		}
		assert_int_equal(epoll_wait(epoll_fd, &event, 1, 0), 0);
	}
	assert_int_equal(taken, 20);
	close(epoll_fd);
	bpfring_consumer_close(c);
	ring_free(&r);
}

/* Neither discards nor notifications without a record end a wait. */
static void a_wait_ends_with_a_record_only(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_record record;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(produce(&r, OP_DISCARD, 0, 3, 0, i % 2 ? FORCE_WAKEUP : 0), 3);
		assert_int_equal(bpfring_consumer_wait(c, i % 4 ? 0 : MSEC), 0);
		assert_int_equal(bpfring_consumer_avail_data(c), 0);
		if (i % 3)
			continue;
		assert_int_equal(produce(&r, OP_DISCARD, 0, 3, 0, FORCE_WAKEUP), 3);
		put_numbers(&r, 1, 5);
		assert_int_equal(bpfring_consumer_wait(c, -1), 1);
		assert_int_equal(bpfring_consumer_peek(c, &record), 1);
		assert_int_equal(bpfring_consumer_release(c), 0);
	}
	bpfring_consumer_close(c);
	ring_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_loop),
		cmocka_unit_test(beside_one_that_sleeps),
		cmocka_unit_test(beside_peek_and_release),
		cmocka_unit_test(an_idle_ring_is_silent),
		cmocka_unit_test(discards_do_not_keep_an_epoll_awake),
		cmocka_unit_test(a_wait_ends_with_a_record_only),
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
