/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A struct_ops map in its BPF object: what it is before it is stored. */
#ifndef BPFRING_STRUCT_OPS_SOURCE_H
#define BPFRING_STRUCT_OPS_SOURCE_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <bpfring/common.h>
#include <bpfring/struct_ops_types.h>
#include <stdbool.h>
#include <stddef.h>

#include "struct_ops/compare.h"
#include "struct_ops/types.h"

struct ops_source {
	struct bpf_object *obj; /* NULL: the handle is not of an object, or no longer */
	struct bpf_map *map;
	const struct btf *btf;
	uint32_t type_id; /* the object's version of the struct; pointers to types may move */
	unsigned int member_count;
	unsigned char *members; /* flags of each member, below */
};

enum {
	MEMBER_OPTIONAL = 1U << 0,
	MEMBER_DROPPED = 1U << 1,
	MEMBER_TO_DROP = 1U << 2, /* only while it is being decided which are dropped */
};

/* -ENOENT, -EINVAL with a message; -ENOMEM. To be ended in any case. */
int bpfring_source_find(struct ops_source *source, struct bpf_object *obj, const char *name);
void bpfring_source_fini(struct ops_source *source);

/* May the object still be changed? -EBUSY with a message: no. */
int bpfring_source_check_open(const struct ops_source *source);

/* The map's struct in libbpf's hands, as the object's BTF lays it out; NULL before libbpf 1.4. */
unsigned char *bpfring_source_data(const struct ops_source *source);

/* Name of the object's struct. */
const char *bpfring_source_type_name(const struct ops_source *source);

/* A member of the object's struct by its index. */
void bpfring_source_read_member(const struct ops_source *source, unsigned int index,
				struct bpfring_struct_ops_member *ret);

/* The same by name: its index, or -ENOENT. */
int bpfring_source_member(const struct ops_source *source, const char *name,
			  struct bpfring_struct_ops_member *ret);

/*
 * Bytes of a member in it: libbpf keeps a pointer of this process where the struct has a function.
 */
size_t bpfring_source_member_size(const struct bpfring_struct_ops_member *member);

/* Is the member, of the object's struct, set to anything but zero in @data? */
bool bpfring_source_is_set(const struct bpfring_struct_ops_member *member,
			   const unsigned char *data);

/* Does the object declare member @own as the kernel declares member @index of @type? */
enum member_difference bpfring_source_compare(const struct ops_source *source, unsigned int own,
					      const struct bpfring_struct_ops_type *type,
					      unsigned int index);

/* Logs both declarations, and what follows from the difference. */
void bpfring_source_log_difference(const struct ops_source *source, enum bpfring_log_level level,
				   unsigned int own, const struct bpfring_struct_ops_type *type,
				   unsigned int index, const char *so);

#endif /* BPFRING_STRUCT_OPS_SOURCE_H */
