// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "api.h"

#include <dlfcn.h>
#include <string.h>

const char *api_open(struct api *ret, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return dlerror();
	memset(ret, 0, sizeof(*ret));
	ret->name = path;
#define FIND(node, type, result, name, parameters, arguments) \
	*(void **)&ret->name = dlvsym(library, #name, node);
	LIBBPF_RING_CALLS(FIND)
#undef FIND
	return ret->ring_buffer__new ? NULL : "it has no ring calls";
}

const char *api_open_libbpf(struct api *ret)
{
	return api_open(ret, "libbpf.so.1"); /* LD_LIBRARY_PATH chooses another version */
}

const char *api_open_compat(struct api *ret)
{
	return api_open(ret, COMPAT_LIBRARY);
}
