// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Handing out the records of a merge, within limits. */
#include <errno.h>

#include "group/merge.h"
#include "base/mapping.h"
#include "base/sys.h"
#include "ring/limits.h"

struct drain {
	struct bpfring_merge *m; /* NULL: nothing to clean up */
	const struct merge_handler *h;
	const struct limits *limits;
	struct bpfring_outcome *out;
	struct limit_clock clock;
	bool passed; /* there was a pass over all rings already */
};

static int end(struct drain *d, enum bpfring_end why, int err)
{
	d->out->end = why;
	return err;
}

/* A ring is corrupt or has a second consumer: the merge goes on without it. */
static int end_broken(struct drain *d, struct merge_source *s, int err)
{
	if (!s)
		return end(d, BPFRING_END_ERROR, err);
	if (s->c)
		bpfring_consumer_log_broken(s->c, err);
	bpfring_merge_part(s);
	return end(d, BPFRING_END_BROKEN, err);
}

static int release_source(struct merge_source *s)
{
	return s->ring->pos == s->ring->released ? 0 : bpfring_ring_release(s->ring);
}

/* All that was handed out counts as consumed. The first error, and whose it is. */
static int release_all(struct bpfring_merge *m, struct merge_source **broken)
{
	int err = 0;

	*broken = NULL;
	for (uint32_t i = 0; i < m->count; i++) {
		struct merge_source *s = m->sources[i];
		int failed = s->state == SOURCE_GONE ? 0 : release_source(s);

		if (failed && !err) {
			err = failed;
			*broken = s;
		}
	}
	return err;
}

/*
 * The writing thread of a stream wakes us if we had taken everything before its record. So look
 * once more after our positions are known.
 */
static bool streams_have_more(const struct bpfring_merge *m)
{
	bool fenced = false;

	for (uint32_t i = 0; i < m->count; i++) {
		const struct merge_source *s = m->sources[i];

		if (!s->stream || s->state != SOURCE_EMPTY)
			continue;
		if (!fenced) {
			/* Q3: full fence between R3 and the following A1. Partner: the fence in
			 * bpfring_stream_push(), between Q1 and its load of our position. Without
			 * it both can miss the other's store, and we sleep for ever.
			 */
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			fenced = true;
		}
		if (bpfring_priv_load_prod(s->ring) != s->ring->pos)
			return true;
	}
	return false;
}

/* Every ring busy or empty, or what there is is held back. */
static int end_of_records(struct drain *d)
{
	struct bpfring_merge *m = d->m;

	if (tree_winner(&m->tree).rank < TREE_NO_KEY) {
		m->due = bpfring_merge_held_until(m);
		m->stats.held++;
		return end(d, BPFRING_END_HELD, 0);
	}
	m->due = INT64_MAX;
	for (uint32_t i = 0; i < m->count; i++)
		if (m->sources[i]->state == SOURCE_BUSY)
			return end(d, BPFRING_END_BUSY_HEAD, 0);
	return end(d, BPFRING_END_DRAINED, 0);
}

/* The record of the winner may go. */
static inline bool may_go(const struct bpfring_merge *m, struct tree_node winner)
{
	return winner.rank < TREE_NO_KEY &&
	       (!m->blockers || (m->bounded && winner.key <= m->horizon));
}

/* Looks at all rings. 1: there is something to hand out; 0: the end, with *@ret to return. */
static int next_pass(struct drain *d, int *ret)
{
	struct bpfring_merge *m = d->m;
	struct merge_source *broken = NULL;

	if (!m->changed && d->passed && !d->limits->chase) {
		*ret = end_of_records(d);
		return 0;
	}
	d->passed = true;
	*ret = bpfring_merge_look_at_all(m, &broken);
	if (*ret) {
		*ret = end_broken(d, broken, *ret);
		return 0;
	}
	if (may_go(m, tree_winner(&m->tree)))
		return 1;
	*ret = end_of_records(d);
	return 0;
}

static __attribute__((noinline)) void count_passed(struct bpfring_merge *m, uint64_t key)
{
	m->busy_pass_key = UINT64_MAX;
	for (uint32_t i = 0; i < m->count; i++) {
		struct merge_source *s = m->sources[i];
		uint64_t from;

		if (s->state != SOURCE_BUSY || s->busy_passed)
			continue;
		from = m->busy == BPFRING_BUSY_WAIT && m->clock != BPFRING_KEY_NUMBER ? s->busy_key
										      : 0;
		if (key > from) {
			s->busy_passed = true;
			m->stats.busy_passed++;
		} else if (from < m->busy_pass_key) {
			m->busy_pass_key = from;
		}
	}
}

