// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The wait modes against a producer with a clock of its own: how many commits notify, how long a
 * record waits, how often the loop wakes, whether the ring ever fills up.
 */
#include <errno.h>

#include "rig.h"

#define START 1000000LL

struct paced {
	struct rig rig;
	struct bpfring_loop *l;
	int64_t gap;
	uint64_t size;	    /* of a record */
	unsigned long left; /* records still to come */
	unsigned long put, dropped, taken;
	int64_t worst; /* longest wait of a record */
	bool loss_is_fine;
};

static void produce(void *ctx)
{
	struct paced *p = ctx;
	int64_t *payload = sim_reserve(p->rig.r, p->size);

	if (payload) {
		*payload = sim_clock_now();
		sim_submit(p->rig.r, payload, 0);
		p->put++;
	} else {
		p->dropped++;
	}
	if (--p->left)
		sim_clock_at(sim_clock_now() + p->gap, produce, p);
}

static int take(void *ctx, const void *data, size_t size)
{
	struct paced *p = ctx;
	int64_t waited = sim_clock_now() - *(const int64_t *)data;

	assert_int_equal(size, p->size);
	assert_true(waited >= 0);
	if (waited > p->worst)
		p->worst = waited;
	p->taken++;
	return 0;
}

static void open_paced(struct paced *p, uint32_t wait, size_t ring, int64_t max_latency)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait, .max_latency_ns = max_latency);

	memset(p, 0, sizeof(*p));
	sim_clock_start(START);
	p->size = 8;
	assert_int_equal(bpfring_loop_new(&p->l, &opts), 0);
	rig_open(&p->rig, ring, NULL, 0);
	assert_int_equal(bpfring_loop_add(p->l, p->rig.c, take, p), 0);
}

static void close_paced(struct paced *p)
{
	bpfring_loop_free(p->l);
	rig_close(&p->rig);
	sim_sys_reset();
}

/* So many records, one every gap, all of them taken. */
static void stream(struct paced *p, int64_t gap, unsigned long records)
{
	p->gap = gap;
	p->left = records;
	p->put = p->dropped = p->taken = 0;
	p->worst = 0;
	p->rig.r->notified = 0;
	sim_clock_at(sim_clock_now() + gap, produce, p);
	while (p->taken < records - p->dropped || p->left)
		assert_true(bpfring_loop_poll(p->l, -1) >= 0);
	if (!p->loss_is_fine)
		assert_int_equal(p->dropped, 0);
}

static void sleeping(void **state)
{
	static const int64_t gaps[] = {2 * USEC, 50 * USEC, MSEC, 1000 * MSEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct paced p;

		open_paced(&p, BPFRING_WAIT_SLEEP, 64 * PAGE, 0);
		stream(&p, gaps[i], 1000);
		assert_int_equal(p.worst, 0);
		assert_int_equal(sim_ring_notified(p.rig.r), 1000);
		close_paced(&p);
	}
}

static void adaptive_under_load(void **state)
{
	static const int64_t gaps[] = {500, 2 * USEC, 10 * USEC, 50 * USEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		unsigned long sleeps;
		struct paced p;

		open_paced(&p, BPFRING_WAIT_ADAPTIVE, 64 * PAGE, 0);
		stream(&p, gaps[i], 20000);
		/* no record waits longer than promised, hardly one notifies */
		assert_true(p.worst <= BPFRING_DEFAULT_LATENCY_NS);
		assert_in_range(sim_ring_notified(p.rig.r), 1, 20);
		sleeps = sim_clock_sleeps();
		stream(&p, gaps[i], 20000);
		/* about one wake-up per window */
		sleeps = sim_clock_sleeps() - sleeps;
		assert_true((int64_t)sleeps <= 20000 * gaps[i] / (100 * USEC) + 50);
		close_paced(&p);
	}
}

static void adaptive_when_records_are_rare(void **state)
{
	static const int64_t gaps[] = {MSEC, 20 * MSEC, 1000 * MSEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct paced p;

		open_paced(&p, BPFRING_WAIT_ADAPTIVE, 16 * PAGE, 0);
		stream(&p, gaps[i], 200);
		assert_true(p.worst <= BPFRING_DEFAULT_LATENCY_NS);
		stream(&p, gaps[i], 200); /* by now it is known that they are rare */
		assert_int_equal(p.worst, 0);
		assert_int_equal(sim_ring_notified(p.rig.r), 200);
		close_paced(&p);
	}
}

static void the_latency_that_was_asked_for(void **state)
{
	static const int64_t latencies[] = {20 * USEC, 100 * USEC, MSEC, 50 * MSEC};
	static const int64_t gaps[] = {USEC, 7 * USEC, 90 * USEC, 400 * USEC};

	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		for (size_t i = 0; i < ARRAY_SIZE(latencies); i++) {
			for (size_t k = 0; k < ARRAY_SIZE(gaps); k++) {
				struct paced p;

				open_paced(&p, wait, 64 * PAGE, latencies[i]);
				stream(&p, gaps[k], 3000);
				if (p.worst > latencies[i])
					fail_msg("mode %u, latency %lld, gap %lld: waited %lld",
						 wait, (long long)latencies[i], (long long)gaps[k],
						 (long long)p.worst);
				close_paced(&p);
			}
		}
	}
}

