// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Looking at what is pending without taking it. */
#include <errno.h>
#include <limits.h>

#include "ring/consumer.h"

static enum bpfring_record_state state_of(uint32_t header)
{
	/* A discarded record loses BUSY when it is committed, so both bits do not meet here. */
	if (header & BPFRING_BUSY_BIT)
		return BPFRING_RECORD_BUSY;
	return header & BPFRING_DISCARD_BIT ? BPFRING_RECORD_DISCARDED : BPFRING_RECORD_READY;
}

/*
 * Another consumer is at work and producers have written over what we were about to look at. Goes
 * on where that one is now, if we only look ourselves.
 */
static int follow(const struct bpfring_consumer *c, struct bpfring_ring *ring)
{
	uint64_t published = ring->published;

	if (bpfring_priv_load_published(ring) == published)
		return -EBADMSG;
	bpfring_consumer_view(c, ring);
	return ring->published == published ? -EBUSY : 0;
}

static int walk(struct bpfring_consumer *c, bpfring_snapshot_fn fn, void *ctx)
{
	struct bpfring_ring ring;
	uint64_t pos, prod;
	int seen = 0;

	bpfring_consumer_view(c, &ring);
again:
	prod = bpfring_priv_load_prod(&ring);
	/*
	 * Nothing in [released, prod) is overwritten while we, the only consumer, stand here: the
	 * kernel never goes beyond the published position, and a busy record has its length
	 * already.
	 */
	for (pos = ring.released; pos != prod;) {
		const uint8_t *header = ring.data + (pos & ring.mask);
		uint32_t word = bpfring_priv_load_header(header);
		uint32_t size = word & ~(BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT);
		uint64_t total = bpfring_priv_total(word);
		struct bpfring_record record = {
			.data = header + BPFRING_HEADER_SIZE,
			.size = size,
			.pos = pos,
		};
		int err;

		if (total > prod - pos || (prod & 7) ||
		    bpfring_priv_load_prod(&ring) - pos > ring.mask + 1) {
			err = follow(c, &ring);
			if (!err)
				goto again;
			bpfring_consumer_log_broken(c, err);
			return err;
		}
		if (seen < INT_MAX)
			seen++;
		err = fn(ctx, &record, state_of(word));
		if (err == BPFRING_STOP || c->closing)
			break;
		if (err < 0)
			return err;
		pos += total;
	}
	return seen;
}

int bpfring_consumer_snapshot(struct bpfring_consumer *c, bpfring_snapshot_fn fn, void *ctx)
{
	struct bpfring_consumer *left __attribute__((cleanup(bpfring_consumer_left_call))) = NULL;
	enum call_state state;
	int seen;

	if (!c)
		return -EINVAL;
	if (!*c->guard)
		return bpfring_consumer_refuse_child(c);
	if (!fn) {
		log_once(c->said, CONSUMER_SAID_NO_CALLBACK, ERROR,
			 "map '%s' id %u: bpfring_consumer_snapshot() needs a callback\n",
			 c->map.name, c->map.id);
		return -EINVAL;
	}
	state = bpfring_consumer_state(c, call_place_here());
	if (state == CALL_OURS ||
	    state == CALL_MAYBE) /* from a callback, which cleans up if need be */
		return walk(c, fn, ctx);
	if (state != CALL_NONE || !bpfring_call_begin(&c->call, call_place_here()))
		return bpfring_consumer_refuse(c, CALL_THEIRS, "bpfring_consumer_snapshot()");
	left = c; /* NOLINT(clang-analyzer-deadcode.DeadStores): for its handler */
	seen = walk(c, fn, ctx);
	left = NULL;
	bpfring_call_end(&c->call);
	if (c->closing)
		bpfring_consumer_free(c);
	return seen;
}
