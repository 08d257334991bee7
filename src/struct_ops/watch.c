// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Watches registered struct_ops in a loop. A link has an event of its own on newer kernels.
 * Everything else is looked at when a timer expires.
 */
#include <bpfring/struct_ops_watch.h>
#include <errno.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/sched_ext.h"
#include "struct_ops/struct_ops.h"

struct ops_watch {
	struct bpfring_loop *loop;
	bpfring_struct_ops_fn fn;
	void *ctx;
	int64_t poll_ns;
	int timer_fd; /* -1: the event is enough */
	bool event;   /* the link is in the loop */
	uint32_t map_id;
};

static int report(struct bpfring_struct_ops *ops, enum bpfring_struct_ops_event_kind kind,
		  uint32_t map_id)
{
	const struct ops_watch watch = *ops->watch; /* the callback may end the watch */
	char text[SCX_STATE_SIZE];
	struct bpfring_struct_ops_event event = {.kind = kind, .map_id = map_id, .reason = ""};

	if (kind == BPFRING_STRUCT_OPS_EVENT_DETACHED) {
		if (bpfring_scx_standing(ops) == SCX_SUPERSEDED)
			event.reason = "sched_ext has another scheduler";
		else if (bpfring_scx_is_scheduler(ops))
			event.reason = bpfring_scx_state(text, sizeof(text));
		bpfring_struct_ops_unwatch(ops);
	}
	return watch.fn(watch.ctx, ops, &event);
}

static int on_event(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	return report(ctx, BPFRING_STRUCT_OPS_EVENT_DETACHED, 0);
}

static int arm(const struct ops_watch *watch)
{
	return bpfring_sys_timerfd_set(watch->timer_fd, bpfring_sys_now() + watch->poll_ns);
}

/* The map that is registered through this handle now; 0: none, or it was ejected. */
static int look(struct bpfring_struct_ops *ops, uint32_t *map_id)
{
	struct sys_link_info info;
	uint32_t state, refcnt, id;
	int err;

	if (ops->link_fd >= 0) {
		err = bpfring_sys_link_info(ops->link_fd, &info);
		id = info.map_id;
	} else {
		err = bpfring_ops_read_state(ops, &state, &refcnt);
		id = !err && state == BPFRING_STRUCT_OPS_STATE_INUSE ? ops->map.id : 0;
	}
	if (!err)
		*map_id = id && bpfring_scx_standing(ops) == SCX_RUNNING ? id : 0;
	return err;
}

static int on_timer(void *ctx, int fd, uint32_t events)
{
	struct bpfring_struct_ops *ops = ctx;
	struct ops_watch *watch = ops->watch;
	uint32_t map_id = 0, before = watch->map_id;
	int err = look(ops, &map_id);

	(void)fd, (void)events;
	if (!err)
		err = arm(watch);
	if (err) {
		log_error("struct_ops '%s': cannot watch it any longer: %s\n",
			  bpfring_ops_name(ops), bpfring_errname(err));
		bpfring_struct_ops_unwatch(ops);
		return err;
	}
	if (!map_id)
		return report(ops, BPFRING_STRUCT_OPS_EVENT_DETACHED, 0);
	watch->map_id = map_id;
	return map_id == before ? 0 : report(ops, BPFRING_STRUCT_OPS_EVENT_REPLACED, map_id);
}

static int add_timer(struct bpfring_struct_ops *ops)
{
	struct ops_watch *watch = ops->watch;
	int err;

	watch->timer_fd = bpfring_sys_timerfd();
	if (watch->timer_fd < 0)
		return watch->timer_fd;
	err = arm(watch);
	if (!err)
		err = bpfring_loop_add_fd(watch->loop, watch->timer_fd, EPOLLIN, on_timer, ops);
	if (!err)
		return 0;
	bpfring_sys_close(watch->timer_fd);
	watch->timer_fd = -1;
	return err;
}

static int start(struct bpfring_struct_ops *ops, int64_t poll_ns)
{
	struct ops_watch *watch = ops->watch;
	int err;

	watch->poll_ns = poll_ns ? poll_ns : BPFRING_STRUCT_OPS_POLL_NS;
	if (ops->link_fd >= 0) {
		/* EPOLLHUP needs no asking. Before 6.11 such a file cannot be polled: -EPERM. */
		err = bpfring_loop_add_fd(watch->loop, ops->link_fd, 0, on_event, ops);
		if (err && err != -EPERM)
			return err;
		watch->event = !err;
	}
	return watch->event && !poll_ns && !bpfring_scx_is_scheduler(ops) ? 0 : add_timer(ops);
}

int bpfring_struct_ops_watch(struct bpfring_struct_ops *ops, struct bpfring_loop *l,
			     bpfring_struct_ops_fn fn, void *ctx,
			     const struct bpfring_struct_ops_watch_opts *opts)
{
	struct bpfring_struct_ops_watch_opts o = {0};
	uint32_t map_id = 0;
	int err;

	if (!ops || !l || !fn)
		return -EINVAL;
	err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_struct_ops_watch_opts");
	if (err)
		return err;
	if (o.poll_ns < 0)
		return -EINVAL;
	if (ops->watch)
		return -EEXIST;
	if (ops->map.fd >= 0 || ops->source.obj)
		bpfring_ops_need_type(
			ops); /* needed for schedulers; other links can be watched without it */
	err = look(ops, &map_id);
	if (err)
		return err;
	if (ops->link_fd < 0 && !map_id) {
		log_error("struct_ops '%s': nothing is registered through this handle\n",
			  bpfring_ops_name(ops));
		return -ENOLINK;
	}
	ops->watch = bpfring_sys_alloc(sizeof(*ops->watch));
	if (!ops->watch)
		return -ENOMEM;
	*ops->watch = (struct ops_watch){
		.loop = l, .fn = fn, .ctx = ctx, .timer_fd = -1, .map_id = map_id};
	err = start(ops, o.poll_ns);
	if (err)
		bpfring_struct_ops_unwatch(ops);
	return err;
}

int bpfring_struct_ops_unwatch(struct bpfring_struct_ops *ops)
{
	struct ops_watch *watch;

	if (!ops)
		return -EINVAL;
	watch = ops->watch;
	if (!watch)
		return -ENOENT;
	if (watch->event)
		bpfring_loop_remove_fd(watch->loop, ops->link_fd);
	if (watch->timer_fd >= 0) {
		bpfring_loop_remove_fd(watch->loop, watch->timer_fd);
		bpfring_sys_close(watch->timer_fd);
	}
	bpfring_sys_free(watch);
	ops->watch = NULL;
	return 0;
}

int bpfring_ops_move_watch(struct bpfring_struct_ops *ops, int link_fd)
{
	const struct ops_watch *watch = ops->watch;
	int err;

	if (!watch || !watch->event)
		return 0;
	err = bpfring_loop_add_fd(watch->loop, link_fd, 0, on_event, ops);
	if (!err)
		bpfring_loop_remove_fd(watch->loop, ops->link_fd);
	return err;
}
