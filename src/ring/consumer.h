/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The consumer as the files of the library see it. */
#ifndef BPFRING_SRC_CONSUMER_H
#define BPFRING_SRC_CONSUMER_H

#include <bpfring/consumer.h>
#include <stdbool.h>

#include "base/call.h"
#include "base/claim.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mapping.h"
#include "base/waiter.h"

struct bpfring_source;
struct bpfring_consumer;

/* Whoever takes the records of several consumers together. Their own calls are refused then. */
struct taker {
	/* It is being closed. True: its records are still in use, and the taker frees it. */
	bool (*leave)(struct taker *t, struct bpfring_consumer *c);
};

#define BUSY_TICK_MIN_NS 1000000LL
#define BUSY_TICK_MAX_NS 64000000LL

/* Words of the guard. One look after each callback says whether to go on. */
enum {
	GUARD_OWNER, /* we may consume */
	/*
	 * From this number on, results of callbacks end the drain: 1 << 31, the negative ones, or
	 * 0, all: when a callback closed the consumer or took it out of its loop, and in a forked
	 * child.
	 */
	GUARD_ENDS,
};

/* What has been explained already. */
enum {
	CONSUMER_SAID_CHILD,
	CONSUMER_SAID_NESTED,
	CONSUMER_SAID_THREADS,
	CONSUMER_SAID_HELD,
	CONSUMER_SAID_HELD_IN_LOOP,
	CONSUMER_SAID_IN_LOOP,
	CONSUMER_SAID_NOT_IN_LOOP,
	CONSUMER_SAID_TWICE,
	CONSUMER_SAID_CANNOT_WATCH,
	CONSUMER_SAID_CANNOT_WAIT,
	CONSUMER_SAID_NO_CALLBACK,
	CONSUMER_SAID_BUDGET_SIZE,
	CONSUMER_SAID_BUDGET_NEWER,
	CONSUMER_SAID_BUDGET_TIME,
	CONSUMER_SAID_OUTCOME,
	CONSUMER_SAID_TIMEOUT,
	CONSUMER_SAID_SHORT,
	CONSUMER_SAID_STATS,
	CONSUMER_SAID_TAKEN,
};

struct bpfring_consumer {
	struct bpfring_ring cons; /* first: bpfring_consumer_ring() */
	struct map map;
	struct mapping mapping;
	uint32_t *guard; /* GUARD_*, all 0 in a forked child */
	uint32_t flags;
	unsigned int word_size; /* of the positions */
	struct claim claim;
	uint64_t opened_at; /* position */
	bool repaired;	    /* when it was opened */
	uint64_t given_up;  /* by that, at most */
	struct call call;   /* in progress: a drain, a snapshot, a wait */
	bool consuming;	    /* that call is a drain */
	bool closing;	    /* closed: free it after the call */

	_Atomic(struct waiter *) waiter; /* of bpfring_consumer_wait(), from its first call on */
	atomic_bool woken;		 /* bpfring_consumer_wakeup() was called */
	struct bpfring_source *source;	 /* place in a loop */
	struct taker *taker;		 /* NULL: the consumer's own calls, or its loop */
	void (*leave_loop)(struct bpfring_consumer *c);	 /* if it has one */
	struct bpfring_consumer *owned_next, **owned_at; /* among those that its loop closes */

	atomic_uint said; /* CONSUMER_SAID_* */
	unsigned int short_waits;
	struct story story;

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

/*
 * Is a call of it in progress? If one was left, by an exception or otherwise, it is cleaned up
 * first, and there is none: what its callback was given counts as consumed.
 */
enum call_state bpfring_consumer_state(struct bpfring_consumer *c, struct call_place here);
void bpfring_consumer_left(struct bpfring_consumer *c);

/* consumer_held.c. Counts what is held, by the headers from the last release to the position. */
void bpfring_ring_recount(struct bpfring_ring *ring);

/* The handler of calls for __attribute__((cleanup)): *@c is NULL once they are through. */
void bpfring_consumer_left_call(struct bpfring_consumer **c);

/* The errors for a call that must not be made now, with a word of explanation. */
int bpfring_consumer_refuse(struct bpfring_consumer *c, enum call_state state, const char *call);
int bpfring_consumer_refuse_child(struct bpfring_consumer *c);

/* 0, or -EINVAL if records are held. */
int bpfring_consumer_check_held(struct bpfring_consumer *c, const char *call);

/* All of the above: may @call be made? */
int bpfring_consumer_check(struct bpfring_consumer *c, const char *call, struct call_place here);

void bpfring_limits_init(struct limits *ret, const struct bpfring_budget *budget, int64_t now);

/*
 * Hands records to the handler. 0, BPFRING_STOP as a callback returned it, or an error; what was
 * done is in @ret. *@closed: the consumer is gone, a callback closed it.
 */
int bpfring_consumer_drain(struct bpfring_consumer *c, const struct handler *h,
			   const struct limits *limits, struct bpfring_outcome *ret, bool *closed);

/* Asks for a notification; 1, 0, or an error, as bpfring_ring_arm(). */
int bpfring_consumer_arm(struct bpfring_consumer *c, int64_t now);

/* The sleep is over, for the statistics. */
void bpfring_consumer_awake(struct bpfring_consumer *c, int64_t now);

/* The same, and be quiet again. */
void bpfring_consumer_disarm(struct bpfring_consumer *c, int64_t now);

/* There is a record to read: a wait before a busy head, if there was one, ends at @now. */
void bpfring_consumer_busy_over(struct bpfring_consumer *c, int64_t now);

/*
 * Leaves the true position to whoever comes next. If it has only looked so far, another consumer
 * may be at work, and nothing is stored.
 */
void bpfring_consumer_leave(struct bpfring_consumer *c);

/* Leaves it and frees all that it has. It is in no loop, and no call of it is in progress. */
void bpfring_consumer_free(struct bpfring_consumer *c);

/*
 * The ring as it is now, for looking only. One that never took anything may stand where another
 * consumer has been long ago; then this is where that one is now.
 */
void bpfring_consumer_view(const struct bpfring_consumer *c, struct bpfring_ring *ret);

/* Says in the log what -EBADMSG or -EBUSY of the ring means. */
void bpfring_consumer_log_broken(const struct bpfring_consumer *c, int err);

/*
 * consumer.c. Builds a consumer on an open map or, if @memory_fd is one, on memory that is laid out
 * like one. Takes the map over, also on failure.
 */
int bpfring_consumer_new(struct bpfring_consumer **ret, struct map *map, int memory_fd,
			 unsigned int word_size, const struct bpfring_consumer_opts *opts);

/* Reads the options of an open, for which there has to be a place @out. */
int bpfring_consumer_opts_read(struct bpfring_consumer_opts *ret, void *out,
			       const struct bpfring_consumer_opts *opts);

#endif /* BPFRING_SRC_CONSUMER_H */
