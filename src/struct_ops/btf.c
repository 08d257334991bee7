// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reads structs of operations and their members from BTF. */
#include "struct_ops/btf.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

#define VALUE_PREFIX "bpf_struct_ops_"

size_t bpfring_btf_essential_len(const char *name)
{
	const char *suffix = strstr(name, "___");

	return suffix && suffix != name ? (size_t)(suffix - name) : strlen(name);
}

bool bpfring_btf_is_char(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = bpfring_btf_skip(btf, &id);

	/* Compilers do not agree on BTF_INT_CHAR, they do on the name. */
	return type && btf_is_int(type) && type->size == 1 &&
	       !strcmp(btf__name_by_offset(btf, type->name_off), "char");
}

static enum bpfring_struct_ops_kind kind_of(const struct btf *btf, const struct btf_type *type)
{
	uint32_t id;

	if (btf_is_int(type) || btf_is_any_enum(type))
		return BPFRING_STRUCT_OPS_KIND_INTEGER;
	if (btf_is_array(type))
		return bpfring_btf_is_char(btf, btf_array(type)->type)
			       ? BPFRING_STRUCT_OPS_KIND_STRING
			       : BPFRING_STRUCT_OPS_KIND_OTHER;
	if (!btf_is_ptr(type))
		return BPFRING_STRUCT_OPS_KIND_OTHER;
	id = type->type;
	type = bpfring_btf_skip(btf, &id);
	return type && btf_is_func_proto(type) ? BPFRING_STRUCT_OPS_KIND_FUNCTION
					       : BPFRING_STRUCT_OPS_KIND_POINTER;
}

void bpfring_btf_read_member(struct bpfring_struct_ops_member *ret, const struct btf *btf,
			     const struct btf_type *type, unsigned int index)
{
	const struct btf_member *member = &btf_members(type)[index];
	uint32_t id = member->type;
	const struct btf_type *member_type = bpfring_btf_skip(btf, &id);
	int64_t size = btf__resolve_size(btf, id);

	ret->name = btf__name_by_offset(btf, member->name_off);
	ret->offset = btf_member_bit_offset(type, index) / 8;
	ret->size = size > 0 ? (uint32_t)size : 0;
	ret->type_id = member->type;
	ret->kind = BPFRING_STRUCT_OPS_KIND_OTHER;
	if (member_type && !btf_member_bitfield_size(type, index))
		ret->kind = kind_of(btf, member_type);
}

/* Index of a member by name, -1: none. */
static int find_member(const struct btf *btf, const struct btf_type *type, const char *name)
{
	for (int i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), name))
			return i;
	return -1;
}

/*
 * Offset of a word of the kernel's bookkeeping. Before 6.9 it is a member of the value itself, then
 * of the member "common".
 */
static bool find_word(uint32_t *ret, const struct btf *btf, const struct btf_type *value,
		      const char *name)
{
	uint32_t base = 0, id;
	int index = find_member(btf, value, "common");

	if (index >= 0) {
		base = btf_member_bit_offset(value, (uint32_t)index) / 8;
		id = btf_members(value)[index].type;
		value = bpfring_btf_skip(btf, &id);
		if (!value || !btf_is_struct(value))
			return false;
	}
	index = find_member(btf, value, name);
	if (index < 0 || btf__resolve_size(btf, btf_members(value)[index].type) != 4)
		return false;
	*ret = base + btf_member_bit_offset(value, (uint32_t)index) / 8;
	return true;
}

int bpfring_btf_read_ops_type(struct ops_type *ret, const struct btf *btf, uint32_t value_id)
{
	const struct btf_type *value = btf__type_by_id(btf, value_id), *type;
	const size_t prefix = sizeof(VALUE_PREFIX) - 1;
	const char *value_name;
	uint32_t id;
	int data;

	memset(ret, 0, sizeof(*ret));
	if (!btf_is_struct(value))
		return 0;
	value_name = btf__name_by_offset(btf, value->name_off);
	if (strncmp(value_name, VALUE_PREFIX, prefix))
		return 0;
	data = find_member(btf, value, "data");
	if (data < 0)
		return 0;
	id = btf_members(value)[data].type;
	type = bpfring_btf_skip(btf, &id);
	if (!type || !btf_is_struct(type))
		return 0;
	ret->pub.name = btf__name_by_offset(btf, type->name_off);
	if (strcmp(ret->pub.name, value_name + prefix))
		return 0;
	if (!find_word(&ret->state_offset, btf, value, "state") ||
	    !find_word(&ret->refcnt_offset, btf, value, "refcnt"))
		return 0;

	ret->btf = btf;
	ret->pub.type_id = id;
	ret->pub.value_type_id = value_id;
	ret->pub.value_size = value->size;
	ret->pub.data_offset = btf_member_bit_offset(value, (uint32_t)data) / 8;
	ret->pub.data_size = type->size;
	ret->pub.member_count = btf_vlen(type);
	ret->members = bpfring_sys_alloc((btf_vlen(type) + 1U) * sizeof(*ret->members));
	if (!ret->members)
		return -ENOMEM;
	for (unsigned int i = 0; i < btf_vlen(type); i++)
		bpfring_btf_read_member(&ret->members[i], btf, type, i);
	return 1;
}

bool bpfring_btf_shows_links(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	return btf_is_struct(type) &&
	       !strcmp(btf__name_by_offset(btf, type->name_off), VALUE_PREFIX "link");
}
