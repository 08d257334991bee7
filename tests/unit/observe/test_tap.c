// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A tap on a ring that leaves it time. */
#include "tap_rig.h"

#include "sim_user.h"

static int discard(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static void put_discarded(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	assert_non_null(payload);
	sim_discard(r, payload, 0);
}

static void test_copies_and_takes_nothing(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		struct bpfring_tap *t;
		struct rig rig;
		uint8_t before[2 * PAGE], *pages;

		memset(&seen, 0, sizeof(seen));
		rig_ring(&rig, PAGE, start);
		t = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
		assert_reads(t, &seen, 0, BPFRING_END_DRAINED);
		for (uint64_t n = 0; n < 40; n++)
			put_number(rig.r, n);
		put(rig.r, 0);
		put(rig.r, 1001);
		pages = (uint8_t *)rig.r->cons_word;
		memcpy(before, pages, sizeof(before));
		assert_reads(t, &seen, 42, BPFRING_END_DRAINED);
		assert_memory_equal(before, pages, sizeof(before)); /* positions stay */
		for (uint64_t n = 0; n < 40; n++) {
			assert_int_equal(seen.numbers[n], n);
			assert_int_equal(seen.records[n].size, 8);
			assert_int_equal(ring_word(rig.r, seen.records[n].pos),
					 ring_word(rig.r, start->pos + n * 16));
		}
		assert_int_equal(seen.records[40].size, 0);
		assert_int_equal(seen.records[41].size, 1001);
		assert_int_equal(seen.missed, 0);
		assert_int_equal(stats_of_tap(t).records, 42);
		assert_int_equal(stats_of_tap(t).bytes, 40 * 16 + 8 + 1016);
		assert_reads(t, &seen, 0, BPFRING_END_DRAINED);
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

static void test_laps_beside_a_consumer(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		struct counter counter = {0};
		struct bpfring_tap *t;
		struct rig rig;
		uint64_t next = 0;

		rig_open(&rig, PAGE, start, 0);
		t = tap_of(&rig, BPFRING_TAP_NOW, 0);
		for (unsigned int round = 0; round < 100; round++) {
			memset(&seen, 0, sizeof(seen));
			for (unsigned int i = 0; i < 50; i++)
				put_number(rig.r, next++);
			/* before or behind the consumer: no matter */
			if (round & 1)
				bpfring_consumer_consume(rig.c, discard, NULL, NULL, NULL);
			assert_reads(t, &seen, 50, BPFRING_END_DRAINED);
			for (unsigned int i = 0; i < 50; i++)
				assert_int_equal(seen.numbers[i], next - 50 + i);
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL);
		}
		assert_int_equal(stats_of_tap(t).records, 5000);
		assert_int_equal(stats_of_tap(t).missed, 0);
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

static void test_where_it_starts(void **state)
{
	static struct seen seen;
	BPFRING_OPTS(bpfring_budget, two, .records = 2);
	struct counter counter = {0};
	struct bpfring_tap *oldest, *now;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_open(&rig, PAGE, NULL, 0);
	for (uint64_t n = 0; n < 5; n++)
		put_number(rig.r, n);
	/* quiet: the second one released is kept back, and does not count as pending */
	bpfring_ring_set_quiet(bpfring_consumer_ring(rig.c), 1);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, &two, NULL), 2);
	oldest = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
	now = tap_of(&rig, BPFRING_TAP_NOW, 0);
	assert_reads(oldest, &seen, 3, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[0], 2);
	assert_reads(now, &seen, 0, BPFRING_END_DRAINED);
	put_number(rig.r, 5);
	assert_reads(now, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[3], 5);
	/* again from the oldest, and again from now */
	assert_int_equal(bpfring_tap_seek(now, BPFRING_TAP_OLDEST), 0);
	assert_reads(now, &seen, 4, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[4], 2);
	assert_int_equal(bpfring_tap_seek(oldest, BPFRING_TAP_NOW), 0);
	assert_reads(oldest, &seen, 0, BPFRING_END_DRAINED);
	assert_int_equal(bpfring_tap_seek(oldest, 2), -EINVAL);
	bpfring_tap_close(oldest);
	bpfring_tap_close(now);
	rig_close(&rig);
}

