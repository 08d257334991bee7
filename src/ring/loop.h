/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The loop as the files of the library see it. */
#ifndef BPFRING_SRC_LOOP_H
#define BPFRING_SRC_LOOP_H

#include <bpfring/loop.h>
#include <stdbool.h>

#include "base/call.h"
#include "base/log.h"
#include "base/waiter.h"
#include "ring/consumer.h"
#include "ring/pace.h"

/* Flags of the loop's waiter. */
enum {
	LOOP_WAKE = 1U << 0,
	LOOP_STOP = 1U << 1,
};

/* What has been explained already. */
enum {
	LOOP_SAID_CHILD,
	LOOP_SAID_NESTED,
	LOOP_SAID_THREADS,
	LOOP_SAID_TIMEOUT,
	LOOP_SAID_SHORT,
	LOOP_SAID_NO_CALLBACK,
	LOOP_SAID_NOT_IN_IT,
	LOOP_SAID_SPIN_FD,
	LOOP_SAID_NO_FD,
	LOOP_SAID_CLOSED_FD,
	LOOP_SAID_CANNOT_SLEEP,
	LOOP_SAID_STATS,
	LOOP_SAID_CANNOT_WATCH, /* and those behind it: one per error */
};

/*
 * Rings whose records are taken together, in one turn after theirs. The loop knows it as a source
 * without a descriptor, which is active when a ring of it has been notified or is due, or at a time
 * of its own.
 */
struct joint {
	/*
	 * Takes records and settles the rings. *@due: the next turn; INT64_MAX: a ring will say.
	 * The joint may be gone afterwards, and has left the loop then.
	 */
	int (*take)(struct joint *j, const struct limits *limits, struct bpfring_outcome *ret,
		    int64_t *due);
	struct bpfring_budget budget;  /* of a turn; 0: the loop's */
	struct bpfring_source *source; /* NULL: in no loop */
};

/* Something the loop waits for: a ring, a plain descriptor, or a joint's turn. */
struct bpfring_source {
	struct bpfring_loop *loop;			  /* NULL: removed, to be freed */
	struct bpfring_source *next, *prev;		  /* all of the loop */
	struct bpfring_source *active_next, *active_prev; /* rings with a moment to look at them */

	struct bpfring_consumer *c; /* NULL: a plain descriptor or a joint */
	struct joint *joint;	    /* the ring's, or the joint itself */
	bool joined;		    /* the ring has had its turn, and waits for that of its joint */
	bool woken;		    /* by the kernel, before that turn */
	struct pace_look look;	    /* what that turn knew */
	struct handler handler;
	struct pace pace;
	bool active;
	bool notified;	/* by the kernel, since the last turn */
	bool timed;	/* @due is the end of a window */
	int64_t due;	/* when to look at it, if active */
	int64_t tick;	/* before a busy head: time to the look after the next */
	int64_t told;	/* the window that the log knows of */
	uint64_t round; /* the last one that looked at it */

	int fd;
	uint32_t events;
	bpfring_fd_fn fd_fn;
	void *fd_ctx;
};

/* What a poll has done so far. */
struct turn {
	int64_t now;
	uint64_t records;
	bool looked;  /* at a ring, or at a descriptor */
	bool worked;  /* something happened that the caller wants to hear of */
	bool joints;  /* there may be one that is due */
	bool stopped; /* by bpfring_loop_stop() or BPFRING_STOP */
	int err;
};

struct bpfring_loop {
	struct waiter waiter;
	uint32_t *guard;
	struct call call; /* the poll in progress */
	struct pace_params pace;
	int64_t tick_ns;  /* 0: none */
	int64_t tick_due; /* INT64_MAX: none */
	struct bpfring_budget budget;

	struct bpfring_consumer *owned; /* by bpfring_loop_add_map(), in it or not */
	struct bpfring_source *sources;
	struct bpfring_source *removed; /* chained by next, freed when no event can name them */
	struct bpfring_source *stale;	/* their descriptors could not be taken out of the epoll */
	struct bpfring_source *active_first, *active_last;
	uint64_t round;
	bool stop;	 /* bpfring_loop_stop() was called, and no run has ended by it yet */
	bool lost;	 /* a poll was left before it handled all events that it had taken */
	int64_t left_at; /* end of the last poll */

