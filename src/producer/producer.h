/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The producer as the files of the library see it. */
#ifndef BPFRING_SRC_PRODUCER_H
#define BPFRING_SRC_PRODUCER_H

#include <bpfring/producer_wait.h>
#include <bpfring/producer_recovery.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/claim.h"
#include "base/map.h"
#include "base/mapping.h"
#include "base/waiter.h"
#include "producer/prod_lock.h"
#include "producer/wait_queue.h"

/* How often to look for drains that do not notify. */
#define DRAIN_TICK_MIN_NS 1000000LL
#define DRAIN_TICK_MAX_NS QUEUE_TICK_NS

/* What makes the kernel drain, and when an automatic kick is due. */
struct kick {
	int prog_fd; /* -1: none */
	bpfring_kick_fn fn;
	void *ctx;
	uint64_t every_samples; /* 0: never */
	uint64_t every_bytes;
	/* These two as the data path: inside the lock, if there is one. */
	uint64_t last_samples;		/* ended samples when it was due */
	uint64_t last_pos;		/* and the producer position */
	uint64_t next_pos;		/* producer position at which to look at the fill */
	uint64_t refused_at;		/* consumer position at the last kick for want of space */
	_Atomic(int64_t) refused_until; /* not again before, without progress */
	atomic_uint_least64_t kicks, errors, drained;
	atomic_uint said; /* which errors have been logged */
};

/* Of a thread that waits for space: when to look without a notification, and when to kick. */
struct patience {
	uint64_t seen; /* consumer position */
	int64_t tick;
	int64_t kick_at;
};

/* What bpfring_producer_arm() is for. */
struct space_watch {
	int epoll_fd; /* -1: none */
	int timer_fd;
	bool armed;
	struct patience patience;
};

struct bpfring_producer {
	struct bpfring_user_ring prod; /* first: bpfring_producer_ring() */
	struct prod_lock lock;
	struct bpfring_producer *next_closed;
	struct map map;
	struct mapping mapping;
	uint32_t *guard;
	uint32_t flags;
	struct claim claim;
	uint64_t opened_at; /* position */
	atomic_bool closed;
	atomic_uint refused; /* what has been logged: a bit for each enum refusal */

	struct kick kick;
	struct space_watch watch;

	_Atomic(struct waiter *) waiter; /* of the first that waits, from the first wait on */
	atomic_uint_least64_t waits, waited_ns;
	struct wait_queue queue; /* last: it stays when everything else is cleared */
};

/* Causes; producer_refuse.c has the text of each. */
enum refusal {
	REFUSED_CLOSED,
	REFUSED_CHILD,
	REFUSED_SAMPLE,
	REFUSED_SECOND,
	REFUSED_HEADER,
	REFUSED_POSITION,
	REFUSED_SIZE,
	REFUSED_NO_KICK,
	REFUSED_NO_FD,
	REFUSED_TIMEOUT,
	REFUSED_NO_WAITER,
	REFUSED_CLAIM,
	REFUSED_RECOVER_CLAIM,
	REFUSED_RECOVER_OPEN,
	REFUSED_STRUCT,
};

/* Logs why, once for each producer and cause. */
void bpfring_producer_explain(const struct bpfring_producer *p, enum refusal why, int err);
/* The same for what bpfring_producer_usable() returned, and for a reservation that failed. */
void bpfring_producer_explain_use(const struct bpfring_producer *p, int err);
void bpfring_producer_explain_space(const struct bpfring_producer *p, int err);

/* The same, for return statements. */
static inline int bpfring_producer_refuse(const struct bpfring_producer *p, enum refusal why,
					  int err)
{
	bpfring_producer_explain(p, why, err);
	return err;
}

static inline int bpfring_producer_refuse_use(const struct bpfring_producer *p, int err)
{
	bpfring_producer_explain_use(p, err);
	return err;
}

static inline int bpfring_producer_refuse_space(const struct bpfring_producer *p, int err)
{
	bpfring_producer_explain_space(p, err);
	return err;
}

/* 0, -EINVAL: NULL, -EBADF, -ECHILD. Logs nothing: signal handlers come here too. */
static inline int bpfring_producer_usable(const struct bpfring_producer *p)
{
	if (!p)
		return -EINVAL;
	if (atomic_load_explicit(&p->closed, memory_order_relaxed))
		return -EBADF;
	return *p->guard ? 0 : -ECHILD;
}

/*
 * Takes space, even if threads wait for some. The producer is usable. 0 or -errno, as
 * bpfring_producer_reserve().
 */
int bpfring_producer_try(struct bpfring_producer *p, size_t size, void **ret);
/* bpfring_producer_reserve() without a kick. */
int bpfring_producer_reserve_now(struct bpfring_producer *p, size_t size, void **ret);

/* The position up to which the kernel has drained. */
uint64_t bpfring_producer_drained_to(const struct bpfring_producer *p);

/*
 * Between these two no thread reserves or ends samples. A producer of one thread needs no lock for
 * that. In a forked child nothing is held.
 */
bool bpfring_producer_hold(const struct bpfring_producer *p);
void bpfring_producer_let_go(const struct bpfring_producer *p, bool held);

void bpfring_producer_wait_fini(struct bpfring_producer *p);
void bpfring_producer_watch_fini(struct bpfring_producer *p);

void bpfring_patience_init(struct patience *ret, struct bpfring_producer *p);
/*
 * There is no space: says whether to kick now. The next kick comes after progress or a tick,
 * because a drain that takes nothing but notifies (BPF_RB_FORCE_WAKEUP) would keep us awake for
 * ever.
 */
bool bpfring_patience_kicks(struct patience *w, struct bpfring_producer *p, int64_t now);
/* How long to sleep at most: longer each time, until there is progress. */
int64_t bpfring_patience_next(struct patience *w);

/* kick.prog_fd is duplicated here. 0 or -errno. */
int bpfring_producer_kick_init(struct bpfring_producer *p,
			       const struct bpfring_producer_opts *opts);
static inline bool bpfring_producer_can_kick(const struct bpfring_producer *p)
{
	return p->kick.prog_fd >= 0 || p->kick.fn;
}
static inline bool bpfring_producer_kicks_by_itself(const struct bpfring_producer *p)
{
	return p->kick.every_samples || p->kick.every_bytes;
}
/* For one that does, inside the lock, after samples ended: whether a kick is due now. */
bool bpfring_producer_kick_due(struct bpfring_producer *p);
/* Runs the program or the hook. Samples drained, or -errno. */
int bpfring_producer_run_kick(const struct kick *k);
/* Counts the result, and logs errors. */
void bpfring_producer_note_kick(struct bpfring_producer *p, int drained);
/*
 * There is no space; inside the lock. Whether a producer with automatic kicks kicks now, before it
 * refuses. If so, call bpfring_producer_kick_for_space() outside the lock.
 */
bool bpfring_producer_kick_may_help(struct bpfring_producer *p);
void bpfring_producer_kick_for_space(struct bpfring_producer *p);

/*
 * Looks at all headers between the positions of a mapped ring; @repair discards what blocks it.
 * 1: something blocks the ring, or did before the repair; 0: nothing does.
 */
int bpfring_ring_recover(const struct mapping *mapping, unsigned int word_size, bool repair,
			 struct bpfring_recovery *ret);

#endif /* BPFRING_SRC_PRODUCER_H */
