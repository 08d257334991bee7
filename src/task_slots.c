// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Cells as slots of memory-mapped array maps: the path FALLBACK.
 *
 * One number stands for a slot in the array of every shared member. Slots belong to all processes
 * that use the map; a process claims them 64 at a time with a lock that the kernel drops when it
 * dies (as claim.c does for rings).
 *
 * The pages of an array cannot be replaced, so reuse works differently from task_slab.c. Next to a
 * slot stands the generation of its owner; elements carry slot and generation, and BPF follows one
 * only if the generations agree. Taking a slot back changes its generation: BPF programs that start
 * after that do not reach it, whatever element they find, also that of a thread that was killed. For
 * those that have started the library waits for an RCU grace period before it deals the slot again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"
#include "mapping.h"
#include "sys.h"
#include "sys_task.h"
#include "task_storage.h"

#define CHUNK	    64			  /* slots that are claimed together */
#define CLAIM_BASE  0x4000000000000000ULL /* beside that of claim.c */
#define CACHE_LINE  64
/* So many slots wait for one grace period, if there are others to be claimed. */
#define RETIRED_MAX 4096

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
	uint32_t free_count, retired_count;
	uint64_t live, lost;
	bool no_barrier; /* said in the log */
	struct array owner;
	struct array array[TASK_MAX_SHARED];
	uint8_t claimed[]; /* by chunk */
};

static uint64_t *owner_of(const struct slots *s, uint32_t slot)
{
	return (uint64_t *)(void *)(s->owner.mem + slot * s->owner.stride);
}

/* 32 bits, never 0: that is a slot that nobody has used yet. */
static void next_generation(const struct slots *s, uint32_t slot)
{
	uint32_t next = (uint32_t)*owner_of(s, slot) + 1;

	/* T1: release, with the RCU grace period before the slot is dealt again: BPF programs that
	 * start after it see the new generation.
	 */
	__atomic_store_n(owner_of(s, slot), next ? next : 1, __ATOMIC_RELEASE);
}

static int map_array(struct array *a)
{
	void *mem;
	int err = bpfring_sys_mmap(&mem, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);

	if (err)
		return err;
	err = bpfring_sys_madvise(mem, a->size, MADV_DONTFORK);
	if (err)
		bpfring_sys_munmap(mem, a->size);
	else
		a->mem = mem;
	return err;
}

static void unmap_arrays(const struct bpfring_task_storage *ts, struct slots *s)
{
	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		if (s->array[i].mem)
			bpfring_sys_munmap(s->array[i].mem, s->array[i].size);
	if (s->owner.mem)
		bpfring_sys_munmap(s->owner.mem, s->owner.size);
}

static int map_arrays(const struct bpfring_task_storage *ts, struct slots *s)
{
	int err = map_array(&s->owner);

	for (unsigned int i = 0; i < ts->layout.shared_count && !err; i++)
		err = map_array(&s->array[i]);
	if (err) {
		log_error("map '%s': cannot map the slots of the fall-back: %s\n", ts->map.name,
			  bpfring_errname(err));
		unmap_arrays(ts, s);
	}
	return err;
}

/* Checks an array against what it is to hold, and takes the number of slots from it. */
static int describe_array(struct array *a, int fd, size_t size, uint32_t *count, uint32_t *id,
			  const char *map_name)
{
	size_t page = bpfring_sys_page_size();
	struct bpf_map_info info;
	int err = bpfring_sys_map_info(fd, &info);

	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE) ||
	    info.value_size != size || !info.max_entries ||
	    (*count && info.max_entries != *count)) {
		log_error("map '%s': '%s' is not the mmapable array of %u slots of %zu bytes that "
			  "the fall-back needs\n",
			  map_name, info.name, *count, size);
		return -EINVAL;
	}
	*count = info.max_entries;
	*id = info.id;
	a->fd = fd;
	a->stride = (size + 7) / 8 * 8;
	a->size = (a->stride * info.max_entries + page - 1) / page * page;
	return 0;
}

static int describe_arrays(const struct bpfring_task_storage *ts, struct slots *s,
			   const struct task_parts *parts)
{
	uint32_t id;
	int err = describe_array(&s->owner, parts->owner_fd, sizeof(uint64_t), &s->count,
				 &s->map_id, ts->map.name);

	for (unsigned int i = 0; i < ts->layout.shared_count && !err; i++)
		err = describe_array(&s->array[i], parts->slot_fds[i],
				     task_shared_member(ts, i)->size, &s->count, &id, ts->map.name);
	return err;
}

static uint32_t slots_apart(const struct bpfring_task_storage *ts, const struct slots *s)
{
	size_t least = ts->opts.packing == BPFRING_TASK_PAGE   ? bpfring_sys_page_size()
		       : ts->opts.packing == BPFRING_TASK_LINE ? CACHE_LINE
							       : 1;
	size_t step = 1;

	for (unsigned int i = 0; i < ts->layout.shared_count; i++) {
		size_t n = (least + s->array[i].stride - 1) / s->array[i].stride;

		if (!task_is_process(ts, i) && n > step)
			step = n;
	}
	return step < CHUNK ? (uint32_t)step : CHUNK;
}

