/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A tap from the inside. */
#ifndef BPFRING_OBSERVE_TAP_H
#define BPFRING_OBSERVE_TAP_H

#include <bpfring/ring.h>
#include <bpfring/tap.h>
#include <bpfring/view.h>
#include <stdatomic.h>
#include <stdbool.h>

#define TAP_BATCH	64
#define TAP_CHUNK_BYTES 65536 /* of the ring, between two looks at the producer position */

/* Causes for log_once(). */
enum {
	TAP_SAID_BROKEN,
	TAP_SAID_CALLBACK,
	TAP_SAID_INSIDE,
	TAP_SAID_TOO_LARGE,
	TAP_SAID_NO_FD,
};

/* When to look next. */
struct pace {
	atomic_int timer_fd; /* -1: none yet */
	int64_t max_latency_ns;
	uint32_t cpu_permille;
	int64_t credit_ns; /* CPU time that may be spent now; below 0 it has to be saved first */
	int64_t credited_at;
	int64_t seen_at; /* the look before: when, and where the producer was */
	uint64_t seen_prod;
	int64_t interval_ns;
	uint64_t looks;
	uint64_t cpu_ns;
	atomic_bool stop;
};

struct bpfring_tap {
	struct bpfring_view *view;
	struct bpfring_view_info ring;
	const uint8_t *data;
	uint64_t mask;
	/* A record is intact while the producer is less than a ring minus this ahead of it. */
	uint64_t margin;
	bool margin_grows; /* with the largest record */
	uint32_t flags;

	uint64_t pos;	       /* next header to read */
	uint64_t prod;	       /* producer position as last read */
	uint64_t gap;	       /* bytes missed since the record before */
	unsigned int overruns; /* in a row, without a record between */

	/* Copied and checked, not handed out yet: [next, count). */
	struct bpfring_tap_record batch[TAP_BATCH];
	unsigned int next;
	unsigned int count;
	uint8_t *buffer;
	size_t buffer_size;
	bool own_buffer;

	bool inside;			   /* its callback is running */
	struct bpfring_consumer *consumer; /* to give up records by; NULL: somebody else's task */
	unsigned int said;
	struct bpfring_tap_stats stats;
	struct pace pace;
};

/* tap_ring.c: the words of the ring. */

/* Reads the producer position into t->prod, for the first time or anew. */
void bpfring_tap_look_first(struct bpfring_tap *t);

/* The same when it can only have grown. 0; -EBADMSG: it has not, or cannot be one. */
int bpfring_tap_look(struct bpfring_tap *t);

/* Orders what was read of the ring before the look: if it was intact then, it was intact. */
int bpfring_tap_look_again(struct bpfring_tap *t);

/* By the look before: nothing at @pos or after it can have been written over. */
bool bpfring_tap_intact(const struct bpfring_tap *t, uint64_t pos);

/*
 * The oldest position in the ring that is certainly that of a record, as of the last look, or that
 * of the producer.
 */
uint64_t bpfring_tap_oldest(struct bpfring_tap *t);

/* tap_copy.c */

enum tap_copied {
	TAP_COPIED = 0, /* t->batch has records, or the position moved on */
	TAP_BUSY = 1,
	TAP_OVERRUN = 2,
};

struct tap_limit {
	uint64_t end; /* no record from there on */
	uint64_t records;
	uint64_t bytes;
};

/*
 * Copies the next records into the batch, which is empty. enum tap_copied; -EBADMSG: the ring is
 * corrupt, and what was in it is given up.
 */
int bpfring_tap_copy(struct bpfring_tap *t, const struct tap_limit *limit);

/* Gives up what is in the ring: -EBADMSG. */
int bpfring_tap_broken(struct bpfring_tap *t);

/* tap_recorder.c: 0 or what the consumer says. */
int bpfring_tap_be_consumer(struct bpfring_tap *t);
int bpfring_tap_make_room(struct bpfring_tap *t);

/* Is it the tap's own callback that calls? Then it is told so. */
bool bpfring_tap_is_inside(struct bpfring_tap *t, const char *function);

#endif /* BPFRING_OBSERVE_TAP_H */
