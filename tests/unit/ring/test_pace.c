// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* pace.h: when to look again, as a function of what was found and when. */
#include "ring/pace.h"

#include <bpfring/loop.h>
#include <stdlib.h>

#include "unit.h"

#define MAX_WINDOW (200 * USEC)
#define MIN_SLEEP  (10 * USEC)
#define RING_SIZE  (1U << 20)

struct course {
	struct pace pace;
	struct pace_params params;
	int64_t now;
	int64_t next; /* when the next record comes */
	uint64_t ring_size;
	uint64_t prod_pos;
};

static struct course course_new(uint32_t wait)
{
	return (struct course){
		.params = {.wait = wait, .max_window = MAX_WINDOW, .min_sleep = MIN_SLEEP},
		.now = 1000 * MSEC,
		.ring_size = RING_SIZE,
		.prod_pos = 1ULL << 40, /* a ring that is not new */
	};
}

/* A look that finds so many records of 16 bytes; what comes of it. */
static int64_t look(struct course *c, uint64_t records)
{
	const struct pace_look look = {
		.now = c->now,
		.records = records,
		.prod_pos = c->prod_pos += records * 16,
		.ring_size = c->ring_size,
		.drained = true,
	};

	return bpfring_pace_next(&c->pace, &c->params, &look);
}

/*
 * Records come every @gap ns for @ns. The loop looks when it is told to, or at the next record when
 * it is armed. Returns the number of looks; *@armed how often it was armed.
 */
static unsigned int run(struct course *c, int64_t gap, int64_t ns, unsigned int *armed)
{
	int64_t end = c->now + ns;
	unsigned int looks = 0;

	*armed = 0;
	if (!c->next || c->next > c->now + gap)
		c->next = c->now + gap;
	while (c->now < end) {
		uint64_t records = 0;
		int64_t wait;

		while (c->next <= c->now) {
			records++;
			c->next += gap;
		}
		wait = look(c, records);
		looks++;
		assert_true(wait == PACE_ARM || wait == PACE_NOW ||
			    (wait >= c->params.min_sleep && wait <= c->params.max_window));
		if (wait == PACE_ARM) {
			++*armed;
			c->now = c->next;
		} else {
			c->now += wait == PACE_NOW ? 500 : wait;
		}
	}
	return looks;
}

static void modes_without_windows(void **state)
{
	struct course sleep = course_new(BPFRING_WAIT_SLEEP), spin = course_new(BPFRING_WAIT_SPIN);

	(void)state;
	srandom(3);
	for (int i = 0; i < 1000; i++) {
		uint64_t records = (uint64_t)random() % 5;

		assert_int_equal(look(&sleep, records), PACE_ARM);
		assert_int_equal(look(&spin, records), PACE_NOW);
		sleep.now += random() % 1000000;
		spin.now += random() % 1000000;
	}
}

static void nothing_comes(void **state)
{
	static const uint32_t modes[] = {BPFRING_WAIT_ADAPTIVE, BPFRING_WAIT_COALESCE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct course c = course_new(modes[i]);
		unsigned int armed;
		int looks = 0;

		assert_int_equal(look(&c, 0), PACE_ARM); /* new and empty */
		run(&c, 2 * USEC, 50 * MSEC, &armed);
		for (int64_t wait = 0; wait != PACE_ARM; looks++) { /* it stops */
			wait = look(&c, 0);
			c.now += wait > 0 ? wait : 500;
			assert_true(looks < 10);
		}
	}
}

/* Many records a window: awake all the time, looking once per window. */
static void a_steady_stream(void **state)
{
	static const int64_t gaps[] = {200, 1000, 2 * USEC, 10 * USEC, 50 * USEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
		unsigned int armed, looks;

		run(&c, gaps[i], 20 * MSEC, &armed); /* to find out */
		looks = run(&c, gaps[i], 200 * MSEC, &armed);
		assert_int_equal(armed, 0);
		/*
		 * windows as long as they may be: 200 us, or half the ring at four times the rate
		 */
		if (gaps[i] >= 1000)
			assert_in_range(looks, 1000, 1100);
	}
}

/* Seldom enough that each is worth its notification: delivered at once. */
static void rare_records(void **state)
{
	static const int64_t gaps[] = {500 * USEC, MSEC, 100 * MSEC, 3000 * MSEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
		unsigned int armed, looks;

		run(&c, gaps[i], 20 * gaps[i], &armed);
		looks = run(&c, gaps[i], 1000 * gaps[i], &armed);
		assert_int_equal(looks, armed);
		assert_in_range(looks, 999, 1001);
	}
}

