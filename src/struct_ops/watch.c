// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Watches registered struct_ops in a loop. A link is watched by its own event where the kernel has
 * one, everything else by looking at it whenever a timer is over.
 */
#include <bpfring/struct_ops_watch.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "struct_ops/struct_ops.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

#define STATE_SIZE 64

struct ops_watch {
	struct bpfring_loop *loop;
	bpfring_struct_ops_fn fn;
	void *ctx;
	int64_t poll_ns;
	int timer_fd; /* -1: the event is enough */
	int scx_fd;   /* the scheduler of sched_ext when the watch began; -ENOENT: none */
	bool event;   /* the link is in the loop */
	uint32_t map_id;
};

static bool is_sched_ext(const struct bpfring_struct_ops *ops)
{
	return ops->type && !strcmp(ops->type->name, "sched_ext_ops");
}

/* "sched_ext is disabled" and the like; "" if the kernel does not say. */
static const char *sched_ext_state(char *buf, size_t size)
{
	static const char prefix[] = "sched_ext is ";
	const size_t len = sizeof(prefix) - 1;
	int fd = bpfring_sys_open("/sys/kernel/sched_ext/state"), n;

	if (fd < 0)
		return "";
	memcpy(buf, prefix, len);
	n = bpfring_sys_read(fd, buf + len, size - len - 1);
	bpfring_sys_close(fd);
	if (n <= 0)
		return "";
	buf[len + (size_t)n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* A file that the kernel makes for each scheduler and removes with it. */
static int open_scheduler(void)
{
	return bpfring_sys_open("/sys/kernel/sched_ext/root/ops");
}

/* Somebody may have loaded another one since ours was ejected. */
static bool is_superseded(const struct bpfring_struct_ops *ops)
{
	int now, same;

	if (!is_sched_ext(ops) || !ops->watch)
		return false;
	now = open_scheduler();
	if (now < 0)
		return false;
	if (ops->watch->scx_fd < 0)
		same = ops->watch->scx_fd != -ENOENT;
	else
		same = bpfring_sys_same_inode(ops->watch->scx_fd, now);
	bpfring_sys_close(now);
	return !same;
}

/* The kernel ejects a scheduler that misbehaves, and leaves the link as it is. */
static bool is_ejected(const struct bpfring_struct_ops *ops)
{
	char state[STATE_SIZE];

	if (!is_sched_ext(ops))
		return false;
	return !strcmp(sched_ext_state(state, sizeof(state)), "sched_ext is disabled") ||
	       is_superseded(ops);
}

static int tell(struct bpfring_struct_ops *ops, enum bpfring_struct_ops_event_kind kind,
		uint32_t map_id)
{
	const struct ops_watch watch = *ops->watch; /* the callback may end the watch */
	char text[STATE_SIZE];
	struct bpfring_struct_ops_event event = {.kind = kind, .map_id = map_id, .reason = ""};

	if (kind == BPFRING_STRUCT_OPS_DETACHED) {
		if (is_superseded(ops))
			event.reason = "sched_ext has another scheduler";
		else if (is_sched_ext(ops))
			event.reason = sched_ext_state(text, sizeof(text));
		bpfring_struct_ops_unwatch(ops);
	}
	return watch.fn(watch.ctx, ops, &event);
}

static int on_event(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	return tell(ctx, BPFRING_STRUCT_OPS_DETACHED, 0);
}

static int arm(const struct ops_watch *watch)
{
	return bpfring_sys_timerfd_set(watch->timer_fd, bpfring_sys_now() + watch->poll_ns);
}

/* The map that is registered through this handle now, 0: none. */
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
		id = !err && state == BPFRING_STRUCT_OPS_INUSE ? ops->map.id : 0;
	}
	if (!err)
		*map_id = is_ejected(ops) ? 0 : id;
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
		log_error("struct_ops '%s': cannot watch it any longer: %s\n", ops_name(ops),
			  bpfring_errname(err));
		bpfring_struct_ops_unwatch(ops);
		return err;
	}
	if (!map_id)
		return tell(ops, BPFRING_STRUCT_OPS_DETACHED, 0);
	watch->map_id = map_id;
	return map_id == before ? 0 : tell(ops, BPFRING_STRUCT_OPS_REPLACED, map_id);
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
	return watch->event && !poll_ns && !is_sched_ext(ops) ? 0 : add_timer(ops);
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
	err = look(ops, &map_id);
	if (err)
		return err;
	if (ops->link_fd < 0 && !map_id) {
		log_error("struct_ops '%s': nothing is registered through this handle\n",
			  ops_name(ops));
		return -ENOLINK;
	}
	if (ops->map.fd >= 0)
		bpfring_ops_need_type(ops); /* for the reason, which can do without */
	ops->watch = bpfring_sys_alloc(sizeof(*ops->watch));
	if (!ops->watch)
		return -ENOMEM;
	*ops->watch = (struct ops_watch){
		.loop = l, .fn = fn, .ctx = ctx, .timer_fd = -1, .scx_fd = -1, .map_id = map_id};
	if (is_sched_ext(ops))
		ops->watch->scx_fd = open_scheduler();
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
	bpfring_sys_close(watch->scx_fd);
	bpfring_sys_free(watch);
	ops->watch = NULL;
	return 0;
}
