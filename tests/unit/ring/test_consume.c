// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Draining into callbacks: counts, budgets, why it ended, errors. */
#include <errno.h>

#include "rig.h"

static void records_come_in_order(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct counter counter = {0};
		struct rig rig;
		uint64_t number = 0;

		rig_open(&rig, PAGE, s, 0);
		for (unsigned int round = 0; round < 100; round++) {
			unsigned int n = round % 37;

			for (unsigned int i = 0; i < n; i++)
				put_number(rig.r, number++);
			assert_int_equal(bpfring_consumer_consume(rig.c, count_numbers, &counter,
								  NULL, NULL),
					 n);
			assert_int_equal(sim_ring_cons(rig.r), sim_ring_prod(rig.r));
		}
		assert_int_equal(counter.records, number);
		rig_close(&rig);
	}
}

static int collect(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct counter *counter = ctx;

	assert_in_range(count, 1, 64);
	counter->calls++;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t number;

		memcpy(&number, records[i].data, sizeof(number));
		assert_int_equal(number, counter->next++);
	}
	return 0;
}

static void batches_come_in_order(void **state)
{
	static const unsigned int sizes[] = {1, 63, 64, 65, 127, 128, 129, 200};

	(void)state;
	for_each_start(s)
	{
		struct counter counter = {0};
		struct rig rig;
		uint64_t number = 0;

		rig_open(&rig, PAGE, s, 0);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			counter.calls = 0;
			for (unsigned int n = 0; n < sizes[i]; n++)
				put_number(rig.r, number++);
			assert_int_equal(bpfring_consumer_consume_batch(rig.c, collect, &counter,
									NULL, NULL),
					 sizes[i]);
			assert_int_equal(counter.calls, (sizes[i] + 63) / 64);
		}
		assert_int_equal(counter.next, number);
		rig_close(&rig);
	}
}

/* Twenty records of 16 bytes of ring each, one discarded after every fourth, then an end. */
static void fill(struct rig *rig)
{
	for (unsigned int i = 0; i < 20; i++) {
		put(rig->r, 8);
		if (i % 4 == 3)
			sim_discard(rig->r, sim_reserve(rig->r, 0), 0);
	}
}

#define FILL_BYTES (20 * 16 + 5 * 8)

static void budgets(void **state)
{
	static const struct {
		struct bpfring_budget budget;
		uint64_t records, bytes;
		enum bpfring_end end;
	} cases[] = {
		{{.records = 0}, 20, FILL_BYTES, BPFRING_END_DRAINED},
		{{.records = 1}, 1, 16, BPFRING_END_BUDGET},
		{{.records = 4}, 4, 64, BPFRING_END_BUDGET},
		{{.records = 5}, 5, 88, BPFRING_END_BUDGET},
		{{.records = 20}, 20, FILL_BYTES - 8, BPFRING_END_BUDGET},
		{{.records = 21}, 20, FILL_BYTES, BPFRING_END_DRAINED},
		{{.records = UINT64_MAX}, 20, FILL_BYTES, BPFRING_END_DRAINED},
		{{.bytes = 1}, 1, 16, BPFRING_END_BUDGET},
		{{.bytes = 16}, 1, 16, BPFRING_END_BUDGET},
		{{.bytes = 17}, 2, 32, BPFRING_END_BUDGET},
		{{.bytes = 72}, 4, 72, BPFRING_END_BUDGET},
		{{.bytes = 73}, 5, 88, BPFRING_END_BUDGET},
		{{.bytes = FILL_BYTES - 8}, 20, FILL_BYTES - 8, BPFRING_END_BUDGET},
		{{.bytes = UINT64_MAX}, 20, FILL_BYTES, BPFRING_END_DRAINED},
		{{.records = 3, .bytes = 32}, 2, 32, BPFRING_END_BUDGET},
		{{.records = 2, .bytes = 64}, 2, 32, BPFRING_END_BUDGET},
		{{.ns = INT64_MAX}, 20, FILL_BYTES, BPFRING_END_DRAINED},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct bpfring_budget budget = cases[i / 2].budget;
		BPFRING_OPTS(bpfring_outcome, out, .records = 99);
		struct counter counter = {0};
		struct rig rig;
		int n;

		budget.sz = sizeof(budget);
		rig_open(&rig, PAGE, NULL, 0);
		fill(&rig);
		if (i % 2)
			n = bpfring_consumer_consume_batch(rig.c, count_batch, &counter, &budget,
							   &out);
		else
			n = bpfring_consumer_consume(rig.c, count_record, &counter, &budget, &out);
		if (out.records != cases[i / 2].records || out.bytes != cases[i / 2].bytes ||
		    out.end != cases[i / 2].end)
			fail_msg("case %zu: %llu records, %llu bytes, end %d", i,
				 (unsigned long long)out.records, (unsigned long long)out.bytes,
				 out.end);
		assert_int_equal(n, out.records);
		assert_int_equal(counter.records, out.records);
		assert_int_equal(sim_ring_cons(rig.r), out.bytes);
		/* the rest is still there */
		n += bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out);
		assert_int_equal(n, 20);
		assert_int_equal(out.end, BPFRING_END_DRAINED);
		rig_close(&rig);
	}
}

