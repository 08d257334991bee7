// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * ring.h: discarded records take space until they are given back, also where nobody releases
 * anything.
 */
#include <errno.h>

#include "cons_rig.h"

/* The loop that every program writes, with a BPF program that discards nearly everything. */
static void take_and_release(struct bpfring_ring *c, unsigned int *taken)
{
	struct bpfring_record record;

	while (bpfring_ring_peek(c, &record) == 1) {
		assert_int_equal(record.size, 40);
		(*taken)++;
		assert_int_equal(bpfring_ring_release(c), 0);
	}
}

static void a_ring_of_discards_does_not_jam(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (int quiet = 0; quiet < 2; quiet++) {
			struct sim_ring *r = ring_new(PAGE, s);
			unsigned int taken = 0;
			struct bpfring_ring c;

			init(&c, r);
			bpfring_ring_set_quiet(&c, quiet);
			for (unsigned int i = 0; i < 2000; i++) {
				if (!put_discarded(r, 8))
					fail_msg("quiet %d: jammed after %u", quiet, i);
				if (i % 700 == 699)
					assert_int_equal(put(r, 40), 1);
				take_and_release(&c, &taken);
				assert_int_equal(bpfring_ring_avail_data(&c), 0);
				if (!quiet) /* nothing is left that an epoll would report */
					assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
			}
			assert_int_equal(taken, 2);
			assert_int_equal(c.discards, 2000);
			sim_ring_free(r);
		}
	}
}

/* The ways to find nothing behind three discarded records. */
static int by_peek(struct bpfring_ring *c)
{
	return bpfring_ring_peek(c, &(struct bpfring_record){0});
}

static int by_batch(struct bpfring_ring *c)
{
	struct bpfring_record records[4];

	return bpfring_ring_peek_batch(c, records, 4);
}

static int by_arm(struct bpfring_ring *c)
{
	return bpfring_ring_arm(c);
}

static int (*const ways[])(struct bpfring_ring *c) = {by_peek, by_batch, by_arm};

static void every_way_to_find_nothing_gives_them_back(void **state)
{
	enum { EMPTY, BUSY, BROKEN, ENDS };

	(void)state;
	for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
		for (int end = 0; end < ENDS; end++) {
			for_each_start(s)
			{
				struct sim_ring *r = ring_new(PAGE, s);
				struct bpfring_ring c;
				void *busy = NULL;

				init(&c, r);
				for (int i = 0; i < 3; i++)
					assert_int_equal(put_discarded(r, 24), 1);
				if (end != EMPTY)
					busy = sim_reserve(r, 8);
				if (end == BROKEN)
					*sim_ring_header(r, s->pos + 96) = 0x100000;
				assert_int_equal(ways[way](&c), end == BROKEN ? -EBADMSG : 0);
				assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + 96));
				assert_int_equal(c.released, c.pos);
				assert_int_equal(c.discards, 3);
				assert_int_equal(bpfring_ring_head_busy(&c), end == BUSY);
				if (end == BUSY) { /* and its commit notifies */
					sim_submit(r, busy, 0);
					assert_int_equal(sim_ring_notified(r), 1 + 1);
					assert_int_equal(drain(&c), 1);
				}
				sim_ring_free(r);
			}
		}
	}
}

/* They go with the records before them; a peek must not give those back. */
static void behind_held_records_they_stay(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_record record;
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	assert_int_equal(put(r, 8), 1);
	while (put_discarded(r, 8))
		;
	assert_int_equal(bpfring_ring_peek(&c, &record), 1);
	assert_int_equal(bpfring_ring_peek(&c, &record), 0);
	assert_int_equal(sim_ring_cons(r), 0);
	bpfring_ring_cancel(&c);
	assert_int_equal(c.discards, 0);
	assert_int_equal(drain(&c), 1);
	assert_int_equal(c.discards, PAGE / 16 - 2);
	assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
	sim_ring_free(r);
}

/* Looking at the record behind them and going back changes nothing. */
static void peeked_and_cancelled(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_record record;
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(put_discarded(r, 8), 1);
	assert_int_equal(put(r, 40), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		assert_int_equal(record.pos, 48);
		bpfring_ring_cancel(&c);
		assert_int_equal(sim_ring_cons(r), 0);
		assert_int_equal(c.discards, 0);
	}
	assert_int_equal(drain(&c), 1);
	assert_int_equal(c.discards, 3);
	sim_ring_free(r);
}

/*
 * In the middle of a long row the space is given back in parts: 1/32 of the ring, and a record
 * more.
 */