static void slots_free(struct slots *s)
{
	bpfring_sys_close(s->claim_fd);
	bpfring_sys_free(s->free);
	bpfring_sys_free(s->retired);
	bpfring_sys_free(s);
}

static int slots_new(struct bpfring_task_storage *ts, struct slots **ret,
		     const struct task_parts *parts)
{
	struct slots sizes = {0}, *s;
	int err = describe_arrays(ts, &sizes, parts);

	if (err)
		return err;
	s = bpfring_sys_alloc(sizeof(*s) + sizes.count / CHUNK + 1);
	if (!s)
		return -ENOMEM;
	*s = sizes;
	s->step = slots_apart(ts, s);
	s->free = bpfring_sys_alloc(s->count * sizeof(*s->free));
	s->retired = bpfring_sys_alloc(s->count * sizeof(*s->retired));
	s->claim_fd = bpfring_sys_eventfd();
	err = !s->free || !s->retired ? -ENOMEM : s->claim_fd < 0 ? s->claim_fd : 0;
	if (!err)
		err = map_arrays(ts, s);
	if (err)
		slots_free(s);
	else
		*ret = s;
	return err;
}

static int slots_init(struct bpfring_task_storage *ts)
{
	struct slots *s;
	int err = slots_new(ts, &s, &ts->parts);

	if (!err)
		ts->path_state = s;
	return err;
}

static void slots_fini(struct bpfring_task_storage *ts)
{
	struct slots *s = ts->path_state;

	/* What is alive still is the memory of the process: nobody reads it from now on. */
	if (*ts->guard && ts->has_process)
		next_generation(s, ts->process.number);
	unmap_arrays(ts, s);
	slots_free(s);
}

static int claim_chunk(const struct slots *s, int fd, uint32_t chunk)
{
	int err = bpfring_sys_lock_byte(fd, CLAIM_BASE + ((uint64_t)s->map_id << 20) + chunk);

	return err == -EAGAIN || err == -EACCES ? -EBUSY : err;
}

/* Slots that nobody has used yet are free at once, others after a grace period. */
static void take_chunk(struct slots *s, uint32_t chunk)
{
	uint32_t first = chunk * CHUNK, end = first + CHUNK;

	s->claimed[chunk] = 1;
	if (end > s->count)
		end = s->count;
	for (uint32_t slot = first; slot < end; slot += s->step) {
		if (!*owner_of(s, slot)) {
			s->free[s->free_count++] = slot;
			continue;
		}
		next_generation(s, slot);
		s->retired[s->retired_count++] = slot;
	}
}

static void claim_more(struct slots *s)
{
	for (uint32_t chunk = 0; chunk * CHUNK < s->count && !s->free_count; chunk++)
		if (!s->claimed[chunk] && !claim_chunk(s, s->claim_fd, chunk))
			take_chunk(s, chunk);
}

/* Waits until no BPF program can be looking at what was taken back; then all of it is free. */
static void recycle(struct bpfring_task_storage *ts, struct slots *s)
{
	int err = s->retired_count ? bpfring_sys_wait_for_rcu() : 0;

	if (err) {
		if (!s->no_barrier)
			log_warn("map '%s': membarrier() refuses to wait for a grace period: %s; "
				 "%u slots stay unused\n",
				 ts->map.name, bpfring_errname(err), s->retired_count);
		s->no_barrier = true;
		return;
	}
	while (s->retired_count)
		s->free[s->free_count++] = s->retired[--s->retired_count];
}

static void reference(const struct bpfring_task_storage *ts, const struct slots *s,
		      struct task_cell *cell, bool process)
{
	uint64_t ref = *owner_of(s, cell->number) << 32 | (cell->number + 1);

	for (unsigned int i = 0; i < ts->layout.shared_count; i++) {
		if (task_is_process(ts, i) != process)
			continue;
		cell->mem[i] = s->array[i].mem + cell->number * s->array[i].stride;
		cell->ref[i] = ref;
	}
}

static int deal(struct bpfring_task_storage *ts, struct task_cell *ret, bool process)
{
	struct slots *s = ts->path_state;

	if (!s->free_count && s->retired_count < RETIRED_MAX)
		claim_more(s);
	if (!s->free_count)
		recycle(ts, s);
	if (!s->free_count)
		claim_more(s);
	if (!s->free_count) {
		log_error("map '%s': all %u slots of the fall-back are taken; prepare it with a "
			  "larger max_threads\n",
			  ts->map.name, s->count);
		return -ENOSPC;
	}
	ret->number = s->free[--s->free_count];
	s->live++;
	if (!*owner_of(s, ret->number))
		next_generation(s, ret->number);
	reference(ts, s, ret, process);
	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		if (task_is_process(ts, i) == process)
			memset(ret->mem[i], 0, s->array[i].stride);
	return 0;
}

