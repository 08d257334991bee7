// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Looks into types. The types are those of an object file or of another process, and the global
 * lock is held: the work is bounded by the number of types and members, whatever they contain.
 */
#include "task_storage/value_types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "base/btf.h"
#include "base/sys.h"

#define UPTR_TAG "uptr"

/* A byte of value_types.known: the alignment in the lower half, TYPE_* above. */
enum {
	UNKNOWN = 0,
	VISITING = 15,
	ALIGN_MASK = 15,
	INSIDE_SHIFT = 4,
};

int bpfring_value_types_init(struct value_types *ret, const struct btf *btf, bool fallback)
{
	ret->btf = btf;
	ret->fallback = fallback;
	ret->known = bpfring_sys_alloc(btf__type_cnt(btf));
	return ret->known ? 0 : -ENOMEM;
}

void bpfring_value_types_free(struct value_types *types)
{
	bpfring_sys_free(types->known);
	types->known = NULL;
}

static const char *name_of(const struct value_types *types, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(types->btf, t->name_off);

	return name ? name : "";
}

uint32_t bpfring_value_type_uptr(const struct value_types *types, const struct btf_type *t)
{
	uint32_t id;

	if (!btf_is_ptr(t))
		return 0;
	t = btf__type_by_id(types->btf, t->type);
	if (!t || !(types->fallback ? btf_is_typedef(t) : btf_is_type_tag(t)) ||
	    strcmp(name_of(types, t), UPTR_TAG))
		return 0;
	id = t->type;
	t = bpfring_btf_skip(types->btf, &id);
	return t && btf_is_struct(t) ? id : 0;
}

/* __kptr and its kin: "kptr", "kptr_untrusted", "percpu_kptr" and what may come. */
static bool is_kptr(const struct value_types *types, const struct btf_type *pointer)
{
	const struct btf_type *t = btf__type_by_id(types->btf, pointer->type);

	return t && btf_is_type_tag(t) && strstr(name_of(types, t), "kptr");
}

/* Structs that mean something to the kernel, which keeps them out of what user space copies. */
static unsigned int kernel_object(const char *name)
{
	static const char *const dropped[] = {
		"bpf_timer",   "bpf_wq",      "bpf_list_head", "bpf_list_node",
		"bpf_rb_root", "bpf_rb_node", "bpf_refcount",  "bpf_task_work",
	};

	if (!strcmp(name, "bpf_spin_lock") || !strcmp(name, "bpf_res_spin_lock"))
		return TYPE_LOCK;
	for (unsigned int i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (!strcmp(name, dropped[i]))
			return TYPE_KPTR;
	return 0;
}

static int look_into(struct value_types *types, uint32_t id, int depth, uint32_t *ret_align);

/* As compilers lay it out, but for those that the programmer packed or aligned. */
static int look_into_members(struct value_types *types, const struct btf_type *t, int depth,
			     uint32_t *ret_align)
{
	const struct btf_member *m = btf_members(t);
	unsigned int inside = kernel_object(name_of(types, t));
	uint32_t align = 1, most = 1;
	bool packed = false;

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		int found = look_into(types, m[i].type, depth + 1, &align);

		if (found < 0)
			return found;
		inside |= (unsigned int)found;
		if (align > most)
			most = align;
		if (!btf_member_bitfield_size(t, i) && btf_member_bit_offset(t, i) % (8 * align))
			packed = true;
	}
	*ret_align = packed || t->size % most ? 1 : most;
	return (int)inside;
}

static int look_at(struct value_types *types, const struct btf_type *t, int depth,
		   uint32_t *ret_align)
{
	uint32_t align = t->size < sizeof(uint64_t) ? t->size : sizeof(uint64_t);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		*ret_align = align && !(align & (align - 1)) ? align : 1;
		return 0;
	case BTF_KIND_PTR:
		*ret_align = sizeof(uint64_t); /* of BPF */
		return bpfring_value_type_uptr(types, t) ? TYPE_UPTR
		       : is_kptr(types, t)		 ? TYPE_KPTR
							 : 0;
	case BTF_KIND_ARRAY:
		return look_into(types, btf_array(t)->type, depth + 1, ret_align);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return look_into_members(types, t, depth, ret_align);
	default:
		return -EINVAL;
	}
}

static int look_into(struct value_types *types, uint32_t id, int depth, uint32_t *ret_align)
{
	const struct btf_type *t = bpfring_btf_skip(types->btf, &id);
	uint8_t known = t ? types->known[id] : VISITING;
	int inside;

	if (known == VISITING || depth > BTF_MAX_DEPTH)
		return -EINVAL;
	if (known == UNKNOWN) {
		types->known[id] = VISITING;
		inside = look_at(types, t, depth, ret_align);
		if (inside < 0)
			return inside;
		known = (uint8_t)((unsigned int)inside << INSIDE_SHIFT | *ret_align);
		types->known[id] = known;
	}
	*ret_align = known & ALIGN_MASK;
	return known >> INSIDE_SHIFT;
}

int bpfring_value_type_inside(struct value_types *types, uint32_t id, uint32_t *ret_align)
{
	return look_into(types, id, 0, ret_align);
}

void bpfring_value_types_rename_tags(struct btf *btf)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		struct btf_type *t = (struct btf_type *)(uintptr_t)btf__type_by_id(btf, id);

		if (btf_is_type_tag(t) && !strcmp(btf__name_by_offset(btf, t->name_off), UPTR_TAG))
			t->info = (uint32_t)BTF_KIND_TYPEDEF << 24;
	}
}
