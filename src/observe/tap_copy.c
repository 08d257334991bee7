// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Copies records out of a ring, and makes sure afterwards that they were intact: as the headers
 * lead from one record to the next, all of a batch is good if nothing can have been written over
 * its first record, and else none of it.
 */
#include <errno.h>

#include "observe/log.h"
#include "observe/tap.h"

#define PATIENCE 16 /* overruns in a row */

/* What came of a batch. It counts once the batch has been checked. */
struct copy {
	uint64_t pos;
	uint64_t gap;
	size_t used; /* of the buffer */
	unsigned int count;
	uint64_t records, bytes, discards, discarded_bytes, missed, passed, too_large, largest;
};

/* Producers may be writing the same bytes: each word is read as it is, and believed later. */
static void copy_payload(void *to, const uint8_t *from, size_t size)
{
	uint64_t *out = to;
	const uint64_t *in = (const uint64_t *)(const void *)from;

	for (size_t i = 0; i < size / sizeof(*out); i++)
		out[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
}

static void miss(struct copy *c, uint64_t total)
{
	c->gap += total;
	c->missed += total;
}

/* One record, complete, of @total bytes. False: it is for the next batch. */
static bool take(struct bpfring_tap *t, struct copy *c, uint32_t len, uint64_t total)
{
	const size_t rounded = (size_t)total - BPFRING_HEADER_SIZE;
	const bool discarded = len & BPFRING_DISCARD_BIT;

	if (discarded && !(t->flags & BPFRING_TAP_SHOW_DISCARDED)) {
		c->discards++;
		c->discarded_bytes += total;
		return true;
	}
	if (rounded > t->buffer_size) {
		c->too_large++;
		miss(c, total);
		return true;
	}
	if (rounded > t->buffer_size - c->used)
		return false;
	copy_payload(t->buffer + c->used, t->data + (c->pos & t->mask) + BPFRING_HEADER_SIZE,
		     rounded);
	t->batch[c->count++] = (struct bpfring_tap_record){
		.data = t->buffer + c->used,
		.size = len & ~BPFRING_DISCARD_BIT,
		.state = discarded ? BPFRING_RECORD_DISCARDED : BPFRING_RECORD_READY,
		.pos = c->pos,
		.missed = c->gap,
	};
	c->used += rounded;
	c->gap = 0;
	if (discarded) {
		c->discards++;
		c->discarded_bytes += total;
	} else {
		c->records++;
		c->bytes += total;
	}
	return true;
}

/* What one cannot know on processors that do not keep the order of stores: memory-model.md. */
static void adapt_margin(struct bpfring_tap *t, uint64_t largest)
{
	const uint64_t size = t->mask + 1;
	uint64_t margin = 8 + largest;

	if (margin < size / 64)
		margin = size / 64;
	if (margin > size / 2)
		margin = size / 2;
	if (t->margin_grows && margin > t->margin)
		t->margin = margin;
}

static void keep(struct bpfring_tap *t, const struct copy *c)
{
	struct bpfring_tap_stats *stats = &t->stats;

	t->pos = c->pos;
	t->gap = c->gap;
	t->next = 0;
	t->count = c->count;
	if (c->count)
		t->overruns = 0;
	stats->records += c->records;
	stats->bytes += c->bytes;
	stats->discards += c->discards;
	stats->discarded_bytes += c->discarded_bytes;
	stats->missed += c->missed;
	stats->passed += c->passed;
	stats->too_large += c->too_large;
	adapt_margin(t, c->largest);
	if (c->too_large)
		log_once(
			t->said, TAP_SAID_TOO_LARGE,
			"map '%s' id %u: a record of %llu bytes does not fit into the tap's buffer "
			"of %zu: it is missed\n",
			t->ring.map_name, t->ring.map_id, (unsigned long long)c->largest,
			t->buffer_size);
}

/* All up to there is lost. */
static void give_up(struct bpfring_tap *t, uint64_t pos)
{
	t->stats.missed += pos - t->pos;
	t->gap += pos - t->pos;
	t->pos = pos;
}

int bpfring_tap_broken(struct bpfring_tap *t)
{
	log_once(t->said, TAP_SAID_BROKEN,
		 "map '%s' id %u: what is in the ring contradicts itself, from position %llu on, "
		 "with the producer at %llu; the tap gives it up\n",
		 t->ring.map_name, t->ring.map_id, (unsigned long long)t->pos,
		 (unsigned long long)t->prod);
	if ((int64_t)(t->prod - t->pos) >= 0) {
		give_up(t, t->prod);
	} else { /* it went back, which no ring does: nothing to be counted */
		t->stats.start_pos -= t->pos - t->prod;
		t->pos = t->prod;
	}
	return -EBADMSG;
}

/*
 * As far back as can be: if producers are close behind there too, a few records give a lead. But if
 * they are faster, to where they are: then they have a whole ring to write before they are here
 * again.
 */
static int overrun(struct bpfring_tap *t)
{
	const uint64_t oldest = t->overruns < PATIENCE ? bpfring_tap_oldest(t) : t->prod;

	if ((int64_t)(t->prod - t->pos) < 0)
		return bpfring_tap_broken(t);
	t->overruns++;
	t->stats.overruns++;
	give_up(t, (int64_t)(oldest - t->pos) > 0 ? oldest : t->prod);
	return TAP_OVERRUN;
}

/*
 * Bytes until the next look. Less where producers are close behind, so that little is copied for
 * nothing.
 */
static uint64_t chunk_of(const struct bpfring_tap *t)
{
	const uint64_t size = t->mask + 1, ahead = t->prod - t->pos;
	uint64_t chunk = size / 8 < TAP_CHUNK_BYTES ? size / 8 : TAP_CHUNK_BYTES;

	return (size - ahead) / 2 < chunk ? (size - ahead) / 2 : chunk;
}

int bpfring_tap_copy(struct bpfring_tap *t, const struct tap_limit *limit)
{
	struct copy c = {.pos = t->pos, .gap = t->gap};
	const uint64_t prod = t->prod;
	bool busy = false, odd = false;
	uint64_t chunk;

	if (!bpfring_tap_intact(t, t->pos))
		return overrun(t);
	chunk = chunk_of(t);
	while (c.pos != limit->end && c.pos != prod && c.pos - t->pos < chunk &&
	       c.count < TAP_BATCH && c.count < limit->records &&
	       c.bytes + c.discarded_bytes < limit->bytes) {
		/* the only read of it */
		const uint32_t len = bpfring_priv_load_header(t->data + (c.pos & t->mask));
		const uint64_t total = bpfring_priv_total(len);

		odd = total > prod - c.pos;
		if (odd)
			break;
		busy = len & BPFRING_BUSY_BIT;
		if (busy && !(t->flags & BPFRING_TAP_PASS_BUSY))
			break;
		if (total > c.largest)
			c.largest = total;
		if (busy) {
			busy = false;
			c.passed++;
			miss(&c, total);
		} else if (!take(t, &c, len, total)) {
			break;
		}
		c.pos += total;
	}
	if (bpfring_tap_look_again(t))
		return bpfring_tap_broken(t);
	if (!bpfring_tap_intact(t, t->pos))
		return overrun(t);
	if (c.pos == t->pos && !busy) /* odd, or the producer is before where it was */
		odd = true;
	keep(t, &c);
	if (odd)
		return c.count ? TAP_COPIED : bpfring_tap_broken(t);
	return busy ? TAP_BUSY : TAP_COPIED;
}