/* COALESCE: at rates at which ADAPTIVE is notified each time, still one wake-up per window. */
static void coalescing(void **state)
{
	unsigned long sleeps;
	struct paced p;

	(void)state;
	open_paced(&p, BPFRING_WAIT_COALESCE, 16 * PAGE, 10 * MSEC);
	stream(&p, MSEC, 500);
	sleeps = sim_clock_sleeps();
	stream(&p, MSEC, 1000);
	sleeps = sim_clock_sleeps() - sleeps;
	assert_in_range(sleeps, 90, 140);
	assert_true(sim_ring_notified(p.rig.r) <= 20);
	assert_true(p.worst <= 10 * MSEC);
	close_paced(&p);
}

/*
 * An idle ring, then a burst of up to half of it: nothing is dropped, at any rate, also if the loop
 * is slow to wake, and also after calm traffic has made the windows long.
 */
static void bursts_of_half_the_ring(void **state)
{
	static const size_t rings[] = {PAGE, 16 * PAGE};
	static const int64_t gaps[] = {25, 100, 1000}, calms[] = {0, 20 * USEC, 150 * USEC};

	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		for (size_t r = 0; r < ARRAY_SIZE(rings); r++) {
			for (size_t i = 0; i < 9; i++) {
				struct paced p;

				open_paced(&p, wait, rings[r], 0);
				sim_clock_set_lateness(50 * USEC);
				for (int n = 0; n < 10; n++) {
					int64_t calm = calms[i % 3];

					if (calm)
						stream(&p, calm, 50);
					stream(&p, gaps[i / 3], rings[r] / 16 / 2);
					if (!calm)
						assert_int_equal(bpfring_loop_poll(p.l, MSEC), 0);
				}
				close_paced(&p);
			}
		}
	}
}

/* A ring of one page and records of a third of it: quiet or not, as many fit. */
static void large_records_in_a_tiny_ring(void **state)
{
	unsigned long dropped[2] = {0};

	(void)state;
	for (int quiet = 0; quiet < 2; quiet++) {
		static const int64_t gaps[] = {30 * USEC, 70 * USEC, 150 * USEC, 300 * USEC};

		for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
			struct paced p;

			open_paced(&p, quiet ? BPFRING_WAIT_ADAPTIVE : BPFRING_WAIT_SLEEP, PAGE, 0);
			p.loss_is_fine = true;
			p.size = PAGE / 3 - 16;
			stream(&p, gaps[i], 300);
			dropped[quiet] += p.dropped;
			close_paced(&p);
		}
	}
	assert_int_equal(dropped[0], 0);
	assert_int_equal(dropped[1], 0);
}

/* Idle: not one system call after the wait began, with setting the timer and going to sleep. */
static void idle(void **state)
{
	(void)state;
	for (uint32_t wait = 0; wait < BPFRING_WAIT_SPIN; wait++) {
		unsigned long calls;
		struct paced p;

		open_paced(&p, wait, 16 * PAGE, 0);
		stream(&p, 2 * USEC, 1000);
		assert_int_equal(bpfring_loop_poll(p.l, 10 * MSEC), 0);
		calls = sim_sys_count(NULL);
		assert_int_equal(bpfring_loop_poll(p.l, 3600000 * MSEC), 0);
		assert_int_equal(sim_sys_count(NULL) - calls, 2);
		close_paced(&p);
	}
}

struct busy {
	struct sim_ring *r;
	int64_t *payload;
	unsigned int flags;
};

static void submit_busy(void *ctx)
{
	const struct busy *busy = ctx;

	sim_submit(busy->r, busy->payload, busy->flags);
}

/* Committed in silence it is found by looking, as late as 64 ms at the most; else at once. */
static void a_busy_head_of_a_second(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2 * BPFRING_WAIT_SPIN; i++) {
		struct bpfring_consumer_stats stats;
		int64_t most = i % 2 ? 64 * MSEC : 0;
		unsigned long sleeps;
		struct busy busy;
		struct paced p;

		open_paced(&p, i / 2, 16 * PAGE, 0);
		stream(&p, 2 * USEC, 1000);
		/* a record that wakes the loop, and then the busy one */
		assert_int_equal(sim_output(p.rig.r, &(int64_t){sim_clock_now()}, 8, 0), 0);
		busy = (struct busy){p.rig.r, sim_reserve(p.rig.r, 8), i % 2 ? SIM_NO_WAKEUP : 0};
		*busy.payload = sim_clock_now() + 1000 * MSEC;
		sim_clock_at(*busy.payload, submit_busy, &busy);
		sleeps = sim_clock_sleeps();
		assert_int_equal(bpfring_loop_poll(p.l, -1), 1);
		assert_int_equal(bpfring_loop_poll(p.l, -1), 1);
		assert_in_range(sim_clock_sleeps() - sleeps, 2, 30);
		assert_in_range(sim_clock_now() - *busy.payload, 0,
				most + BPFRING_DEFAULT_LATENCY_NS);
		stats = stats_of_consumer(p.rig.c);
		assert_int_equal(stats.busy_waits, 1);
		assert_in_range(stats.busy_max_ns, 990 * MSEC, 1001 * MSEC + most);
		close_paced(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(sleeping),
		rig_test(adaptive_under_load),
		rig_test(adaptive_when_records_are_rare),
		rig_test(the_latency_that_was_asked_for),
		rig_test(coalescing),
		rig_test(bursts_of_half_the_ring),
		rig_test(large_records_in_a_tiny_ring),
		rig_test(idle),
		rig_test(a_busy_head_of_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
