// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What callbacks may do, rings that break, calls that are refused, memory that runs out. */
#include "merge_rig.h"

static struct scene *numbered(unsigned int n)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);

	return scene_new(n, &opts, 4096);
}

/* Keys 0, 1, 2, ... in turn over the rings. */
static void put_round(struct scene *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		put_key(s, i % s->n, i);
}

static int remove_own(struct scene *s, const struct bpfring_merged *record)
{
	assert_int_equal(bpfring_merge_remove(s->m, record->consumer), 0);
	assert_int_equal(bpfring_merge_remove(s->m, record->consumer), -ENOENT);
	assert_logged("not in this merge");
	/* it is still there to be read */
	assert_memory_equal(record->record.data, &s->seen[s->count - 1], sizeof(struct entry));
	return 0;
}

static int close_own(struct scene *s, const struct bpfring_merged *record)
{
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->rings[i].c != record->consumer)
			continue;
		bpfring_consumer_close(s->rings[i].c);
		s->rings[i].c = NULL;
	}
	assert_memory_equal(record->record.data, &s->seen[s->count - 1], sizeof(struct entry));
	return 0;
}

static int close_all(struct scene *s, const struct bpfring_merged *record)
{
	for (unsigned int i = 0; i < s->n; i++) {
		bpfring_consumer_close(s->rings[i].c);
		s->rings[i].c = NULL;
	}
	assert_memory_equal(record->record.data, &s->seen[s->count - 1], sizeof(struct entry));
	return 0;
}

static int free_merge(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	bpfring_merge_free(s->m);
	s->m = NULL;
	return 0;
}

/* Every way to take something away, at the first, a middle and the last record; and in batches. */
static void taking_away(void **state)
{
	static int (*const ways[])(struct scene *, const struct bpfring_merged *) = {
		remove_own, close_own, close_all, free_merge};

	(void)state;
	for (unsigned int i = 0; i < 2 * 3 * 3 * ARRAY_SIZE(ways); i++) {
		static const unsigned int rings[] = {1, 3, 70}, at[] = {1, 33, 140};
		struct scene *s = numbered(rings[i / 2 % 3]);
		const unsigned int way = i / 18, last = at[i / 6 % 3];
		uint64_t left = 0;

		put_round(s, 140);
		s->at = last;
		s->then = ways[way];
		if (i % 2)
			bpfring_merge_consume_batch(s->m, see_batch, s, NULL, NULL);
		else
			bpfring_merge_consume(s->m, see, s, NULL, NULL);
		for (unsigned int k = 1; k < s->count; k++)
			assert_true(s->seen[k].key > s->seen[k - 1].key);
		assert_true(s->count >= last);
		if (!(i % 2) && way >= 2)
			assert_int_equal(s->count, last);
		/* what was handed out is consumed, the rest is there for others */
		for (unsigned int k = 0; k < s->n; k++)
			left += (sim_ring_prod(s->rings[k].r) - sim_ring_cons(s->rings[k].r)) /
				(8 + sizeof(struct entry));
		assert_int_equal(left + s->count, 140);
		if (!s->m || way == 2) {
			scene_free(s);
			continue;
		}
		s->count = 0;
		for (unsigned int k = 0; k < s->n; k++)
			if (s->rings[k].c)
				put_key(s, k, 1000 + k);
		consume(s, i % 2);
		assert_int_equal(s->count, s->n - 1);
		scene_free(s);
	}
}

static struct rig added;

static int add_another(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	rig_open(&added, 4096, NULL, 0);
	put_number(added.r, 2);
	put_number(added.r, 5);
	return bpfring_merge_add(s->m, added.c);
}

static void adding(void **state)
{
	(void)state;
	for (int batch = 0; batch < 2; batch++) {
		struct scene *s = numbered(1);

		for (uint64_t i = 0; i < 10; i += 2)
			put_key(s, 0, i);
		s->at = 1;
		s->then = add_another;
		assert_int_equal(consume(s, batch), BPFRING_END_DRAINED);
		if (!batch) {
			assert_seen(s, 0, 2, 2, 4, 5, 6, 8);
			assert_int_equal(merge_stats(s->m).late, 0);
		}
		assert_int_equal(merge_stats(s->m).sources, 2);
		rig_close(&added);
		assert_int_equal(merge_stats(s->m).sources, 1);
		scene_free(s);
	}
}

static int call_inside(struct scene *s, const struct bpfring_merged *record)
{
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), -EINVAL);
	assert_logged("own callback");
	assert_int_equal(bpfring_consumer_consume(record->consumer, count_record, NULL, NULL, NULL),
			 -EINVAL);
	assert_logged("takes its records");
	assert_int_equal(bpfring_consumer_wait(record->consumer, 0), -EINVAL);
	return 0;
}

