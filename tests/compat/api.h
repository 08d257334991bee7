/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The ring calls of one library, libbpf's own or ours, side by side in one process. */
#ifndef TESTS_COMPAT_API_H
#define TESTS_COMPAT_API_H

#include "../../compat/libbpf_rings.h"

struct api {
	const char *name;
#define MEMBER(node, type, result, name, parameters, arguments) type(*name) parameters;
	LIBBPF_RING_CALLS(MEMBER)
#undef MEMBER
};

/* Calls that the library does not have are NULL. Why it cannot be loaded, or NULL. */
const char *api_open(struct api *ret, const char *path);

const char *api_open_libbpf(struct api *ret);
const char *api_open_compat(struct api *ret);

#endif /* TESTS_COMPAT_API_H */
