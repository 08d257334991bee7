// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* When a tap looks, by a clock that the test moves; and that it can be stopped, by the true one. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tap_rig.h"

#include "observe/sys.h"

static struct {
	bool runs;
	int64_t now;
	int64_t cpu;
	int64_t cost;	  /* of a look */
	int64_t timer_at; /* as set last */
} sim;

#define WRAP(type, name, ...)                                \
	type __real_bpfring_observe_sys_##name(__VA_ARGS__); \
	type __wrap_bpfring_observe_sys_##name(__VA_ARGS__); \
	type __wrap_bpfring_observe_sys_##name(__VA_ARGS__)

WRAP(int64_t, now, void)
{
	return sim.runs ? sim.now : __real_bpfring_observe_sys_now();
}

WRAP(int64_t, cpu_time, void)
{
	if (!sim.runs)
		return __real_bpfring_observe_sys_cpu_time();
	return sim.cpu += sim.cost; /* once before and once after a look */
}

WRAP(int, timerfd_set, int fd, int64_t at)
{
	if (sim.runs)
		sim.timer_at = at;
	return __real_bpfring_observe_sys_timerfd_set(fd, at);
}

static int fail_timer;

WRAP(int, timerfd, void)
{
	return fail_timer ? fail_timer : __real_bpfring_observe_sys_timerfd();
}

/* How long until the next look, if so many bytes of records came since the last. */
static int64_t look(struct bpfring_tap *t, struct sim_ring *r, uint64_t bytes)
{
	static struct seen seen;

	seen.count = 0;
	for (uint64_t n = 0; n < bytes; n += 512) {
		sim_ring_set_cons(r, sim_ring_prod(r));
		put(r, 504);
	}
	assert_true(bpfring_tap_dispatch(t, see, &seen, NULL) >= 0);
	return sim.timer_at - sim.now;
}

static void test_pace(void **state)
{
	struct bpfring_tap *t;
	struct rig rig;
	int64_t wait = 0, spent = 0, began;

	(void)state;
	rig_ring(&rig, 65536, NULL);
	memset(&sim, 0, sizeof(sim));
	sim.runs = true;
	sim.now = 1000 * MSEC;
	sim.cost = 5 * USEC;
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	assert_true(bpfring_tap_fd(t) > 2);
	assert_true(sim.timer_at <= sim.now); /* the first look is due */
	/* idle: soon enough for a sudden flood, 32 KiB at 16 MB/s */
	for (unsigned int i = 0; i < 10; i++) {
		sim.now += wait;
		wait = look(t, rig.r, 0);
	}
	assert_int_equal(wait, 2048 * USEC);
	/* 16 KiB in 2 ms, 8 MB/s, may become 16 MB/s: the same. 32 KiB in 2 ms: half as long */
	sim.now += wait;
	assert_in_range(look(t, rig.r, 16384), 1700 * USEC, 2048 * USEC);
	sim.now += 2048 * USEC;
	wait = look(t, rig.r, 32768);
	assert_in_range(wait, 900 * USEC, 1024 * USEC);
	/* it forgets slowly */
	sim.now += wait;
	assert_in_range(look(t, rig.r, 0), wait, 2 * wait);
	/* expensive looks: not more than 1 % of the time */
	sim.cost = MSEC;
	began = sim.now;
	for (unsigned int i = 0; i < 100; i++) {
		wait = look(t, rig.r, 512);
		spent += sim.cost;
		sim.now += wait;
	}
	assert_in_range(sim.now - began, 80 * spent, 120 * spent);
	assert_int_equal(stats_of_tap(t).looks, 113);
	bpfring_tap_close(t);
	rig_close(&rig);
	sim.runs = false;
}

static void test_longest(void **state)
{
	BPFRING_OPTS(bpfring_tap_opts, opts, .max_latency_ns = 3 * MSEC, .cpu_permille = 1000);
	struct bpfring_tap *t;
	struct rig rig;
	int64_t wait = 0;

	(void)state;
	rig_ring(&rig, 1 << 20, NULL);
	memset(&sim, 0, sizeof(sim));
	sim.runs = true;
	sim.now = 1000 * MSEC;
	assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), 0);
	bpfring_tap_fd(t);
	for (unsigned int i = 0; i < 10; i++) {
		sim.now += wait;
		wait = look(t, rig.r, 0);
	}
	assert_int_equal(wait, 3 * MSEC);
	bpfring_tap_close(t);
	rig_close(&rig);
	sim.runs = false;
}

struct in_loop {
	struct bpfring_tap *t;
	struct bpfring_loop *l;
	struct seen seen;
};

static int on_time(void *ctx, int fd, uint32_t events)
{
	struct in_loop *in = ctx;

	(void)fd, (void)events;
	assert_true(bpfring_tap_dispatch(in->t, see, &in->seen, NULL) >= 0);
	return in->seen.count == 100 ? BPFRING_STOP : 0;
}

