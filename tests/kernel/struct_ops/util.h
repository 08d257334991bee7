/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the tests of struct_ops share. */
#ifndef UTIL_H
#define UTIL_H

#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <stdbool.h>

#include "ops.skel.h"
#include "support.h"

struct fixture {
	struct bpfring_struct_ops_types *types;
};

/* Group set-up: a BPF file system of its own, the types; skips without privileges. */
int setup(void **state);
int teardown(void **state); /* group tear-down */

/* libbpf >= 1.4: can set members, and knows which a kernel lacks. */
bool libbpf_is_new(void);
bool kernel_can(enum bpfring_feature feature);
/* Else prints that the test is skipped for want of @what; before the group set-up. */
bool kernel_has_type(const char *type, const char *what);
void need_links(void); /* skips the test before Linux 6.4 */

/* Opens, prepares @map in @mode and loads. */
struct ops_bpf *load(struct fixture *f, const char *map, enum bpfring_struct_ops_mode mode,
		     struct bpfring_struct_ops **ret);

/*
 * Loads all maps in @mode; a kernel that does not have it has to say so, then the test is skipped.
 */
struct ops_bpf *load_all(struct fixture *f, enum bpfring_struct_ops_mode mode);
struct bpfring_struct_ops *handle(struct fixture *f, struct ops_bpf *skel, const char *map);

/* By id, as the kernel has it. */
uint32_t map_id_of(const struct bpfring_struct_ops *ops);
uint32_t link_id_of(const struct bpfring_struct_ops *ops); /* 0: it has no link */
int open_by_id(struct bpfring_struct_ops **ret, uint32_t map_id,
	       const struct bpfring_struct_ops_opts *opts);
int open_by_link_id(struct bpfring_struct_ops **ret, uint32_t link_id,
		    const struct bpfring_struct_ops_opts *opts);
/* The id of the next struct_ops map of the system, from 0; false: there is none. */
bool next_struct_ops(uint32_t *id);

void assert_state(struct bpfring_struct_ops *ops, uint32_t state);
uint32_t refcnt_of(struct bpfring_struct_ops *ops);

/* Is a congestion control of that name on offer? */
bool available(const char *name);

/* A connection over loopback whose client uses that congestion control. */
struct connection {
	int client, server;
};
void connect_with(struct connection *ret, const char *name);
void transfer(const struct connection *c, size_t bytes);
void disconnect(struct connection *c);

/*
 * Every replacement that the library asks the kernel for goes through here. A kernel that replaces
 * a map by itself panics: such a call, or one that could become one in a race, does not reach it,
 * and fails the test.
 */
extern struct update_hook {
	int calls;
	void (*before)(void *ctx); /* called before the kernel is, once; NULL: nothing */
	void *ctx;
	int error; /* instead of calling the kernel, 0: call it */
} update_hook;

/* Puts a map into a link behind the library's back, if it is not in it. */
void update_link(int link_fd, int map_fd);

/* Messages of the library since the last call, to look for a word in. */
const char *last_log(void);

#endif /* UTIL_H */
