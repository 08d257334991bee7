/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* BPFRING_COMPAT: what the person who starts a program may choose. docs/compat.md lists it. */
#ifndef COMPAT_ENVIRONMENT_H
#define COMPAT_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

struct environment {
	bool off;	    /* libbpf's own functions do it */
	bool windows;	    /* poll may wait in windows */
	uint32_t wait;	    /* enum bpfring_wait, if it does */
	int64_t latency_ns; /* 0: the default */
	bool stats;
	bool verbose;
	const char *file; /* where both go; NULL: stderr */
	int pid;	  /* this process also says that it opened no ring; 0: none does */
};

/* Read at the first call. Never NULL. */
const struct environment *environment(void);

/*
 * Reads @text into @ret, which has the defaults. The first word that was not understood, or NULL.
 */
const char *environment_parse(struct environment *ret, const char *text);

#endif /* COMPAT_ENVIRONMENT_H */
