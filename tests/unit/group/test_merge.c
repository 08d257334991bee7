// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The order of what a merge hands out, held against a sort; budgets, batches, records kept. */
#include "merge_rig.h"

static const unsigned int sizes[] = {1, 2, 3, 7, 64, 511, 512};

static int64_t no_lateness = -1;

static struct entry *reference(const struct scene *s, const struct entry *put, unsigned int count)
{
	struct entry *sorted = malloc(count * sizeof(*sorted));

	(void)s;
	assert_non_null(sorted);
	memcpy(sorted, put, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_entries);
	return sorted;
}

/* Keys that grow in each ring, with many equal ones, and the ends of the numbers. */
static unsigned int put_some(struct scene *s, struct entry *ret, unsigned int most,
			     unsigned int *seed)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		unsigned int records = (unsigned int)rand_r(seed) % (most + 1);
		uint64_t key = (unsigned int)rand_r(seed) % 50;

		for (unsigned int k = 0; k < records; k++) {
			if (k + 1 == records && rand_r(seed) % 8 == 0)
				key = UINT64_MAX;
			ret[count++] = (struct entry){key, i, s->numbers[i]};
			if (rand_r(seed) % 5 == 0)
				sim_discard(s->rings[i].r, sim_reserve(s->rings[i].r, 24), 0);
			put_key(s, i, key);
			key += key < UINT64_MAX ? (unsigned int)rand_r(seed) % 4 : 0;
		}
	}
	return count;
}

static void as_a_sort(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER,
		     .max_lateness_ns = no_lateness);
	static struct entry put[65536];
	unsigned int seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 4 * ARRAY_SIZE(sizes); i++) {
		struct scene *s = scene_new(sizes[i / 4], &opts, 4096);
		unsigned int count = put_some(s, put, s->n > 64 ? 40 : 80, &seed);
		struct entry *sorted = reference(s, put, count);

		assert_int_equal(consume(s, i % 2), BPFRING_END_DRAINED);
		assert_int_equal(s->count, count);
		assert_memory_equal(s->seen, sorted, count * sizeof(*sorted));
		assert_int_equal(merge_stats(s->m).late, 0);
		assert_int_equal(merge_stats(s->m).records, count);
		for (unsigned int k = 0; k < s->n; k++)
			assert_int_equal(sim_ring_cons(s->rings[k].r),
					 sim_ring_prod(s->rings[k].r));
		free(sorted);
		scene_free(s);
	}
}

/* A callback that stops, keeps, fails; calls with budgets: nothing is lost or comes twice. */
struct moody {
	struct scene *s;
	unsigned int seed;
	unsigned int kept;
};

static int take_one(void *ctx, const struct bpfring_merged *record)
{
	struct moody *m = ctx;

	switch (rand_r(&m->seed) % 12) {
	case 0:
		m->kept++;
		return BPFRING_KEEP;
	case 1:
		see(m->s, record);
		return BPFRING_STOP;
	case 2:
		see(m->s, record);
		return -EXDEV;
	default:
		return see(m->s, record);
	}
}

static int take_some(void *ctx, const struct bpfring_merged *records, unsigned int count)
{
	struct moody *m = ctx;
	unsigned int taken = rand_r(&m->seed) % 3 ? count
						  : (unsigned int)rand_r(&m->seed) % (count + 1);

	for (unsigned int i = 0; i < taken; i++)
		see(m->s, &records[i]);
	if (taken < count) {
		m->kept += count - taken;
		return BPFRING_KEEP_FROM(taken);
	}
	return rand_r(&m->seed) % 8 ? 0 : rand_r(&m->seed) % 2 ? BPFRING_STOP : -EXDEV;
}

