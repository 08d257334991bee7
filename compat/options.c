// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "options.h"

#include "log.h"

bool options_valid(const void *opts, size_t size, size_t known, const char *type)
{
	const char *bytes = opts;

	if (!opts)
		return true;
	if (size < sizeof(size_t)) {
		compat_warn("%s: a size of %zu is too small\n", type, size);
		return false;
	}
	for (size_t i = known; i < size; i++) {
		if (!bytes[i])
			continue;
		compat_warn("%s: byte %zu is set, which nobody knows here\n", type, i);
		return false;
	}
	return true;
}
