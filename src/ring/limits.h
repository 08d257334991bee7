/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Where a drain stops for a moment: to look at the clock, or to give records back. */
#ifndef BPFRING_SRC_LIMITS_H
#define BPFRING_SRC_LIMITS_H

#include <bpfring/ring.h>
#include <stdbool.h>

#include "base/sys.h"

#define CLOCK_MOST  128U  /* records between two looks at the limits; the clock costs a few */
#define CLOCK_FAST  5000  /* ns; they went by faster: look less often */
#define CLOCK_SLOW  50000 /* slower: more often */
#define FEW_RECORDS 32U
#define HELD_MOST   16 /* a part of the ring */

/* Looks at the clock after so many records that it costs little, while they are fast. */
struct limit_clock {
	int64_t deadline;
	uint64_t every; /* records; 0: no deadline */
	uint64_t left;	/* records until the next look */
	int64_t at;	/* the last look */
};

static inline struct limit_clock limit_clock_begin(int64_t deadline)
{
	return (struct limit_clock){
		.deadline = deadline, .every = deadline != INT64_MAX, .left = 1};
}

/* Has the deadline passed, @records later? */
static inline bool limit_clock_late(struct limit_clock *c, uint64_t records)
{
	int64_t now, ns;

	if (!c->every)
		return false;
	if (records < c->left) {
		c->left -= records;
		return false;
	}
	now = bpfring_sys_now();
	ns = now - c->at;
	if (ns < CLOCK_FAST && c->every < CLOCK_MOST)
		c->every *= 2;
	else if (ns > CLOCK_SLOW && c->every > 1)
		c->every /= 2;
	c->left = c->every;
	c->at = now;
	return now >= c->deadline;
}

/*
 * Whether the records consumed but not yet released are to be given back in the middle of a drain.
 * Each release takes the cache line of the consumer position from the producers, which read it for
 * every record. But what is held back is missing in the ring, and BPF programs that notify by fill
 * level take it for unread: so never more than 1/16 of the ring, and 1/128 or a few records
 * usually.
 */
static inline bool release_is_due(const struct bpfring_ring *cons)
{
	uint64_t size = cons->mask + 1, held = cons->pos - cons->released;

	return held >= size / HELD_MOST ||
	       (held >= size / 128 && cons->held_records >= FEW_RECORDS);
}

#endif /* BPFRING_SRC_LIMITS_H */
