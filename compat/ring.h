/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One map of a manager: a consumer of libbpfring, and the program's callback. */
#ifndef COMPAT_RING_H
#define COMPAT_RING_H

#include <bpfring/consumer.h>
#include <stdbool.h>

#include "libbpf_rings.h"

struct ring {
	const char *mark; /* &ours */
	ring_buffer_sample_fn callback;
	void *ctx;
	const void *record; /* that the callback has now; NULL outside of it */
	int error;	    /* of the callback that ended the last drain; 0: it ended otherwise */
	bool closing;	    /* a callback freed the manager: call none any more */
	bool in_loop;
	bool busy;   /* at the last look its first record was still being written */
	bool calmed; /* and is therefore watched edge-triggered, see busy.c */
	struct ring_buffer *owner;
	struct bpfring_consumer *consumer;
	unsigned int index; /* in the manager */
	int map_fd;	    /* the number that the program gave; it may have closed it since */
	struct bpfring_consumer_stats past; /* of consumers that were opened before this one */
};

/* 0 or -errno; what is wrong has been logged. */
int ring_open(struct ring **ret, struct ring_buffer *owner, int map_fd,
	      ring_buffer_sample_fn callback, void *ctx);
void ring_close(struct ring *r);

/*
 * Takes the ring up again in a forked child, or where somebody else consumed from it meanwhile:
 * libbpf reads the position anew at each call. 0 or -errno.
 */
int ring_attach(struct ring *r);

/* Commits do not notify: the loop has a time at which it looks at the ring. */
bool ring_waits_in_loop(const struct ring *r);

/*
 * Hands records to the callback, @most of them, until there is none. Then, unless the ring waits in
 * the loop, the true position is published, and the commit of the next record notifies. Number of
 * records, or what the callback returned if that was negative, or another error.
 */
int64_t ring_drain(struct ring *r, uint64_t most);

/* bpfring_record_fn with a struct ring as context, for the drain here and that of the loop. */
int ring_hand_over(void *ctx, const void *data, size_t size);

/* Counters, those of earlier consumers included. */
void ring_stats(const struct ring *r, struct bpfring_consumer_stats *ret);

#endif /* COMPAT_RING_H */
