// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: peek, release, cancel, batches, discards, busy heads; at every place where words wrap. */
#include <bpfring/ring.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static void init(struct bpfring_ring *c, struct sim_ring *r)
{
	assert_int_equal(bpfring_ring_init(c, r->cons_word, r->prod_word, r->data, r->size,
					   r->word_size, NULL),
			 0);
}

/* A record whose payload tells its number in every byte. */
static void put(struct sim_ring *r, uint8_t number, uint64_t size)
{
	uint8_t *payload = sim_reserve(r, size);

	assert_non_null(payload);
	memset(payload, number, (size_t)size);
	sim_submit(r, payload, 0);
}

static void check(const struct bpfring_record *record, uint8_t number, uint64_t size)
{
	assert_int_equal(record->size, size);
	assert_int_equal((uintptr_t)record->data % 8, 0);
	for (uint64_t i = 0; i < size; i++)
		if (((const uint8_t *)record->data)[i] != number)
			fail_msg("record %u: byte %llu is %u", number, (unsigned long long)i,
				 ((const uint8_t *)record->data)[i]);
}

static void empty_ring(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record = {.size = 77};
		struct bpfring_ring c;

		init(&c, r);
		assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		assert_int_equal(record.size, 77);
		assert_int_equal(bpfring_ring_head_busy(&c), 0);
		assert_int_equal(bpfring_ring_peek_batch(&c, &record, 1), 0);
		assert_int_equal(bpfring_ring_avail_data(&c), 0);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(bpfring_ring_arm(&c), 0);
		assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos));
		sim_ring_free(r);
	}
}

static void one_by_one(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;
		uint64_t pos = 0, bytes = 0;

		init(&c, r);
		/* sizes 0..255, through all offsets of the ring several times */
		for (unsigned int i = 0; i < 4096; i++) {
			uint64_t size = i * 7 % 256;

			put(r, (uint8_t)i, size);
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			check(&record, (uint8_t)i, size);
			if (i)
				assert_int_equal(record.pos, pos);
			pos = record.pos + ((size + 15) & ~7ULL);
			bytes += (size + 15) & ~7ULL;
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
			assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + bytes));
			assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		}
		assert_int_equal(c.records, 4096);
		assert_int_equal(c.discards, 0);
		/* caught up each time: each commit notified */
		assert_int_equal(sim_ring_notified(r), 4096);
		sim_ring_free(r);
	}
}

static void held_records_keep_their_space(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record records[3];
		struct bpfring_ring c;

		init(&c, r);
		for (uint8_t i = 0; i < 3; i++)
			put(r, i, 1000);
		for (uint8_t i = 0; i < 3; i++)
			assert_int_equal(bpfring_ring_peek(&c, &records[i]), 1);
		assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos));
		assert_null(sim_reserve(r, 2000));
		for (uint8_t i = 0; i < 3; i++)
			check(&records[i], i, 1000);
		assert_int_equal(bpfring_ring_avail_data(&c), 3 * 1008);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(bpfring_ring_avail_data(&c), 0);
		assert_int_equal(c.records, 3);
		put(r, 9, 2000);
		sim_ring_free(r);
	}
}

static void cancel_starts_again(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;

		init(&c, r);
		put(r, 1, 100);
		sim_discard(r, sim_reserve(r, 5), 0);
		put(r, 2, 200);
		for (int round = 0; round < 3; round++) {
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			check(&record, 1, 100);
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			check(&record, 2, 200);
			assert_int_equal(bpfring_ring_peek(&c, &record), 0);
			bpfring_ring_cancel(&c);
		}
		/* release after cancel gives nothing back */
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos));
		assert_int_equal(c.records, 0);
		/* cancel goes back to the last release, not to the start */
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		bpfring_ring_cancel(&c);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 2, 200);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(c.records, 2);
		assert_int_equal(c.discards, 1);
		sim_ring_free(r);
	}
}

