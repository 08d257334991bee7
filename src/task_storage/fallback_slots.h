/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The slots of the fall-back: arrays that are mapped, and who has which slot. */
#ifndef BPFRING_SRC_TASK_SLOTS_H
#define BPFRING_SRC_TASK_SLOTS_H

#include "base/claim.h"
#include "task_storage/task_storage.h"

#define SLOT_CHUNK 64 /* slots that are claimed together */

struct array {
	int fd;
	size_t stride;
	size_t size; /* mapped */
	char *mem;
};

struct slots {
	uint32_t count; /* in the map */
	uint32_t step;	/* every so many is used */
	uint32_t map_id;
	int claim_fd;
	uint32_t *free, *retired; /* stacks; with room for all */
	uint32_t *generation;	  /* of slots that we have: what others write is not read again */
	uint32_t first;		  /* generation of a slot that was never used */
	uint32_t free_count, retired_count;
	uint64_t live, lost;
	bool no_barrier; /* said in the log */
	struct array owner;
	struct array array[TASK_MAX_UPTRS];
	uint64_t claims[]; /* by chunk; 0: we have not claimed it */
};

/* task_storage/fallback_arrays.c */
/* Maps the arrays; nothing is claimed yet. */
int bpfring_slots_new(struct bpfring_task_storage *ts, struct slots **ret,
		      const struct task_parts *parts);
/* Ends the claims; the arrays stay mapped. */
void bpfring_slots_free(struct slots *s);
void bpfring_slots_unmap(const struct bpfring_task_storage *ts, struct slots *s);
/* Takes 64 slots for this process; -EBUSY: another has them. */
int bpfring_slots_claim(const struct bpfring_task_storage *ts, struct slots *s, uint32_t chunk);
/* In the process that has them, while they are mapped. */
void bpfring_slots_end_claims(struct slots *s);
/* A reference to the slot leads nowhere from now on. */
void bpfring_slots_next_generation(const struct slots *s, uint32_t slot);
/* Addresses and references of @cell by its number: members of the process, or the others. */
void bpfring_slots_refer(const struct bpfring_task_storage *ts, const struct slots *s,
			 struct task_cell *cell, bool process);

/* task_storage/fallback_move.c */
int bpfring_slots_move(struct bpfring_task_storage *ts, const struct task_parts *parts);

static inline uint32_t slot_chunks(uint32_t count)
{
	return count / SLOT_CHUNK + (count % SLOT_CHUNK != 0);
}

/* Behind the generations of the slots, the claims. */
static inline struct claim_page *slot_claim(const struct slots *s, uint32_t chunk)
{
	return (struct claim_page *)(void *)(s->owner.mem + (size_t)s->count * s->owner.stride) +
	       chunk;
}

static inline uint64_t *slot_owner(const struct slots *s, uint32_t slot)
{
	return (uint64_t *)(void *)(s->owner.mem + slot * s->owner.stride);
}

/* As its last owner left it; any process may have written there. */
static inline uint32_t slot_read_generation(const struct slots *s, uint32_t slot)
{
	return (uint32_t)__atomic_load_n(slot_owner(s, slot), __ATOMIC_RELAXED);
}

#endif /* BPFRING_SRC_TASK_SLOTS_H */
