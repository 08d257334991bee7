// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A tap that is too slow: before it copies, and while it does. */
#include "tap_rig.h"

#include "observe/tap.h"

/* Done between a copy and its check, the next time. */
static void (*between)(void *ctx);
static void *between_ctx;

int __real_bpfring_tap_look_again(struct bpfring_tap *t);
int __wrap_bpfring_tap_look_again(struct bpfring_tap *t);

int __wrap_bpfring_tap_look_again(struct bpfring_tap *t)
{
	void (*now)(void *ctx) = between;

	between = NULL;
	if (now)
		now(between_ctx);
	return __real_bpfring_tap_look_again(t);
}

/* As if a consumer had taken all: producers find room. */
static void drain(struct sim_ring *r)
{
	sim_ring_set_cons(r, sim_ring_prod(r));
}

static uint64_t put_numbers(struct sim_ring *r, uint64_t from, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!r->overwrite)
			drain(r);
		put_number(r, from++);
	}
	return from;
}

static void test_far_behind(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		struct bpfring_tap *t;
		struct rig rig;

		memset(&seen, 0, sizeof(seen));
		rig_ring(&rig, PAGE, start);
		t = tap_of(&rig, BPFRING_TAP_NOW, 0);
		put_numbers(rig.r, 0, 1000); /* of 16 bytes; the last one is pending */
		assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
		assert_int_equal(seen.numbers[0], 999);
		assert_int_equal(seen.records[0].missed, 999 * 16);
		assert_int_equal(stats_of_tap(t).missed, 999 * 16);
		assert_int_equal(stats_of_tap(t).overruns, 1);
		put_numbers(rig.r, 1000, 10);
		assert_reads(t, &seen, 10, BPFRING_END_DRAINED);
		assert_int_equal(seen.missed, 999 * 16);
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

/* The last byte that a tap may be behind, and the first that it may not. */
static void test_exact_edge(void **state)
{
	static struct seen seen;

	(void)state;
	for (unsigned int more = 0; more < 2; more++) {
		struct bpfring_tap *t;
		struct rig rig;

		memset(&seen, 0, sizeof(seen));
		rig_ring(&rig, PAGE, NULL);
		t = tap_of(&rig, BPFRING_TAP_NOW, 0);
		put_numbers(rig.r, 0, PAGE / 16 - 1);
		drain(rig.r);
		put(rig.r, 0); /* size - 8: the next header is written over our first one */
		if (more)
			put_numbers(rig.r, PAGE / 16, 1);
		assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), more ? 1 : PAGE / 16);
		assert_int_equal(stats_of_tap(t).overruns, more);
		assert_int_equal(stats_of_tap(t).missed, more ? PAGE - 8 : 0);
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

static void put_a_lap(void *ctx)
{
	put_numbers(ctx, 5000, PAGE / 16);
}

static void test_overwritten_while_copying(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	put_numbers(rig.r, 0, 10);
	between = put_a_lap;
	between_ctx = rig.r;
	/* what was copied is thrown away; all now there is behind the end of this call */
	assert_reads(t, &seen, 0, BPFRING_END_DRAINED);
	assert_int_equal(stats_of_tap(t).overruns, 1);
	assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[0], 5000 + PAGE / 16 - 1);
	assert_int_equal(seen.missed, (10 + PAGE / 16 - 1) * 16);
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void put_most_of_a_lap(void *ctx)
{
	put_numbers(ctx, 5000, PAGE / 16 - 20);
}

static void test_nearly_overwritten_while_copying(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	put_numbers(rig.r, 0, 10);
	between = put_most_of_a_lap;
	between_ctx = rig.r;
	assert_reads(t, &seen, 10, BPFRING_END_DRAINED);
	assert_reads(t, &seen, PAGE / 16 - 20, BPFRING_END_DRAINED);
	assert_int_equal(stats_of_tap(t).missed, 0);
	bpfring_tap_close(t);
	rig_close(&rig);
}

static void put_a_page(struct seen *seen)
{
	struct sim_ring *r = seen->ctx;

	seen->meanwhile = NULL;
	put_numbers(r, 9000, PAGE / 16);
}

/* A slow callback: its batch has been copied before. */
static void test_slow_callback(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	put_numbers(rig.r, 0, 30);
	seen.meanwhile = put_a_page;
	seen.ctx = rig.r;
	assert_reads(t, &seen, 30, BPFRING_END_DRAINED);
	for (uint64_t n = 0; n < 30; n++)
		assert_int_equal(seen.numbers[n], n);
	assert_int_equal(stats_of_tap(t).missed, 0);
	bpfring_tap_close(t);
	rig_close(&rig);
}

/* After an overrun the oldest record is that of the consumer, if it is one. */
static void test_goes_on_at_the_consumer(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		for (unsigned int lie = 0; lie < 2; lie++) {
			struct bpfring_tap *t;
			struct rig rig;
			uint64_t cons;

			memset(&seen, 0, sizeof(seen));
			rig_ring(&rig, PAGE, start);
			t = tap_of(&rig, BPFRING_TAP_NOW, 0);
			put_numbers(rig.r, 0, 500);
			cons = sim_ring_prod(rig.r);
			sim_ring_set_cons(rig.r, cons);
			for (uint64_t n = 500; n < 520; n++)
				put_number(rig.r, n);
			/* into a payload: no header leads from there */
			*(uint64_t *)(void *)(rig.r->data +
					      ((start->pos + 500 * 16 + 8) & (PAGE - 1))) = 0x3000;
			if (lie)
				sim_ring_set_cons(rig.r, ring_word(rig.r, cons + 8));
			assert_reads(t, &seen, lie ? 0 : 20, BPFRING_END_DRAINED);
			assert_int_equal(stats_of_tap(t).missed, (lie ? 520 : 500) * 16);
			bpfring_tap_close(t);
			rig_close(&rig);
		}
	}
}

