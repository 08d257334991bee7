/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What all readers of BTF need. */
#ifndef BPFRING_BTF_H
#define BPFRING_BTF_H

#include <bpf/btf.h>
#include <stdint.h>

#define BTF_MAX_DEPTH 32 /* MAX_RESOLVE_DEPTH of the kernel, which takes nothing deeper */

/*
 * The type @id without typedefs, qualifiers and tags; *@id becomes its id. NULL: the BTF is broken.
 */
const struct btf_type *bpfring_btf_skip(const struct btf *btf, uint32_t *id);

#endif /* BPFRING_BTF_H */
