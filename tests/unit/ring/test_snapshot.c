// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Looking without taking, and the counters. */
#include <errno.h>

#include "rig.h"

struct seen {
	unsigned int count;
	struct bpfring_record records[64];
	enum bpfring_record_state states[64];
	unsigned int end_at;
	int result;
};

static int see(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	struct seen *seen = ctx;

	assert_true(seen->count < ARRAY_SIZE(seen->records));
	seen->records[seen->count] = *record;
	seen->states[seen->count++] = state;
	return seen->count == seen->end_at ? seen->result : 0;
}

static void pending_records_are_seen_and_stay(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct counter counter = {0};
		struct seen seen = {0};
		struct rig rig;
		void *busy;

		rig_open(&rig, PAGE, s, 0);
		assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), 0);
		put(rig.r, 8);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
		put(rig.r, 10);
		busy = sim_reserve(rig.r, 20);
		sim_discard(rig.r, sim_reserve(rig.r, 30), 0);
		put_number(rig.r, 40);
		for (int again = 0; again < 2; again++) {
			seen = (struct seen){0};
			assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), 4);
			assert_int_equal(seen.count, 4);
			assert_int_equal(seen.records[0].pos, s->pos + 16);
			assert_int_equal(seen.records[0].size, 10);
			assert_int_equal(seen.states[0], BPFRING_RECORD_READY);
			assert_int_equal(seen.records[1].size, 20);
			assert_int_equal(seen.states[1], BPFRING_RECORD_BUSY);
			assert_int_equal(seen.records[2].size, 30);
			assert_int_equal(seen.states[2], BPFRING_RECORD_DISCARDED);
			assert_int_equal(seen.records[3].pos, s->pos + 16 + 24 + 32 + 40);
			assert_int_equal(seen.states[3], BPFRING_RECORD_READY);
			assert_int_equal(*(const uint64_t *)seen.records[3].data, 40);
		}
		sim_submit(rig.r, busy, 0);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 3);
		seen = (struct seen){0};
		assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), 0);
		rig_close(&rig);
	}
}

/* Records that were peeked are still pending: the walk begins with the first not released. */
static void held_records_are_pending(void **state)
{
	struct bpfring_record record;
	struct seen seen = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
	assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), 2);
	assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
	assert_int_equal(record.pos, 16);
	assert_int_equal(bpfring_consumer_release(rig.c), 0);
	rig_close(&rig);
}

static void the_walk_can_be_ended(void **state)
{
	struct seen seen = {.end_at = 2, .result = BPFRING_STOP};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	for (int i = 0; i < 5; i++)
		put(rig.r, 8);
	assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), 2);
	seen = (struct seen){.end_at = 3, .result = -EIO};
	assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), -EIO);
	assert_int_equal(seen.count, 3);
	assert_int_equal(bpfring_consumer_snapshot(NULL, see, &seen), -EINVAL);
	assert_int_equal(bpfring_consumer_snapshot(rig.c, NULL, &seen), -EINVAL);
	assert_logged("events", "callback");
	rig_close(&rig);
}

static void a_corrupt_ring_ends_the_walk(void **state)
{
	static const uint32_t headers[] = {9, 0x3fffffff, 0x80000009, 0x40000009, 0xffffffff};
	struct rig rig;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct seen seen = {0};

		rig_open(&rig, PAGE, NULL, 0);
		put(rig.r, 8);
		put(rig.r, 8);
		*sim_ring_header(rig.r, 16) = headers[i];
		assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), -EBADMSG);
		assert_int_equal(seen.count, 1);
		assert_logged("events", "corrupt");
		sim_ring_set_prod(rig.r, 2 * PAGE);
		assert_int_equal(bpfring_consumer_snapshot(rig.c, see, &seen), -EBADMSG);
		assert_logged("events", "corrupt");
		rig_close(&rig);
	}
}

static void the_counters_add_up(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
		struct counter counter = {0};
		struct bpfring_record record;
		struct rig rig;

		rig_open(&rig, PAGE, s, 0);
		for (int i = 0; i < 3; i++)
			put(rig.r, 8);
		sim_discard(rig.r, sim_reserve(rig.r, 0), 0);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 3);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 0);
		put(rig.r, 100);
		assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
		assert_int_equal(bpfring_consumer_stats(rig.c, &stats), 0);
		assert_int_equal(stats.records, 3); /* held is not released */
		assert_int_equal(bpfring_consumer_release(rig.c), 0);
		assert_int_equal(bpfring_consumer_stats(rig.c, &stats), 0);
		assert_int_equal(stats.records, 4);
		assert_int_equal(stats.discards, 1);
		assert_int_equal(stats.bytes, 3 * 16 + 8 + 112);
		assert_int_equal(stats.batches, 1);
		assert_int_equal(stats.max_fill, 112);
		assert_int_equal(stats.ring_size, PAGE);
		assert_int_equal(stats.wakeups, 0);
		assert_int_equal(stats.asleep_ns, 0);
		rig_close(&rig);
	}
}

static void counters_of_other_versions(void **state)
{
	struct {
		struct bpfring_consumer_stats known;
		uint64_t later[3];
	} newer;
	struct bpfring_consumer_stats stats;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_stats(rig.c, NULL), -EINVAL);
	for (size_t sz = 0; sz < offsetof(struct bpfring_consumer_stats, bytes); sz++) {
		stats.sz = sz;
		assert_int_equal(bpfring_consumer_stats(rig.c, &stats), -EINVAL);
	}
	assert_logged("events", "@sz");
	memset(&stats, 0xee, sizeof(stats));
	stats.sz = offsetof(struct bpfring_consumer_stats, discards);
	assert_int_equal(bpfring_consumer_stats(rig.c, &stats), 0);
	assert_int_equal(stats.sz, offsetof(struct bpfring_consumer_stats, discards));
	assert_int_equal(stats.records, 0);
	assert_int_equal(stats.discards, 0xeeeeeeeeeeeeeeee); /* beyond its size: untouched */
	memset(&newer, 0xee, sizeof(newer));
	newer.known.sz = sizeof(newer);
	assert_int_equal(bpfring_consumer_stats(rig.c, &newer.known), 0);
	assert_int_equal(newer.known.sz, sizeof(newer));
	assert_int_equal(newer.known.ring_size, PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(newer.later); i++)
		assert_int_equal(newer.later[i], 0);
	assert_int_equal(bpfring_consumer_stats(NULL, &stats), -EINVAL);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(pending_records_are_seen_and_stay),
		rig_test(held_records_are_pending),
		rig_test(the_walk_can_be_ended),
		rig_test(a_corrupt_ring_ends_the_walk),
		rig_test(the_counters_add_up),
		rig_test(counters_of_other_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