static void count_late(struct bpfring_merge *m, const struct merge_source *s)
{
	m->stats.late++;
	m->stats.misordered += s->sort < s->greatest;
	if (m->last - s->sort > m->stats.late_max)
		m->stats.late_max = m->last - s->sort;
}

/* Takes the head of a source: it counts as consumed from here on. */
static inline void take(struct drain *d, struct merge_source *s, struct bpfring_merged *ret)
{
	struct bpfring_merge *m = d->m;
	struct bpfring_ring *ring = s->ring;

	ret->record = (struct bpfring_record){s->data, s->size, 0, s->pos};
	ret->key = s->key;
	ret->consumer = s->c;
	ret->stream = s->stream;
	ret->late = s->sort < m->last;
	ret->reserved = 0;
	if (__builtin_expect(ret->late, 0))
		count_late(m, s);
	else
		m->last = s->sort;
	if (s->sort > s->greatest)
		s->greatest = s->sort;
	if (__builtin_expect(s->sort > m->busy_pass_key, 0))
		count_passed(m, s->sort);
	ring->last = s->pos;
	ring->pos = s->pos + s->total;
	ring->held_records++;
	s->taken++;
	d->out->records++;
	d->out->bytes += ring->pos - s->counted;
	s->counted = ring->pos;
	m->stats.records++;
}

/* Finds the next head of the source that has just been the winner. */
static inline int replace(struct bpfring_merge *m, struct merge_source *s, uint32_t leaf)
{
	struct tree_node node = {UINT64_MAX, TREE_NO_KEY + leaf};
	int found = bpfring_merge_look(m, s);

	if (__builtin_expect(found == SOURCE_READY, 1))
		node = (struct tree_node){s->sort, leaf};
	else if (found < 0)
		return found;
	else if (m->lateness >= 0 && !m->flush &&
		 (found == SOURCE_EMPTY || m->busy == BPFRING_BUSY_WAIT))
		m->blockers++;
	tree_replace(&m->tree, node);
	return 0;
}

/* Puts back a record that its callback did not want. The tree is no longer right. */
static void put_back(struct drain *d, struct merge_source *s, uint64_t pos)
{
	struct bpfring_merge *m = d->m;

	if (s->state == SOURCE_GONE)
		return;
	d->out->bytes -= s->counted - pos;
	s->counted = pos;
	s->ring->pos = pos;
	s->ring->last = pos;
	bpfring_ring_recount(s->ring);
	s->pos = ~pos; /* no head is known: look at it again */
	s->state = SOURCE_EMPTY;
	s->taken--;
	d->out->records--;
	m->stats.records--;
}

/* Where the callback's records came from. */
struct origin {
	const struct bpfring_merged *records;
	const uint32_t *sources;
	unsigned int count;
	uint64_t last; /* of the merge, before them */
};

static void keep_from(struct drain *d, const struct origin *o, unsigned int taken)
{
	struct bpfring_merge *m = d->m;

	m->last = o->last;
	for (unsigned int i = 0; i < taken; i++) {
		uint64_t key = o->records[i].key;

		if (m->clock != BPFRING_KEY_NUMBER && key > m->clock_seen)
			key = m->clock_seen;
		if (key > m->last)
			m->last = key;
	}
	for (unsigned int i = o->count; i-- > taken;) {
		m->stats.late -= o->records[i].late;
		put_back(d, m->sources[o->sources[i]], o->records[i].record.pos);
	}
}

/* The callback was given records and ends the drain with @verdict. */
static int end_of_callback(struct drain *d, int verdict, const struct origin *o)
{
	unsigned int taken;

	d->m->due = 0;
	if (!*d->m->guard) /* forked in it, and this is the child */
		return end(d, BPFRING_END_BROKEN, -ECHILD);
	if (verdict >= 0) /* it freed the merge */
		return end(d, BPFRING_END_STOPPED, 0);
	if (verdict > BPFRING_STOP || verdict < BPFRING_KEEP_FROM(MERGE_BATCH))
		return end(d, BPFRING_END_ERROR, verdict);
	taken = verdict == BPFRING_STOP ? o->count : (unsigned int)(BPFRING_KEEP - verdict);
	if (taken >= o->count)
		return end(d, BPFRING_END_STOPPED, BPFRING_STOP);
	keep_from(d, o, taken);
	return end(d, BPFRING_END_KEPT, BPFRING_STOP);
}

