/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The loop as the files of the library see it. */
#ifndef BPFRING_SRC_LOOP_H
#define BPFRING_SRC_LOOP_H

#include <bpfring/loop.h>
#include <stdbool.h>

#include "ring/consumer.h"
#include "ring/pace.h"
#include "base/waiter.h"

/* Flags of the loop's waiter. */
enum {
	LOOP_WAKE = 1U << 0,
	LOOP_STOP = 1U << 1,
};

#define LOOP_TIMER_FIRED (-1)

/* Something the loop waits for: a ring, or a plain descriptor. */
struct bpfring_source {
	struct bpfring_loop *loop;			  /* NULL: removed, to be freed */
	struct bpfring_source *next, *prev;		  /* all of the loop */
	struct bpfring_source *active_next, *active_prev; /* rings with a moment to look at them */

	struct bpfring_consumer *c; /* NULL: a plain descriptor */
	struct handler handler;
	struct pace pace;
	bool active;
	bool notified;	/* by the kernel, since the last turn */
	int64_t due;	/* when to look at it, if active */
	int64_t tick;	/* before a busy head: time to the look after the next */
	uint64_t round; /* the last one that looked at it */

	int fd;
	bpfring_fd_fn fd_fn;
	void *fd_ctx;
};

struct bpfring_loop {
	struct waiter waiter;
	uint32_t *guard;
	struct pace_params pace;
	int64_t slack;	  /* so much later than asked for a sleep may end */
	int64_t tick_ns;  /* 0: none */
	int64_t tick_due; /* INT64_MAX: none */
	int64_t tick_slack;
	struct bpfring_budget budget;

	struct bpfring_source *sources;
	struct bpfring_source *removed; /* chained by next, freed when no event can name them */
	struct bpfring_source *stale;	/* descriptors closed before they were removed */
	struct bpfring_source *active_first, *active_last;
	uint64_t round;
	bool polling;
	bool stop;	 /* bpfring_loop_stop() was called, and no run has ended by it yet */
	int64_t left_at; /* end of the last poll */

	int timer_fd;	       /* -1 until bpfring_loop_fd() */
	int64_t timer_due;     /* what it is set to; INT64_MAX: not set; LOOP_TIMER_FIRED */
	int64_t next_fd_check; /* while spinning: when to ask the kernel again */
	int64_t spin_ns;       /* and how long to leave the rings alone */

	uint64_t polls, sleeps, asleep_ns, windows, arms, rings, active;
};

/* Makes the ring active, or moves its next look to @due if that is sooner. */
void bpfring_source_activate(struct bpfring_source *s, int64_t due);
void bpfring_source_deactivate(struct bpfring_source *s);

/* Takes it out of its loop for good; it is freed at once or at the end of the poll. */
void bpfring_source_detach(struct bpfring_source *s);
void bpfring_sources_free(struct bpfring_source **list);

/* One poll; *@stopped: somebody wants the run to end. */
int bpfring_loop_poll_once(struct bpfring_loop *l, int64_t timeout_ns, bool *stopped);

/* When the next look is due, INT64_MAX if only a notification can bring work. */
int64_t bpfring_loop_next_due(const struct bpfring_loop *l);

#endif /* BPFRING_SRC_LOOP_H */