static void batches(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record records[10];
		struct bpfring_ring c;

		init(&c, r);
		for (uint8_t i = 0; i < 14; i++) {
			put(r, i, i);
			if (i % 3 == 0)
				sim_discard(r, sim_reserve(r, 1), 0);
		}
		assert_int_equal(bpfring_ring_peek_batch(&c, records, 0), 0);
		assert_int_equal(bpfring_ring_peek_batch(&c, records, 10), 10);
		for (uint8_t i = 0; i < 10; i++)
			check(&records[i], i, i);
		assert_int_equal(bpfring_ring_peek_batch(&c, records, 10), 4);
		for (uint8_t i = 0; i < 4; i++)
			check(&records[i], (uint8_t)(i + 10), i + 10U);
		assert_int_equal(bpfring_ring_peek_batch(&c, records, 10), 0);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(c.records, 14);
		assert_int_equal(c.discards, 5);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		sim_ring_free(r);
	}
}

static void discards_are_skipped(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;

		init(&c, r);
		for (int i = 0; i < 3; i++)
			sim_discard(r, sim_reserve(r, 24), 0);
		/* nothing but discards: nothing to hold, and the sleep gives them back */
		assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		assert_int_equal(c.discards, 3);
		assert_int_equal(bpfring_ring_arm(&c), 0);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		/* before, between and behind records */
		sim_discard(r, sim_reserve(r, 24), 0);
		put(r, 1, 8);
		sim_discard(r, sim_reserve(r, 24), 0);
		put(r, 2, 8);
		sim_discard(r, sim_reserve(r, 24), 0);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 1, 8);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 2, 8);
		assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(c.records, 2);
		assert_int_equal(c.discards, 6);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		sim_ring_free(r);
	}
}

static void busy_head(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;
		void *busy;

		init(&c, r);
		put(r, 1, 8);
		busy = sim_reserve(r, 100);
		put(r, 3, 8);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 1, 8);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(bpfring_ring_peek(&c, &record), 0);
			assert_int_equal(bpfring_ring_head_busy(&c), 1);
		}
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + 16));
		assert_int_equal(bpfring_ring_arm(&c), 0);
		assert_int_equal(bpfring_ring_head_busy(&c), 1);
		assert_int_equal(bpfring_ring_avail_data(&c), 112 + 16);
		memset(busy, 2, 100);
		sim_submit(r, busy, 0);
		assert_int_equal(bpfring_ring_arm(&c), 1);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 2, 100);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 3, 8);
		assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		assert_int_equal(bpfring_ring_head_busy(&c), 0);
		sim_ring_free(r);
	}
}

static void a_full_ring(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;

		init(&c, r);
		for (int lap = 0; lap < 4; lap++) {
			unsigned int count = 0;
			uint8_t *payload;

			while ((payload = sim_reserve(r, 24))) {
				memset(payload, (int)count++, 24);
				sim_submit(r, payload, 0);
			}
			assert_int_equal(count, PAGE / 32 - 1); /* the kernel fills to size - 1 */
			for (unsigned int i = 0; i < count; i++) {
				assert_int_equal(bpfring_ring_peek(&c, &record), 1);
				check(&record, (uint8_t)i, 24);
			}
			assert_int_equal(bpfring_ring_peek(&c, &record), 0);
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(c.max_fill, PAGE - 32);
		}
		/* one record of the greatest size there is */
		put(r, 7, PAGE - 16);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 7, PAGE - 16);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(c.max_fill, PAGE - 8);
		sim_ring_free(r);
	}
}

static void a_new_consumer_resumes(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_record record;
		struct bpfring_ring c;

		put(r, 1, 8);
		put(r, 2, 8);
		init(&c, r);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		assert_int_equal(bpfring_ring_release(&c), 0);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1); /* taken, not released */
		init(&c, r);
		assert_int_equal(bpfring_ring_peek(&c, &record), 1);
		check(&record, 2, 8);
		assert_int_equal(bpfring_ring_peek(&c, &record), 0);
		sim_ring_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ring),
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(held_records_keep_their_space),
		cmocka_unit_test(cancel_starts_again),
		cmocka_unit_test(batches),
		cmocka_unit_test(discards_are_skipped),
		cmocka_unit_test(busy_head),
		cmocka_unit_test(a_full_ring),
		cmocka_unit_test(a_new_consumer_resumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
