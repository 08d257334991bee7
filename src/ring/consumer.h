/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The consumer as the files of the library see it. */
#ifndef BPFRING_SRC_CONSUMER_H
#define BPFRING_SRC_CONSUMER_H

#include <bpfring/consumer.h>
#include <stdbool.h>

#include "base/claim.h"
#include "base/map.h"
#include "base/mapping.h"
#include "base/waiter.h"

struct bpfring_source;

#define BUSY_TICK_MIN_NS 1000000LL
#define BUSY_TICK_MAX_NS 64000000LL

/* Words of the guard. One look after each callback says whether to go on. */
enum {
	GUARD_OWNER, /* we may consume */
	GUARD_GOING, /* a drain goes on: 0 when a callback closes it or takes it out of its loop */
};

struct bpfring_consumer {
	struct bpfring_cons cons; /* first: bpfring_consumer_cons() */
	struct map map;
	struct mapping mapping;
	uint32_t *guard; /* GUARD_*, all 0 in a forked child */
	uint32_t flags;
	struct claim claim;
	uint64_t opened_at; /* position */
	bool repaired;	    /* when it was opened */
	uint64_t given_up;  /* by that, at most */
	bool consuming;	    /* in a callback */
	bool closing;	    /* closed: free it afterwards */

	_Atomic(struct waiter *) waiter; /* of bpfring_consumer_wait(), from its first call on */
	atomic_bool woken;		 /* bpfring_consumer_wakeup() was called */
	struct bpfring_source *source;	 /* place in a loop */

	bool armed;
	int64_t armed_at;
	int64_t busy_since; /* slept before a busy head since then; 0: did not */
	uint64_t batches, wakeups, empty_wakeups, busy_waits, busy_max_ns, asleep_ns;
};

/* What takes the records of a drain: one of the two. */
struct handler {
	bpfring_record_fn each;
	bpfring_batch_fn batch;
	void *ctx;
};

/* A budget made absolute, without the special zeroes. */
struct limits {
	uint64_t records;
	uint64_t bytes;
	int64_t deadline; /* INT64_MAX: none */
	bool chase;	  /* until the ring is empty, however small the rest */
};

void bpfring_limits_init(struct limits *ret, const struct bpfring_budget *budget, int64_t now);

/*
 * Hands records to the handler. 0, BPFRING_STOP as a callback returned it, or an error; what was
 * done is in @ret. *@closed: the consumer is gone, a callback closed it.
 */
int bpfring_consumer_drain(struct bpfring_consumer *c, const struct handler *h,
			   const struct limits *limits, struct bpfring_outcome *ret, bool *closed);

/* Asks for a notification; 1, 0, or an error, as bpfring_cons_arm(). */
int bpfring_consumer_arm(struct bpfring_consumer *c, int64_t now);

/* The sleep is over: be quiet again. */
void bpfring_consumer_disarm(struct bpfring_consumer *c, int64_t now);

/* There is a record to read: a wait before a busy head, if there was one, ends at @now. */
void bpfring_consumer_busy_over(struct bpfring_consumer *c, int64_t now);

/*
 * Leaves the true position to whoever comes next. If it has only looked so far, another consumer may be
 * at work, and nothing is stored.
 */
void bpfring_consumer_leave(struct bpfring_consumer *c);

/*
 * The ring as it is now, for looking only. One that never took anything may stand where another
 * consumer has been long ago; then this is where that one is now.
 */
void bpfring_consumer_view(const struct bpfring_consumer *c, struct bpfring_cons *ret);

/* Says in the log what -EBADMSG or -EBUSY of the ring means. */
void bpfring_consumer_log_broken(const struct bpfring_consumer *c, int err);

#endif /* BPFRING_SRC_CONSUMER_H */
