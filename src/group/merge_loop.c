// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A merge in a loop: its rings are watched by the loop, and taken from in one turn. */
#include <errno.h>

#include "group/merge.h"
#include "base/sys.h"

/* The rings go back to sleep, or to their windows, as what was found in them suggests. */
static int settle(struct bpfring_merge *m)
{
	const int64_t now = bpfring_sys_now();
	int err = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		struct merge_source *s = m->sources[i];
		struct bpfring_source *ring = s->c ? s->c->source : NULL;
		const uint64_t taken = s->taken;
		int failed;

		s->taken = 0;
		if (!ring || !(taken || ring->joined))
			continue;
		failed = bpfring_joint_settle(ring, taken, s->state == SOURCE_READY, now);
		if (!failed)
			continue;
		bpfring_merge_part(s);
		i--;
		err = err ? err : failed;
	}
	return err;
}

static int take(struct joint *j, const struct limits *limits, struct bpfring_outcome *ret,
		int64_t *due)
{
	struct bpfring_merge *m = merge_of_joint(j);
	const struct merge_handler h = m->handler;
	bool freed;
	int failed, err = bpfring_merge_check(m, call_place_here(), "the loop");

	if (err)
		return err;
	err = bpfring_merge_drain(m, &h, limits, ret, &freed);
	if (freed || !*m->guard)
		return err;
	*due = m->due;
	failed = m->joint.source ? settle(m) : 0;
	return !err || (err == BPFRING_STOP && failed) ? failed : err;
}

static void leave(struct bpfring_merge *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->sources[i]->c && m->sources[i]->c->source)
			bpfring_source_detach(m->sources[i]->c->source);
	bpfring_joint_leave(&m->joint);
}

static int add(struct bpfring_loop *l, struct bpfring_merge *m, struct merge_handler handler,
	       struct call_place here)
{
	int err;

	if (!l || !m)
		return -EINVAL;
	err = bpfring_merge_check(m, here, "bpfring_loop_add_merge()");
	if (!err)
		err = bpfring_merge_check_handler(m, &handler);
	if (!err && m->joint.source) {
		log_once(m->said, MERGE_SAID_IN_LOOP, ERROR,
			 "merge %p: is in %s loop already: bpfring_loop_remove_merge() it there "
			 "first\n",
			 (void *)m, m->joint.source->loop == l ? "this" : "another");
		err = -EEXIST;
	}
	if (err)
		return err;
	m->handler = handler;
	m->joint.take = take;
	err = bpfring_joint_enter(l, &m->joint);
	for (uint32_t i = 0; i < m->count && !err; i++)
		if (m->sources[i]->c)
			err = bpfring_joint_add(&m->joint, m->sources[i]->c);
	if (err)
		leave(m);
	return err;
}

int bpfring_loop_add_merge(struct bpfring_loop *l, struct bpfring_merge *m, bpfring_merged_fn fn,
			   void *ctx)
{
	return add(l, m, (struct merge_handler){.each = fn, .ctx = ctx}, call_place_here());
}

int bpfring_loop_add_merge_batch(struct bpfring_loop *l, struct bpfring_merge *m,
				 bpfring_merged_batch_fn fn, void *ctx)
{
	return add(l, m, (struct merge_handler){.batch = fn, .ctx = ctx}, call_place_here());
}

int bpfring_loop_remove_merge(struct bpfring_loop *l, struct bpfring_merge *m)
{
	if (!l || !m)
		return -EINVAL;
	if (!m->joint.source || m->joint.source->loop != l) {
		log_once(m->said, MERGE_SAID_NOT_IN_IT, ERROR, "merge %p: not in this loop%s\n",
			 (void *)m, m->joint.source ? " but in another" : ", nor in any other");
		return -ENOENT;
	}
	leave(m);
	return 0;
}