static bool spent(const struct drain *d)
{
	return d->out->records >= d->limits->records || d->out->bytes >= d->limits->bytes;
}

static int end_of_budget(struct drain *d)
{
	d->m->due = 0;
	return end(d, BPFRING_END_BUDGET, 0);
}

static int drain_each(struct drain *d)
{
	struct bpfring_merge *const m = d->m;
	int ret;

	if (!next_pass(d, &ret))
		return ret;
	for (;;) {
		const struct tree_node winner = tree_winner(&m->tree);
		const uint32_t leaf = (uint32_t)winner.rank;
		const uint64_t last = m->last;
		struct merge_source *s;
		struct bpfring_merged merged;
		int verdict, err;

		if (!may_go(m, winner)) {
			if (!next_pass(d, &ret))
				return ret;
			continue;
		}
		s = m->sources[leaf];
		take(d, s, &merged);
		verdict = d->h->each(d->h->ctx, &merged);
		if (__builtin_expect(verdict < 0 || m->freeing || !*m->guard, 0)) {
			const struct origin o = {&merged, &leaf, 1, last};

			return end_of_callback(d, verdict, &o);
		}
		if (__builtin_expect(m->changed, 0)) {
			if (s->state != SOURCE_GONE)
				s->state = SOURCE_EMPTY; /* that head is taken */
			if (!spent(d) && !next_pass(d, &ret))
				return ret;
		} else {
			err = replace(m, s, leaf);
			if (!err && release_is_due(s->ring))
				err = bpfring_ring_release(s->ring);
			if (err)
				return end_broken(d, s, err);
		}
		if (spent(d) || limit_clock_late(&d->clock, 1))
			return end_of_budget(d);
	}
}

/* Takes up to a batch of records; how many. */
static int gather(struct drain *d, struct bpfring_merged *records, uint32_t *sources)
{
	struct bpfring_merge *const m = d->m;
	int n = 0;

	do {
		const struct tree_node winner = tree_winner(&m->tree);
		const uint32_t leaf = (uint32_t)winner.rank;
		struct merge_source *s;
		int err;

		if (!may_go(m, winner))
			break;
		s = m->sources[leaf];
		take(d, s, &records[n]);
		sources[n++] = leaf;
		err = replace(m, s, leaf);
		if (err) { /* the records before are good: the next look meets it again */
			s->state = SOURCE_EMPTY;
			m->changed = true;
			break;
		}
		/* So much of the ring is missing to its producers until the callback is through. */
		if (s->ring->pos - s->ring->released >= (s->ring->mask + 1) / HELD_MOST)
			break;
	} while (n < (int)MERGE_BATCH && !spent(d));
	return n;
}

static int drain_batches(struct drain *d)
{
	struct bpfring_merge *const m = d->m;
	struct bpfring_merged records[MERGE_BATCH];
	uint32_t sources[MERGE_BATCH];
	int ret;

	if (!next_pass(d, &ret))
		return ret;
	for (;;) {
		const uint64_t last = m->last;
		int n = gather(d, records, sources), verdict;

		if (n) {
			const struct origin o = {records, sources, (unsigned int)n, last};

			verdict = d->h->batch(d->h->ctx, records, (unsigned int)n);
			if (verdict < 0 || m->freeing || !*m->guard)
				return end_of_callback(d, verdict, &o);
		}
		for (int i = 0; i < n; i++) {
			struct merge_source *s = m->sources[sources[i]];
			int err;

			if (s->state == SOURCE_GONE || !release_is_due(s->ring))
				continue;
			err = bpfring_ring_release(s->ring);
			if (err)
				return end_broken(d, s, err);
		}
		if (spent(d) || (n && limit_clock_late(&d->clock, (unsigned int)n)))
			return end_of_budget(d);
		if ((m->changed || !may_go(m, tree_winner(&m->tree))) && !next_pass(d, &ret))
			return ret;
	}
}

/* The call was left by an exception, longjmp(), or the end of its thread; or it is through. */
static void after_call(struct bpfring_merge *m)
{
	m->flush = false;
	bpfring_call_end(&m->call);
	bpfring_merge_sweep(m);
	if (m->freeing)
		bpfring_merge_destroy(m);
}

static void left(struct bpfring_merge *m)
{
	struct merge_source *broken;

	for (uint32_t i = 0; i < m->count; i++) {
		struct merge_source *s = m->sources[i];

		if (s->state == SOURCE_GONE)
			continue;
		bpfring_ring_recount(s->ring);
		if (s->state == SOURCE_READY && s->pos != s->ring->pos)
			s->state = SOURCE_EMPTY;
	}
	/* What fails in a child, or beside a second consumer, the next call finds again. */
	while (release_all(m, &broken))
		bpfring_ring_cancel(broken->ring);
	m->due = 0;
	after_call(m);
}

