/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The kernel's struct_ops types as the files of the library see them. */
#ifndef BPFRING_SRC_STRUCT_OPS_TYPES_H
#define BPFRING_SRC_STRUCT_OPS_TYPES_H

#include <bpf/btf.h>
#include <bpfring/struct_ops_types.h>
#include <stdbool.h>

struct ops_type {
	struct bpfring_struct_ops_type pub; /* first: the public pointer is one to the whole */
	const struct btf *btf;
	uint32_t state_offset;	/* in the value: enum bpf_struct_ops_state */
	uint32_t refcnt_offset; /* in the value: a count of 32 bits */
	struct bpfring_struct_ops_member *members;
};

static inline const struct ops_type *ops_type(const struct bpfring_struct_ops_type *type)
{
	return (const struct ops_type *)type;
}

/* NULL: no memory */
struct bpfring_struct_ops_types *bpfring_struct_ops_types_new(void);

/* Adds the types that @btf has beyond its base; it must outlive @types. 0, -ENOMEM. */
int bpfring_struct_ops_types_add(struct bpfring_struct_ops_types *types, const struct btf *btf,
				 const char *module);

/* Can this kernel register struct_ops with links? */
bool bpfring_struct_ops_types_have_links(const struct bpfring_struct_ops_types *types);

/* The type of which a map has values; NULL: none. */
const struct bpfring_struct_ops_type *
bpfring_struct_ops_types_of_value(const struct bpfring_struct_ops_types *types,
				  uint32_t value_type_id, const char *module);

/* A member by its name: its index, or -ENOENT. */
int bpfring_type_member_index(const struct bpfring_struct_ops_type *type, const char *name);

#endif /* BPFRING_SRC_STRUCT_OPS_TYPES_H */
