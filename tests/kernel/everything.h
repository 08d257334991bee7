/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One of each object that the library has, as far as kernel and user permit. */
#ifndef TESTS_KERNEL_EVERYTHING_H
#define TESTS_KERNEL_EVERYTHING_H

#include <bpfring/bpfring.h>

#include "support.h"

struct everything {
	/* What BPF programs and maps they stand on. */
	int ring_fd;
	struct user_bpf *user;
	struct ops_bpf *ops_skel;
	struct task_test_bpf *task;
	struct group_test_bpf *group_skel;
	struct bpf_object *ops_obj, *task_obj, *group_obj; /* the ones above */
	const struct bpf_map *task_map;
	/* The objects; NULL: this kernel or this user cannot, as was printed. */
	struct bpfring_consumer *consumer;
	struct bpfring_loop *loop;
	struct bpfring_producer *producer;
	struct bpfring_group *group;
	struct bpfring_loss *loss;
	struct bpfring_struct_ops_types *types;
	struct bpfring_struct_ops *ops;
	struct bpfring_task_storage *ts;
	struct bpfring_names *names;
};

/* In two steps: first what libbpf does, then what the library does. */
void everything_load(struct everything *e);
void everything_open(struct everything *e);
void everything_close(struct everything *e);

#endif /* TESTS_KERNEL_EVERYTHING_H */
