// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What the value of a task storage map consists of: from BTF, or as the caller says. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "task_storage/names_abi.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

#define MAX_MEMBERS 1024

static const struct btf_type *skip_modifiers(const struct btf *btf, uint32_t id, uint32_t *ret_id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	if (ret_id)
		*ret_id = id;
	return t;
}

/*
 * The type behind an __uptr; 0 if the pointer is none. For the fall-back the loader has made the
 * tag, which kernels without uptr refuse, a const (task_storage/prepare.c).
 */
static uint32_t shared_target(const struct btf *btf, const struct btf_type *pointer, bool fallback)
{
	const struct btf_type *t;
	uint32_t id = 0;

	if (!pointer || !btf_is_ptr(pointer))
		return 0;
	t = btf__type_by_id(btf, pointer->type);
	if (!t || (fallback ? !btf_is_const(t)
			    : !btf_is_type_tag(t) ||
				      strcmp(btf__name_by_offset(btf, t->name_off), "uptr")))
		return 0;
	t = skip_modifiers(btf, t->type, &id);
	return t && btf_is_struct(t) ? id : 0;
}

/* Whether there is an __uptr anywhere inside. */
static bool has_shared(const struct btf *btf, uint32_t id, bool fallback, int depth)
{
	const struct btf_type *t = skip_modifiers(btf, id, NULL);

	if (!t || depth > 8)
		return false;
	if (btf_is_array(t))
		return has_shared(btf, btf_array(t)->type, fallback, depth + 1);
	if (!btf_is_composite(t))
		return shared_target(btf, t, fallback) != 0;
	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (has_shared(btf, btf_members(t)[i].type, fallback, depth + 1))
			return true;
	return false;
}

static int read_member(struct bpfring_task_member *ret, const struct btf *btf,
		       const struct btf_type *value, uint32_t i, bool fallback,
		       const char *map_name)
{
	const struct btf_member *m = &btf_members(value)[i];
	const char *name = btf__name_by_offset(btf, m->name_off);
	const struct btf_type *t = skip_modifiers(btf, m->type, NULL);
	uint32_t target = shared_target(btf, t, fallback);
	long long size = btf__resolve_size(btf, target ? target : m->type);

	if (!target && has_shared(btf, m->type, fallback, 0)) {
		log_error("map '%s': member '%s' has an __uptr inside: only members of the value "
			  "itself can be shared\n",
			  map_name, name);
		return -EOPNOTSUPP;
	}
	if (size < 0)
		return -EINVAL;
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "");
	ret->offset = btf_member_bit_offset(value, i) / 8;
	ret->size = (uint32_t)size;
	ret->align = (uint32_t)btf__align_of(btf, target ? target : m->type);
	ret->flags = target ? BPFRING_TASK_MEMBER_UPTR : 0;
	if (target) {
		name = btf__name_by_offset(btf, btf__type_by_id(btf, target)->name_off);
		if (name && !strcmp(name, NAMES_TABLE_TYPE))
			ret->flags |= BPFRING_TASK_MEMBER_PROCESS;
	}
	return 0;
}

/* Checks what both sources can get wrong, numbers the shared members. */
static int finish(struct task_layout *layout, const char *map_name)
{
	const size_t page = bpfring_sys_page_size();

	for (unsigned int i = 0; i < layout->count; i++) {
		struct bpfring_task_member *m = &layout->members[i];
		bool shared = m->flags & BPFRING_TASK_MEMBER_UPTR;
		uint32_t size = shared ? (uint32_t)sizeof(uint64_t) : m->size;

		if (!m->align)
			m->align = sizeof(uint64_t);
		if (!m->size || (m->align & (m->align - 1)) || m->offset > layout->value_size ||
		    size > layout->value_size - m->offset ||
		    (shared && (m->size > page || m->align > page))) {
			log_error("map '%s': member '%s' (offset %u, size %u, alignment %u) does "
				  "not fit the value of %u bytes\n",
				  map_name, m->name, m->offset, m->size, m->align,
				  layout->value_size);
			return -EINVAL;
		}
		if (!shared)
			continue;
		if (layout->shared_count == TASK_MAX_SHARED) {
			log_error("map '%s': more than %u __uptr members, which the kernel has "
				  "not\n",
				  map_name, TASK_MAX_SHARED);
			return -EINVAL;
		}
		layout->shared[layout->shared_count++] = i;
	}
	if (!layout->shared_count) {
		log_error("map '%s' has no __uptr member: nothing to share; was it compiled with "
			  "clang >= 15, and prepared for the path it is opened with?\n",
			  map_name);
		return -EINVAL;
	}
	return 0;
}

int bpfring_task_layout_from_btf(struct task_layout *ret, const struct btf *btf, uint32_t type,
				 bool fallback, const char *map_name)
{
	const struct btf_type *value = skip_modifiers(btf, type, NULL);
	struct task_layout layout = {0};
	int err = 0;

	if (!value || !btf_is_struct(value) || !btf_vlen(value)) {
		log_error("map '%s': the value is not a struct\n", map_name);
		return -EINVAL;
	}
	layout.value_size = value->size;
	layout.count = btf_vlen(value);
	layout.members = bpfring_sys_alloc(layout.count * sizeof(*layout.members));
	if (!layout.members)
		return -ENOMEM;
	for (uint32_t i = 0; i < layout.count && !err; i++)
		err = read_member(&layout.members[i], btf, value, i, fallback, map_name);
	if (!err)
		err = finish(&layout, map_name);
	if (err)
		bpfring_task_layout_free(&layout);
	else
		*ret = layout;
	return err;
}

int bpfring_task_layout_from_opts(struct task_layout *ret,
				  const struct bpfring_task_storage_opts *opts, uint32_t value_size,
				  const char *map_name)
{
	struct task_layout layout = {.value_size = value_size, .count = opts->member_count};
	int err;

	if (!opts->member_count || opts->member_count > MAX_MEMBERS)
		return -EINVAL;
	layout.members = bpfring_sys_alloc(layout.count * sizeof(*layout.members));
	if (!layout.members)
		return -ENOMEM;
	memcpy(layout.members, opts->members, layout.count * sizeof(*layout.members));
	for (unsigned int i = 0; i < layout.count; i++)
		layout.members[i].name[sizeof(layout.members[i].name) - 1] = '\0';
	err = finish(&layout, map_name);
	if (err)
		bpfring_task_layout_free(&layout);
	else
		*ret = layout;
	return err;
}

bool bpfring_task_layout_equal(const struct task_layout *a, const struct task_layout *b,
			       const char *map_name)
{
	unsigned int i = 0;

	while (i < a->count && i < b->count &&
	       !memcmp(&a->members[i], &b->members[i], sizeof(a->members[i])))
		i++;
	if (i == a->count && i == b->count && a->value_size == b->value_size)
		return true;
	log_error("map '%s': the value differs from that of the map before, first at member %u "
		  "'%s'; close and open it instead\n",
		  map_name, i, i < b->count ? b->members[i].name : "");
	return false;
}

void bpfring_task_layout_free(struct task_layout *layout)
{
	bpfring_sys_free(layout->members);
	layout->members = NULL;
}

int bpfring_task_layout_shared(const struct task_layout *layout, int member)
{
	for (unsigned int i = 0; i < layout->shared_count; i++)
		if (layout->shared[i] == (unsigned int)member)
			return (int)i;
	return -EINVAL;
}
