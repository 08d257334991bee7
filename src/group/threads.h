/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Many rings at a time: threads that drain them. It uses base and ring; nothing uses it.
 *
 * A ring belongs to one worker, which has it in its loop. It moves in two steps: its worker takes
 * it out of the loop and puts it into the mail of another, under the lock; that one is woken and
 * adds it to its own loop.
 */
#ifndef BPFRING_SRC_THREADS_H
#define BPFRING_SRC_THREADS_H

#include <bpfring/threads.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct worker;

/* A ring. */
struct item {
	struct item *next; /* in its worker's list, or in the mail of that */
	struct bpfring_consumer *c;
	struct worker *owner; /* has it, or will take it out of its mail; NULL: nobody */
	bool leaving;	      /* somebody waits until the owner has let go of it */
	uint32_t cpu, node;
	uint64_t records, bytes; /* consumed at the last look */
	uint64_t fresh;		 /* bytes consumed before that, since the look before */
};

struct worker {
	struct bpfring_threads *all;
	unsigned int number;
	pthread_t thread;
	bool started, joined;
	struct bpfring_loop *loop;
	void *ctx; /* for callbacks */

	/* Its thread's own. */
	struct item *items;
	int64_t look_at;      /* when to look whether it is busy */
	int64_t since;	      /* the last look */
	uint64_t asleep_then; /* time asleep until then */

	atomic_bool post; /* look into the mail, and at the items that are to leave */

	/* Under the lock. */
	struct item *mail;
	unsigned int count; /* items, those in the mail included */
	uint64_t given, taken;
	uint64_t records; /* handed to callbacks until the last look */
	uint64_t busy_ppt;
	int64_t busy_at; /* when that was true */
};

struct bpfring_threads {
	uint32_t *guard;
	bpfring_record_fn each;
	bpfring_batch_fn batch;
	struct bpfring_threads_opts opts;
	int64_t look_ns; /* between two looks whether a worker is busy */
	atomic_bool stop;
	atomic_int err; /* the first */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* any of these, or an item has no owner any more */
	unsigned int ready;	/* workers that have begun, or failed to */
	unsigned int running;
	bool go; /* all are ready */
	unsigned int count;
	struct worker *workers;
};

/* threads_deal.c. Deals @count items out to the workers, in order. */
void bpfring_threads_deal(struct bpfring_threads *t, struct item **items, unsigned int count);
/* Keeps this thread on its processors, if that was asked for. */
void bpfring_worker_pin(struct worker *w);

/* threads_balance.c. Looks whether this worker has too much to do, and gives a ring away then. */
void bpfring_worker_balance(struct worker *w);

/* threads_work.c. What each thread does. */
void *bpfring_worker_run(void *worker);

/* worker.c. Counts what came through a ring since the last look; the bytes of it. */
uint64_t bpfring_worker_count(struct worker *w, struct item *item);
int bpfring_worker_add(struct worker *w, struct item *item);
/* Takes an item out of its loop. */
void bpfring_worker_drop(struct worker *w, struct item *item);
/* Puts it into the mail; under the lock. */
void bpfring_worker_post(struct worker *w, struct item *item);
/* Is this one of the threads? */
struct worker *bpfring_worker_self(struct bpfring_threads *t);

/* Ends all threads, with an error or with 0. */
void bpfring_threads_end(struct bpfring_threads *t, int err);

#endif /* BPFRING_SRC_THREADS_H */
