/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Watch a registered struct_ops: a source of a loop that tells when the kernel or somebody ends
 * it.
 */
#ifndef BPFRING_STRUCT_OPS_WATCH_H
#define BPFRING_STRUCT_OPS_WATCH_H

#include <bpfring/common.h>
#include <bpfring/loop.h>
#include <bpfring/struct_ops.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bpfring_struct_ops_event_kind {
	/* It is no longer registered, or sched_ext has ejected the scheduler (whose link is still
	 * to be closed). The watch has ended.
	 */
	BPFRING_STRUCT_OPS_EVENT_DETACHED = 0,
	BPFRING_STRUCT_OPS_EVENT_REPLACED =
		1, /* the link has another map now; seen by polling only */
};

/**
 * struct bpfring_struct_ops_event - what happened; valid until the callback returns.
 * @kind:   enum bpfring_struct_ops_event_kind
 * @map_id: the map that is in the link now, 0: none
 * @reason: what the subsystem says about it, "" for those that say nothing. sched_ext: its state,
 *          or that it has another scheduler by now; only the scheduler's exit() hears why it was
 *          ejected
 */
struct bpfring_struct_ops_event {
	uint32_t kind;
	uint32_t map_id;
	const char *reason;
};

/**
 * typedef bpfring_struct_ops_fn - called by the loop.
 * Return: as bpfring_fd_fn. The callback may close the handle.
 */
typedef int (*bpfring_struct_ops_fn)(void *ctx, struct bpfring_struct_ops *ops,
				     const struct bpfring_struct_ops_event *event);

#define BPFRING_STRUCT_OPS_POLL_NS 100000000 /* 100 ms */

/**
 * struct bpfring_struct_ops_watch_opts - how to watch.
 * @sz:      sizeof(struct bpfring_struct_ops_watch_opts)
 * @poll_ns: look so often, where no event tells: legacy registrations, links before Linux 6.11,
 *           schedulers ejected by sched_ext, and replacements. 0: every 100 ms, and what has an
 *           event for all but replacements is not polled at all
 */
struct bpfring_struct_ops_watch_opts {
	size_t sz;
	int64_t poll_ns;
};

/**
 * bpfring_struct_ops_watch() - call back when it is detached or replaced.
 * @ops:  has a link, or is a registered legacy map; bpfring_struct_ops_close() ends the watch
 * @l:    the loop; must outlive the watch
 * @opts: NULL for defaults
 *
 * The callback hears of a detach or an ejection from before the call too. While the handle is open
 * its link exists: somebody has to detach it to end it, closing all others does not. If the handle
 * itself registers anew after that, before the callback was called, the watch goes on with the new
 * link.
 *
 * Ejected schedulers are recognised as for bpfring_struct_ops_unregister().
 *
 * Return: 0, or -EEXIST: it is watched already; -ENOLINK: nothing is registered through this
 * handle;
 * -EINVAL: NULL, or a negative time; -E2BIG: @opts; -ECHILD: in a forked child; -ENOMEM, -ENOSPC,
 * -EMFILE, -ENFILE; or as bpfring_struct_ops_status().
 */
BPFRING_API int bpfring_struct_ops_watch(struct bpfring_struct_ops *ops, struct bpfring_loop *l,
					 bpfring_struct_ops_fn fn, void *ctx,
					 const struct bpfring_struct_ops_watch_opts *opts);

/**
 * bpfring_struct_ops_unwatch() - end the watch. From callbacks too.
 * Return: 0; -ENOENT: it is not watched; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_unwatch(struct bpfring_struct_ops *ops);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_WATCH_H */
