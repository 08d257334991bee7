// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Making and freeing a merge; which consumers are in it. */
#include <errno.h>

#include "group/merge.h"
#include "base/mapping.h"
#include "base/options.h"
#include "base/sys.h"

#define MAX_LATENESS (INT64_MAX / 4)

static int read_opts(struct bpfring_merge_opts *ret, const struct bpfring_merge_opts *opts)
{
	int err;

	*ret = (struct bpfring_merge_opts){.sz = sizeof(*ret)};
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_merge_opts");
	if (err)
		return err;
	if (ret->clock > BPFRING_KEY_NUMBER || ret->busy > BPFRING_BUSY_SKIP || ret->reserved ||
	    ret->max_lateness_ns < -1 || ret->budget_ns < 0) {
		log_error("struct bpfring_merge_opts: unknown clock %u or policy %u, or a negative "
			  "time\n",
			  ret->clock, ret->busy);
		return -EINVAL;
	}
	return 0;
}

static int64_t lateness_of(const struct bpfring_merge_opts *opts)
{
	if (!opts->max_lateness_ns)
		return BPFRING_DEFAULT_LATENESS_NS;
	return opts->max_lateness_ns < MAX_LATENESS ? opts->max_lateness_ns : MAX_LATENESS;
}

/* A consumer of the merge is being closed. */
static bool on_close(struct taker *t, struct bpfring_consumer *c)
{
	struct bpfring_merge *m = merge_of_taker(t);

	bpfring_merge_state(m, call_place_here());
	for (uint32_t i = 0; i < m->count; i++) {
		struct merge_source *s = m->sources[i];

		if (s->c != c || s->state == SOURCE_GONE)
			continue;
		s->close = true;
		bpfring_merge_part(s);
		return true;
	}
	return false;
}

int bpfring_merge_new(struct bpfring_merge **ret, const struct bpfring_merge_opts *opts)
{
	struct bpfring_merge_opts known;
	struct bpfring_merge *m;
	int err = ret ? read_opts(&known, opts) : -EINVAL;

	if (err)
		return err;
	m = bpfring_sys_alloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	err = bpfring_guard_new(&m->guard);
	if (err) {
		bpfring_sys_free(m);
		return err;
	}
	m->key_fn = known.key_fn;
	m->key_ctx = known.key_ctx;
	m->key_offset = known.key_offset;
	m->clock = known.clock;
	m->busy = known.busy;
	m->lateness = lateness_of(&known);
	m->joint.budget.records = known.budget_records;
	m->joint.budget.bytes = known.budget_bytes;
	m->joint.budget.ns = known.budget_ns;
	m->taker.leave = on_close;
	m->due = INT64_MAX;
	*ret = m;
	return 0;
}

void bpfring_merge_free(struct bpfring_merge *m)
{
	if (!m)
		return;
	switch (bpfring_merge_state(m, call_place_here())) {
	case CALL_THEIRS:
		log_error("merge %p: not freed: another thread is in one of its calls\n",
			  (void *)m);
		return;
	case CALL_OURS: /* the call that called us back does it */
	case CALL_MAYBE:
		m->freeing = true;
		return;
	default:
		bpfring_merge_destroy(m);
	}
}

static struct merge_source *find(const struct bpfring_merge *m, const struct bpfring_consumer *c)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->sources[i]->c == c && m->sources[i]->state != SOURCE_GONE)
			return m->sources[i];
	return NULL;
}

/* Can its records be taken? */
static int check_consumer(struct bpfring_consumer *c, struct call_place here)
{
	enum call_state state;

	if (!*c->guard)
		return bpfring_consumer_refuse_child(c);
	if (c->source || c->taker) {
		log_once(c->said, CONSUMER_SAID_TWICE, ERROR,
			 "map '%s' id %u: is in a %s already: remove it there first\n", c->map.name,
			 c->map.id, c->taker ? "merge" : "loop");
		return -EEXIST;
	}
	state = bpfring_consumer_state(c, here);
	if (state != CALL_NONE)
		return bpfring_consumer_refuse(c, state, "bpfring_merge_add()");
	return bpfring_consumer_check_held(c, "bpfring_merge_add()");
}

int bpfring_merge_add(struct bpfring_merge *m, struct bpfring_consumer *c)
{
	struct merge_source model = {.c = c};
	int err;

	if (!m || !c)
		return -EINVAL;
	err = bpfring_merge_check_change(m, call_place_here(), "bpfring_merge_add()");
	if (!err)
		err = check_consumer(c, call_place_here());
	if (err)
		return err;
	model.ring = &c->cons;
	bpfring_consumer_disarm(c, bpfring_sys_now());
	bpfring_ring_set_quiet(&c->cons, 0);
	err = bpfring_merge_join(m, &model);
	if (err || !m->joint.source)
		return err;
	err = bpfring_joint_add(&m->joint, c);
	if (err)
		bpfring_merge_part(find(m, c));
	else
		bpfring_joint_wake(&m->joint);
	return err;
}

int bpfring_merge_remove(struct bpfring_merge *m, struct bpfring_consumer *c)
{
	struct merge_source *s;

	if (!m || !c)
		return -EINVAL;
	bpfring_merge_state(m, call_place_here());
	s = find(m, c);
	if (!s) {
		log_once(m->said, MERGE_SAID_NOT_IN_IT, ERROR,
			 "map '%s' id %u: not in this merge; rings that break are removed by it\n",
			 c->map.name, c->map.id);
		return -ENOENT;
	}
	bpfring_merge_part(s);
	return 0;
}

int bpfring_merge_flush(struct bpfring_merge *m)
{
	if (!m)
		return -EINVAL;
	if (!*m->guard)
		return -ECHILD;
	m->flush = true;
	m->changed = true;
	m->due = 0;
	bpfring_joint_wake(&m->joint);
	return 0;
}

int64_t bpfring_merge_next_due(const struct bpfring_merge *m)
{
	return m ? m->due : INT64_MAX;
}

int bpfring_merge_stats(const struct bpfring_merge *m, struct bpfring_merge_stats *ret)
{
	int err;

	if (!m)
		return -EINVAL;
	err = bpfring_options_write(ret, &m->stats, sizeof(m->stats),
				    offsetof(struct bpfring_merge_stats, late));
	if (err)
		log_once(((struct bpfring_merge *)(uintptr_t)m)->said, MERGE_SAID_STATS, ERROR,
			 "merge %p: bpfring_merge_stats() needs a struct whose @sz is set\n",
			 (const void *)m);
	return err;
}
