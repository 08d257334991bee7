// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/btf.h"

const struct btf_type *bpfring_btf_skip(const struct btf *btf, uint32_t *id)
{
	const struct btf_type *type = btf__type_by_id(btf, *id);

	/* The BTF of an object may be wrong and go in circles. */
	for (int i = 0; type && (btf_is_mod(type) || btf_is_typedef(type)); i++) {
		if (i == BTF_MAX_DEPTH)
			return NULL;
		*id = type->type;
		type = btf__type_by_id(btf, *id);
	}
	return type;
}
