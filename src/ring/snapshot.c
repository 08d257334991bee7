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

static int walk(struct bpfring_consumer *c, bpfring_snapshot_fn fn, void *ctx)
{
	const struct bpfring_cons *cons;
	uint64_t pos, prod;
	int seen = 0;

	cons = &c->cons;
	prod = bpfring_priv_load_prod(cons);
	if (prod - cons->released > cons->mask + 1 || (prod & 7))
		goto corrupt;
	/*
	 * Nothing in [released, prod) is overwritten while we, the only consumer, stand here: the
	 * kernel never goes beyond the published position, and a busy record has its length already.
	 */
	for (pos = cons->released; pos != prod;) {
		const uint8_t *header = cons->data + (pos & cons->mask);
		uint32_t word = bpfring_priv_load_header(header);
		uint32_t size = word & ~(BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT);
		uint64_t total = bpfring_priv_total(word);
		struct bpfring_record record = {
			.data = header + BPFRING_HEADER_SIZE,
			.size = size,
			.pos = pos,
		};
		int err;

		if (total > prod - pos)
			goto corrupt;
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

corrupt:
	bpfring_consumer_log_broken(c, -EBADMSG);
	return -EBADMSG;
}

int bpfring_consumer_snapshot(struct bpfring_consumer *c, bpfring_snapshot_fn fn, void *ctx)
{
	struct bpfring_consumer *left __attribute__((cleanup(bpfring_consumer_leave))) = NULL;
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
	left = c;
	seen = walk(c, fn, ctx);
	left = NULL;
	bpfring_call_end(&c->call);
	if (c->closing)
		bpfring_consumer_close(c);
	return seen;
}
