// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Whether a call of a consumer may be made, and what becomes of one that was left. */
#include <errno.h>

#include "ring/consumer.h"
#include "base/sys.h"

void bpfring_consumer_left(struct bpfring_consumer *c)
{
	bpfring_call_end(&c->call);
	bpfring_consumer_awake(c, bpfring_sys_now());
	/*
	 * In a forked child it cannot, nor beside a second consumer, which the next release finds
	 * again.
	 */
	if (c->consuming) {
		bpfring_ring_recount(&c->cons);
		if (bpfring_ring_release(&c->cons))
			bpfring_ring_cancel(&c->cons);
	}
	c->consuming = false;
	log_story(&c->story,
		  "map '%s' id %u: a call was left by an exception, longjmp() or the end of its "
		  "thread\n",
		  c->map.name, c->map.id);
	if (c->closing)
		bpfring_consumer_free(c);
}

void bpfring_consumer_left_call(struct bpfring_consumer **c)
{
	if (*c)
		bpfring_consumer_left(*c);
}

enum call_state bpfring_consumer_state(struct bpfring_consumer *c, struct call_place here)
{
	enum call_state state = bpfring_call_state(&c->call, here);

	if (state != CALL_LEFT)
		return state;
	c->closing = false; /* whoever calls has not closed it, or is about to */
	bpfring_consumer_left(c);
	return CALL_NONE;
}

int bpfring_consumer_check(struct bpfring_consumer *c, const char *call, struct call_place here)
{
	enum call_state state;

	if (!*c->guard)
		return bpfring_consumer_refuse_child(c);
	state = bpfring_consumer_state(c, here);
	if (state != CALL_NONE)
		return bpfring_consumer_refuse(c, state, call);
	if (c->taker) {
		log_once(
			c->said, CONSUMER_SAID_TAKEN, ERROR,
			"map '%s' id %u: %s, but a merge takes its records: bpfring_merge_remove() "
			"it first\n",
			c->map.name, c->map.id, call);
		return -EINVAL;
	}
	return bpfring_consumer_check_held(c, call);
}