static void leave(struct drain *d)
{
	if (d->m)
		left(d->m);
}

enum call_state bpfring_merge_state(struct bpfring_merge *m, struct call_place here)
{
	enum call_state state = bpfring_call_state(&m->call, here);

	if (state != CALL_LEFT)
		return state;
	m->freeing = false; /* whoever calls has not freed it, or is about to */
	left(m);
	return CALL_NONE;
}

static int check_child(struct bpfring_merge *m)
{
	if (*m->guard)
		return 0;
	log_once(m->said, MERGE_SAID_CHILD, ERROR,
		 "merge %p: it belongs to the parent of this process: make another one here\n",
		 (void *)m);
	return -ECHILD;
}

static int check_threads(struct bpfring_merge *m, enum call_state state, const char *call)
{
	if (state != CALL_THEIRS)
		return 0;
	log_once(m->said, MERGE_SAID_THREADS, ERROR,
		 "merge %p: %s, but another thread is in one of its calls: one thread at a time "
		 "owns a merge\n",
		 (void *)m, call);
	return -EINVAL;
}

int bpfring_merge_check_change(struct bpfring_merge *m, struct call_place here, const char *call)
{
	int err = check_child(m);

	return err ? err : check_threads(m, bpfring_merge_state(m, here), call);
}

int bpfring_merge_check(struct bpfring_merge *m, struct call_place here, const char *call)
{
	int err = bpfring_merge_check_change(m, here, call);
	enum call_state state = err ? CALL_NONE : bpfring_merge_state(m, here);

	if (state == CALL_NONE)
		return err;
	log_once(m->said, MERGE_SAID_NESTED, ERROR,
		 "merge %p: %s, but this is its own callback%s: return from it first\n", (void *)m,
		 call,
		 state == CALL_MAYBE ? ", or longjmp() left one and this stack does not tell" : "");
	return -EINVAL;
}

void bpfring_merge_destroy(struct bpfring_merge *m)
{
	bpfring_joint_leave(&m->joint);
	while (m->count)
		bpfring_merge_part(m->sources[m->count - 1]);
	bpfring_sys_free(m->sources);
	bpfring_sys_free(m->tree.nodes);
	bpfring_guard_free(m->guard);
	log_info("merge %p: freed after %llu records, %llu of them late\n", (void *)m,
		 (unsigned long long)m->stats.records, (unsigned long long)m->stats.late);
	bpfring_sys_free(m);
}

/* Are records held that the merge does not know of? */
static int check_held(struct bpfring_merge *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct merge_source *s = m->sources[i];

		if (s->ring->pos == s->ring->released)
			continue;
		log_once(m->said, MERGE_SAID_HELD, ERROR,
			 "merge %p: map '%s': records are held by a peek: only the merge takes the "
			 "records of its consumers\n",
			 (void *)m, s->c ? s->c->map.name : "");
		return -EINVAL;
	}
	return 0;
}

int bpfring_merge_drain(struct bpfring_merge *m, const struct merge_handler *h,
			const struct limits *limits, struct bpfring_outcome *ret, bool *freed)
{
	struct drain d __attribute__((cleanup(leave))) = {
		.h = h,
		.limits = limits,
		.out = ret,
		.clock = limit_clock_begin(limits->deadline),
	};
	struct merge_source *broken;
	int err;

	*ret = (struct bpfring_outcome){.sz = sizeof(*ret)};
	*freed = false;
	err = check_held(m);
	if (err)
		return end(&d, BPFRING_END_ERROR, err);
	if (!bpfring_call_begin(&m->call, call_place_here()))
		return end(&d, BPFRING_END_ERROR, -EINVAL);
	d.m = m;
	m->due = 0;
	err = h->each ? drain_each(&d) : drain_batches(&d);
	for (int failed; (failed = release_all(m, &broken)) && *m->guard;) {
		bpfring_ring_cancel(broken->ring);
		if (!err || err == BPFRING_STOP)
			err = end_broken(&d, broken, failed);
		else
			bpfring_merge_part(broken);
	}
	if (m->changed || (m->due && streams_have_more(m)))
		m->due = 0;
	d.m = NULL;
	*freed = m->freeing;
	after_call(m);
	return err;
}