static void with_moods_and_budgets(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER,
		     .max_lateness_ns = no_lateness);
	static struct entry put[65536];
	unsigned int seed = 7;

	(void)state;
	for (unsigned int i = 0; i < 6 * ARRAY_SIZE(sizes); i++) {
		struct scene *s = scene_new(sizes[i / 6], &opts, 4096);
		struct moody moody = {.s = s, .seed = i};
		unsigned int count = put_some(s, put, 40, &seed);
		struct entry *sorted = reference(s, put, count);
		struct bpfring_outcome out = {.sz = sizeof(out)};
		uint64_t records = 0, bytes = 0, consumed = 0;

		do {
			BPFRING_OPTS(bpfring_budget, budget,
				     .records = (uint64_t)(rand_r(&seed) % 90));

			if (i % 2)
				bpfring_merge_consume_batch(s->m, take_some, &moody, &budget, &out);
			else
				bpfring_merge_consume(s->m, take_one, &moody, &budget, &out);
			records += out.records;
			bytes += out.bytes;
			assert_true(!budget.records || out.records <= budget.records);
			if (out.end != BPFRING_END_DRAINED)
				assert_int_equal(bpfring_merge_next_due(s->m), 0);
		} while (out.end != BPFRING_END_DRAINED);
		assert_int_equal(bpfring_merge_next_due(s->m), INT64_MAX);
		assert_int_equal(records, count);
		assert_int_equal(s->count, count);
		assert_memory_equal(s->seen, sorted, count * sizeof(*sorted));
		assert_int_equal(merge_stats(s->m).late, 0);
		assert_true(count < 100 || moody.kept > 0);
		for (unsigned int k = 0; k < s->n; k++) {
			struct bpfring_consumer_stats stats = stats_of_consumer(s->rings[k].c);

			consumed += stats.bytes;
			assert_int_equal(stats.records, s->numbers[k]);
		}
		assert_true(bytes <= consumed);
		free(sorted);
		scene_free(s);
	}
}

/* Many laps around the rings, more coming while it runs. */
static void lap_after_lap(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER,
		     .max_lateness_ns = no_lateness);
	struct scene *s = scene_new(5, &opts, 4096);
	uint64_t key = 0;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		uint64_t from = key;

		for (unsigned int k = 0; k < 120; k++)
			put_key(s, (unsigned int)(key * 7 / 3) % s->n, key), key++;
		assert_int_equal(consume(s, round % 2), BPFRING_END_DRAINED);
		assert_int_equal(s->count, 120);
		for (unsigned int k = 0; k < 120; k++)
			assert_int_equal(s->seen[k].key, from + k);
		s->count = 0;
	}
	scene_free(s);
}

static uint64_t backwards(void *ctx, const void *data, size_t size)
{
	struct entry e;

	(void)ctx;
	assert_int_equal(size, sizeof(e));
	memcpy(&e, data, sizeof(e));
	return ~e.key;
}

static int see_any(void *ctx, const struct bpfring_merged *record)
{
	struct scene *s = ctx;

	memcpy(&s->seen[s->count++], record->record.data, sizeof(struct entry));
	return 0;
}

static void keys_by_a_function(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER, .key_fn = backwards,
		     .max_lateness_ns = no_lateness);
	struct scene *s = scene_new(3, &opts, 4096);

	(void)state;
	put_key(s, 0, 9);
	put_key(s, 0, 3);
	put_key(s, 1, 8);
	put_key(s, 1, 1);
	put_key(s, 2, 5);
	assert_int_equal(bpfring_merge_consume(s->m, see_any, s, NULL, NULL), 5);
	assert_seen(s, 9, 8, 5, 3, 1);
	scene_free(s);
}

/* At an odd offset; and records that are too short for it. */
static void keys_at_an_offset(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER, .key_offset = 3,
		     .max_lateness_ns = no_lateness);
	struct scene *s = scene_new(2, &opts, 4096);
	uint8_t payload[11] = {0};
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		uint64_t key = 10 - (i & 1) + i;

		memcpy(payload + 3, &key, sizeof(key));
		assert_int_equal(sim_output(s->rings[i & 1].r, payload, sizeof(payload), 0), 0);
		if (i & 1)
			assert_int_equal(sim_output(s->rings[1].r, payload, i, 0), 0);
	}
	assert_int_equal(sim_output(s->rings[0].r, payload, 10, 0), 0);
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), 10);
	assert_int_equal(merge_stats(s->m).keyless, 4);
	for (i = 1; i < 10; i++)
		assert_int_equal(s->late[i], 0);
	scene_free(s);
}

/* It goes on past a row of discarded records, however long. */
static void discards_only(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .clock = BPFRING_KEY_NUMBER);
	struct scene *s = scene_new(2, &opts, 4096);

	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		if (i % 100 == 0)
			assert_int_equal(consume(s, i % 200), BPFRING_END_DRAINED);
		sim_discard(s->rings[i % 2].r, sim_reserve(s->rings[i % 2].r, 8), 0);
	}
	assert_nothing_seen(s);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(as_a_sort),	     rig_test(with_moods_and_budgets),
		rig_test(lap_after_lap),     rig_test(keys_by_a_function),
		rig_test(keys_at_an_offset), rig_test(discards_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
