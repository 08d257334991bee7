// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The loop on real rings: every wait mode, idle, busy heads, many rings, inside another loop. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"

static const char *const modes[] = {"adaptive", "sleep", "coalesce", "spin"};

static struct bpfring_loop *loop_new(uint32_t wait)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait);
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	return l;
}

static struct bpfring_loop_stats loop_stats(const struct bpfring_loop *l)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};

	assert_int_equal(bpfring_loop_stats(l, &stats), 0);
	return stats;
}

struct producer {
	const struct ring *ring;
	uint64_t records;
	useconds_t gap;
};

static void *produce_numbers(void *ctx)
{
	const struct producer *p = ctx;

	for (uint64_t n = 0; n < p->records;) {
		uint64_t left = p->records - n;
		uint64_t want = p->gap ? 1 : left < MAX_COUNT ? left : MAX_COUNT;

		n += (uint64_t)produce(p->ring, OP_NUMBER, 0, want, n, 0);
		if (p->gap)
			usleep(p->gap);
	}
	return NULL;
}

/* Records are produced as fast as possible, often, now and then: all come, in order. */
static void every_mode_at_every_rate(void **state)
{
	static const struct {
		useconds_t gap;
		uint64_t records;
	} rates[] = {{0, 300000}, {1, 3000}, {300, 500}, {20000, 10}};

	(void)state;
	for (uint32_t wait = 0; wait < ARRAY_SIZE(modes); wait++) {
		for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
			struct ring r = ring_new(16384);
			struct bpfring_consumer *c = consumer_new(&r, 0);
			struct bpfring_loop *l = loop_new(wait);
			struct producer p = {&r, rates[i].records, rates[i].gap};
			struct expect expect = {0};
			pthread_t thread;

			assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
			assert_int_equal(pthread_create(&thread, NULL, produce_numbers, &p), 0);
			while (expect.next < p.records) {
				int64_t before = monotonic();

				assert_true(bpfring_loop_poll(l, limit(5000 * MSEC)) >= 0);
				if (monotonic() - before > limit(4000 * MSEC))
					fail_msg("%s, gap %u: stuck at record %llu", modes[wait],
						 rates[i].gap, (unsigned long long)expect.next);
			}
			pthread_join(thread, NULL);
			assert_int_equal(consumer_stats(c).records, p.records);
			bpfring_loop_free(l);
			bpfring_consumer_close(c);
			ring_free(&r);
		}
	}
}

static void a_steady_stream_hardly_notifies(void **state)
{
	struct ring r = ring_new(65536);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_loop *l = loop_new(BPFRING_WAIT_ADAPTIVE);
	struct producer p = {&r, 100000, 0};
	struct expect expect = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce_numbers, &p), 0);
	while (expect.next < p.records)
		assert_true(bpfring_loop_poll(l, -1) >= 0);
	pthread_join(thread, NULL);
	assert_true(consumer_stats(c).wakeups < 1000);
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	ring_free(&r);
}

/* A loop in a thread of its own, until it is stopped. */
struct runner {
	struct bpfring_loop *l;
	pthread_t thread;
	pid_t tid;
	int64_t cpu;
};

