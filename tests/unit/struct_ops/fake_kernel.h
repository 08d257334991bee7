/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A kernel that is pretended, with maps and links of struct_ops and with sched_ext: what it has is
 * in
 * @k, and descriptors are numbers that say what they are of. CMakeLists.txt puts it in the place of
 * system calls.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_common.h"

#include <bpfring/struct_ops.h>
#include <stdbool.h>

enum {
	FD_STATE = 1000,
	FD_SCHEDULER = 2000, /* + its number */
	FD_MAP = 3000,	     /* + its id */
	FD_LINK = 4000,	     /* + its id */
	MAPS = 8,
	STATE_OFFSET = 4, /* in values */
	DATA_OFFSET = 8,
	NAME_OFFSET = 8, /* in the struct */
	CGROUP_OFFSET = 136,
	VALUE_SIZE = 160,
};

extern struct fake_kernel {
	const char *state;	 /* of sched_ext, NULL: there is none */
	int state_error;	 /* of reading it */
	int scheduler;		 /* number of the one that runs, 0: none */
	const char *name;	 /* its name */
	uint32_t links[MAPS];	 /* the map in the link of that id */
	uint32_t types[MAPS];	 /* id of the value's type, of the map of that id */
	uint32_t flags[MAPS];	 /* of the map */
	const char *names[MAPS]; /* in the map's value */
	uint64_t cgroups[MAPS];
	uint32_t states[MAPS], refcnts[MAPS];
	bool without_admin;
	int open;     /* descriptors */
	int blocks;   /* of memory */
	int detached; /* links, by call */
	int deleted;  /* values */
	int delete_error;
	int closed_links;

	/* Links. @before: called before the next update, and forgotten. */
	void (*before)(void);
	uint32_t freed; /* the map of this id cannot be opened any more */
	uint32_t by_id; /* how often one was opened by id */
	int info_error, by_id_error, update_error, create_error, detach_error, value_error;
	int updates;	   /* that the kernel was asked for */
	uint32_t new_link; /* id of the next one */

	/* Time passes in sleeps only. @at_sleep: called in each. */
	int64_t now, longest_sleep;
	int sleeps;
	void (*at_sleep)(void);
} k;

extern struct bpfring_struct_ops_types *types;
extern uint32_t scx_type, cid_type, tcp_type; /* of values */

/* All maps are READY congestion controls. @newer: with schedulers of cgroups. */
void fake_boot(bool newer);
void fake_shutdown(void); /* nothing may be open or allocated any more */

int fake_fd(int fd); /* counts it */
struct bpfring_struct_ops *fake_handle(int fd);
/* One that has the map and the link, as if it had registered it. */
struct bpfring_struct_ops *fake_registered(uint32_t map, uint32_t link);

#endif /* FAKE_KERNEL_H */
