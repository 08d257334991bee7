/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A loop can watch a registered struct_ops map, and call back when its registration ends or another
 * map replaces it.
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
	/*
	 * The map is no longer registered, or sched_ext has ejected the scheduler, whose link is
	 * still to be closed. The watch has ended.
	 */
	BPFRING_STRUCT_OPS_EVENT_DETACHED = 0,
	/* The link has another map now. Only polling finds this. */
	BPFRING_STRUCT_OPS_EVENT_REPLACED = 1,
};

/**
 * struct bpfring_struct_ops_event - what happened; valid until the callback returns.
 * @kind:   enum bpfring_struct_ops_event_kind
 * @map_id: the map that is in the link now; 0: none
 * @reason: what the subsystem says about it; "" if it says nothing. sched_ext gives its state, or
 *          says that it has another scheduler by now. Why it ejected a scheduler it says only to
 *          that scheduler's exit()
 */
struct bpfring_struct_ops_event {
	uint32_t kind;
	uint32_t map_id;
	const char *reason;
};

/**
 * typedef bpfring_struct_ops_fn - called by the loop. It may close the handle.
 * Return: as bpfring_fd_fn.
 */
typedef int (*bpfring_struct_ops_fn)(void *ctx, struct bpfring_struct_ops *ops,
				     const struct bpfring_struct_ops_event *event);

#define BPFRING_STRUCT_OPS_POLL_NS 100000000 /* 100 ms */

/**
 * struct bpfring_struct_ops_watch_opts - how to watch.
 * @sz:      sizeof(struct bpfring_struct_ops_watch_opts)
 * @poll_ns: how often to look for what has no event: the end of a legacy registration, or of a link
 *           before Linux 6.11, a scheduler that sched_ext ejects, and a replacement. 0: 100 ms,
 *           but a link that has events and no scheduler is not polled, so that its replacements go
 *           unnoticed
 */
struct bpfring_struct_ops_watch_opts {
	size_t sz;
	int64_t poll_ns;
};

/**
 * bpfring_struct_ops_watch() - call back when the map is detached or replaced.
 * @ops:  has a link, or is a registered legacy map; bpfring_struct_ops_close() ends the watch
 * @l:    the loop; must outlive the watch
 * @fn:   the callback
 * @ctx:  its first argument
 * @opts: NULL for defaults
 *
 * The callback also learns of a detach or an ejection that came before this call. The open handle
 * keeps its link alive, so the link ends only when it is detached, not when all others close it. If
 * the handle registers its map again before the callback was called, the watch goes on with the new
 * link.
 *
 * It recognises ejected schedulers as bpfring_struct_ops_unregister() does.
 *
 * Return: 0, or -EEXIST: the handle is watched already; -ENOLINK: nothing is registered through
 * this handle; -EINVAL: NULL, or a negative time; -E2BIG: @opts is from a newer library; -ECHILD:
 * in a forked child; -ENOMEM, -ENOSPC, -EMFILE, -ENFILE; or as bpfring_struct_ops_status().
 */
BPFRING_API int bpfring_struct_ops_watch(struct bpfring_struct_ops *ops, struct bpfring_loop *l,
					 bpfring_struct_ops_fn fn, void *ctx,
					 const struct bpfring_struct_ops_watch_opts *opts);

/**
 * bpfring_struct_ops_unwatch() - end the watch. Callbacks may do this too.
 * Return: 0; -ENOENT: the handle is not watched; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_unwatch(struct bpfring_struct_ops *ops);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_WATCH_H */
