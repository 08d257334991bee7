/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Looks at a program before it is started: will its ring calls come to libbpfring-compat.so? */
#ifndef COMPAT_RUN_PROGRAM_H
#define COMPAT_RUN_PROGRAM_H

#include <stdbool.h>

enum verdict {
	TAKEN_OVER,	   /* it, or a library of it, calls the rings of libbpf.so */
	LINKED_IN,	   /* libbpf is inside */
	LOOKED_UP,	   /* it asks dlsym() for libbpf's functions */
	NO_DYNAMIC_LINKER, /* it is linked statically */
	SETUID,		   /* or has capabilities of its own: the dynamic linker preloads nothing */
	OTHER_MACHINE,	   /* or of other word size */
	OTHER_LIBC,
	NO_RING_CALLS, /* none that can be seen before it runs */
	NOT_READABLE,  /* nothing is known */
};

struct program {
	char path[4096];    /* as exec finds it */
	char loaded[4096];  /* what the kernel runs: the program itself, or its interpreter */
	char library[4096]; /* where LINKED_IN and LOOKED_UP were found, or the libc */
};

/* Finds the program as execvp() does. 0 or -errno. */
int program_find(struct program *ret, const char *name);

/* @preload: the library that is to be preloaded. */
enum verdict program_look(struct program *p, const char *preload);

#endif /* COMPAT_RUN_PROGRAM_H */