static void test_full_ring(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	for (unsigned int i = 0; i < PAGE / 16 - 1; i++)
		put_number(rig.r, i);
	put(rig.r, 0); /* size - 8 bytes: more never are */
	assert_null(sim_reserve(rig.r, 0));
	assert_reads(t, &seen, PAGE / 16, BPFRING_END_DRAINED);
	assert_int_equal(stats_of_tap(t).missed, 0);
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void test_discarded(void **state)
{
	static struct seen seen;
	struct bpfring_tap *hidden, *shown;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	hidden = tap_of(&rig, BPFRING_TAP_NOW, 0);
	shown = tap_of(&rig, BPFRING_TAP_NOW, BPFRING_TAP_SHOW_DISCARDED);
	put_discarded(rig.r, 20);
	put_number(rig.r, 1);
	put_discarded(rig.r, 0);
	assert_reads(hidden, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(seen.missed, 0);
	assert_int_equal(stats_of_tap(hidden).discards, 2);
	assert_int_equal(stats_of_tap(hidden).discarded_bytes, 40);
	assert_reads(shown, &seen, 3, BPFRING_END_DRAINED);
	assert_int_equal(seen.records[1].state, BPFRING_RECORD_DISCARDED);
	assert_int_equal(seen.records[1].size, 20);
	assert_int_equal(seen.records[2].state, BPFRING_RECORD_READY);
	assert_int_equal(seen.records[3].state, BPFRING_RECORD_DISCARDED);
	assert_int_equal(stats_of_tap(shown).discards, 2);
	assert_int_equal(stats_of_tap(shown).records, 1);
	bpfring_tap_close(hidden);
	bpfring_tap_close(shown);
	rig_close(&rig);
}

static void test_busy(void **state)
{
	static struct seen seen;
	struct bpfring_tap *waits, *passes;
	struct rig rig;
	void *busy;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	waits = tap_of(&rig, BPFRING_TAP_NOW, 0);
	passes = tap_of(&rig, BPFRING_TAP_NOW, BPFRING_TAP_PASS_BUSY);
	put_number(rig.r, 1);
	busy = sim_reserve(rig.r, 100);
	put_number(rig.r, 2);
	assert_reads(waits, &seen, 1, BPFRING_END_BUSY_HEAD);
	assert_reads(waits, &seen, 0, BPFRING_END_BUSY_HEAD);
	assert_reads(passes, &seen, 2, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[2], 2);
	assert_int_equal(seen.records[2].missed, 112);
	assert_int_equal(stats_of_tap(passes).passed, 1);
	assert_int_equal(stats_of_tap(passes).missed, 112);
	sim_submit(rig.r, busy, 0);
	assert_reads(waits, &seen, 2, BPFRING_END_DRAINED);
	assert_int_equal(seen.records[3].size, 100);
	assert_int_equal(stats_of_tap(waits).missed, 0);
	assert_reads(passes, &seen, 0, BPFRING_END_DRAINED);
	bpfring_tap_close(waits);
	bpfring_tap_close(passes);
	rig_close(&rig);
}

static void test_buffers(void **state)
{
	static struct seen seen;
	static uint64_t buffer[8];
	BPFRING_OPTS(bpfring_tap_opts, opts, .start = BPFRING_TAP_NOW, .buffer = buffer,
		     .buffer_size = sizeof(buffer));
	struct bpfring_tap *t, *own;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), 0);
	opts.buffer = NULL;
	opts.buffer_size = 50; /* 48 */
	assert_int_equal(bpfring_tap_open(&own, rig.r->event_fd, &opts), 0);
	put(rig.r, 64);
	put(rig.r, 1);
	put(rig.r, 65);
	put(rig.r, 30);
	put(rig.r, 48);
	assert_reads(t, &seen, 4, BPFRING_END_DRAINED);
	assert_ptr_equal(seen.records[0].data, buffer);
	assert_int_equal(seen.records[2].size, 30);
	assert_int_equal(seen.records[2].missed, 80);
	assert_int_equal(stats_of_tap(t).too_large, 1);
	assert_logged("'events'", "80 bytes", "buffer of 64");
	assert_reads(own, &seen, 3, BPFRING_END_DRAINED);
	assert_int_equal(stats_of_tap(own).too_large, 2);
	assert_logged("buffer of 48");
	bpfring_tap_close(t);
	bpfring_tap_close(own);
	rig_close(&rig);
}

