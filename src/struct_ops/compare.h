/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Does a BPF object declare a member of a struct of operations as the running kernel does? */
#ifndef BPFRING_STRUCT_OPS_COMPARE_H
#define BPFRING_STRUCT_OPS_COMPARE_H

#include <bpf/btf.h>
#include <stddef.h>

/* A member of a struct in some BTF. */
struct member_ref {
	const struct btf *btf;
	const struct btf_type *type; /* the struct */
	unsigned int index;
};

enum member_difference {
	MEMBER_SAME = 0,
	MEMBER_OTHER_FUNCTION, /* another prototype: harmless while no program is there */
	MEMBER_OTHER_DATA,     /* another kind or size: libbpf loads no such object, set or not */
};

enum member_difference bpfring_compare_member(const struct member_ref *own,
					      const struct member_ref *kernel);

/* The declaration in C, cut off at @size; "?" if there is no memory for it. */
const char *bpfring_declaration(const struct member_ref *member, char *buf, size_t size);

#endif /* BPFRING_STRUCT_OPS_COMPARE_H */
