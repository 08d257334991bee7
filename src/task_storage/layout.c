// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What the value of a task storage map consists of: from BTF, or as the caller says. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/btf.h"
#include "base/sys.h"
#include "task_storage/names_abi.h"
#include "task_storage/task_storage.h"
#include "task_storage/value_types.h"

#define MAX_MEMBERS 1024U /* each is compared with each when a map is replaced */

static const uint32_t known_flags = BPFRING_TASK_MEMBER_SHARED | BPFRING_TASK_MEMBER_PROCESS |
				    BPFRING_TASK_MEMBER_OPAQUE | BPFRING_TASK_MEMBER_KPTR |
				    BPFRING_TASK_MEMBER_GONE;

/* Bytes that a bit field reaches into. */
static uint32_t bit_field_size(const struct btf_type *value, uint32_t i)
{
	uint32_t first = btf_member_bit_offset(value, i) % 8;

	return (first + btf_member_bitfield_size(value, i) + 7) / 8;
}

static uint32_t flags_of(const struct value_types *types, unsigned int inside, uint32_t target)
{
	const struct btf_type *t;
	const char *name;

	if (inside & TYPE_KPTR)
		return BPFRING_TASK_MEMBER_KPTR | BPFRING_TASK_MEMBER_OPAQUE;
	if (inside & TYPE_LOCK)
		return BPFRING_TASK_MEMBER_OPAQUE;
	if (!target)
		return 0;
	t = btf__type_by_id(types->btf, target);
	name = btf__name_by_offset(types->btf, t->name_off);
	return BPFRING_TASK_MEMBER_SHARED |
	       (name && !strcmp(name, NAMES_TABLE_TYPE) ? BPFRING_TASK_MEMBER_PROCESS : 0);
}

static int read_member(struct task_layout *layout, struct value_types *types,
		       const struct btf_type *value, uint32_t i, const char *map_name)
{
	struct bpfring_task_member *ret = &layout->members[i];
	const struct btf_member *m = &btf_members(value)[i];
	const char *name = btf__name_by_offset(types->btf, m->name_off);
	uint32_t id = m->type, align, target;
	const struct btf_type *t = bpfring_btf_skip(types->btf, &id);
	int inside = bpfring_value_type_inside(types, m->type, &align);
	long long size;

	if (!t || inside < 0) {
		log_error("map '%s': the type of member '%s' is broken, or nested too deeply\n",
			  map_name, name);
		return -EINVAL;
	}
	target = bpfring_value_type_uptr(types, t);
	if (!target && (inside & TYPE_UPTR)) {
		log_error("map '%s': member '%s' contains an __uptr; only direct members of the "
			  "value can be shared\n",
			  map_name, name);
		return -EOPNOTSUPP;
	}
	size = btf__resolve_size(types->btf, target ? target : m->type);
	if (size < 0 || size > UINT32_MAX ||
	    (target && bpfring_value_type_inside(types, target, &align) < 0)) {
		log_error("map '%s': the type of member '%s' is broken\n", map_name, name);
		return -EINVAL;
	}
	ret->sz = sizeof(*ret);
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "");
	ret->offset = btf_member_bit_offset(value, i) / 8;
	ret->size = (uint32_t)size;
	ret->align = align;
	ret->flags = flags_of(types, (unsigned int)inside, target);
	if (btf_member_bitfield_size(value, i)) {
		ret->size = bit_field_size(value, i);
		ret->flags |= BPFRING_TASK_MEMBER_OPAQUE;
		if (btf_member_bit_offset(value, i) % 8)
			layout->split_byte = ret;
	}
	layout->has_lock = layout->has_lock || (inside & TYPE_LOCK);
	return 0;
}

