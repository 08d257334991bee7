// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Another map takes the place of the one that is open, with a value of its own. Threads go on using
 * what they share and the numbers that they have of members; all else may differ.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

#define TAKEN (1U << 31) /* flag of a member of the new map, while it is compared */

/* Members without a name are identified by their offset. */
static struct bpfring_task_member *find(const struct task_layout *in,
					const struct bpfring_task_member *like)
{
	for (unsigned int i = 0; i < in->count; i++) {
		struct bpfring_task_member *m = &in->members[i];

		if (!(m->flags & TAKEN) && !strcmp(m->name, like->name) &&
		    (m->name[0] || (m->offset == like->offset && m->size == like->size)))
			return m;
	}
	return NULL;
}

static bool is_uptr(const struct bpfring_task_member *m)
{
	return m->flags & BPFRING_TASK_MEMBER_SHARED;
}

/* Cells stay where they are: what the new map wants of them has to fit there. */
static bool fits_the_cell(const struct bpfring_task_member *cell,
			  const struct bpfring_task_member *next)
{
	return next->size == cell->size && next->align <= cell->align && next->flags == cell->flags;
}

#define CURE "; close the old map and open the new one instead\n"

static int lacks(const char *map_name, const struct bpfring_task_member *before)
{
	log_error("map '%s': the new map has no shared member '%s'" CURE, map_name, before->name);
	return -EINVAL;
}

static int has_more(const char *map_name, const struct bpfring_task_member *next)
{
	log_error("map '%s': the new map has another shared member, '%s', for which threads have "
		  "no memory" CURE,
		  map_name, next->name);
	return -EINVAL;
}

static int differs(const char *map_name, const struct bpfring_task_member *before,
		   const struct bpfring_task_member *next)
{
	log_error("map '%s': the shared member '%s' has %u bytes, alignment %u and flags %#x; "
		  "before it had %u, %u and %#x" CURE,
		  map_name, before->name, next->size, next->align, next->flags, before->size,
		  before->align, before->flags);
	return -EINVAL;
}

/* What member @before is in the new map. */
static int follow_one(struct bpfring_task_member *ret, const struct bpfring_task_member *before,
		      const struct task_layout *next, const char *map_name)
{
	struct bpfring_task_member *m = find(next, before);

	*ret = *before;
	if (is_uptr(before)) {
		if (!m)
			return lacks(map_name, before);
		if (!fits_the_cell(before, m))
			return differs(map_name, before, m);
		ret->offset = m->offset;
		m->flags |= TAKEN;
		return 0;
	}
	ret->flags |= BPFRING_TASK_MEMBER_GONE;
	if (m && m->size == before->size &&
	    m->flags == (before->flags & ~(uint32_t)BPFRING_TASK_MEMBER_GONE)) {
		*ret = *m;
		m->flags |= TAKEN;
	}
	return 0;
}

static int follow_all(struct task_layout *ret, const struct task_layout *before,
		      const struct task_layout *next, const char *map_name)
{
	for (unsigned int i = 0; i < before->count; i++) {
		int err = follow_one(&ret->members[i], &before->members[i], next, map_name);

		if (err)
			return err;
	}
	ret->count = before->count;
	for (unsigned int i = 0; i < next->count; i++) {
		if (next->members[i].flags & TAKEN)
			continue;
		if (is_uptr(&next->members[i]))
			return has_more(map_name, &next->members[i]);
		ret->members[ret->count++] = next->members[i];
	}
	return 0;
}

int bpfring_task_layout_follow(struct task_layout *ret, const struct task_layout *before,
			       struct task_layout *next, const char *map_name)
{
	struct task_layout layout = *before;
	int err;

	layout.value_size = next->value_size;
	layout.has_kptr = next->has_kptr;
	layout.members = bpfring_sys_alloc((before->count + next->count) * sizeof(*layout.members));
	if (!layout.members)
		return -ENOMEM;
	err = follow_all(&layout, before, next, map_name);
	if (err)
		bpfring_task_layout_free(&layout);
	else
		*ret = layout;
	return err;
}

void bpfring_task_layout_exchange(struct task_layout *a, struct task_layout *b)
{
	const struct task_layout was = *a;

	a->value_size = b->value_size;
	a->count = b->count;
	a->members = b->members;
	a->has_kptr = b->has_kptr;
	b->value_size = was.value_size;
	b->count = was.count;
	b->members = was.members;
	b->has_kptr = was.has_kptr;
}

static bool is_same(const struct task_layout *a, const struct task_layout *b)
{
	return a->value_size == b->value_size && a->count == b->count &&
	       !memcmp(a->members, b->members, a->count * sizeof(*a->members));
}

void bpfring_task_layout_convert(const struct task_layout *from, const void *value,
				 const struct task_layout *to, void *ret)
{
	const uint32_t not_copied = BPFRING_TASK_MEMBER_SHARED | BPFRING_TASK_MEMBER_OPAQUE |
				    BPFRING_TASK_MEMBER_GONE;

	if (is_same(from, to)) { /* with what is between the members */
		memcpy(ret, value, to->value_size);
		return;
	}
	memset(ret, 0, to->value_size);
	for (unsigned int i = 0; i < from->count; i++) {
		const struct bpfring_task_member *old = &from->members[i], *m = &to->members[i];

		if (!((old->flags | m->flags) & not_copied))
			memcpy((char *)ret + m->offset, (const char *)value + old->offset, m->size);
	}
}
