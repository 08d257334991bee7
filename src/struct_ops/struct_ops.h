/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A handle of struct_ops as the files of the library see it. */
#ifndef BPFRING_SRC_STRUCT_OPS_H
#define BPFRING_SRC_STRUCT_OPS_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <bpfring/struct_ops.h>
#include <stdbool.h>

#include "base/map.h"
#include "struct_ops/types.h"
#include "base/sys_struct_ops.h"

/* The map in its BPF object: what it is before it is stored. */
struct ops_source {
	struct bpf_object *obj; /* NULL: the handle is not of an object */
	struct bpf_map *map;
	const struct btf *btf;
	const struct btf_type *type; /* the object's version of the struct */
	const char *type_name;
	unsigned int member_count;
	unsigned char *members; /* flags of each member, below */
};

enum {
	MEMBER_OPTIONAL = 1U << 0,
	MEMBER_DROPPED = 1U << 1,
};

struct bpfring_struct_ops {
	struct map map; /* fd -1: none */
	uint32_t value_type_id;
	uint32_t btf_id;			    /* BTF that has the type, 0: the kernel's own */
	const struct bpfring_struct_ops_type *type; /* NULL: not looked up yet */

	int link_fd; /* -1: none */
	uint32_t link_id;

	const struct bpfring_struct_ops_types *types;
	struct bpfring_struct_ops_types *own_types; /* @types, if they are the handle's own */

	struct ops_source source;
	struct ops_watch *watch;
};

/* Name for messages; "?" before it is known. */
static inline const char *ops_name(const struct bpfring_struct_ops *ops)
{
	return ops->source.obj ? bpf_map__name(ops->source.map) : ops->map.name;
}

static inline bool ops_in_link_mode(const struct bpfring_struct_ops *ops)
{
	return ops->map.flags & SYS_BPF_F_LINK;
}

/* Makes ops->types usable. */
int bpfring_ops_need_types(struct bpfring_struct_ops *ops);

/* Makes ops->map usable: -ENOENT: the handle has none, -EINVAL: its object is not loaded. */
int bpfring_ops_need_map(struct bpfring_struct_ops *ops);

/* Makes ops->map and ops->type usable. */
int bpfring_ops_need_type(struct bpfring_struct_ops *ops);

/* A member of the object's struct by name: its index, or -ENOENT with a message. */
int bpfring_ops_source_member(const struct bpfring_struct_ops *ops, const char *name,
			      struct bpfring_struct_ops_member *ret);
void bpfring_ops_source_fini(struct ops_source *source);

/*
 * The map's whole value, of ops->type->value_size bytes, to be freed. As the kernel gives it: with
 * ids of programs.
 */
int bpfring_ops_read_value(struct bpfring_struct_ops *ops, void **ret);
uint32_t bpfring_ops_value_state(const struct bpfring_struct_ops *ops, const void *value);
uint32_t bpfring_ops_value_refcnt(const struct bpfring_struct_ops *ops, const void *value);

/* State and references only. */
int bpfring_ops_read_state(struct bpfring_struct_ops *ops, uint32_t *state, uint32_t *refcnt);

/* INIT -> READY or INUSE. Needs a map in state INIT and a source. */
int bpfring_ops_store_value(struct bpfring_struct_ops *ops);

/* Says why the kernel refused a value. @value: NULL if it is not known. */
void bpfring_ops_explain_store(struct bpfring_struct_ops *ops, const void *value, int err);
void bpfring_ops_explain_register(const struct bpfring_struct_ops *ops, int err);
void bpfring_ops_explain_replace(const struct bpfring_struct_ops *ops,
				 const struct bpfring_struct_ops *with, int err);

#endif /* BPFRING_SRC_STRUCT_OPS_H */