static void from_rare_to_steady_and_back(void **state)
{
	struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
	unsigned int armed, looks;

	(void)state;
	for (int i = 0; i < 5; i++) {
		run(&c, 10 * MSEC, 1000 * MSEC, &armed);
		assert_in_range(armed, 95, 101);
		looks = run(&c, 2 * USEC, 100 * MSEC, &armed);
		assert_true(armed <= 12); /* a few records until it is seen that more come */
		assert_in_range(looks, 500, 600);
	}
}

/* COALESCE: no two looks closer than a window while records come, however rarely. */
static void coalescing(void **state)
{
	static const int64_t gaps[] = {1000, 10 * USEC, 100 * USEC, 150 * USEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct course c = course_new(BPFRING_WAIT_COALESCE);
		unsigned int armed, looks;

		run(&c, gaps[i], 20 * MSEC, &armed);
		looks = run(&c, gaps[i], 200 * MSEC, &armed);
		assert_int_equal(armed, 0);
		assert_in_range(looks, 1000, 1001);
	}
}

/* The window shrinks so that half the ring lasts for it at four times the highest rate. */
static void windows_fit_the_ring(void **state)
{
	static const uint64_t sizes[] = {4096, 16384, 65536, 1 << 20, 1U << 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
		uint64_t rate = 16 * 1000; /* bytes in a us, times 1000: a record every us */
		unsigned int armed;

		c.ring_size = sizes[i];
		run(&c, 1000, 50 * MSEC, &armed);
		for (int n = 0; n < 100; n++) {
			int64_t wait = look(&c, 100);

			if (wait > 0)
				assert_true((uint64_t)wait * 4 * rate / 1000000 <=
					    sizes[i] / 2 * 105 / 100);
			c.now += 100 * USEC;
		}
	}
}

/* What the ring had carried before says nothing of its rate. */
static void the_first_look_measures_nothing(void **state)
{
	static const uint64_t positions[] = {1ULL << 20, 1ULL << 40, 1ULL << 62};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
		struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
		unsigned int armed, looks;

		c.prod_pos = positions[i];
		look(&c, 1);
		assert_int_equal(c.pace.peak, 0);
		run(&c, 10 * USEC, 20 * MSEC, &armed);
		looks = run(&c, 10 * USEC, 200 * MSEC, &armed);
		assert_in_range(looks, 1000, 1100);
	}
}

/* Sleeps that BPF programs end by force, full of records, are not tried again for a while. */
static void sleeps_ended_by_force(void **state)
{
	struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
	struct pace_look forced = {.records = 100, .ring_size = RING_SIZE, .forced = true};
	unsigned int armed;

	(void)state;
	run(&c, 1000, 20 * MSEC, &armed);
	look(&c, 200);
	c.now += MIN_SLEEP;
	forced.now = c.now;
	forced.prod_pos = c.prod_pos;
	assert_int_equal(bpfring_pace_next(&c.pace, &c.params, &forced), PACE_NOW);
	c.now += MSEC;
	assert_int_equal(look(&c, 1000), PACE_NOW);
	c.now += 20 * MSEC;
	look(&c, 20000);
	c.now += 100 * USEC;
	assert_true(look(&c, 100) > 0);
	/* few records, or a real rest before: it is worth sleeping */
	c.now += MIN_SLEEP;
	forced = (struct pace_look){
		.now = c.now, .records = 5, .ring_size = RING_SIZE, .forced = true};
	assert_true(bpfring_pace_next(&c.pace, &c.params, &forced) > 0);
	c.now += 150 * USEC;
	forced.now = c.now;
	forced.records = 150;
	assert_true(bpfring_pace_next(&c.pace, &c.params, &forced) > 0);
}

/* The rate is forgotten, but not in a moment. */
static void the_highest_rate_fades(void **state)
{
	struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
	uint64_t peak;
	unsigned int armed;

	(void)state;
	run(&c, 100, 10 * MSEC, &armed);
	peak = c.pace.peak;
	assert_true(peak > 0);
	run(&c, 10 * USEC, 500 * MSEC, &armed);
	assert_int_equal(c.pace.peak, peak);
	run(&c, 10 * USEC, 10000 * MSEC, &armed);
	assert_true(c.pace.peak < peak / 16);
}

/* Windows of seconds: so slow a stream fills the ring within one all the same. */
static void a_slow_stream_and_a_long_window(void **state)
{
	static const uint32_t waits[] = {BPFRING_WAIT_ADAPTIVE, BPFRING_WAIT_COALESCE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		struct course c = course_new(waits[i]);
		unsigned int armed;

		c.params.max_window = 10000 * MSEC;
		c.ring_size = 4096;
		run(&c, MSEC, 5000 * MSEC, &armed); /* 16 bytes each: the ring lasts 256 ms */
		assert_in_range(c.pace.peak, 1, UINT32_MAX);
		assert_in_range(c.pace.window, c.params.min_sleep, 32 * MSEC);
	}
}

