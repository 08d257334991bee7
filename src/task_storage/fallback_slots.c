// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Cells as slots of memory-mapped array maps: the path FALLBACK.
 *
 * One number stands for a slot in the array of every shared member. Slots belong to all processes
 * that use the map; a process claims them 64 at a time with a lock that the kernel drops when it
 * dies (as claim.c does for rings).
 *
 * The pages of an array cannot be replaced, so reuse works differently from
 * task_storage/uptr_slab.c. Next to a slot stands the generation of its owner; elements carry slot
 * and generation, and BPF follows one only if the generations agree. Taking a slot back changes its
 * generation: BPF programs that start after that do not reach it, whatever element they find, also
 * that of a thread that was killed. For those that have started the library waits for an RCU grace
 * period before it deals the slot again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/fallback_slots.h"

/* So many slots wait for one grace period, if there are others to be claimed. */
#define RETIRED_MAX 4096

static int slots_init(struct bpfring_task_storage *ts)
{
	struct slots *s;
	int err = bpfring_slots_new(ts, &s, &ts->parts);

	if (!err)
		ts->path_state = s;
	return err;
}

static void slots_fini(struct bpfring_task_storage *ts)
{
	struct slots *s = ts->path_state;

	/* What is alive still is the memory of the process: nobody reads it from now on. */
	if (*ts->guard && ts->has_process)
		bpfring_slots_next_generation(s, ts->process.number);
	if (*ts->guard)
		bpfring_slots_end_claims(s);
	bpfring_slots_unmap(ts, s);
	bpfring_slots_free(s);
}

/* Slots that were never used are free, others after a grace period. */
static void take_chunk(struct slots *s, uint32_t chunk)
{
	uint32_t first = chunk * SLOT_CHUNK, end = first + SLOT_CHUNK;

	if (end > s->count)
		end = s->count;
	for (uint32_t slot = first; slot < end; slot += s->step) {
		s->generation[slot] = slot_read_generation(s, slot);
		if (!s->generation[slot]) {
			s->free[s->free_count++] = slot;
			continue;
		}
		bpfring_slots_next_generation(s, slot);
		s->retired[s->retired_count++] = slot;
	}
}

static void claim_more(const struct bpfring_task_storage *ts, struct slots *s)
{
	for (uint32_t chunk = 0; chunk < slot_chunks(s->count) && !s->free_count; chunk++)
		if (!s->claims[chunk] && !bpfring_slots_claim(ts, s, chunk))
			take_chunk(s, chunk);
}

/* Waits until no BPF program can be looking at what was taken back; then all of it is free. */
static void recycle(struct bpfring_task_storage *ts, struct slots *s)
{
	const struct task_parts *parts = &ts->parts;
	int err = s->retired_count ? bpfring_sys_wait_for_rcu(parts->grace_fd, parts->owner_fd) : 0;

	if (err) {
		if (!s->no_barrier)
			log_warn("map '%s': cannot wait for a grace period of RCU: %s; %u slots "
				 "stay "
				 "unused%s\n",
				 ts->map.name, bpfring_errname(err), s->retired_count,
				 parts->grace_fd < 0 ? "; give grace_fd at open" : "");
		s->no_barrier = true;
		return;
	}
	while (s->retired_count)
		s->free[s->free_count++] = s->retired[--s->retired_count];
}

static int deal(struct bpfring_task_storage *ts, struct task_cell *ret, bool process)
{
	struct slots *s = ts->path_state;

	if (!s->free_count && s->retired_count < RETIRED_MAX)
		claim_more(ts, s);
	if (!s->free_count)
		recycle(ts, s);
	if (!s->free_count)
		claim_more(ts, s);
	if (!s->free_count) {
		log_error("map '%s': all %u slots of the fall-back are taken; prepare it with a "
			  "larger max_threads\n",
			  ts->map.name, s->count);
		return -ENOSPC;
	}
	ret->number = s->free[--s->free_count];
	s->live++;
	if (!s->generation[ret->number])
		bpfring_slots_next_generation(s, ret->number);
	bpfring_slots_refer(ts, s, ret, process);
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (task_is_process(ts, i) == process)
			memset(ret->mem[i], 0, s->array[i].stride);
	return 0;
}

static bool slots_is_full(struct bpfring_task_storage *ts)
{
	struct slots *s = ts->path_state;

	if (!s->free_count && !s->retired_count)
		claim_more(ts, s);
	return !s->free_count && !s->retired_count;
}

static int slots_alloc(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	int err = deal(ts, ret, false);

	for (unsigned int i = 0; i < ts->layout.uptr_count && !err; i++) {
		if (task_is_process(ts, i)) {
			ret->mem[i] = ts->process.mem[i];
			ret->ref[i] = ts->process.ref[i];
		}
	}
	return err;
}

static void slots_retire(struct bpfring_task_storage *ts, struct task_cell *cell)
{
	struct slots *s = ts->path_state;

	bpfring_slots_next_generation(s, cell->number);
	s->retired[s->retired_count++] = cell->number;
	s->live--;
}

static int slots_alloc_process(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (task_is_process(ts, i))
			return deal(ts, ret, true);
	return 0;
}

/* Arrays are not inherited (MADV_DONTFORK): private zeroes stand where the child has pointers. */
static void slots_forked(struct bpfring_task_storage *ts)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	struct slots *s = ts->path_state;

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		bpfring_sys_mmap_at(s->array[i].mem, s->array[i].size, PROT_READ | PROT_WRITE, anon,
				    -1, 0);
	bpfring_sys_mmap_at(s->owner.mem, s->owner.size, PROT_READ | PROT_WRITE, anon, -1, 0);
	bpfring_sys_close(s->claim_fd); /* or the parent's claims would live as long as we do */
	s->claim_fd = -1;
}

/* New slots at new addresses; the private zeroes stay, because pointers to them do. */
static int slots_restart(struct bpfring_task_storage *ts, struct task_cell *own)
{
	struct slots *old = ts->path_state;
	int err = slots_init(ts);

	(void)own;
	if (!err)
		bpfring_slots_free(old);
	return err;
}

static void slots_stats(const struct bpfring_task_storage *ts,
			struct bpfring_task_storage_stats *ret)
{
	const struct slots *s = ts->path_state;
	size_t page = bpfring_sys_page_size(), cell = 0;

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		cell += s->array[i].stride;
	ret->cell_size = cell * s->step;
	ret->bytes = (s->live * ret->cell_size + page - 1) / page * page;
	ret->retired = s->retired_count;
	ret->lost = s->lost;
}

const struct task_path bpfring_task_slots = {
	.name = BPFRING_TASK_PATH_FALLBACK,
	.init = slots_init,
	.fini = slots_fini,
	.alloc = slots_alloc,
	.is_full = slots_is_full,
	.retire = slots_retire,
	.alloc_process = slots_alloc_process,
	.forked = slots_forked,
	.restart = slots_restart,
	.move = bpfring_slots_move,
	.stats = slots_stats,
};