static void *run_loop(void *ctx)
{
	struct runner *runner = ctx;
	int64_t before = thread_cpu();

	__atomic_store_n(&runner->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (bpfring_loop_run(runner->l))
		runner->cpu = -1;
	else
		runner->cpu = thread_cpu() - before;
	return NULL;
}

static void runner_start(struct runner *runner, struct bpfring_loop *l)
{
	*runner = (struct runner){.l = l};
	assert_int_equal(pthread_create(&runner->thread, NULL, run_loop, runner), 0);
	while (!__atomic_load_n(&runner->tid, __ATOMIC_ACQUIRE))
		usleep(100);
}

static void runner_stop(struct runner *runner)
{
	assert_int_equal(bpfring_loop_stop(runner->l), 0);
	pthread_join(runner->thread, NULL);
	assert_true(runner->cpu >= 0);
}

/* After it went to sleep the thread is not scheduled once, so it makes no system call. */
static void an_idle_loop_does_nothing(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		struct ring r = ring_new(4096);
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct bpfring_loop *l = loop_new(wait);
		struct expect expect = {0};
		struct runner runner;
		unsigned long before;

		put_numbers(&r, 5, 0);
		assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
		runner_start(&runner, l);
		usleep(200000);
		before = context_switches(runner.tid);
		usleep(1000000);
		assert_int_equal(context_switches(runner.tid), before);
		runner_stop(&runner);
		assert_int_equal(expect.next, 5);
		bpfring_loop_free(l);
		bpfring_consumer_close(c);
		ring_free(&r);
	}
}

static void a_busy_head_costs_nothing(void **state)
{
	static const uint64_t flags[] = {0, NO_WAKEUP};

	(void)state;
	for (uint32_t i = 0; i < 2 * BPFRING_WAIT_SPIN; i++) {
		struct ring r = ring_new(4096);
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct bpfring_loop *l = loop_new(i / 2);
		struct expect expect = {0};
		struct runner runner;
		const char *cannot;
		int64_t committed, late;
		struct busy b;

		put_numbers(&r, 3, 0);
		cannot = busy_begin(&b, &r, flags[i % 2], false);
		if (cannot) {
			bpfring_loop_free(l);
			bpfring_consumer_close(c);
			ring_free(&r);
			skip_because("%s", cannot);
		}
		assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
		runner_start(&runner, l);
		usleep(1000000);
		committed = monotonic();
		busy_end(&b, 3);
		usleep(100000);
		runner_stop(&runner);
		assert_int_equal(expect.next, 4);
		late = expect.last_at - committed;
		print_message("%s%s: %lld us of CPU in a second, delivered %lld us after commit\n",
			      modes[i / 2], i % 2 ? ", no wakeup" : "",
			      (long long)runner.cpu / 1000, (long long)late / 1000);
		/* the commit itself takes part of that time: the program has to wake up first */
		assert_in_range(late, 0, limit(i % 2 ? 90 * MSEC : 30 * MSEC));
		assert_true(runner.cpu < limit(11 * MSEC));
		assert_int_equal(consumer_stats(c).busy_waits, 1);
		assert_in_range(consumer_stats(c).busy_max_ns, 900 * MSEC, 1500 * MSEC);
		bpfring_loop_free(l);
		bpfring_consumer_close(c);
		ring_free(&r);
	}
}

static void waiting_before_a_busy_head(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct expect expect = {0};
	const char *cannot;
	int64_t cpu;
	struct busy b;

	(void)state;
	cannot = busy_begin(&b, &r, 0, false);
	if (cannot) {
		bpfring_consumer_close(c);
		ring_free(&r);
		skip_because("%s", cannot);
	}
	cpu = thread_cpu();
	assert_int_equal(bpfring_consumer_wait(c, 500 * MSEC), 0);
	assert_true(thread_cpu() - cpu < limit(5 * MSEC));
	busy_end(&b, 0);
	assert_int_equal(bpfring_consumer_wait(c, -1), 1);
	assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 1);
	bpfring_consumer_close(c);
	ring_free(&r);
}

