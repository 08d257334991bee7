// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Compiling is the test: what compat/libbpf_rings.h declares is what the installed version of
 * libbpf declares.
 */
#include <bpf/libbpf.h>

#include "../../compat/libbpf_rings.h"

_Static_assert(sizeof(struct ring_buffer_opts) == sizeof(size_t), "a member more: see new()");
_Static_assert(sizeof(struct user_ring_buffer_opts) == sizeof(size_t), "a member more: see new()");

int main(void)
{
	return 0;
}
