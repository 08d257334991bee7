// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The calls as programs see them. With BPFRING_COMPAT=off they go to libbpf's own functions, the next of
 * that name behind this library, so that a person who looks for the cause of something can tell them apart.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "environment.h"
#include "libbpf_rings.h"
#include "log.h"

/* Absent in programs that are linked statically. */
#pragma weak dlvsym

static struct {
#define MEMBER(node, type, result, name, parameters, arguments) type(*name) parameters;
	LIBBPF_RING_CALLS(MEMBER)
} libbpf;

static int off;

__attribute__((constructor)) static void find_libbpf(void)
{
	if (!environment()->off)
		return;
	if (!dlvsym) {
		compat_tell(
			"BPFRING_COMPAT=off: this program has libbpf in it and not beside it\n");
		return;
	}
#define FIND(node, type, result, name, parameters, arguments) \
	*(void **)&libbpf.name = dlvsym(RTLD_NEXT, #name, node);
	LIBBPF_RING_CALLS(FIND)
	off = libbpf.ring_buffer__new != NULL;
	if (!off)
		compat_tell("BPFRING_COMPAT=off: there is no libbpf in this program\n");
}

/* What the libbpf of this program does not have yet, the program does not call: it would not start. */
#define EXPORT(node, type, result, name, parameters, arguments)      \
	type name parameters                                         \
	{                                                            \
		if (__builtin_expect(off && libbpf.name != NULL, 0)) \
			result libbpf.name arguments;                \
		else                                                 \
			result compat_##name arguments;              \
	}
LIBBPF_RING_CALLS(EXPORT)