static void a_long_row_is_given_back_in_parts(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_priv_cursor cursor;
	struct bpfring_record record;
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	while (put_discarded(r, 8))
		;
	for (int parts = 0;; parts++) {
		uint64_t from = c.pos;
		int more;

		cursor = bpfring_priv_cursor_at_pos(&c);
		more = bpfring_priv_next(&c, &cursor, &record);
		assert_true(c.pos - from <= PAGE / 32 + 16);
		if (!more) {
			assert_true(parts >= 28);
			break;
		}
		assert_int_equal(more, BPFRING_PRIV_SKIPPED);
	}
	sim_ring_free(r);
}

/* A quiet consumer keeps a discarded record back as any other, and stays quiet behind it. */
static void quiet_behind_discards(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c;

	(void)state;
	init(&c, r);
	bpfring_ring_set_quiet(&c, 1);
	assert_int_equal(put_discarded(r, 8), 1);
	assert_int_equal(drain(&c), 0);
	r->notified = 0;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(i % 3 ? put_discarded(r, 24) : put(r, 8), 1);
		assert_int_equal(drain(&c), i % 3 == 0);
	}
	assert_int_equal(sim_ring_notified(r), 0);
	assert_int_equal(bpfring_ring_arm(&c), 0);
	assert_int_equal(put_discarded(r, 8), 1);
	assert_int_equal(sim_ring_notified(r), 1);
	sim_ring_free(r);
}

/* Asleep behind discards that came after the last look: the next record must notify. */
static void arm_looks_past_them(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_ring c;

		init(&c, r);
		for (uint64_t n = 0; n < 60; n++) {
			bpfring_ring_set_quiet(&c, 1);
			for (uint64_t i = 0; i < n; i++)
				assert_int_equal(put_discarded(r, 8), 1);
			assert_int_equal(bpfring_ring_arm(&c), 0);
			assert_int_equal(c.quiet, 0);
			assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
			r->notified = 0;
			assert_int_equal(put(r, 8), 1);
			assert_int_equal(sim_ring_notified(r), 1);
			assert_int_equal(bpfring_ring_arm(&c), 1);
			assert_int_equal(drain(&c), 1);
			/* a record behind them is one to read, and is the next */
			for (uint64_t i = 0; i < n; i++)
				assert_int_equal(put_discarded(r, 8), 1);
			assert_int_equal(put(r, 40), 1);
			assert_int_equal(bpfring_ring_arm(&c), 1);
			assert_int_equal(bpfring_ring_arm(&c), 1);
			assert_int_equal(drain(&c), 1);
			assert_int_equal(c.records, 2 * n + 2);
			assert_int_equal(c.discards, n * (n + 1));
		}
		sim_ring_free(r);
	}
}

/* A consumer that has taken a record, another that was opened behind it, and discarded records. */
static void begin_two(struct sim_ring *r, struct bpfring_ring *one, struct bpfring_ring *two,
		      int discards)
{
	init(one, r);
	assert_int_equal(put(r, 8), 1);
	assert_int_equal(drain(one), 1);
	init(two, r);
	for (int i = 0; i < discards; i++)
		assert_int_equal(put_discarded(r, 8), 1);
}

/* Somebody else has taken them, and a record behind them: that is a second consumer. */
static void taken_by_a_second_consumer(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring one, two;

		begin_two(r, &one, &two, 20);
		assert_int_equal(put(r, 8), 1);
		assert_int_equal(drain(&two), 1);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(bpfring_ring_peek(&one, &record), -EBUSY);
			assert_int_equal(ring_word(r, one.released), ring_word(r, s->pos + 16));
			assert_int_equal(one.pos, one.released);
			assert_int_equal(one.discards, 0);
		}
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		sim_ring_free(r);
	}
}

/* A new consumer, where another of this library was, leaves them to that one the first time. */
static void left_to_the_consumer_before(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		const uint64_t start = ring_word(r, s->pos + 16);
		struct bpfring_record record;
		struct bpfring_ring one, two;

		begin_two(r, &one, &two, 3);
		assert_int_equal(bpfring_ring_peek(&two, &record), 0);
		assert_int_equal(sim_ring_cons(r), start);
		assert_int_equal(ring_word(r, two.released), start);
		assert_int_equal(two.pos, two.released);
		assert_int_equal(two.discards, 0);
		assert_int_equal(bpfring_ring_peek(&two, &record), 0);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		assert_int_equal(two.discards, 3);
		sim_ring_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_of_discards_does_not_jam),
		cmocka_unit_test(every_way_to_find_nothing_gives_them_back),
		cmocka_unit_test(behind_held_records_they_stay),
		cmocka_unit_test(peeked_and_cancelled),
		cmocka_unit_test(a_long_row_is_given_back_in_parts),
		cmocka_unit_test(quiet_behind_discards),
		cmocka_unit_test(arm_looks_past_them),
		cmocka_unit_test(taken_by_a_second_consumer),
		cmocka_unit_test(left_to_the_consumer_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
