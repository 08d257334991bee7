// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Looking at the heads of the rings: what each has, and who holds whom back. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "group/merge.h"
#include "base/sys.h"

static uint64_t key_clock(const struct bpfring_merge *m, int64_t now)
{
	switch (m->clock) {
	case BPFRING_KEY_MONOTONIC:
		return (uint64_t)now;
	case BPFRING_KEY_BOOTTIME:
		return (uint64_t)bpfring_sys_clock(CLOCK_BOOTTIME);
	case BPFRING_KEY_TAI:
		return (uint64_t)bpfring_sys_clock(CLOCK_TAI);
	default:
		return 0;
	}
}

static bool keys_are_times(const struct bpfring_merge *m)
{
	return m->clock != BPFRING_KEY_NUMBER;
}

/*
 * A key that is ahead of its clock would make its ring wait for that time, and then all other
 * records late.
 */
static __attribute__((noinline)) uint64_t not_ahead(struct bpfring_merge *m, uint64_t key)
{
	m->clock_seen = key_clock(m, bpfring_sys_now());
	if (key <= m->clock_seen)
		return key;
	m->stats.ahead++;
	return m->clock_seen;
}

static inline void read_key(struct bpfring_merge *m, struct merge_source *s)
{
	if (m->key_fn) {
		s->key = m->key_fn(m->key_ctx, s->data, s->size);
	} else if (__builtin_expect((uint64_t)m->key_offset + sizeof(s->key) <= s->size, 1)) {
		memcpy(&s->key, (const char *)s->data + m->key_offset, sizeof(s->key));
	} else {
		s->key = s->last_key;
		m->stats.keyless++;
	}
	s->last_key = s->key;
	s->sort = s->key;
	if (keys_are_times(m) && s->key > m->clock_seen)
		s->sort = not_ahead(m, s->key);
}

/* Notes when it was that the ring reached to its producer position, if that is to be known. */
static void mark(const struct bpfring_merge *m, struct merge_source *s)
{
	const uint64_t pos = s->ring->prod;
	struct mark *marks = s->marks;
	unsigned int n = s->mark_count;

	if (keys_are_times(m) || m->lateness < 0 || (n && marks[n - 1].pos == pos))
		return;
	if (n && m->now - marks[n - 1].at < m->lateness / 4) {
		marks[n - 1].pos = pos;
		return;
	}
	if (n == MARKS) { /* the first two are over */
		memmove(marks, marks + 1, (MARKS - 1) * sizeof(*marks));
		n--;
	}
	marks[n] = (struct mark){pos, m->now};
	s->mark_count = n + 1;
}

/* Up to where have the records of a ring been held back long enough? */
static void ripen(const struct bpfring_merge *m, struct merge_source *s)
{
	s->ripe = s->ring->released;
	for (unsigned int i = 0; i < s->mark_count; i++)
		if (m->now - s->marks[i].at >= m->lateness)
			s->ripe = s->marks[i].pos;
}

static inline void raise_horizon(struct bpfring_merge *m, const struct merge_source *s)
{
	if ((int64_t)(s->pos - s->ripe) >= 0 || (m->bounded && s->sort <= m->horizon))
		return;
	m->horizon = s->sort;
	m->bounded = true;
}

static void note_busy(struct bpfring_merge *m, struct merge_source *s)
{
	uint64_t key;

	s->ring->busy = 1;
	if (s->state != SOURCE_BUSY) {
		s->busy_passed = false;
		s->busy_key = m->key_now;
	}
	s->state = SOURCE_BUSY;
	if (s->busy_passed)
		return;
	key = m->busy == BPFRING_BUSY_WAIT && keys_are_times(m) ? s->busy_key : 0;
	if (key < m->busy_pass_key)
		m->busy_pass_key = key;
}

