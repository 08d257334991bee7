/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The group as the files of the library see it. */
#ifndef BPFRING_SRC_GROUP_H
#define BPFRING_SRC_GROUP_H

#include <bpfring/group.h>
#include <stdbool.h>

#include "base/map.h"

#define NO_RING UINT32_MAX

struct group_ring {
	struct bpfring_consumer *consumer;
	uint32_t cpu; /* whose own it is; UINT32_MAX: nobody's */
	bool nmi;
	bool leaving; /* no slot has it any more */
};

struct bpfring_group {
	struct map outer, account;
	uint32_t slots; /* and as many behind them for NMI context */
	uint32_t cpus;	/* possible ones */
	uint32_t flags;
	uint32_t ring_bytes;
	uint32_t count;		  /* of rings */
	struct group_ring *rings; /* room for 2 * slots */
	uint32_t *slot_ring;	  /* of 2 * slots: number in rings, or NO_RING */

	struct bpfring_loop *loop; /* that it was added to; see bpfring_group_loop() */
	bpfring_record_fn fn;	   /* one of the two */
	bpfring_batch_fn batch_fn;
	void *ctx;
	struct bpfring_group_stats past; /* of rings that are gone */
};

/* group_opts.c. Reads and checks options; what bytes each of @rings gets, in *@bytes. */
int bpfring_group_read_opts(struct bpfring_group_opts *ret, const struct bpfring_group_opts *opts,
			    int cpus);
/* A power of two: for each CPU, and for each ring. */
uint32_t bpfring_group_slots(const struct bpfring_group_opts *o, int cpus);
/* @declared: in BPFRING_GROUP(). 0, -EINVAL, -ENOSPC. */
int bpfring_group_ring_bytes(uint32_t *ret, const struct bpfring_group_opts *opts,
			     uint64_t declared, const char *name);

/* group.c. Room for its rings; takes over the maps. */
int bpfring_group_alloc(struct bpfring_group **ret, const struct map *outer,
			const struct map *account, uint32_t slots, uint32_t cpus);
/* Opens a consumer of @fd, which it does not take over. */
int bpfring_group_take_ring(struct bpfring_group *g, int fd, uint32_t cpu, bool nmi);
/* The loop, if it still has a ring of ours. */
struct bpfring_loop *bpfring_group_loop(struct bpfring_group *g);
/* Adds a consumer of ours to a loop, with the callback of the group. */
int bpfring_group_add_to(struct bpfring_loop *l, struct bpfring_group *g,
			 struct bpfring_consumer *c);
/* 0, or -EINVAL with a word of explanation: no map of BPFRING_GROUP(). */
int bpfring_group_check_outer(const struct map *outer);
/* Adds the counters of a consumer. */
void bpfring_group_add_stats(struct bpfring_group_stats *sum, const struct bpfring_consumer *c);

/* group_create.c. Makes a ring for @cpu and opens it; its descriptor, which is the caller's. */
int bpfring_group_new_ring(struct bpfring_group *g, uint32_t cpu, bool nmi);

#endif /* BPFRING_SRC_GROUP_H */
