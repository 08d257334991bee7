/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What there is inside the types of a map's value. */
#ifndef BPFRING_VALUE_TYPES_H
#define BPFRING_VALUE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct btf;
struct btf_type;

/* Types of one object, each looked into once, however often others contain it. */
struct value_types {
	const struct btf *btf;
	bool fallback;	/* prepared for it: the loader has renamed the tags */
	uint8_t *known; /* by type id */
};

/* What a type is or contains. */
enum {
	TYPE_UPTR = 1U << 0, /* a pointer tagged __uptr */
	TYPE_KPTR = 1U << 1, /* what the kernel drops when it replaces a value: a __kptr, a timer */
	TYPE_LOCK = 1U << 2, /* what user space cannot read or write: a lock */
};

int bpfring_value_types_init(struct value_types *ret, const struct btf *btf, bool fallback);
void bpfring_value_types_free(struct value_types *types);

/* The struct behind the pointer @t, if that is an __uptr; else 0. */
uint32_t bpfring_value_type_uptr(const struct value_types *types, const struct btf_type *t);

/* TYPE_*, or -EINVAL: nested deeper than the kernel takes it, in itself, or otherwise broken. */
int bpfring_value_type_inside(struct value_types *types, uint32_t id, uint32_t *ret_align);

/* How the loader renames the tag for the fall-back, which must be nothing to the kernel. */
void bpfring_value_types_rename_tags(struct btf *btf);

#endif /* BPFRING_VALUE_TYPES_H */
