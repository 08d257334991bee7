/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What BTF says about structs of operations. */
#ifndef BPFRING_STRUCT_OPS_BTF_H
#define BPFRING_STRUCT_OPS_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/btf.h"
#include "struct_ops/types.h"

/* Length of a type's name without "___suffix". */
size_t bpfring_btf_essential_len(const char *name);

/* Is it an integer of one byte that stands for a character? */
bool bpfring_btf_is_char(const struct btf *btf, uint32_t id);

/* Describes a member of a struct. */
void bpfring_btf_read_member(struct bpfring_struct_ops_member *ret, const struct btf *btf,
			     const struct btf_type *type, unsigned int index);

/*
 * Is this the value struct of a struct_ops type? 1: described in *@ret, its members to be freed;
 * 0: no; -ENOMEM.
 */
int bpfring_btf_read_ops_type(struct ops_type *ret, const struct btf *btf, uint32_t value_id);

/* Is this the type by which a kernel registers struct_ops with links (Linux 6.4)? */
bool bpfring_btf_shows_links(const struct btf *btf, uint32_t id);

#endif /* BPFRING_STRUCT_OPS_BTF_H */
