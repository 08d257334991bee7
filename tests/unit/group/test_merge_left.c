// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Callbacks of a merge that do not return. */
#include "../ring/leave.h"
#include "merge_rig.h"

struct leaving {
	struct scene *s;
	enum way way;
	bool batch, loop, frees;
};

static struct leaving *now;

static int go(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	if (now->frees) {
		bpfring_merge_free(s->m);
		if (now->way != BY_LONGJMP && now->way != BY_RAW_EXIT)
			s->m = NULL; /* else nobody is told that the call will not come back */
	}
	leave(now->way);
	return 0;
}

static int see_then_go(void *ctx, const struct bpfring_merged *records, unsigned int count)
{
	struct scene *s = ctx;
	const unsigned int at = s->at;

	s->at = 0;
	see_batch(ctx, records, count);
	return at ? go(s, records) : 0;
}

static void call(void *ctx)
{
	struct leaving *leaving = ctx;
	struct scene *s = leaving->s;

	now = leaving;
	if (leaving->loop)
		bpfring_loop_poll(s->l, 0);
	else if (leaving->batch)
		bpfring_merge_consume_batch(s->m, see_then_go, s, NULL, NULL);
	else
		bpfring_merge_consume(s->m, see, s, NULL, NULL);
}

static void in_every_way(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < WAYS * 8; i++) {
		BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1,
			     .clock = BPFRING_KEY_NUMBER);
		struct leaving leaving = {
			.way = i / 8, .batch = i & 1, .loop = i & 2, .frees = i & 4};
		struct scene *s;

		if (way_closed(leaving.way))
			continue;
		s = leaving.s = scene_new(3, &opts, 4096);
		if (leaving.loop) {
			assert_int_equal(bpfring_loop_new(&s->l, NULL), 0);
			assert_int_equal(leaving.batch ? bpfring_loop_add_merge_batch(
								 s->l, s->m, see_then_go, s)
						       : bpfring_loop_add_merge(s->l, s->m, see, s),
					 0);
		}
		for (unsigned int k = 0; k < 90; k++)
			put_key(s, k % 3, k);
		s->at = 5;
		s->then = go;
		if (!left(leaving.way, call, &leaving))
			fail_msg("%s: it came back", way_names[leaving.way]);
		assert_in_range(s->count, 5, leaving.batch ? 64 : 5);
		if (leaving.frees) {
			scene_free(s);
			continue;
		}
		if (leaving.loop) {
			while (s->count < 90)
				assert_true(bpfring_loop_poll(s->l, 1000000000) > 0);
		} else {
			consume(s, leaving.batch);
		}
		assert_int_equal(s->count, 90);
		for (unsigned int k = 0; k < 90; k++)
			assert_int_equal(s->seen[k].key, k);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(in_every_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
