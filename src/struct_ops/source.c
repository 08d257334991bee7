// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Finds a struct_ops map in its BPF object, and what the object says about it. */
#include "struct_ops/source.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "struct_ops/btf.h"

/* The variable of that name in a section of struct_ops, -ENOENT if there is none. */
static int find_variable(const struct btf *btf, const struct btf_type *section, const char *name)
{
	const struct btf_var_secinfo *variables = btf_var_secinfos(section);

	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);

		if (variable && !strcmp(btf__name_by_offset(btf, variable->name_off), name))
			return (int)variables[i].type;
	}
	return -ENOENT;
}

static bool is_struct_ops_section(const char *name)
{
	name += *name == '?'; /* not created unless asked for */
	return !strcmp(name, ".struct_ops") || !strcmp(name, ".struct_ops.link");
}

/*
 * The type of the variable that libbpf made the map of. Not the first variable of that name:
 * objects that were linked together may have static ones of the same name.
 */
static int find_struct(struct ops_source *source, const char *name)
{
	const struct btf *btf = source->btf;
	const struct btf_type *type;
	int variable = -ENOENT;
	uint32_t id;

	for (uint32_t i = 1; variable < 0 && i < btf__type_cnt(btf); i++) {
		const struct btf_type *section = btf__type_by_id(btf, i);

		if (btf_is_datasec(section) &&
		    is_struct_ops_section(btf__name_by_offset(btf, section->name_off)))
			variable = find_variable(btf, section, name);
	}
	if (variable < 0)
		return -ENOENT;
	id = btf__type_by_id(btf, (uint32_t)variable)->type;
	type = bpfring_btf_skip(btf, &id);
	if (!type || !btf_is_struct(type))
		return -ENOENT;
	source->type_id = id;
	source->member_count = btf_vlen(type);
	return 0;
}

int bpfring_source_find(struct ops_source *source, struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (!map) {
		log_error("object '%s' has no struct_ops '%s' that libbpf %s knows; before 1.2 it "
			  "sees SEC(\".struct_ops\") only\n",
			  bpf_object__name(obj), name, libbpf_version_string());
		return -ENOENT;
	}
	if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS) {
		log_error("map '%s' of object '%s' is not struct_ops\n", name,
			  bpf_object__name(obj));
		return -EINVAL;
	}
	source->obj = obj;
	source->map = map;
	source->btf = bpf_object__btf(obj);
	if (find_struct(source, name)) {
		log_error("struct_ops '%s': the BTF of object '%s' has no such struct in a section "
			  ".struct_ops or .struct_ops.link\n",
			  name, bpf_object__name(obj));
		return -EINVAL;
	}
	source->members = bpfring_sys_alloc(source->member_count + 1U);
	return source->members ? 0 : -ENOMEM;
}

void bpfring_source_fini(struct ops_source *source)
{
	bpfring_sys_free(source->members);
	memset(source, 0, sizeof(*source));
}

int bpfring_source_check_open(const struct ops_source *source)
{
	if (!source->obj) {
		log_error("struct_ops: a handle that is not of a BPF object, or whose map is "
			  "stored, cannot be changed\n");
		return -EBUSY;
	}
	if (bpf_map__fd(source->map) < 0)
		return 0;
	log_error("struct_ops '%s': its object is loaded already\n", bpf_map__name(source->map));
	return -EBUSY;
}

unsigned char *bpfring_source_data(const struct ops_source *source)
{
	size_t size;

	return (unsigned char *)bpf_map__initial_value(source->map, &size); /* const before 1.4 */
}

static const struct btf_type *source_type(const struct ops_source *source)
{
	return btf__type_by_id(source->btf, source->type_id);
}

const char *bpfring_source_type_name(const struct ops_source *source)
{
	return btf__name_by_offset(source->btf, source_type(source)->name_off);
}

void bpfring_source_read_member(const struct ops_source *source, unsigned int index,
				struct bpfring_struct_ops_member *ret)
{
	bpfring_btf_read_member(ret, source->btf, source_type(source), index);
}

int bpfring_source_member(const struct ops_source *source, const char *name,
			  struct bpfring_struct_ops_member *ret)
{
	for (unsigned int i = 0; i < source->member_count; i++) {
		bpfring_source_read_member(source, i, ret);
		if (!strcmp(ret->name, name))
			return (int)i;
	}
	return -ENOENT;
}

size_t bpfring_source_member_size(const struct bpfring_struct_ops_member *member)
{
	return member->kind == BPFRING_STRUCT_OPS_KIND_FUNCTION ? sizeof(void *) : member->size;
}

bool bpfring_source_is_set(const struct bpfring_struct_ops_member *member,
			   const unsigned char *data)
{
	for (size_t i = 0; i < bpfring_source_member_size(member); i++)
		if (data[member->offset + i])
			return true;
	return false;
}

static struct member_ref own_member(const struct ops_source *source, unsigned int index)
{
	return (struct member_ref){source->btf, source_type(source), index};
}

static struct member_ref kernel_member(const struct bpfring_struct_ops_type *type,
				       unsigned int index)
{
	const struct btf *btf = ops_type(type)->btf;

	return (struct member_ref){btf, btf__type_by_id(btf, type->type_id), index};
}

enum member_difference bpfring_source_compare(const struct ops_source *source, unsigned int own,
					      const struct bpfring_struct_ops_type *type,
					      unsigned int index)
{
	const struct member_ref mine = own_member(source, own);
	const struct member_ref kernels = kernel_member(type, index);

	return bpfring_compare_member(&mine, &kernels);
}

void bpfring_source_log_difference(const struct ops_source *source, enum bpfring_log_level level,
				   unsigned int own, const struct bpfring_struct_ops_type *type,
				   unsigned int index, const char *so)
{
	const struct member_ref mine = own_member(source, own);
	const struct member_ref kernels = kernel_member(type, index);
	char text[2][256];

	bpfring_log(
		level,
		"libbpfring: struct_ops '%s': the object declares '%s' as \"%s\", this kernel's "
		"%s as \"%s\": %s\n",
		bpf_map__name(source->map), ops_type(type)->members[index].name,
		bpfring_declaration(&mine, text[0], sizeof(text[0])), type->name,
		bpfring_declaration(&kernels, text[1], sizeof(text[1])), so);
}
