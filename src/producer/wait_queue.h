/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Threads that wait for space, in the order in which they came. The first has the turn: it looks
 * for space and sleeps by its own means. The others sleep here until it is their turn.
 *
 *	join ──> in the queue ──────────────────────────────> leave
 *	            │    ^
 *	   step_out │    │ step_in, at the head
 *	            v    │
 *	          in a hook ──> gone: an exception leaves, longjmp() does not
 *
 * A hook is foreign code. It may throw, longjmp(), end its thread, fork, close the producer or take
 * long. So its thread leaves the queue while it runs, and a hook that does not come back leaves
 * nothing behind. The place at the head is kept until away_until, and no longer.
 */
#ifndef BPFRING_SRC_WAIT_QUEUE_H
#define BPFRING_SRC_WAIT_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How long a place is kept; threads sleep no longer than that before they look again. */
#define QUEUE_TICK_NS 64000000LL

/* A thread, on its stack. */
struct wait {
	struct wait *next;
	uint32_t turn; /* futex: 1 when it is the first */
	bool queued;
	bool away;	  /* in its hook */
	bool keeps_space; /* other reserves are refused meanwhile */
	pid_t thread;
	unsigned int life; /* of the queue */
};

/* Outlives a closed producer: a thread may still come back from its hook. */
struct wait_queue {
	pthread_mutex_t lock; /* held for a look only */
	struct wait *first;
	struct wait **last;
	_Atomic(int64_t) away_until; /* the place at the head is kept. 0: it is not */
	atomic_bool keeps_space;     /* for the first; reserves without a wait are refused */
	atomic_bool stopped;
	bool closed;	   /* no thread may join */
	uint32_t empty;	   /* futex of bpfring_queue_close() */
	unsigned int life; /* number of the producer that has this struct now */
};

void bpfring_queue_init(struct wait_queue *q);
/* Ends all waits, except of threads in a hook. From now on none can join or step in. */
void bpfring_queue_close(struct wait_queue *q);

/* -EBADF: it is closed. A thread that joined must leave. */
int bpfring_queue_join(struct wait_queue *q, struct wait *w);
/*
 * 0: it is the first; -ETIMEDOUT; -ECANCELED: stopped; -ECHILD: a signal handler forked, and this
 * is the child. A cancellation point.
 */
int bpfring_queue_wait(struct wait_queue *q, struct wait *w, int64_t deadline);
/* In whatever state it is. Does nothing in a child, or after the queue was closed. */
void bpfring_queue_leave(struct wait_queue *q, struct wait *w);

/*
 * Called by the first, around its hook. -EBADF: closed meanwhile; -ECHILD: this is a child that the
 * hook forked.
 */
void bpfring_queue_step_out(struct wait_queue *q, struct wait *w);
int bpfring_queue_step_in(struct wait_queue *q, struct wait *w);

/*
 * From now on space is kept for the first, until it leaves. None is kept for those behind it, who
 * have not looked yet: there may be enough for all, and if every newcomer had to queue, the queue
 * would never become empty.
 */
void bpfring_queue_keep_space(struct wait_queue *q, struct wait *w);

/* Whether that is still so: the first may not come back from its hook. */
bool bpfring_queue_still_keeps_space(struct wait_queue *q);

static inline bool bpfring_queue_keeps_space(struct wait_queue *q)
{
	/* Relaxed: a thread that does not see it yet counts as having come before. */
	return atomic_load_explicit(&q->keeps_space, memory_order_relaxed) &&
	       bpfring_queue_still_keeps_space(q);
}

#endif /* BPFRING_SRC_WAIT_QUEUE_H */
