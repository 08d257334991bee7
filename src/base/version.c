// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <bpfring/common.h>

#define STR_(x) #x
#define STR(x)	STR_(x)

int bpfring_version(void)
{
	return BPFRING_VERSION;
}

const char *bpfring_version_string(void)
{
	return STR(BPFRING_VERSION_MAJOR) "." STR(BPFRING_VERSION_MINOR) "." STR(
		BPFRING_VERSION_PATCH);
}