int bpfring_merge_look(struct bpfring_merge *m, struct merge_source *s)
{
	struct bpfring_ring *const ring = s->ring;
	struct bpfring_record record;
	uint64_t total;
	int found;

	for (;;) {
		const uint8_t *header = ring->data + (ring->pos & ring->mask);

		if (ring->pos == ring->prod) {
			int more = bpfring_priv_refresh(ring);

			ring->busy = 0;
			if (more < 0)
				return bpfring_priv_why(ring, more);
			if (!more) {
				s->state = SOURCE_EMPTY;
				return SOURCE_EMPTY;
			}
			mark(m, s);
		}
		found = bpfring_priv_read(header, ring->pos, ring->prod - ring->pos, &total,
					  &record);
		if (__builtin_expect(found == BPFRING_PRIV_RECORD, 1))
			break;
		if (found == BPFRING_PRIV_BUSY) {
			note_busy(m, s);
			return SOURCE_BUSY;
		}
		if (found < 0)
			return bpfring_priv_why(ring, found);
		ring->last = ring->pos;
		ring->pos += total;
		ring->held_discards++;
	}
	s->state = SOURCE_READY;
	s->data = record.data;
	s->size = record.size;
	s->pos = record.pos;
	s->total = total;
	/* Until the next record of this ring is looked at, others have their turn. */
	__builtin_prefetch((const uint8_t *)record.data + total - BPFRING_HEADER_SIZE);
	read_key(m, s);
	if (!keys_are_times(m))
		raise_horizon(m, s);
	return SOURCE_READY;
}

static bool blocks(const struct bpfring_merge *m, const struct merge_source *s)
{
	if (m->lateness < 0 || m->flush)
		return false;
	return s->state == SOURCE_EMPTY ||
	       (s->state == SOURCE_BUSY && m->busy == BPFRING_BUSY_WAIT);
}

/* One source at the begin of a pass. */
static int look_again(struct bpfring_merge *m, struct merge_source *s)
{
	const bool known = s->state == SOURCE_READY && s->pos == s->ring->pos;

	if (!keys_are_times(m)) {
		/* To know since when records are there that are not at the head yet. */
		if (known && m->lateness >= 0) {
			int more = bpfring_priv_refresh(s->ring);

			if (more < 0)
				return bpfring_priv_why(s->ring, more);
			mark(m, s);
		}
		ripen(m, s);
		if (known)
			raise_horizon(m, s);
	}
	return known ? SOURCE_READY : bpfring_merge_look(m, s);
}

static int grow_tree(struct bpfring_merge *m)
{
	uint32_t leaves = 1;
	struct tree_node *nodes;

	while (leaves < m->count)
		leaves *= 2;
	m->tree.leaves = leaves;
	if (leaves <= m->tree.room)
		return 0;
	nodes = bpfring_sys_alloc(2 * (size_t)leaves * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	bpfring_sys_free(m->tree.nodes);
	m->tree.nodes = nodes;
	m->tree.room = leaves;
	return 0;
}

static void begin_pass(struct bpfring_merge *m)
{
	m->now = bpfring_sys_now();
	m->key_now = key_clock(m, m->now);
	m->clock_seen = m->key_now;
	m->bounded = keys_are_times(m);
	m->horizon = m->lateness >= 0 && m->key_now > (uint64_t)m->lateness
			     ? m->key_now - (uint64_t)m->lateness
			     : 0;
	m->busy_pass_key = UINT64_MAX;
	m->blockers = 0;
	m->changed = false;
}

int bpfring_merge_look_at_all(struct bpfring_merge *m, struct merge_source **broken)
{
	int err = grow_tree(m);

	if (err)
		return err;
	begin_pass(m);
	for (uint32_t i = 0; i < m->tree.leaves; i++) {
		struct merge_source *s = i < m->count ? m->sources[i] : NULL;
		struct tree_node *leaf = &m->tree.nodes[m->tree.leaves + i];

		*leaf = (struct tree_node){UINT64_MAX, TREE_NO_KEY + i};
		if (!s || s->state == SOURCE_GONE)
			continue;
		err = look_again(m, s);
		if (err < 0) {
			*broken = s;
			return err;
		}
		if (err == SOURCE_READY)
			*leaf = (struct tree_node){s->sort, i};
		m->blockers += blocks(m, s);
	}
	tree_build(&m->tree);
	return 0;
}

/* Of a ring: when has its head been held back long enough? */
static int64_t ripe_at(const struct bpfring_merge *m, const struct merge_source *s)
{
	for (unsigned int i = 0; i < s->mark_count; i++)
		if ((int64_t)(s->pos - s->marks[i].pos) < 0)
			return s->marks[i].at + m->lateness;
	return m->now + m->lateness;
}

int64_t bpfring_merge_held_until(const struct bpfring_merge *m)
{
	int64_t due = INT64_MAX;

	if (keys_are_times(m)) /* of those that are ready, the winner is the oldest */
		return m->now + m->lateness + (int64_t)(tree_winner(&m->tree).key - m->key_now);
	for (uint32_t i = 0; i < m->count; i++) {
		int64_t at;

		if (m->sources[i]->state != SOURCE_READY)
			continue;
		at = ripe_at(m, m->sources[i]);
		if (at < due)
			due = at;
	}
	return due;
}
