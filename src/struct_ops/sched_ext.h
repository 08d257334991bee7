/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* sched_ext ejects a scheduler without touching its link or map. Which scheduler runs now? */
#ifndef BPFRING_STRUCT_OPS_SCHED_EXT_H
#define BPFRING_STRUCT_OPS_SCHED_EXT_H

#include "struct_ops/struct_ops.h"

enum scx_standing {
	SCX_RUNNING = 0, /* or there is no sign of the contrary, or it is no scheduler at all */
	SCX_EJECTED,
	SCX_SUPERSEDED, /* ejected, and another one runs */
};

#define SCX_STATE_SIZE 64

/* Needs ops->type, or cannot know that it is a scheduler. */
bool bpfring_scx_is_scheduler(const struct bpfring_struct_ops *ops);

/* The handle's scheduler was registered just now: it is the one that runs. */
void bpfring_scx_registered(struct bpfring_struct_ops *ops);

/* Of the scheduler that is registered by the handle's map or link. */
enum scx_standing bpfring_scx_standing(struct bpfring_struct_ops *ops);

/* Would this kernel end another's scheduler if the handle's were unregistered? */
bool bpfring_scx_ends_another(struct bpfring_struct_ops *ops);

/* "sched_ext is disabled" and the like; "" if the kernel does not say. */
const char *bpfring_scx_state(char *buf, size_t size);

#endif /* BPFRING_STRUCT_OPS_SCHED_EXT_H */