static void test_in_a_loop(void **state)
{
	static struct in_loop in;
	struct rig rig;

	(void)state;
	memset(&in, 0, sizeof(in));
	rig_ring(&rig, 65536, NULL);
	in.t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	assert_int_equal(bpfring_loop_new(&in.l, NULL), 0);
	assert_int_equal(bpfring_loop_add_fd(in.l, bpfring_tap_fd(in.t), POLLIN, on_time, &in), 0);
	assert_true(bpfring_loop_poll(in.l, 0) >= 0);
	for (uint64_t n = 0; n < 100; n++)
		put_number(rig.r, n);
	assert_int_equal(bpfring_loop_run(in.l), 0);
	bpfring_loop_free(in.l);
	bpfring_tap_close(in.t);
	rig_close(&rig);
}

static void *stop_later(void *ctx)
{
	usleep(20000);
	bpfring_tap_stop(ctx);
	return NULL;
}

static void *run(void *ctx)
{
	struct seen *seen = ctx;

	return (void *)(intptr_t)bpfring_tap_run(seen->ctx, see, seen);
}

static void test_run_and_stop(void **state)
{
	static struct seen seen;
	struct rig rig;
	pthread_t thread;
	void *result;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	seen.ctx = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
	/* before: the next one ends */
	bpfring_tap_stop(seen.ctx);
	assert_int_equal(bpfring_tap_run(seen.ctx, see, &seen), 0);
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(pthread_create(&thread, NULL, i & 1 ? run : stop_later,
						i & 1 ? (void *)&seen : seen.ctx),
				 0);
		if (i & 1)
			stop_later(seen.ctx);
		else
			assert_int_equal(bpfring_tap_run(seen.ctx, see, &seen), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_null(result);
	}
	put_number(rig.r, 1);
	seen.result_at = 1;
	seen.result = BPFRING_STOP;
	assert_int_equal(bpfring_tap_run(seen.ctx, see, &seen), 0);
	put_number(rig.r, 2);
	seen.result_at = 2;
	seen.result = -EIO;
	assert_int_equal(bpfring_tap_run(seen.ctx, see, &seen), -EIO);
	bpfring_tap_close(seen.ctx);
	rig_close(&rig);
}

/* A flight recorder on an ordinary ring. */
static void test_recorder(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		BPFRING_OPTS(bpfring_tap_opts, opts, .flags = BPFRING_TAP_RECORDER);
		struct bpfring_consumer *c;
		struct bpfring_tap *t, *second;
		struct rig rig;
		uint64_t next = 0, notified;

		memset(&seen, 0, sizeof(seen));
		rig_ring(&rig, PAGE, start);
		assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), 0);
		assert_int_equal(bpfring_tap_open(&second, rig.r->event_fd, &opts), -EBUSY);
		assert_logged("'events'", "consumer");
		assert_true(bpfring_tap_fd(t) >= 0);
		put_number(rig.r, next++); /* the first one may notify */
		notified = sim_ring_notified(rig.r);
		for (unsigned int round = 0; round < 100; round++) {
			for (unsigned int i = 0; i < PAGE / 2 / 16 - 2; i++)
				put_number(rig.r, next++); /* there is always space */
			assert_int_equal(bpfring_tap_dispatch(t, NULL, NULL, NULL), 0);
		}
		assert_int_equal(sim_ring_notified(rig.r), notified);
		assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_OLDEST), 0);
		assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), PAGE / 2 / 16);
		assert_int_equal(seen.numbers[seen.count - 1], next - 1);
		/* what is read by hand makes room too */
		for (unsigned int i = 0; i < 300; i++) {
			put_number(rig.r, next++);
			assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), 1);
		}
		assert_int_equal(seen.missed, 0);
		bpfring_tap_close(t);
		assert_int_equal(bpfring_consumer_open(&c, rig.r->event_fd, NULL), 0);
		bpfring_consumer_close(c);
		rig_close(&rig);
	}
}

static void test_recorder_overwrites(void **state)
{
	BPFRING_OPTS(bpfring_tap_opts, opts, .flags = BPFRING_TAP_RECORDER);
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig = {0};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig.r = ring_new(PAGE, NULL);
	rig.r->overwrite = true;
	rig.map = sim_sys_map(rig.r, "recorder", 7);
	assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), 0);
	assert_true(bpfring_tap_fd(t) >= 0);
	for (uint64_t n = 0; n < 1000; n++)
		put_number(rig.r, n);
	assert_int_equal(bpfring_tap_dispatch(t, NULL, NULL, NULL), 0);
	assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_OLDEST), 0);
	assert_reads(t, &seen, PAGE / 16 - 1, BPFRING_END_DRAINED);
	assert_int_equal(sim_ring_cons(rig.r), 0);
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void test_refusals(void **state)
{
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
	assert_int_equal(bpfring_tap_fd(NULL), -EINVAL);
	assert_int_equal(bpfring_tap_stop(NULL), -EINVAL);
	assert_int_equal(bpfring_tap_run(NULL, see, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_dispatch(NULL, see, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_dispatch(t, see, NULL, NULL), -EINVAL);
	assert_logged("never called");
	fail_timer = -EMFILE;
	assert_int_equal(bpfring_tap_fd(t), -EMFILE);
	assert_logged("no timer", "-EMFILE");
	fail_timer = 0;
	bpfring_tap_close(t);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_pace),	  rig_test(test_longest),
		rig_test(test_in_a_loop), rig_test(test_run_and_stop),
		rig_test(test_recorder),  rig_test(test_recorder_overwrites),
		rig_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
