// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "observe/options.h"

#include <errno.h>
#include <string.h>

#include "observe/log.h"

int bpfring_observe_read_options(void *ret, size_t known, const void *given, const char *what)
{
	size_t size;

	if (!given)
		return 0;
	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size)) {
		log_error("%s: size %zu is too small; declare it with BPFRING_OPTS()\n", what,
			  size);
		return -EINVAL;
	}
	for (size_t i = known; i < size; i++) {
		if (!((const unsigned char *)given)[i])
			continue;
		log_error("%s: byte %zu is set, but libbpfring-observe %s knows %zu bytes; update "
			  "the library\n",
			  what, i, bpfring_version_string(), known);
		return -E2BIG;
	}
	memcpy(ret, given, size < known ? size : known);
	memcpy(ret, &known, sizeof(known));
	return 0;
}

int bpfring_observe_write(void *ret, const void *result, size_t known, size_t least)
{
	size_t size;

	if (!ret)
		return -EINVAL;
	memcpy(&size, ret, sizeof(size));
	if (size < least)
		return -EINVAL;
	memset(ret, 0, size);
	memcpy(ret, result, size < known ? size : known);
	memcpy(ret, &size, sizeof(size));
	return 0;
}