static void refusals(void **state)
{
	struct scene *s = numbered(2);
	struct bpfring_record held;
	struct bpfring_loop *l;
	struct bpfring_merge *other;

	(void)state;
	put_round(s, 4);
	s->at = 2;
	s->then = call_inside;
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), 4);
	assert_int_equal(bpfring_merge_add(s->m, s->rings[0].c), -EEXIST);
	assert_logged("in a merge already");
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, s->rings[0].c, count_record, NULL), -EEXIST);
	assert_logged("bpfring_loop_add_merge()");
	bpfring_loop_free(l);
	assert_int_equal(bpfring_merge_consume(s->m, NULL, s, NULL, NULL), -EINVAL);
	assert_logged("callback");
	/* held outside */
	put_round(s, 4);
	assert_int_equal(bpfring_consumer_peek(s->rings[0].c, &held), 1);
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), -EINVAL);
	assert_logged("held by a peek");
	bpfring_consumer_cancel(s->rings[0].c);
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), 4);
	/* options */
	for (int i = 0; i < 5; i++) {
		struct bpfring_merge_opts opts = {.sz = sizeof(opts)};

		opts.clock = i == 0 ? 4 : 0;
		opts.busy = i == 1 ? 2 : 0;
		opts.max_lateness_ns = i == 2 ? -2 : 0;
		opts.budget_ns = i == 3 ? -1 : 0;
		opts.reserved = i == 4;
		assert_int_equal(bpfring_merge_new(&other, &opts), -EINVAL);
		assert_logged("struct bpfring_merge_opts");
	}
	scene_free(s);
}

static void errors_of_callbacks(void **state)
{
	(void)state;
	for (int batch = 0; batch < 2; batch++) {
		struct scene *s = numbered(3);
		struct bpfring_outcome out = {.sz = sizeof(out)};

		put_round(s, 9);
		s->at = 4;
		s->result = -EXDEV;
		assert_int_equal(batch ? bpfring_merge_consume_batch(s->m, see_batch, s, NULL, &out)
				       : bpfring_merge_consume(s->m, see, s, NULL, &out),
				 -EXDEV);
		assert_int_equal(out.end, BPFRING_END_ERROR);
		assert_int_equal(out.records, batch ? 9 : 4);
		assert_int_equal(consume(s, batch), BPFRING_END_DRAINED);
		assert_int_equal(s->count, 9);
		scene_free(s);
	}
}

/* A ring that breaks leaves the merge, which goes on with the others. */
static void broken_rings(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		struct scene *s = numbered(3);
		struct bpfring_outcome out = {.sz = sizeof(out)};
		const bool batch = i % 2;
		const int err = i / 2 == 2 ? -EBUSY : -EBADMSG;
		int ret;

		put_round(s, 9);
		if (i / 2 == 0) /* a header */
			*sim_ring_header(s->rings[1].r, sim_ring_cons(s->rings[1].r) + 24) = 8000;
		else if (i / 2 == 1) /* a position */
			sim_ring_set_prod(s->rings[1].r, sim_ring_prod(s->rings[1].r) + 4096);
		else /* a second consumer */
			sim_ring_set_cons(s->rings[1].r, sim_ring_cons(s->rings[1].r) + 24);
		do
			ret = batch ? bpfring_merge_consume_batch(s->m, see_batch, s, NULL, &out)
				    : bpfring_merge_consume(s->m, see, s, NULL, &out);
		while (ret > 0);
		assert_int_equal(ret, err);
		assert_int_equal(out.end, BPFRING_END_BROKEN);
		assert_logged("map 'events'");
		assert_int_equal(merge_stats(s->m).sources, 2);
		consume(s, batch);
		assert_int_equal(s->count, i / 2 == 0 ? 7 : i / 2 == 1 ? 6 : 9);
		put_key(s, 0, 100);
		put_key(s, 2, 101);
		assert_int_equal(consume(s, batch), BPFRING_END_DRAINED);
		if (i / 2 == 1)
			sim_ring_set_prod(s->rings[1].r, sim_ring_cons(s->rings[1].r));
		scene_free(s);
	}
}

static int consume_in_child(void *ctx)
{
	struct scene *s = ctx;

	if (bpfring_merge_consume(s->m, see, s, NULL, NULL) != -ECHILD)
		return 1;
	if (bpfring_merge_add(s->m, s->rings[0].c) != -ECHILD)
		return 2;
	if (bpfring_merge_flush(s->m) != -ECHILD)
		return 3;
	bpfring_merge_free(s->m);
	return 0;
}

static void in_a_forked_child(void **state)
{
	struct scene *s = numbered(2);

	(void)state;
	put_round(s, 6);
	assert_int_equal(in_child(consume_in_child, s), 0);
	assert_int_equal(consume(s, false), BPFRING_END_DRAINED);
	assert_int_equal(s->count, 6);
	scene_free(s);
}

/* Every allocation fails once. */
static void without_memory(void **state)
{
	bool failed = true;

	(void)state;
	for (long n = 0; failed; n++) {
		BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1,
			     .clock = BPFRING_KEY_NUMBER);
		struct scene *s = calloc(1, sizeof(*s));
		int err;

		s->n = 20;
		for (unsigned int i = 0; i < s->n; i++)
			rig_open(&s->rings[i], 4096, NULL, 0);
		put_round(s, 40);
		sim_sys_fail(n, NULL);
		err = bpfring_merge_new(&s->m, &opts);
		for (unsigned int i = 0; i < s->n && !err; i++)
			err = bpfring_merge_add(s->m, s->rings[i].c);
		if (!err)
			err = bpfring_merge_consume(s->m, see, s, NULL, NULL);
		failed = sim_sys_failed(NULL) != NULL;
		assert_int_equal(err < 0, failed);
		sim_sys_fail(-1, NULL);
		if (failed)
			log_forget();
		else
			assert_int_equal(s->count, 40);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(taking_away),	       rig_test(adding),       rig_test(refusals),
		rig_test(errors_of_callbacks), rig_test(broken_rings), rig_test(in_a_forked_child),
		rig_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