static void test_largest_record(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	put(rig.r, PAGE - 16);
	assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(seen.records[0].size, PAGE - 16);
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void test_verdicts_and_budgets(void **state)
{
	static struct seen seen;
	BPFRING_OPTS(bpfring_budget, budget, .records = 3);
	BPFRING_OPTS(bpfring_tap_outcome, outcome);
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	for (uint64_t n = 0; n < 20; n++)
		put_number(rig.r, n);
	assert_int_equal(bpfring_tap_read(t, see, &seen, &budget, &outcome), 3);
	assert_int_equal(outcome.end, BPFRING_END_BUDGET);
	budget.records = 0;
	budget.bytes = 17; /* the record that crosses it is still handled */
	assert_int_equal(bpfring_tap_read(t, see, &seen, &budget, &outcome), 2);
	assert_int_equal(outcome.end, BPFRING_END_BUDGET);
	seen.result_at = 7;
	seen.result = BPFRING_STOP;
	assert_reads(t, &seen, 2, BPFRING_END_STOPPED);
	seen.result_at = 9;
	seen.result = BPFRING_KEEP;
	assert_reads(t, &seen, 1, BPFRING_END_KEPT);
	seen.count = 8; /* it comes again */
	seen.result_at = 10;
	seen.result = -EIO;
	assert_reads(t, &seen, -EIO, BPFRING_END_ERROR);
	seen.result_at = 0;
	assert_reads(t, &seen, 10, BPFRING_END_DRAINED);
	for (uint64_t n = 0; n < 20; n++)
		assert_int_equal(seen.numbers[n], n);
	budget.bytes = 0;
	budget.ns = -1;
	assert_int_equal(bpfring_tap_read(t, see, &seen, &budget, NULL), -EINVAL);
	assert_logged("struct bpfring_budget", "below 0");
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void look_inside(struct seen *seen)
{
	struct bpfring_tap *t = seen->ctx;

	assert_int_equal(bpfring_tap_read(t, see, seen, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_NOW), -EINVAL);
	bpfring_tap_close(t);
	assert_int_equal(stats_of_tap(t).records, 1);
}

static void test_inside_the_callback(void **state)
{
	static struct seen seen;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	put_number(rig.r, 1);
	seen.ctx = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
	seen.meanwhile = look_inside;
	assert_reads(seen.ctx, &seen, 1, BPFRING_END_DRAINED);
	assert_logged("'events'", "bpfring_tap_read()", "from the callback");
	bpfring_tap_close(seen.ctx);
	rig_close(&rig);
}

static void test_refusals(void **state)
{
	struct bpfring_tap_stats no_size = {0};
	uint64_t buffer[2];
	const struct {
		struct bpfring_tap_opts opts;
		const char *text;
	} bad[] = {
		{{.start = 2}, "an unknown start"},
		{{.flags = 8}, "an unknown flag"},
		{{.reserved = 1}, "an unknown flag"},
		{{.buffer = buffer}, "without a size"},
		{{.buffer = (char *)buffer + 1, .buffer_size = 8}, "aligned"},
		{{.max_latency_ns = -1}, "below 0"},
		{{.cpu_permille = 1001}, "CPU budget"},
	};
	struct bpfring_tap *t = NULL;
	struct rig rig, user = {0};

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bpfring_tap_opts opts = bad[i].opts;

		opts.sz = sizeof(opts);
		assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), -EINVAL);
		assert_logged("struct bpfring_tap_opts", bad[i].text);
	}
	assert_int_equal(bpfring_tap_open(NULL, rig.r->event_fd, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_open_id(NULL, 42, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_open_pinned(NULL, "/x", NULL), -EINVAL);
	assert_int_equal(bpfring_tap_open_pinned(&t, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_read(NULL, see, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_seek(NULL, BPFRING_TAP_NOW), -EINVAL);
	assert_int_equal(bpfring_tap_stats(NULL, &no_size), -EINVAL);
	bpfring_tap_close(NULL);
	assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, NULL), 0);
	assert_int_equal(bpfring_tap_stats(t, NULL), -EINVAL);
	assert_int_equal(bpfring_tap_stats(t, &no_size), -EINVAL);
	assert_int_equal(bpfring_tap_read(t, NULL, NULL, NULL, NULL), -EINVAL);
	assert_logged("needs a callback");
	bpfring_tap_close(t);
	assert_int_equal(sim_user_ring_new(&user.r, PAGE, 8, 0), 0);
	user.map = sim_sys_map(user.r, "commands", 1);
	assert_int_equal(bpfring_tap_open(&t, user.r->event_fd, NULL), -EINVAL);
	assert_logged("'commands'", "user ring");
	rig_close(&user);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_copies_and_takes_nothing),
		rig_test(test_laps_beside_a_consumer),
		rig_test(test_where_it_starts),
		rig_test(test_full_ring),
		rig_test(test_discarded),
		rig_test(test_busy),
		rig_test(test_buffers),
		rig_test(test_largest_record),
		rig_test(test_verdicts_and_budgets),
		rig_test(test_inside_the_callback),
		rig_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
