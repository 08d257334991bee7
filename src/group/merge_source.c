// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What is in a merge: coming and going, also in the middle of a call. */
#include <errno.h>

#include "group/merge.h"
#include "base/sys.h"

static int make_room(struct bpfring_merge *m)
{
	const uint32_t room = m->room ? 2 * m->room : 8;
	struct merge_source **sources;

	if (m->count < m->room)
		return 0;
	sources = bpfring_sys_alloc(room * sizeof(struct merge_source *));
	if (!sources)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->count; i++)
		sources[i] = m->sources[i];
	bpfring_sys_free(m->sources);
	m->sources = sources;
	m->room = room;
	return 0;
}

int bpfring_merge_join(struct bpfring_merge *m, const struct merge_source *model)
{
	int err = make_room(m);
	struct merge_source *s = err ? NULL : bpfring_sys_alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = *model;
	s->merge = m;
	s->pos = ~s->ring->pos;
	s->counted = s->ring->pos;
	m->sources[m->count++] = s;
	m->stats.sources++;
	m->changed = true;
	m->due = 0;
	if (s->stream)
		s->stream->source = s;
	else
		s->c->taker = &m->taker;
	return 0;
}

static void free_source(struct merge_source *s)
{
	if (s->close)
		bpfring_consumer_free(s->c);
	bpfring_sys_free(s);
}

void bpfring_merge_sweep(struct bpfring_merge *m)
{
	uint32_t kept = 0;

	if (!m->gone)
		return;
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->sources[i]->state == SOURCE_GONE)
			free_source(m->sources[i]);
		else
			m->sources[kept++] = m->sources[i];
	}
	m->count = kept;
	m->gone = 0;
}

void bpfring_merge_part(struct merge_source *s)
{
	struct bpfring_merge *m = s->merge;

	s->state = SOURCE_GONE;
	m->gone++;
	m->changed = true;
	m->stats.sources--;
	/* What was handed out is consumed. Whether it fails in a child or not is all the same. */
	if (s->ring->pos != s->ring->released && bpfring_ring_release(s->ring))
		bpfring_ring_cancel(s->ring);
	if (s->stream) {
		s->stream->source = NULL;
	} else {
		s->c->taker = NULL;
		if (s->c->source && s->c->source->joint)
			bpfring_source_detach(s->c->source);
	}
	if (!bpfring_call_in_progress(&m->call))
		bpfring_merge_sweep(m);
}
