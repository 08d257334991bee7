/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The merge as its files see it. From the first to the last, each calls only those before it. */
#ifndef BPFRING_SRC_MERGE_H
#define BPFRING_SRC_MERGE_H

#include <bpfring/merge.h>

#include "base/call.h"
#include "base/log.h"
#include "group/merge_tree.h"
#include "ring/consumer.h"
#include "ring/loop.h"

#define MERGE_BATCH 64U
#define MARKS	    5 /* a quarter of the lateness apart, and one more */

/* What has been explained already. */
enum {
	MERGE_SAID_CHILD,
	MERGE_SAID_NESTED,
	MERGE_SAID_THREADS,
	MERGE_SAID_HELD,
	MERGE_SAID_IN_LOOP,
	MERGE_SAID_NOT_IN_IT,
	MERGE_SAID_NO_CALLBACK,
	MERGE_SAID_BUDGET,
	MERGE_SAID_OUTCOME,
	MERGE_SAID_STATS,
};

enum source_state {
	SOURCE_EMPTY,
	SOURCE_BUSY,  /* its head is being written */
	SOURCE_READY, /* its head is known */
	SOURCE_GONE,  /* removed: freed when no call needs it any more */
};

/* Up to @pos, records were there at @at. */
struct mark {
	uint64_t pos;
	int64_t at;
};

/*
 * A ring in a merge. The position of the ring is that up to which records were handed out; its head
 * is known here only, so the ring can be released at any moment.
 */
struct merge_source {
	struct bpfring_ring *ring;
	const void *data; /* the head, if READY */
	uint64_t pos;
	uint64_t total; /* ring bytes */
	uint64_t key;
	uint64_t sort; /* the same, but not ahead of the clock */
	uint32_t size;
	uint32_t state;
	uint64_t greatest; /* of those handed out */
	uint64_t last_key; /* of those seen */
	uint64_t taken;	   /* records, since it was settled */
	uint64_t counted;  /* position up to which bytes are in the outcome */
	struct bpfring_consumer *c;
	struct bpfring_stream *stream;
	struct bpfring_merge *merge;
	uint64_t busy_key; /* by the clock of the keys, when its head was first seen busy */
	bool busy_passed;  /* that has been counted */
	bool close;	   /* the consumer was closed, and is to be freed with this */

	/* Where keys are no times: */
	uint64_t ripe; /* records before this position have been held back long enough */
	struct mark marks[MARKS];
	unsigned int mark_count;
};

/* What takes the records: one of the two. */
struct merge_handler {
	bpfring_merged_fn each;
	bpfring_merged_batch_fn batch;
	void *ctx;
};

struct bpfring_merge {
	struct merge_tree tree;
	struct merge_source **sources;
	uint32_t count, room;
	uint32_t gone;

	/* Of the pass in progress. */
	uint32_t blockers;	/* sources that hold the others back */
	bool bounded;		/* @horizon is known */
	uint64_t horizon;	/* keys up to here are held back by nobody */
	uint64_t busy_pass_key; /* a greater key passes a busy head */
	uint64_t clock_seen;	/* the clock of the keys, as last read */
	uint64_t key_now;	/* the same, before the pass looked at any ring */
	int64_t now;		/* at the same time */
	bool changed;		/* sources came or went: look at all again */

	uint64_t last; /* greatest key handed out */
	int64_t due;   /* as bpfring_merge_next_due() */
	bool flush;

	bpfring_key_fn key_fn;
	void *key_ctx;
	uint32_t key_offset;
	uint32_t clock, busy;
	int64_t lateness; /* -1: hold nothing back */

	uint32_t *guard;
	struct call call;
	bool freeing; /* after the call */
	struct taker taker;
	struct joint joint;
	struct merge_handler handler; /* in a loop */
	atomic_uint said;
	struct bpfring_merge_stats stats;
};

/* A queue, in the form of a ring in memory of its own. */
struct bpfring_stream {
	struct bpfring_ring ring;	/* the reading end */
	struct merge_source *source;	/* NULL: in no merge */
	_Alignas(128) uint64_t read;	/* consumer position */
	_Alignas(128) uint64_t written; /* producer position */
	/* The writing thread's. */
	uint64_t read_seen;
	uint64_t size;
	uint8_t *data;
	void *memory; /* of all this */
};

static inline struct bpfring_merge *merge_of_taker(struct taker *t)
{
	return (struct bpfring_merge *)(void *)((char *)t - offsetof(struct bpfring_merge, taker));
}

static inline struct bpfring_merge *merge_of_joint(struct joint *j)
{
	return (struct bpfring_merge *)(void *)((char *)j - offsetof(struct bpfring_merge, joint));
}

/* merge_source.c. Both end in the present call, if one is in progress, or else at once. */
int bpfring_merge_join(struct bpfring_merge *m, const struct merge_source *model);
void bpfring_merge_part(struct merge_source *s);

/* Frees the sources that are gone. No call is in progress. */
void bpfring_merge_sweep(struct bpfring_merge *m);

/* merge_look.c. The source's next head: its state, or an error. */
int bpfring_merge_look(struct bpfring_merge *m, struct merge_source *s);

/*
 * Looks at all sources without a head and builds the tree; 0, or the error of *@broken, or
 * -ENOMEM.
 */
int bpfring_merge_look_at_all(struct bpfring_merge *m, struct merge_source **broken);

/* The time of CLOCK_MONOTONIC at which the first record that is held back is due. */
int64_t bpfring_merge_held_until(const struct bpfring_merge *m);

/* merge_drain.c. As bpfring_consumer_drain(). */
int bpfring_merge_drain(struct bpfring_merge *m, const struct merge_handler *h,
			const struct limits *limits, struct bpfring_outcome *ret, bool *freed);

/* The state of its call; one that was left is cleaned up. */
enum call_state bpfring_merge_state(struct bpfring_merge *m, struct call_place here);

/* Can a call be made now? 0 or an error, with a word of explanation. */
int bpfring_merge_check(struct bpfring_merge *m, struct call_place here, const char *call);

/* May sources come and go? From its own callback too. */
int bpfring_merge_check_change(struct bpfring_merge *m, struct call_place here, const char *call);

/* Frees all that it has. */
void bpfring_merge_destroy(struct bpfring_merge *m);

/* merge_consume.c. Are these callbacks for a consume? */
int bpfring_merge_check_handler(struct bpfring_merge *m, const struct merge_handler *h);

#endif /* BPFRING_SRC_MERGE_H */