static int64_t pace; /* ns that every record takes */

static int slow(void *ctx, const void *data, size_t size)
{
	sim_clock_advance(pace);
	return count_record(ctx, data, size);
}

static int slow_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	sim_clock_advance(pace * (int64_t)count);
	return count_batch(ctx, records, count);
}

/* It does not end early; late by some records that are fast, or by one that is slow. */
static void a_budget_of_time(void **state)
{
	static const struct {
		int64_t pace, budget;
		int most_late; /* records */
	} cases[] = {
		{10, 1, 128},
		{10, 1280, 128},
		{10, 2001, 128},
		{1000, 100000, 128},
		{100000, 20 * MSEC, 2},
		{100000, 20 * MSEC + 1, 2},
		{2 * MSEC, 50 * MSEC, 2},
		{20 * MSEC, MSEC, 16},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		int64_t budget_ns = cases[i / 2].budget;
		BPFRING_OPTS(bpfring_budget, budget, .ns = budget_ns);
		int least = (int)((budget_ns + cases[i / 2].pace - 1) / cases[i / 2].pace);
		BPFRING_OPTS(bpfring_outcome, out);
		struct counter counter = {0};
		struct rig rig;
		int n, most;

		pace = cases[i / 2].pace;
		rig_open(&rig, 2 * PAGE, NULL, 0);
		for (int k = 0; k < 400; k++)
			put(rig.r, 0);
		sim_clock_start(1000);
		n = i % 2 ? bpfring_consumer_consume_batch(rig.c, slow_batch, &counter, &budget,
							   &out)
			  : bpfring_consumer_consume(rig.c, slow, &counter, &budget, &out);
		/* batches are of 64 at the most, whatever they take */
		most = least + (i % 2 ? 63 : cases[i / 2].most_late);
		if (n < least || n > most || out.end != BPFRING_END_BUDGET)
			fail_msg("case %zu: %d records, not %d to %d; end %d", i, n, least, most,
				 out.end);
		rig_close(&rig);
		sim_sys_reset();
	}
}

static void bad_budgets(void **state)
{
	struct {
		struct bpfring_budget known;
		uint8_t later[16];
	} newer = {.known = {.sz = sizeof(newer), .records = 1}};
	BPFRING_OPTS(bpfring_budget, budget, .ns = -1);
	BPFRING_OPTS(bpfring_outcome, out, .records = 99);
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, &budget, &out),
			 -EINVAL);
	assert_int_equal(out.records, 0);
	assert_int_equal(out.end, BPFRING_END_ERROR);
	assert_logged("bpfring_budget", "negative");
	budget = (struct bpfring_budget){.sz = sizeof(size_t) - 1};
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, &budget, NULL),
			 -EINVAL);
	assert_logged("bpfring_budget");
	newer.later[15] = 1;
	assert_int_equal(
		bpfring_consumer_consume(rig.c, count_record, &counter, &newer.known, NULL),
		-E2BIG);
	assert_logged("bpfring_budget");
	newer.later[15] = 0;
	assert_int_equal(counter.records, 0);
	assert_int_equal(
		bpfring_consumer_consume(rig.c, count_record, &counter, &newer.known, NULL), 1);
	/* older: the size and the records only */
	budget = (struct bpfring_budget){
		.sz = offsetof(struct bpfring_budget, bytes), .records = 0, .ns = -1};
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, &budget, NULL), 1);
	rig_close(&rig);
}