static int slots_alloc(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	int err = deal(ts, ret, false);

	for (unsigned int i = 0; i < ts->layout.shared_count && !err; i++) {
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

	next_generation(s, cell->number);
	s->retired[s->retired_count++] = cell->number;
	s->live--;
}

static int slots_alloc_process(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		if (task_is_process(ts, i))
			return deal(ts, ret, true);
	return 0;
}

/* Arrays are not inherited (MADV_DONTFORK): private zeroes stand where the child has pointers. */
static void slots_forked(struct bpfring_task_storage *ts)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	struct slots *s = ts->path_state;

	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		bpfring_sys_mmap_at(s->array[i].mem, s->array[i].size, PROT_READ | PROT_WRITE, anon,
				    -1);
	bpfring_sys_mmap_at(s->owner.mem, s->owner.size, PROT_READ | PROT_WRITE, anon, -1);
}

/* New slots at new addresses; the private zeroes stay, because pointers to them do. */
static int slots_restart(struct bpfring_task_storage *ts, struct task_cell *own)
{
	struct slots *old = ts->path_state;
	int err = slots_init(ts);

	(void)own;
	if (!err)
		slots_free(old);
	return err;
}

static void copy_slot(const struct bpfring_task_storage *ts, const struct slots *from,
		      struct slots *to, const struct task_cell *cell, bool process)
{
	next_generation(to, cell->number);
	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		if (task_is_process(ts, i) == process)
			memcpy(to->array[i].mem + cell->number * to->array[i].stride,
			       from->array[i].mem + cell->number * from->array[i].stride,
			       from->array[i].stride);
}

/* Claims in @to what is claimed in @from; slots that are not in use there become free or retired. */
static int claim_same(const struct slots *from, struct slots *to)
{
	if (to->count != from->count)
		return -EINVAL;
	for (uint32_t chunk = 0; chunk * CHUNK < from->count; chunk++) {
		int err = from->claimed[chunk] ? claim_chunk(to, to->claim_fd, chunk) : 0;

		if (err)
			return err;
	}
	memcpy(to->claimed, from->claimed, from->count / CHUNK + 1);
	return 0;
}

static int slots_move(struct bpfring_task_storage *ts, const struct task_parts *parts)
{
	struct slots *from = ts->path_state, *to;
	int err = slots_new(ts, &to, parts);

	if (err)
		return err;
	err = claim_same(from, to);
	if (err) {
		log_error("map '%s': cannot have the same slots in the new map: %s\n", ts->map.name,
			  bpfring_errname(err));
		unmap_arrays(ts, to);
		slots_free(to);
		return err;
	}
	for (unsigned int b = 0; b < TASK_BUCKETS; b++)
		for (const struct binding *i = ts->buckets[b]; i; i = i->next)
			if (i->has_cell)
				copy_slot(ts, from, to, &i->cell, false);
	if (ts->has_process)
		copy_slot(ts, from, to, &ts->process, true);
	for (uint32_t i = 0; i < from->free_count; i++)
		to->retired[to->retired_count++] = from->free[i];
	for (uint32_t i = 0; i < from->retired_count; i++)
		to->retired[to->retired_count++] = from->retired[i];
	for (uint32_t i = 0; i < to->retired_count; i++)
		next_generation(to, to->retired[i]);
	to->live = from->live;
	/* The new pages take the place of the old: pointers of threads stay good. */
	for (unsigned int i = 0; i < ts->layout.shared_count && !err; i++) {
		err = bpfring_sys_mmap_at(from->array[i].mem, from->array[i].size,
					  PROT_READ | PROT_WRITE, MAP_SHARED, to->array[i].fd);
		if (!err)
			err = bpfring_sys_madvise(from->array[i].mem, from->array[i].size,
						  MADV_DONTFORK);
		bpfring_sys_munmap(to->array[i].mem, to->array[i].size);
		to->array[i].mem = from->array[i].mem;
	}
	bpfring_sys_munmap(from->owner.mem, from->owner.size);
	slots_free(from);
	ts->path_state = to;
	if (ts->has_process)
		reference(ts, to, &ts->process, true);
	for (unsigned int b = 0; b < TASK_BUCKETS; b++) {
		for (struct binding *i = ts->buckets[b]; i; i = i->next) {
			if (!i->has_cell)
				continue;
			memcpy(i->cell.ref, ts->process.ref, sizeof(i->cell.ref));
			reference(ts, to, &i->cell, false);
		}
	}
	return err;
}

static void slots_stats(const struct bpfring_task_storage *ts,
			struct bpfring_task_storage_stats *ret)
{
	const struct slots *s = ts->path_state;
	size_t page = bpfring_sys_page_size(), cell = 0;

	for (unsigned int i = 0; i < ts->layout.shared_count; i++)
		cell += s->array[i].stride;
	ret->cell_size = cell * s->step;
	ret->bytes = (s->live * ret->cell_size + page - 1) / page * page;
	ret->retired = s->retired_count;
	ret->lost = s->lost;
}

const struct task_path bpfring_task_slots = {
	.name = BPFRING_TASK_FALLBACK,
	.init = slots_init,
	.fini = slots_fini,
	.alloc = slots_alloc,
	.retire = slots_retire,
	.alloc_process = slots_alloc_process,
	.forked = slots_forked,
	.restart = slots_restart,
	.move = slots_move,
	.stats = slots_stats,
};
