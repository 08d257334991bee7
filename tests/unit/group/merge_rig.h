/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Simulated rings with consumers in a merge, and records that say where they belong. */
#ifndef TESTS_UNIT_MERGE_RIG_H
#define TESTS_UNIT_MERGE_RIG_H

#include <errno.h>
#include <stdlib.h>

#include "rig.h"

#define MAX_RINGS 512U

struct entry {
	uint64_t key;
	uint32_t ring;
	uint32_t number; /* in its ring */
};

struct scene {
	unsigned int n;
	struct rig rings[MAX_RINGS];
	uint32_t numbers[MAX_RINGS]; /* put so far */
	struct bpfring_merge *m;
	struct bpfring_loop *l;

	struct entry seen[65536];
	bool late[65536];
	unsigned int count;
	int64_t seen_at[65536];
	int (*then)(struct scene *s, const struct bpfring_merged *record);
	unsigned int at; /* at which record, from 1, to do that */
	int result;
};

static inline struct scene *scene_new(unsigned int n, const struct bpfring_merge_opts *opts,
				      size_t ring_size)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->n = n;
	assert_int_equal(bpfring_merge_new(&s->m, opts), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct start start = starts[i % 7];

		rig_open(&s->rings[i], ring_size, &start, 0);
		assert_int_equal(bpfring_merge_add(s->m, s->rings[i].c), 0);
	}
	return s;
}

static inline void scene_free(struct scene *s)
{
	bpfring_merge_free(s->m);
	bpfring_loop_free(s->l);
	for (unsigned int i = 0; i < s->n; i++)
		rig_close(&s->rings[i]);
	free(s);
}

static inline void put_key(struct scene *s, unsigned int ring, uint64_t key)
{
	struct entry e = {key, ring, s->numbers[ring]++};

	assert_int_equal(sim_output(s->rings[ring].r, &e, sizeof(e), 0), 0);
}

/* One that stays busy: the payload, to be submitted. */
static inline void *reserve_key(struct scene *s, unsigned int ring, uint64_t key)
{
	struct entry e = {key, ring, s->numbers[ring]++};
	void *payload = sim_reserve(s->rings[ring].r, sizeof(e));

	assert_non_null(payload);
	memcpy(payload, &e, sizeof(e));
	return payload;
}

static inline int see(void *ctx, const struct bpfring_merged *record)
{
	struct scene *s = ctx;
	struct entry e = {0};

	if (record->record.size >= sizeof(e))
		memcpy(&e, record->record.data, sizeof(e));
	else
		e.key = record->key;
	assert_int_equal(e.key, record->key);
	assert_true(s->count < ARRAY_SIZE(s->seen));
	s->late[s->count] = record->late;
	s->seen_at[s->count] = sim_clock_now();
	s->seen[s->count++] = e;
	if (s->count == s->at) {
		s->at = 0;
		return s->then ? s->then(s, record) : s->result;
	}
	return 0;
}

static inline int see_batch(void *ctx, const struct bpfring_merged *records, unsigned int count)
{
	int err = 0;

	for (unsigned int i = 0; i < count; i++) {
		int ret = see(ctx, &records[i]);

		err = err ? err : ret;
	}
	return err;
}

/* Consumes all that may go; why it ended. */
static inline enum bpfring_end consume(struct scene *s, bool batch)
{
	struct bpfring_outcome out = {.sz = sizeof(out)};
	int n = batch ? bpfring_merge_consume_batch(s->m, see_batch, s, NULL, &out)
		      : bpfring_merge_consume(s->m, see, s, NULL, &out);

	if (n >= 0)
		assert_int_equal(n, out.records);
	return out.end;
}

static inline struct bpfring_merge_stats merge_stats(const struct bpfring_merge *m)
{
	struct bpfring_merge_stats stats = {.sz = sizeof(stats)};

	assert_int_equal(bpfring_merge_stats(m, &stats), 0);
	return stats;
}

static inline int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->ring != y->ring)
		return x->ring < y->ring ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* These keys came since the last time, in this order. */
#define assert_seen(s, ...)                                             \
	do {                                                            \
		const uint64_t keys_[] = {__VA_ARGS__};                 \
		assert_int_equal((s)->count, ARRAY_SIZE(keys_));        \
		for (unsigned int i_ = 0; i_ < ARRAY_SIZE(keys_); i_++) \
			assert_int_equal((s)->seen[i_].key, keys_[i_]); \
		(s)->count = 0;                                         \
	} while (0)

#define assert_nothing_seen(s) assert_int_equal((s)->count, 0)

#endif /* TESTS_UNIT_MERGE_RIG_H */
