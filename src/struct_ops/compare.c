// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Compares what a BPF object declares with what the kernel has. Neither libbpf nor the verifier
 * compares prototypes: a program made for another one would get one argument for another.
 */
#include "struct_ops/compare.h"

#include <bpfring/common.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "struct_ops/btf.h"

#define MAX_POINTERS 8 /* to pointers: BTF of an object may be wrong, and go in circles */

/* A type in some BTF. */
struct type_ref {
	const struct btf *btf;
	uint32_t id;
	const struct btf_type *type; /* without typedefs, const and the like */
};

static struct type_ref type_of(const struct btf *btf, uint32_t id)
{
	struct type_ref ref = {.btf = btf, .id = id};

	ref.type = bpfring_btf_skip(btf, &ref.id);
	if (!ref.type) { /* no such id: as void */
		ref.id = 0;
		ref.type = btf__type_by_id(btf, 0);
	}
	return ref;
}

static bool is_integer(const struct btf_type *type)
{
	return btf_is_int(type) || btf_is_any_enum(type);
}

static bool is_struct(const struct btf_type *type)
{
	return btf_is_composite(type) || btf_is_fwd(type);
}

/* By the names: objects declare what they use of a struct, and give versions of it a suffix. */
static bool same_struct(struct type_ref a, struct type_ref b)
{
	const char *name_a = btf__name_by_offset(a.btf, a.type->name_off);
	const char *name_b = btf__name_by_offset(b.btf, b.type->name_off);
	size_t len = bpfring_btf_essential_len(name_a);

	return len == bpfring_btf_essential_len(name_b) && !strncmp(name_a, name_b, len);
}

/* As an argument, or behind a pointer. */
static bool same_type(struct type_ref a, struct type_ref b)
{
	for (int i = 0; i < MAX_POINTERS && btf_is_ptr(a.type) && btf_is_ptr(b.type); i++) {
		a = type_of(a.btf, a.type->type);
		b = type_of(b.btf, b.type->type);
		if (btf_is_void(a.type) || btf_is_void(b.type))
			return true; /* void * is a pointer to anything */
	}
	if (is_integer(a.type) && is_integer(b.type))
		return a.type->size == b.type->size;
	if (is_struct(a.type) && is_struct(b.type))
		return same_struct(a, b);
	return btf_kind(a.type) == btf_kind(b.type);
}

static bool same_prototype(struct type_ref a, struct type_ref b)
{
	if (btf_vlen(a.type) != btf_vlen(b.type) ||
	    !same_type(type_of(a.btf, a.type->type), type_of(b.btf, b.type->type)))
		return false;
	for (unsigned int i = 0; i < btf_vlen(a.type); i++)
		if (!same_type(type_of(a.btf, btf_params(a.type)[i].type),
			       type_of(b.btf, btf_params(b.type)[i].type)))
			return false;
	return true;
}

static enum member_difference compare_pointers(struct type_ref own, struct type_ref kernel)
{
	own = type_of(own.btf, own.type->type);
	kernel = type_of(kernel.btf, kernel.type->type);
	/* Pointers to data cannot be set. */
	if (!btf_is_func_proto(own.type) && !btf_is_func_proto(kernel.type))
		return MEMBER_SAME;
	return btf_kind(own.type) == btf_kind(kernel.type) && same_prototype(own, kernel)
		       ? MEMBER_SAME
		       : MEMBER_OTHER_FUNCTION;
}

enum member_difference bpfring_compare_member(const struct member_ref *own,
					      const struct member_ref *kernel)
{
	struct type_ref a = type_of(own->btf, btf_members(own->type)[own->index].type);
	struct type_ref b = type_of(kernel->btf, btf_members(kernel->type)[kernel->index].type);

	if (btf_kind(a.type) != btf_kind(b.type) ||
	    btf_member_bitfield_size(own->type, own->index) ||
	    btf_member_bitfield_size(kernel->type, kernel->index))
		return MEMBER_OTHER_DATA;
	if (btf_is_ptr(a.type))
		return compare_pointers(a, b);
	return btf__resolve_size(a.btf, a.id) == btf__resolve_size(b.btf, b.id) ? MEMBER_SAME
										: MEMBER_OTHER_DATA;
}

struct text {
	char *buf;
	size_t size, used;
};

static void append(void *ctx, const char *fmt, va_list args)
{
	struct text *text = ctx;
	int n = vsnprintf(text->buf + text->used, text->size - text->used, fmt, args);

	if (n > 0)
		text->used += (size_t)n;
	if (text->used >= text->size)
		text->used = text->size - 1;
}

const char *bpfring_declaration(const struct member_ref *ref, char *buf, size_t size)
{
	const struct btf_member *member = &btf_members(ref->type)[ref->index];
	BPFRING_OPTS(btf_dump_emit_type_decl_opts, opts,
		     .field_name = btf__name_by_offset(ref->btf, member->name_off));
	struct text text = {.buf = buf, .size = size};
	struct btf_dump *dump = btf_dump__new(ref->btf, append, &text, NULL);

	if (!dump)
		return "?";
	buf[0] = '\0';
	if (btf_dump__emit_type_decl(dump, member->type, &opts))
		snprintf(buf, size, "?");
	btf_dump__free(dump);
	return buf;
}
