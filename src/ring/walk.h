/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A walk over a stretch of a ring that is known to be reserved, by address. It stops at the end of
 * the data, so that the way from one header to the next, which is what a record costs at least, is
 * an addition: no mask, no second look at the producer position.
 */
#ifndef BPFRING_SRC_WALK_H
#define BPFRING_SRC_WALK_H

#include <bpfring/ring.h>
#include <stdbool.h>

struct walk {
	const uint8_t *at;    /* the next header */
	const uint8_t *last;  /* the one before */
	const uint8_t *stop;  /* no header behind this is looked at */
	const uint8_t *limit; /* the producer position */
	uint64_t base;	      /* of an address to its position */
};

static inline struct walk walk_begin(const struct bpfring_ring *ring, uint64_t bytes)
{
	const uint64_t offset = ring->pos & ring->mask, rest = ring->mask + 1 - offset;
	const uint8_t *at = ring->data + offset;

	return (struct walk){
		.at = at,
		.last = at - (ring->pos - ring->last),
		.stop = at + (bytes < rest ? bytes : rest),
		.limit = at + (ring->prod - ring->pos),
		.base = ring->pos - (uintptr_t)at,
	};
}

/* Is there more in this stretch? */
static inline bool walk_goes_on(const struct walk *w)
{
	return w->at < w->stop;
}

/*
 * The fast way over one header: true if it is that of a complete record which ends before the
 * stretch does, as nearly all of them are. Else nothing has happened, and walk_step() decides.
 * @ret->reserved is left as it is, which saves a store.
 */
BPFRING_PRIV_HOT bool walk_ready(struct walk *w, struct bpfring_record *ret)
{
	const uint8_t *header = w->at;
	const uint32_t len = bpfring_priv_load_header(header); /* the only read of it */
	const uint64_t total = ((uint64_t)len + BPFRING_HEADER_SIZE + 7) & ~7ULL;
	const uint64_t next = (uintptr_t)header + total;

	if (__builtin_expect(len >= BPFRING_DISCARD_BIT || next >= (uintptr_t)w->stop, 0))
		return false;
	w->last = header;
	w->at = (const uint8_t *)(uintptr_t)next;
	__builtin_prefetch(header + 4 * total); /* records have one size, as a rule */
	ret->data = header + BPFRING_HEADER_SIZE;
	ret->size = len;
	ret->pos = w->base + (uintptr_t)header;
	return true;
}

/* One header further, as bpfring_priv_read(); the ring does not know of it yet. */
BPFRING_PRIV_HOT int walk_step(struct walk *w, struct bpfring_record *ret)
{
	const uint8_t *header = w->at;
	uint64_t total;
	int found = bpfring_priv_read(header, w->base + (uintptr_t)header,
				      (uint64_t)(w->limit - header), &total, ret);

	if (__builtin_expect(found <= 0, 0))
		return found;
	w->last = header;
	w->at = header + total;
	return found;
}

/* The ring goes as far as the walk has come, and holds @records since its last release. */
BPFRING_PRIV_HOT void walk_hold(const struct walk *w, struct bpfring_ring *ring, uint32_t records)
{
	ring->last = w->base + (uintptr_t)w->last;
	ring->pos = w->base + (uintptr_t)w->at;
	ring->held_records = records;
}

#endif /* BPFRING_SRC_WALK_H */