/* On processors that need a margin: what the consumer has not taken needs none. */
static void test_margin(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig_ring(&rig, PAGE, NULL);
	t = tap_of(&rig, BPFRING_TAP_NOW, 0);
	t->margin = 256;
	put_numbers(rig.r, 0, 1); /* consumed before the next one comes */
	sim_ring_set_cons(rig.r, 16);
	for (uint64_t n = 1; n < PAGE / 16 - 1; n++)
		put_number(rig.r, n);
	assert_reads(t, &seen, PAGE / 16 - 2, BPFRING_END_DRAINED);
	assert_int_equal(seen.numbers[0], 1);
	assert_int_equal(stats_of_tap(t).missed, 16);
	/* it grows with the records, and is never more than half of the ring */
	t->margin = 8;
	t->margin_grows = true;
	drain(rig.r);
	put(rig.r, 100);
	assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(t->margin, 8 + 112);
	drain(rig.r);
	put(rig.r, 3000);
	assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
	assert_int_equal(t->margin, PAGE / 2);
	bpfring_tap_close(t);
	rig_close(&rig);
}

/* A flight recorder. */
static void test_overwrite(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		struct bpfring_tap *t;
		struct rig rig = {0};
		uint64_t left;

		memset(&seen, 0, sizeof(seen));
		rig.r = ring_new(PAGE, start);
		rig.r->overwrite = true;
		rig.map = sim_sys_map(rig.r, "recorder", 7);
		sim_sys_set_word_size(rig.r->word_size);
		put_numbers(rig.r, 0, 100 * PAGE / 16 + 5); /* it wrapped a hundred times */
		left = (sim_ring_prod(rig.r) - sim_ring_over(rig.r)) / 16;
		left &= PAGE / 16 - 1;
		assert_int_equal(left, PAGE / 16 - 1);
		t = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
		assert_reads(t, &seen, (int)left, BPFRING_END_DRAINED);
		for (uint64_t n = 0; n < left; n++)
			assert_int_equal(seen.numbers[n], 100 * PAGE / 16 + 5 - left + n);
		/* following */
		put_numbers(rig.r, 30000, 50);
		assert_reads(t, &seen, 50, BPFRING_END_DRAINED);
		assert_int_equal(stats_of_tap(t).missed, 0);
		/* too slow: from the oldest that is left, and the bytes before are missed */
		put_numbers(rig.r, 40000, 300);
		assert_reads(t, &seen, (int)left, BPFRING_END_DRAINED);
		assert_int_equal(seen.numbers[seen.count - 1], 40299);
		assert_int_equal(stats_of_tap(t).missed, (300 - left) * 16);
		/* once more the whole picture */
		assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_OLDEST), 0);
		assert_reads(t, &seen, (int)left, BPFRING_END_DRAINED);
		assert_int_equal(stats_of_tap(t).missed, 0);
		/* where a margin is needed, the oldest of them are in doubt */
		t->margin = 256;
		assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_OLDEST), 0);
		assert_reads(t, &seen, (PAGE - 256) / 16, BPFRING_END_DRAINED);
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

static void test_overwrite_busy(void **state)
{
	static struct seen seen;
	struct bpfring_tap *t;
	struct rig rig = {0};
	void *busy;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	rig.r = ring_new(PAGE, NULL);
	rig.r->overwrite = true;
	rig.map = sim_sys_map(rig.r, "recorder", 7);
	put_numbers(rig.r, 0, 1000);
	busy = sim_reserve(rig.r, 8);
	put_numbers(rig.r, 1001, PAGE / 16 - 2);
	assert_null(sim_reserve(rig.r, 8)); /* it is not written over */
	t = tap_of(&rig, BPFRING_TAP_OLDEST, 0);
	assert_reads(t, &seen, 0, BPFRING_END_BUSY_HEAD);
	sim_submit(rig.r, busy, 0);
	assert_reads(t, &seen, PAGE / 16 - 1, BPFRING_END_DRAINED);
	bpfring_tap_close(t);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_far_behind),
		rig_test(test_exact_edge),
		rig_test(test_overwritten_while_copying),
		rig_test(test_nearly_overwritten_while_copying),
		rig_test(test_slow_callback),
		rig_test(test_goes_on_at_the_consumer),
		rig_test(test_margin),
		rig_test(test_overwrite),
		rig_test(test_overwrite_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
