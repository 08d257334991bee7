/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A BPF object with one struct_ops map, and the kernel's side of it, both pretended: what libbpf
 * says about the object, and what the kernel has of the type, is in @fake. The programs link with
 * the options of CMakeLists.txt that put this in the place of libbpf and of system calls.
 */
#ifndef FAKE_OBJECT_H
#define FAKE_OBJECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_common.h"

#include <bpf/libbpf.h>
#include <bpfring/struct_ops.h>
#include <stdbool.h>

/* The object's struct. Functions are pointers to programs, in words of 8 bytes. */
struct own_ops {
	uint64_t init, changed, future;
	uint8_t byte;
	int8_t signed_byte;
	uint8_t boolean;
	uint32_t mode, flags;
	int32_t number;
	uint64_t big; /* the kernel lacks these two, "future" and "wide" */
	uint32_t small, beside;
	unsigned char wide[16]; /* one number */
	uint64_t pointer;
	char name[8];
	int32_t array[2];
	int32_t step; /* an enum with negative values */
};

/* The kernel's. "changed" has another prototype there. */
struct kernel_ops {
	int32_t array[2];
	char name[8];
	uint64_t changed, init, extra;
	uint32_t flags, mode, beside;
	int32_t number;
	uint8_t boolean, byte;
	int8_t signed_byte;
	uint64_t pointer;
	int32_t step, unused;
};

struct kernel_value {
	uint32_t refcnt, state;
	struct kernel_ops data;
};

enum {
	MAP_FD = 100,
	TRIAL_FD = 101,
	LINK_FD = 102,
	OTHER_MAP_FD = 103,
	PROGRAM_FD = 200 /* + its number */
};

extern struct fake {
	/* libbpf */
	bool old;		  /* does not show the struct */
	bool loaded, without_map; /* the object; without creating the map */
	uint32_t map_type, program_type, flags;
	struct own_ops data;
	int left;		       /* times the map was taken out of auto-attach */
	int programs_fd;	       /* of programs: added to their number; -1: not loaded */
	int attach_error, attach_link; /* what attaching by libbpf gives */
	uint32_t attach_state;

	/* the kernel */
	uint32_t state, refcnt;
	int update_error;
	size_t culprit; /* byte of the value that is refused unless it is 0; 0: none */
	struct kernel_value stored;
	int updates, trials, links;
	int open, blocks; /* descriptors, memory */
	int link_error, name_error;

	struct bpfring_struct_ops_types *types;
} fake;

/* @links: does the kernel have them? @module: that has the type. The members begin with @first. */
void fake_begin(bool links, const char *module, const char *first);
void fake_end(void); /* nothing may be open or allocated any more */

struct bpfring_struct_ops *fake_open(const char *name); /* the map is "my_ops" */
int fake_cannot_open(const char *name);			/* why */
struct bpf_program *fake_program(unsigned int number);

/* What was logged since the last call contains @text. */
void assert_said(const char *text);

#endif /* FAKE_OBJECT_H */
