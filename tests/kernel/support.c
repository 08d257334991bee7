// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "support.h"

#include <bpf/libbpf.h>
#include <bpfring/common.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

const char *own_bpffs(void)
{
	static char reason[128];

	/* without MS_PRIVATE the machine would get the mount too */
	if (!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	    !mount("bpf", BPFFS, "bpf", 0, NULL))
		return NULL;
	snprintf(reason, sizeof(reason), "no BPF file system can be mounted here: %s",
		 strerror(errno));
	return reason;
}

static int print_warnings(enum libbpf_print_level level, const char *fmt, va_list args)
{
	/* Programs of which the verifier complains are worth seeing, expected refusals are not. */
	if (level == LIBBPF_WARN && getenv("TEST_LIBBPF_LOG"))
		return vfprintf(stderr, fmt, args);
	return 0;
}

void catch_logs(void)
{
	libbpf_set_print(print_warnings);
	log_catch();
}

int slowness(void)
{
	const char *factor = getenv("TEST_SLOWNESS");

	return factor ? atoi(factor) : 1;
}

int64_t limit(int64_t ns)
{
	return ns * slowness();
}