static void bad_arguments(void **state)
{
	struct bpfring_record record;
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_consume(NULL, count_record, &counter, NULL, NULL),
			 -EINVAL);
	assert_int_equal(bpfring_consumer_consume(rig.c, NULL, NULL, NULL, NULL), -EINVAL);
	assert_logged("events", "42", "callback");
	assert_int_equal(bpfring_consumer_consume_batch(rig.c, NULL, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
			 -EINVAL); /* held */
	assert_logged("events", "held", "bpfring_consumer_release");
	assert_int_equal(bpfring_consumer_wait(rig.c, 0), -EINVAL);
	bpfring_consumer_cancel(rig.c);
	assert_int_equal(bpfring_consumer_peek_batch(rig.c, &record, 1), 1);
	assert_int_equal(bpfring_consumer_release(rig.c), 0);
	assert_int_equal(counter.records, 0);
	rig_close(&rig);
}

static void a_busy_head_ends_it(void **state)
{
	BPFRING_OPTS(bpfring_outcome, out);
	struct counter counter = {0};
	struct rig rig;
	void *busy;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	busy = sim_reserve(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out), 1);
	assert_int_equal(out.end, BPFRING_END_BUSY_HEAD);
	assert_int_equal(bpfring_consumer_consume_batch(rig.c, count_batch, &counter, NULL, &out),
			 0);
	assert_int_equal(out.end, BPFRING_END_BUSY_HEAD);
	assert_int_equal(out.bytes, 0);
	sim_discard(rig.r, busy, 0);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out), 1);
	assert_int_equal(out.end, BPFRING_END_DRAINED);
	assert_int_equal(out.bytes, 32);
	rig_close(&rig);
}

static void callbacks_that_fail_or_stop(void **state)
{
	static const struct {
		int result, ret;
		enum bpfring_end end;
	} cases[] = {
		{BPFRING_STOP, 0, BPFRING_END_STOPPED},
		{-EIO, -EIO, BPFRING_END_ERROR},
		{-1, -1, BPFRING_END_ERROR},
		{-EBUSY, -EBUSY, BPFRING_END_ERROR},
		{-EBADMSG, -EBADMSG, BPFRING_END_ERROR},
		{-5000, -5000, BPFRING_END_ERROR},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (long at = 1; at <= 20; at++) {
			struct counter counter = {.result_at = at, .result = cases[i].result};
			BPFRING_OPTS(bpfring_outcome, out);
			struct rig rig;
			int n;

			rig_open(&rig, PAGE, NULL, 0);
			for (int k = 0; k < 20; k++)
				put(rig.r, 8);
			n = bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out);
			assert_int_equal(n, cases[i].ret ? cases[i].ret : (int)at);
			assert_int_equal(out.end, cases[i].end);
			assert_int_equal(out.records, at);
			assert_int_equal(out.bytes, 16 * at);
			assert_int_equal(sim_ring_cons(rig.r), 16 * at); /* it is consumed */
			/* the rest comes next, none twice, none lost */
			counter.result_at = 0;
			n = bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out);
			assert_int_equal(n, 20 - at);
			rig_close(&rig);
		}
	}
}

static void batch_callbacks_that_fail_or_stop(void **state)
{
	(void)state;
	for (long at = 1; at <= 200; at += 33) {
		struct counter counter = {.result_at = at, .result = at % 2 ? BPFRING_STOP : -EIO};
		unsigned long want = (unsigned long)((at + 63) / 64) * 64;
		BPFRING_OPTS(bpfring_outcome, out);
		struct rig rig;
		int n;

		want = want > 200 ? 200 : want;
		rig_open(&rig, PAGE, NULL, 0);
		for (int k = 0; k < 200; k++)
			put(rig.r, 0);
		n = bpfring_consumer_consume_batch(rig.c, count_batch, &counter, NULL, &out);
		assert_int_equal(n, at % 2 ? (int)want : -EIO);
		assert_int_equal(out.records, want);
		assert_int_equal(out.end, at % 2 ? BPFRING_END_STOPPED : BPFRING_END_ERROR);
		counter.result_at = 0;
		n = bpfring_consumer_consume(rig.c, count_record, &counter, NULL, &out);
		assert_int_equal(n, 200 - (int)want);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(records_come_in_order),
		rig_test(batches_come_in_order),
		rig_test(budgets),
		rig_test(a_budget_of_time),
		rig_test(bad_budgets),
		rig_test(bad_arguments),
		rig_test(a_busy_head_ends_it),
		rig_test(callbacks_that_fail_or_stop),
		rig_test(batch_callbacks_that_fail_or_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
