/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A registered congestion control, and others that can replace it. */
#ifndef STRUCT_OPS_RIG_H
#define STRUCT_OPS_RIG_H

#include "util.h"

#define RIG_NAME "bpfring_test"

/* A link with the first map in it, and handles of all maps that can take its place. */
struct rig {
	struct fixture *f;
	struct ops_bpf *skel;
	struct bpfring_struct_ops *ops; /* has the link */
	struct bpfring_struct_ops *second, *third;
	uint32_t first_id, second_id, third_id;
};

void rig_begin(struct rig *r, struct fixture *f); /* skips where there are no links */
void rig_end(struct rig *r);

/* Further handles, of the link and of the first map. */
struct bpfring_struct_ops *rig_open_fd(struct rig *r, int fd);
struct bpfring_struct_ops *rig_open_link(struct rig *r);
struct bpfring_struct_ops *rig_open_first(struct rig *r);

/* The map that is in the link, as the kernel says. */
uint32_t rig_in_link(struct rig *r);

#endif /* STRUCT_OPS_RIG_H */