/* Checks what both sources can get wrong, numbers the uptrs. */
static int finish(struct task_layout *layout, const char *map_name)
{
	const size_t page = bpfring_sys_page_size();

	for (unsigned int i = 0; i < layout->count; i++) {
		struct bpfring_task_member *m = &layout->members[i];
		bool is_uptr = m->flags & BPFRING_TASK_MEMBER_SHARED;
		uint32_t size = is_uptr ? (uint32_t)sizeof(uint64_t) : m->size;

		if (!m->align)
			m->align = sizeof(uint64_t);
		layout->has_kptr = layout->has_kptr || (m->flags & BPFRING_TASK_MEMBER_KPTR);
		if ((is_uptr && !m->size) || (m->flags & ~known_flags) ||
		    (m->align & (m->align - 1)) || m->offset > layout->value_size ||
		    size > layout->value_size - m->offset ||
		    (is_uptr && (m->size > page || m->align > page))) {
			log_error("map '%s': member '%s' (offset %u, size %u, alignment %u, flags "
				  "%#x) does not fit the value of %u bytes\n",
				  map_name, m->name, m->offset, m->size, m->align, m->flags,
				  layout->value_size);
			return -EINVAL;
		}
		if (!is_uptr)
			continue;
		if (layout->uptr_count == TASK_MAX_UPTRS) {
			log_error("map '%s': more than %u shared members, which is the limit of "
				  "the kernel\n",
				  map_name, TASK_MAX_UPTRS);
			return -EINVAL;
		}
		layout->uptrs[layout->uptr_count++] = i;
	}
	if (!layout->uptr_count) {
		log_error("map '%s' has no shared member; was the object compiled with clang >= "
			  "15, and prepared for the path with which it is opened?\n",
			  map_name);
		return -EINVAL;
	}
	return 0;
}

int bpfring_task_layout_from_btf(struct task_layout *ret, const struct btf *btf, uint32_t type,
				 bool fallback, const char *map_name)
{
	const struct btf_type *value = bpfring_btf_skip(btf, &type);
	struct task_layout layout = {0};
	struct value_types types;
	int err;

	if (!value || !btf_is_struct(value) || !btf_vlen(value)) {
		log_error("map '%s': the value is not a struct\n", map_name);
		return -EINVAL;
	}
	if (btf_vlen(value) > MAX_MEMBERS) {
		log_error("map '%s': the value has more than %u members\n", map_name, MAX_MEMBERS);
		return -EINVAL;
	}
	layout.value_size = value->size;
	layout.count = btf_vlen(value);
	err = bpfring_value_types_init(&types, btf, fallback);
	if (err)
		return err;
	layout.members = bpfring_sys_alloc(layout.count * sizeof(*layout.members));
	err = layout.members ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < layout.count && !err; i++)
		err = read_member(&layout, &types, value, i, map_name);
	bpfring_value_types_free(&types);
	if (!err)
		err = finish(&layout, map_name);
	if (err)
		bpfring_task_layout_free(&layout);
	else
		*ret = layout;
	return err;
}

/* Members without a size have that of version 0.1. */
#define FIRST_SIZE (offsetof(struct bpfring_task_member, flags) + sizeof(uint32_t))

static int read_declared(struct bpfring_task_member *ret,
			 const struct bpfring_task_storage_opts *opts, unsigned int i)
{
	size_t size = opts->members->sz ? opts->members->sz : FIRST_SIZE;
	const struct bpfring_task_member *m =
		(const void *)((const char *)opts->members + i * size);

	if (m->sz != opts->members->sz) {
		log_error(
			"struct bpfring_task_member: size %zu of member %u, but %zu of the first\n",
			m->sz, i, opts->members->sz);
		return -EINVAL;
	}
	if (m->sz)
		return bpfring_options_read(ret, sizeof(*ret), m, "struct bpfring_task_member");
	memcpy(ret, m, FIRST_SIZE);
	ret->sz = sizeof(*ret);
	return 0;
}

int bpfring_task_layout_from_opts(struct task_layout *ret,
				  const struct bpfring_task_storage_opts *opts, uint32_t value_size,
				  const char *map_name)
{
	struct task_layout layout = {.value_size = value_size};
	int err = 0;

	if (!opts->member_count || opts->member_count > MAX_MEMBERS)
		return -EINVAL;
	layout.members = bpfring_sys_alloc(opts->member_count * sizeof(*layout.members));
	if (!layout.members)
		return -ENOMEM;
	for (unsigned int i = 0; i < opts->member_count && !err; i++) {
		struct bpfring_task_member *m = &layout.members[layout.count];

		err = read_declared(m, opts, i);
		m->name[sizeof(m->name) - 1] = '\0';
		layout.count += !(m->flags & BPFRING_TASK_MEMBER_GONE);
	}
	if (!err)
		err = finish(&layout, map_name);
	if (err)
		bpfring_task_layout_free(&layout);
	else
		*ret = layout;
	return err;
}

int bpfring_task_layout_copy(struct task_layout *ret, const struct task_layout *layout)
{
	const size_t size = layout->count * sizeof(*layout->members);
	struct bpfring_task_member *members = bpfring_sys_alloc(size);

	if (!members)
		return -ENOMEM;
	memcpy(members, layout->members, size);
	*ret = *layout;
	ret->members = members;
	return 0;
}

void bpfring_task_layout_free(struct task_layout *layout)
{
	bpfring_sys_free(layout->members);
	layout->members = NULL;
}
