// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The slots of the fall-back get other arrays under them, at the same addresses. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/fallback_slots.h"

/*
 * The thread that has the slot may store into it meanwhile: such a store can be lost, as the header
 * says, but no word is torn. That race is meant; ThreadSanitizer is not to tell users of it.
 */
__attribute__((no_sanitize_thread)) static void copy_words(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
}

static void copy_slot(const struct bpfring_task_storage *ts, const struct slots *from,
		      struct slots *to, const struct task_cell *cell, bool process)
{
	bpfring_slots_next_generation(to, cell->number);
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (task_is_process(ts, i) == process)
			copy_words(to->array[i].mem + cell->number * to->array[i].stride,
				   from->array[i].mem + cell->number * from->array[i].stride,
				   from->array[i].stride);
}

/* Claims in @to what is claimed in @from. */
static int claim_same(const struct bpfring_task_storage *ts, const struct slots *from,
		      struct slots *to)
{
	if (to->count != from->count)
		return -EINVAL;
	for (uint32_t chunk = 0; chunk < slot_chunks(from->count); chunk++) {
		int err = from->claims[chunk] ? bpfring_slots_claim(ts, to, chunk) : 0;

		if (err)
			return err;
	}
	for (uint32_t slot = 0; slot < to->count; slot++)
		to->generation[slot] = slot_read_generation(to, slot);
	return 0;
}

static void copy_all(const struct bpfring_task_storage *ts, const struct slots *from,
		     struct slots *to)
{
	for (unsigned int i = 0; i < TASK_BUCKETS; i++)
		for (const struct binding *b = ts->buckets[i]; b; b = b->next)
			if (b->has_cell)
				copy_slot(ts, from, to, &b->cell, false);
	if (ts->has_process)
		copy_slot(ts, from, to, &ts->process, true);
	to->live = from->live;
}

/* What is not in use: somebody else may have used it in the new map, so it is not dealt at once. */
static void retire_the_rest(const struct slots *from, struct slots *to)
{
	for (uint32_t i = 0; i < from->free_count; i++)
		to->retired[to->retired_count++] = from->free[i];
	for (uint32_t i = 0; i < from->retired_count; i++)
		to->retired[to->retired_count++] = from->retired[i];
	for (uint32_t i = 0; i < to->retired_count; i++)
		bpfring_slots_next_generation(to, to->retired[i]);
}

/*
 * The pages of @to take the place of those of @from: pointers of threads stay good. Should that
 * fail, the new pages stay where they are, and the old ones too, for the sake of pointers to them.
 */
static void put_under(const struct bpfring_task_storage *ts, const struct slots *from,
		      struct slots *to)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		struct array *a = &to->array[i];
		char *place = from->array[i].mem;
		int err = bpfring_sys_move_mapping(a->mem, a->size, place);

		if (err)
			log_warn("map '%s': cells have moved: %s; bind again to get their "
				 "addresses\n",
				 ts->map.name, bpfring_errname(err));
		else
			a->mem = place;
	}
	bpfring_sys_munmap(from->owner.mem, from->owner.size);
}

/* Addresses and references of all that is shared. */
static void refer_all(struct bpfring_task_storage *ts, const struct slots *s)
{
	if (ts->has_process)
		bpfring_slots_refer(ts, s, &ts->process, true);
	for (unsigned int i = 0; i < TASK_BUCKETS; i++) {
		for (struct binding *b = ts->buckets[i]; b; b = b->next) {
			if (!b->has_cell)
				continue;
			memcpy(b->cell.ref, ts->process.ref, sizeof(b->cell.ref));
			bpfring_slots_refer(ts, s, &b->cell, false);
		}
	}
}

int bpfring_slots_move(struct bpfring_task_storage *ts, const struct task_parts *parts)
{
	struct slots *from = ts->path_state, *to;
	int err = bpfring_slots_new(ts, &to, parts);

	if (err)
		return err;
	err = claim_same(ts, from, to);
	if (err) {
		log_error("map '%s': cannot take the same slots in the new map: %s\n", ts->map.name,
			  bpfring_errname(err));
		bpfring_slots_end_claims(to);
		bpfring_slots_unmap(ts, to);
		bpfring_slots_free(to);
		return err;
	}
	copy_all(ts, from, to);
	retire_the_rest(from, to);
	bpfring_slots_end_claims(from);
	put_under(ts, from, to);
	bpfring_slots_free(from);
	ts->path_state = to;
	refer_all(ts, to);
	return 0;
}