	bool outer;	       /* bpfring_loop_fd() was called: an outer loop waits for us */
	bool dispatching;      /* by bpfring_loop_dispatch(), and not by bpfring_loop_poll() */
	bool held;	       /* kept readable during a dispatch */
	bool unread;	       /* descriptors may be ready that make no new edge */
	int64_t next_fd_check; /* while spinning: when to ask the kernel again */
	int64_t spin_ns;       /* and how long to leave the rings alone */

	atomic_uint said; /* LOOP_SAID_* */
	unsigned int short_polls;
	struct story story;
	uint64_t polls, sleeps, asleep_ns, windows, arms, rings, active;
};

/* loop.c. The poll in progress was left, and will not come back. */
void bpfring_loop_left(struct bpfring_loop *l);

/* loop_source.c. Makes the ring active, or moves its next look to @due if that is sooner. */
void bpfring_source_activate(struct bpfring_source *s, int64_t due);
void bpfring_source_deactivate(struct bpfring_source *s);
void bpfring_source_rotate(struct bpfring_source *s); /* last of the active ones */

/* Takes it out of its loop for good; it is freed at once or at the end of the poll. */
void bpfring_source_detach(struct bpfring_source *s);
void bpfring_sources_free(struct bpfring_source **list);

/* 0, or -ECHILD with a word of explanation. */
int bpfring_loop_check_child(struct bpfring_loop *l);

/*
 * loop_wait.c. Sleeps until something is due or ready, at most until @deadline; makes rings active,
 * and calls the callbacks of descriptors. 0, or the error of the sleep.
 */
int bpfring_loop_wait(struct bpfring_loop *l, struct turn *t, int64_t deadline);

/* What spinning has to know of the last round. */
void bpfring_loop_leave(struct bpfring_loop *l, const struct turn *t);

/* Says why sleeping failed; @err as it is. */
int bpfring_loop_cannot_sleep(struct bpfring_loop *l, int err);

/* When the next look is due, INT64_MAX if only a notification can bring work. */
int64_t bpfring_loop_next_due(const struct bpfring_loop *l);

void bpfring_loop_look_at_all(struct bpfring_loop *l, int64_t now);

/*
 * Looks at rings in which something lies although nobody was notified: committed with
 * BPF_RB_NO_WAKEUP, or behind a record that was discarded with it. Costs one load for each ring.
 * True if there are any.
 */
bool bpfring_loop_look_for_silent(struct bpfring_loop *l, int64_t now, bool quiet_too);

/* After a poll that was left in the middle: it may have taken events that it has not handled. */
void bpfring_loop_look_for_lost(struct bpfring_loop *l, int64_t now);

/* loop_turn.c. Every active ring that is due has one turn. */
void bpfring_loop_turns(struct bpfring_loop *l, struct turn *t);
void bpfring_turn_error(struct turn *t, int err);

/* loop_joint.c. Into the loop, and out of it: what it is about to do is up to the joint. */
int bpfring_joint_enter(struct bpfring_loop *l, struct joint *j);
void bpfring_joint_leave(struct joint *j);
int bpfring_joint_add(struct joint *j, struct bpfring_consumer *c);
void bpfring_joint_wake(struct joint *j); /* a turn as soon as the loop polls */

/* loop_source.c. Links a source built after @model; it is watched if it has a descriptor. */
int bpfring_source_add(struct bpfring_loop *l, const struct bpfring_source *model);

/* loop_turn.c. The turn of a ring in a joint is over, and its next look is planned: after @records
 * were taken from it. @head: there is another, for which the joint comes back. 0, or the ring is
 * broken.
 */
int bpfring_joint_settle(struct bpfring_source *s, uint64_t records, bool head, int64_t now);

/*
 * loop_poll.c. May a call made at @here poll the loop? Cleans up after a poll that was left, and
 * comes before anything else that could refuse the call: whoever polls has the loop again.
 */
int bpfring_loop_check(struct bpfring_loop *l, struct call_place here);

/* One poll; *@stopped: somebody wants the run to end. */
int bpfring_loop_poll_once(struct bpfring_loop *l, int64_t timeout_ns, bool dispatching,
			   bool *stopped);

#endif /* BPFRING_SRC_LOOP_H */