/* A look that comes so much too late; what comes of it. */
static int64_t late_look(struct course *c, uint64_t records, int64_t late)
{
	const struct pace_look look = {
		.now = c->now,
		.records = records,
		.prod_pos = c->prod_pos += records * 16,
		.ring_size = c->ring_size,
		.late = late,
		.drained = true,
	};

	return bpfring_pace_next(&c->pace, &c->params, &look);
}

/*
 * Window and lateness together fit half the ring at four times the rate; if not, the ring is armed.
 */
static void windows_that_end_late(void **state)
{
	static const uint32_t waits[] = {BPFRING_WAIT_ADAPTIVE, BPFRING_WAIT_COALESCE};
	static const int64_t lateness[] = {0,	     100 * USEC, 900 * USEC,
					   2 * MSEC, 40 * MSEC,	 3000 * MSEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waits) * ARRAY_SIZE(lateness); i++) {
		struct course c = course_new(waits[i % 2]);
		int64_t late = lateness[i / 2], room, wait;
		unsigned int armed;

		c.ring_size = 128 * 1024; /* 1 ms at four times 16 bytes a us */
		run(&c, 1000, 50 * MSEC, &armed);
		room = bpfring_pace_room(&c.pace, &c.params, c.ring_size);
		assert_in_range(room, 950 * USEC, 1050 * USEC);
		wait = late_look(&c, 200, late);
		if (late > room)
			assert_int_equal(wait, PACE_ARM);
		else
			assert_in_range(wait, c.params.min_sleep, room - late);
		/* and while it is remembered, also if looks are in time again */
		for (int n = 0; n < 50; n++) {
			c.now += 100 * USEC;
			wait = look(&c, 100);
			if (late > room)
				assert_int_equal(wait, PACE_ARM);
			else
				assert_in_range(wait, c.params.min_sleep, room - late / 2);
		}
	}
}

/* Lateness is forgotten: a short one soon, a long one so that to try again costs little. */
static void lateness_fades(void **state)
{
	static const struct {
		int64_t late, from, to; /* windows come back in between */
	} cases[] = {
		{2 * MSEC, 100 * MSEC, 300 * MSEC},
		{40 * MSEC, 1000 * MSEC, 3000 * MSEC},
		{500 * MSEC, 15000 * MSEC, 25000 * MSEC},
		{60000 * MSEC, 20000 * MSEC, 60000 * MSEC},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct course c = course_new(BPFRING_WAIT_ADAPTIVE);
		unsigned int armed;
		int64_t since;

		c.ring_size = 128 * 1024;
		run(&c, 1000, 50 * MSEC, &armed);
		late_look(&c, 200, cases[i].late);
		since = c.now;
		while (look(&c, 100) == PACE_ARM)
			c.now += 100 * USEC;
		assert_in_range(c.now - since, cases[i].from, cases[i].to);
	}
}

/* Whatever comes, the answer is one that can be slept. */
static void anything_at_all(void **state)
{
	static const int64_t jumps[] = {0, 1, 499, 20000, MSEC, 1000 * MSEC, 3600000 * MSEC};
	static const uint64_t counts[] = {0, 1, 2, 64, 4096, 1U << 20};
	static const uint64_t sizes[] = {4096, 65536, 1U << 31};

	(void)state;
	srandom(7);
	for (uint32_t wait = 0; wait <= BPFRING_WAIT_SPIN; wait++) {
		for (int i = 0; i < 200000; i++) {
			static struct course c;

			if (i % 1000 == 0) {
				c = course_new(wait);
				c.ring_size = sizes[i / 1000 % 3];
				c.params.min_sleep = random() % MAX_WINDOW;
			}
			int64_t answer = late_look(&c, counts[random() % 6],
						   random() % 4 ? 0 : jumps[random() % 7]);

			assert_true(answer == PACE_ARM || answer == PACE_NOW ||
				    (answer >= c.params.min_sleep && answer <= MAX_WINDOW));
			if (random() % 10 == 0)
				bpfring_pace_armed(&c.pace);
			c.now += jumps[random() % 7];
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_without_windows),
		cmocka_unit_test(nothing_comes),
		cmocka_unit_test(a_steady_stream),
		cmocka_unit_test(rare_records),
		cmocka_unit_test(from_rare_to_steady_and_back),
		cmocka_unit_test(coalescing),
		cmocka_unit_test(windows_fit_the_ring),
		cmocka_unit_test(the_first_look_measures_nothing),
		cmocka_unit_test(sleeps_ended_by_force),
		cmocka_unit_test(the_highest_rate_fades),
		cmocka_unit_test(a_slow_stream_and_a_long_window),
		cmocka_unit_test(windows_that_end_late),
		cmocka_unit_test(lateness_fades),
		cmocka_unit_test(anything_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