static void many_rings(void **state)
{
	enum { RINGS = 300 };
	static struct ring rings[RINGS];
	static struct bpfring_consumer *c[RINGS];
	static struct expect expect[RINGS];
	struct bpfring_loop *l = loop_new(BPFRING_WAIT_ADAPTIVE);
	int handled = 0;

	(void)state;
	for (int i = 0; i < RINGS; i++) {
		rings[i] = ring_new_at(i + 1, 4096);
		c[i] = consumer_new(&rings[i], 0);
		assert_int_equal(bpfring_loop_add(l, c[i], take_number, &expect[i]), 0);
	}
	assert_int_equal(bpfring_loop_poll(l, MSEC), 0);
	assert_int_equal(loop_stats(l).active, 0);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < RINGS; i++)
			put_numbers(&rings[i], 1, (uint64_t)round);
	while (handled < 3 * RINGS) {
		int n = bpfring_loop_poll(l, 1000 * MSEC);

		assert_true(n > 0);
		handled += n;
	}
	/* one active: the others have no part in it */
	while (loop_stats(l).active)
		assert_int_equal(bpfring_loop_poll(l, MSEC), 0);
	for (uint64_t i = 3; i < 200; i++) {
		put_numbers(&rings[7], 1, i);
		assert_int_equal(bpfring_loop_poll(l, 1000 * MSEC), 1);
		assert_true(loop_stats(l).active <= 1);
	}
	bpfring_loop_free(l);
	for (int i = 0; i < RINGS; i++) {
		bpfring_consumer_close(c[i]);
		ring_free(&rings[i]);
	}
}

/* What is committed with BPF_RB_NO_WAKEUP is found by the tick. */
static void silent_producers(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .tick_ns = 10 * MSEC);
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_loop *l = NULL;
	struct expect expect = {0};

	(void)state;
	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	for (uint64_t i = 0; i < 10; i++) {
		assert_int_equal(produce(&r, OP_NUMBER, 0, 1, i, NO_WAKEUP), 1);
		assert_int_equal(bpfring_loop_poll(l, 1000 * MSEC), 1);
	}
	/* and FORCE_WAKEUP notifies a loop that is armed */
	assert_int_equal(produce(&r, OP_NUMBER, 0, 1, 10, FORCE_WAKEUP), 1);
	assert_int_equal(bpfring_loop_poll(l, 1000 * MSEC), 1);
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	ring_free(&r);
}

/* In a level-triggered outer loop: readable for every record, silent before a busy head. */
static void inside_another_loop(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c = consumer_new(&r, 0);
	struct bpfring_loop *l = loop_new(BPFRING_WAIT_ADAPTIVE);
	struct expect expect = {0};
	struct pollfd outer;
	const char *cannot;
	int dispatches = 0;
	struct busy b;

	(void)state;
	assert_int_equal(bpfring_loop_add(l, c, take_number, &expect), 0);
	outer = (struct pollfd){.fd = bpfring_loop_fd(l), .events = POLLIN};
	for (uint64_t i = 0; i < 300; i++) {
		put_numbers(&r, 1, i);
		while (expect.next <= i) {
			assert_int_equal(poll(&outer, 1, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
		}
		if (i % 50 == 0)
			usleep(5000);
	}
	while (poll(&outer, 1, 50) == 1)
		assert_true(bpfring_loop_dispatch(l) >= 0);
	assert_int_equal(poll(&outer, 1, 0), 0);
	cannot = busy_begin(&b, &r, 0, false);
	if (!cannot) {
		int64_t end = monotonic() + 300 * MSEC;

		put_numbers(&r, 1, 301);
		while (monotonic() < end) {
			if (poll(&outer, 1, 10) != 1)
				continue;
			assert_true(bpfring_loop_dispatch(l) >= 0);
			dispatches++;
		}
		assert_true(dispatches < 20);
		busy_end(&b, 300);
		while (expect.next < 302) {
			assert_int_equal(poll(&outer, 1, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
		}
	}
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	ring_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_at_every_rate),
		cmocka_unit_test(a_steady_stream_hardly_notifies),
		cmocka_unit_test(an_idle_loop_does_nothing),
		cmocka_unit_test(a_busy_head_costs_nothing),
		cmocka_unit_test(waiting_before_a_busy_head),
		cmocka_unit_test(many_rings),
		cmocka_unit_test(silent_producers),
		cmocka_unit_test(inside_another_loop),
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
