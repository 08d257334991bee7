/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A handle of struct_ops as the files of this folder see it.
 *
 * From the bottom: btf, json, compare (what BTF says), types (the kernel's list), source (the map
 * in its BPF object), handle (map, link and type of a handle), value, sched_ext, explain, store;
 * then one file per public operation. A file calls only those named before its own; report and
 * print stand beside. All use base/, and watch the public loop.
 */
#ifndef BPFRING_SRC_STRUCT_OPS_H
#define BPFRING_SRC_STRUCT_OPS_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <bpfring/struct_ops.h>
#include <stdbool.h>

#include "base/map.h"
#include "struct_ops/source.h"
#include "struct_ops/types.h"
#include "base/sys_struct_ops.h"

struct bpfring_struct_ops {
	struct map map; /* fd -1: none */
	/*
	 * Of the map, in @types; NULL: not looked up yet. Maps that replace each other are of one
	 * type.
	 */
	const struct bpfring_struct_ops_type *type;

	int link_fd; /* -1: none */
	uint32_t link_id;
	bool owns_link; /* it registered the map, or was asked to unregister it */

	const struct bpfring_struct_ops_types *types;
	struct bpfring_struct_ops_types *own_types; /* @types, if they are the handle's own */

	struct ops_source source;
	struct ops_watch *watch;
	int scx_fd; /* sched_ext's file of the scheduler in @map, see sched_ext.c; -1: unknown */
};

/* ---- handle.c ---- */

/* Name for messages; "" before it is known. */
const char *bpfring_ops_name(const struct bpfring_struct_ops *ops);

static inline bool ops_in_link_mode(const struct bpfring_struct_ops *ops)
{
	return ops->map.flags & SYS_BPF_F_LINK;
}

/*
 * Takes over @map, in place of the one that the handle has. -EINVAL with a message: not
 * struct_ops.
 */
int bpfring_ops_set_map(struct bpfring_struct_ops *ops, struct map *map);

/* Ids of the type of the map's value, and of the BTF that has it: 0 is the kernel's own. */
int bpfring_ops_read_type_ids(const struct bpfring_struct_ops *ops, uint32_t *value_id,
			      uint32_t *btf_id);

/* Makes ops->types usable. */
int bpfring_ops_need_types(struct bpfring_struct_ops *ops);

/* Makes ops->map usable. -ENOENT: the handle has none; -EINVAL: its object has not created it. */
int bpfring_ops_need_map(struct bpfring_struct_ops *ops);

/* Makes ops->map and ops->type usable. */
int bpfring_ops_need_type(struct bpfring_struct_ops *ops);

/*
 * Opens the map that is in the handle's link now, which need not be the handle's. @known: maps that
 * are open already, ended by NULL. Opening one that is neither of these nor the handle's needs
 * CAP_SYS_ADMIN (-EPERM). -ENOLINK: the link was detached.
 */
int bpfring_ops_open_linked(const struct bpfring_struct_ops *ops, const struct map *const *known,
			    struct map *ret);

/* ---- value.c ---- */

/*
 * The map's whole value, of ops->type->value_size bytes, to be freed. Programs are in it as ids.
 */
int bpfring_ops_read_value(struct bpfring_struct_ops *ops, void **ret);
uint32_t bpfring_ops_value_state(const struct bpfring_struct_ops *ops, const void *value);
uint32_t bpfring_ops_value_refcnt(const struct bpfring_struct_ops *ops, const void *value);

/* State and references only. */
int bpfring_ops_read_state(struct bpfring_struct_ops *ops, uint32_t *state, uint32_t *refcnt);

/* ---- explain.c: logs why the kernel refused a call ---- */

/* @value: NULL if it is not known. */
void bpfring_ops_explain_store(struct bpfring_struct_ops *ops, const void *value, int err);
void bpfring_ops_explain_register(const struct bpfring_struct_ops *ops, int err);
/* @old: the map in the link */
void bpfring_ops_explain_replace(const struct bpfring_struct_ops *ops,
				 const struct bpfring_struct_ops *with, const struct map *old,
				 int err);

/* ---- store.c ---- */

/*
 * Gives the map its value if it has none: INIT -> READY, or INUSE in legacy mode. The handle then
 * forgets its object, which it no longer needs. *@state: the state before.
 */
int bpfring_ops_need_value(struct bpfring_struct_ops *ops, uint32_t *state);

/* ---- watch.c ---- */

/*
 * The handle is about to get another link. A watch that waits for an event of the old one moves.
 */
int bpfring_ops_move_watch(struct bpfring_struct_ops *ops, int link_fd);

#endif /* BPFRING_SRC_STRUCT_OPS_H */
