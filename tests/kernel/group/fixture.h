/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A group, and the programs that write into it. */
#ifndef TESTS_KERNEL_GROUP_FIXTURE_H
#define TESTS_KERNEL_GROUP_FIXTURE_H

#include <bpfring/bpfring.h>
#include <linux/types.h>
#include <stdbool.h>

#include "group_test.h"
#include "group_test.skel.h"
#include "support.h"

extern struct group_test_bpf *skel;
extern struct bpfring_group *group;

/* Loads the programs; NULL, or why this kernel or this user cannot. */
const char *fixture_probe(void);

void fixture_load(const struct bpfring_group_opts *opts); /* and makes the group */
void fixture_unload(void);

int possible_cpus(void);
bool cpu_is_online(int cpu);
/* Stays on the CPU; false if there is no such CPU for us. */
bool move_to_cpu(int cpu);

/* Runs a program once on the CPU of this thread; how many records got in. */
int run(const struct bpf_program *prog, uint32_t writer, uint64_t number, uint64_t count,
	uint64_t key);

struct bpfring_loss_counts counted(int account_fd);
int account_of_ring(void);
int account_of_group(void);

/* Takes all that is in the rings of the group; how many records. */
uint64_t take_all(struct bpfring_group *g, bpfring_record_fn fn, void *ctx);

#endif /* TESTS_KERNEL_GROUP_FIXTURE_H */
