// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The arrays of the fall-back: checked, mapped, claimed piece by piece. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/fallback_slots.h"

#define CACHE_LINE 64

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

void bpfring_slots_unmap(const struct bpfring_task_storage *ts, struct slots *s)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (s->array[i].mem)
			bpfring_sys_munmap(s->array[i].mem, s->array[i].size);
	if (s->owner.mem)
		bpfring_sys_munmap(s->owner.mem, s->owner.size);
}

static int map_arrays(const struct bpfring_task_storage *ts, struct slots *s)
{
	int err = map_array(&s->owner);

	for (unsigned int i = 0; i < ts->layout.uptr_count && !err; i++)
		err = map_array(&s->array[i]);
	if (err) {
		log_error("map '%s': cannot map the slots of the fall-back: %s\n", ts->map.name,
			  bpfring_errname(err));
		bpfring_slots_unmap(ts, s);
	}
	return err;
}

static size_t whole_pages(uint64_t size)
{
	size_t page = bpfring_sys_page_size();

	return (size_t)((size + page - 1) / page * page);
}

/* Bytes of the generations of so many slots, and of the claims of their chunks. */
static uint64_t owner_size(uint32_t slots)
{
	return slots * (uint64_t)sizeof(uint64_t) +
	       slot_chunks(slots) * (uint64_t)sizeof(struct claim_page);
}

uint64_t bpfring_task_owner_entries(uint32_t slots)
{
	uint64_t size = owner_size(slots);

	/* The end of the last page may have room for the claims. */
	return size <= whole_pages(slots * (uint64_t)sizeof(uint64_t)) ? slots
								       : size / sizeof(uint64_t);
}

/* Checks an array against what it is to hold; @count: entries, 0: any number. */
static int describe_array(struct array *a, int fd, size_t size, uint32_t *count,
			  const char *map_name)
{
	struct bpf_map_info info;
	int err = bpfring_sys_map_info(fd, &info);

	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE) ||
	    info.value_size != size || !info.max_entries ||
	    (*count && info.max_entries != *count)) {
		log_error(
			"map '%s': '%s' is not the mmapable array of %u entries of %zu bytes that "
			"the fall-back needs\n",
			map_name, info.name, *count, size);
		return -EINVAL;
	}
	a->stride = (size + 7) / 8 * 8;
	if (info.max_entries > (SIZE_MAX - bpfring_sys_page_size()) / a->stride) {
		log_error("map '%s': '%s' does not fit this address space\n", map_name, info.name);
		return -E2BIG;
	}
	*count = info.max_entries;
	a->fd = fd;
	a->size = whole_pages((uint64_t)a->stride * info.max_entries);
	return 0;
}

static int describe_arrays(const struct bpfring_task_storage *ts, struct slots *s,
			   const struct task_parts *parts)
{
	uint32_t entries = 0;
	int err = 0;

	for (unsigned int i = 0; i < ts->layout.uptr_count && !err; i++)
		err = describe_array(&s->array[i], parts->slot_fds[i],
				     task_uptr_member(ts, i)->size, &s->count, ts->map.name);
	if (!err)
		err = describe_array(&s->owner, parts->owner_fd, sizeof(uint64_t), &entries,
				     ts->map.name);
	if (err || (entries >= s->count && s->owner.size >= owner_size(s->count)))
		return err;
	log_error(
		"map '%s': the map of owners has %u entries, which is not enough for %u slots and "
		"their claims; size it with bpfring_task_storage_prepare()\n",
		ts->map.name, entries, s->count);
	return -EINVAL;
}

static uint32_t slots_apart(const struct bpfring_task_storage *ts, const struct slots *s)
{
	size_t least = ts->opts.packing == BPFRING_TASK_PACKING_PAGE   ? bpfring_sys_page_size()
		       : ts->opts.packing == BPFRING_TASK_PACKING_LINE ? CACHE_LINE
								       : 1;
	size_t step = 1;

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		size_t n = (least + s->array[i].stride - 1) / s->array[i].stride;

		if (!task_is_process(ts, i) && n > step)
			step = n;
	}
	return step < SLOT_CHUNK ? (uint32_t)step : SLOT_CHUNK;
}

void bpfring_slots_free(struct slots *s)
{
	bpfring_sys_close(s->claim_fd);
	bpfring_sys_free(s->free);
	bpfring_sys_free(s->retired);
	bpfring_sys_free(s->generation);
	bpfring_sys_free(s);
}

int bpfring_slots_new(struct bpfring_task_storage *ts, struct slots **ret,
		      const struct task_parts *parts)
{
	struct slots sizes = {0}, *s;
	int err = describe_arrays(ts, &sizes, parts);

	if (err)
		return err;
	s = bpfring_sys_alloc(sizeof(*s) + slot_chunks(sizes.count) * sizeof(s->claims[0]));
	if (!s)
		return -ENOMEM;
	*s = sizes;
	s->step = slots_apart(ts, s);
	s->free = bpfring_sys_alloc(s->count * sizeof(*s->free));
	s->retired = bpfring_sys_alloc(s->count * sizeof(*s->retired));
	s->generation = bpfring_sys_alloc(s->count * sizeof(*s->generation));
	s->claim_fd = bpfring_sys_eventfd();
	err = !s->free || !s->retired || !s->generation ? -ENOMEM
	      : s->claim_fd < 0				? s->claim_fd
							: 0;
	/* Random, or a reference into another array of the same map could lead into this one. */
	if (!err)
		err = bpfring_sys_urandom(&s->first, sizeof(s->first));
	if (!err)
		err = map_arrays(ts, s);
	if (err)
		bpfring_slots_free(s);
	else
		*ret = s;
	return err;
}

int bpfring_slots_claim(const struct bpfring_task_storage *ts, struct slots *s, uint32_t chunk)
{
	return bpfring_claim_part(slot_claim(s, chunk), s->claim_fd, &ts->map, &s->claims[chunk]);
}

void bpfring_slots_end_claims(struct slots *s)
{
	for (uint32_t chunk = 0; chunk < slot_chunks(s->count); chunk++)
		if (s->claims[chunk])
			bpfring_claim_end_part(slot_claim(s, chunk), s->claim_fd, s->claims[chunk]);
}

/* 32 bits, never 0, which marks a slot that was never used. */
void bpfring_slots_next_generation(const struct slots *s, uint32_t slot)
{
	uint32_t next = s->generation[slot] ? s->generation[slot] + 1 : s->first;

	s->generation[slot] = next ? next : 1;
	/* T1: release, with the RCU grace period before the slot is dealt again: BPF programs that
	 * start after it see the new generation.
	 */
	__atomic_store_n(slot_owner(s, slot), s->generation[slot], __ATOMIC_RELEASE);
}

void bpfring_slots_refer(const struct bpfring_task_storage *ts, const struct slots *s,
			 struct task_cell *cell, bool process)
{
	uint64_t ref = (uint64_t)s->generation[cell->number] << 32 | (cell->number + 1);

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		if (task_is_process(ts, i) != process)
			continue;
		/* its thread may be looking it up, without the lock, while it is moved */
		__atomic_store_n(&cell->mem[i], s->array[i].mem + cell->number * s->array[i].stride,
				 __ATOMIC_RELAXED);
		cell->ref[i] = ref;
	}
}
