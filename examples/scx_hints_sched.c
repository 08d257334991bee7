// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * One scheduler of the scx_hints example: loaded, registered and watched; commands go in through
 * its user ring, events come out of its kernel ring, all in the loop of the helper process.
 */
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "scx_hints.skel.h"
#include "scx_hints_user.h"

struct scheduler {
	struct bpfring_loop *loop;
	struct scheduler_handler handler;
	struct scx_hints_bpf *skel;
	struct bpfring_struct_ops *ops;
	struct bpfring_consumer *events;
	struct bpfring_producer *commands;
	int space_fd; /* of the producer, while it is in the loop; -1 */
	bpfring_fd_fn on_space;
	void *on_space_ctx;
	bool has_exit;
	struct scx_hints_exit exit;
};

static int on_event(void *ctx, const void *data, size_t size)
{
	struct scheduler *s = ctx;

	/* The first word says which struct it is. */
	switch (*(const unsigned int *)data) {
	case SCX_HINTS_ANSWER:
		if (size >= sizeof(struct scx_hints_answer))
			s->handler.answer(s->handler.ctx, data);
		return 0;
	case SCX_HINTS_EXIT:
		if (size >= sizeof(s->exit)) {
			s->exit = *(const struct scx_hints_exit *)data;
			s->has_exit = true;
		}
		return 0;
	default:
		return 0;
	}
}

/* Out of the loop, but not without the last words. */
static void take_last_events(struct scheduler *s)
{
	if (!s->events)
		return;
	bpfring_loop_remove(s->loop, s->events);
	bpfring_consumer_consume(s->events, on_event, s, NULL, NULL);
}

static int on_watch(void *ctx, struct bpfring_struct_ops *ops,
		    const struct bpfring_struct_ops_event *event)
{
	struct scheduler *s = ctx;

	(void)ops;
	if (event->kind != BPFRING_STRUCT_OPS_EVENT_DETACHED)
		return 0;
	take_last_events(s);
	s->handler.ended(s->handler.ctx, s->has_exit ? &s->exit : NULL, event->reason);
	return 0;
}

/* Fits the object to this kernel, and loads it. */
static int load(struct scheduler *s, const struct scheduler_opts *opts)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, task_opts,
		     .path = opts->fallback ? BPFRING_TASK_PATH_FALLBACK : BPFRING_TASK_PATH_AUTO);
	BPFRING_OPTS(bpfring_struct_ops_opts, ops_opts, .types = opts->types);
	int err;

	s->skel = scx_hints_bpf__open();
	if (!s->skel)
		return -errno;
	s->skel->rodata->load_number = opts->number;
	err = bpfring_task_storage_prepare(s->skel->obj, "hints", &task_opts);
	if (err < 0)
		return err;
	err = bpfring_struct_ops_open_object(&s->ops, s->skel->obj, "scheduler", &ops_opts);
	if (!err)
		err = bpfring_struct_ops_prepare(s->ops, BPFRING_STRUCT_OPS_MODE_LINK);
	if (!err) /* SEC("struct_ops.s/init") would do, but for libbpf 1.1 */
		err = bpf_program__set_flags(s->skel->progs.hints_init, BPF_F_SLEEPABLE);
	if (err < 0)
		return err;
	err = scx_hints_bpf__load(s->skel);
	if (err) /* without CAP_SYS_ADMIN libbpf cannot look for the kernel's functions */
		fprintf(stderr, "scx_hints: cannot load the scheduler; is this root with all "
				"capabilities?\n");
	return err;
}

static int open_rings(struct scheduler *s)
{
	int err = bpfring_consumer_open(&s->events, bpf_map__fd(s->skel->maps.events), NULL);

	if (!err)
		err = bpfring_producer_open(&s->commands, bpf_map__fd(s->skel->maps.commands),
					    NULL);
	return err ? err : bpfring_loop_add(s->loop, s->events, on_event, s);
}

/*
 * While the kernel takes over one thread after the other, those that it has taken already come
 * after those that it has not. If these want all CPUs, a caller that was taken would never get to
 * the end (seen on Linux 6.18). The kernel does not take over real-time threads.
 */
static int register_undisturbed(struct bpfring_struct_ops *ops)
{
	const struct sched_param rt = {.sched_priority = 1};
	struct sched_param before;
	int policy = sched_getscheduler(0), err;

	sched_getparam(0, &before);
	if (policy < 0 || sched_setscheduler(0, SCHED_FIFO, &rt)) {
		perror("scx_hints: cannot become a real-time thread");
		return bpfring_struct_ops_register(ops);
	}
	err = bpfring_struct_ops_register(ops);
	sched_setscheduler(0, policy, &before);
	return err;
}

int scheduler_load(struct scheduler **ret, struct bpfring_loop *loop,
		   const struct scheduler_opts *opts, const struct scheduler_handler *handler)
{
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch_opts, .poll_ns = 50000000);
	struct scheduler *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->handler = *handler;
	s->space_fd = -1;
	err = load(s, opts);
	if (!err)
		err = open_rings(s);
	if (!err)
		err = register_undisturbed(s->ops);
	if (!err)
		err = bpfring_struct_ops_watch(s->ops, loop, on_watch, s, &watch_opts);
	if (err) {
		struct scx_hints_exit exit = {0};

		scheduler_free(s, &exit);
		if (exit.type)
			fprintf(stderr, "scx_hints: %s: %s\n", exit.reason, exit.message);
		return err;
	}
	*ret = s;
	return 0;
}

static void forget_space(struct scheduler *s)
{
	if (s->space_fd >= 0)
		bpfring_loop_remove_fd(s->loop, s->space_fd);
	s->space_fd = -1;
}

void scheduler_free(struct scheduler *s, struct scx_hints_exit *exit)
{
	if (!s)
		return;
	/*
	 * The link goes with the handle. When that returns, the scheduler has written its last
	 * event.
	 */
	bpfring_struct_ops_close(s->ops);
	take_last_events(s);
	if (exit && s->has_exit)
		*exit = s->exit;
	forget_space(s);
	bpfring_producer_close(s->commands);
	bpfring_consumer_close(s->events);
	scx_hints_bpf__destroy(s->skel);
	free(s);
}

int scheduler_share(struct scheduler *s, struct bpfring_task_storage **ts)
{
	if (*ts)
		return bpfring_task_storage_replace_object(*ts, s->skel->obj, "hints");
	return bpfring_task_storage_open_object(ts, s->skel->obj, "hints", NULL);
}

int scheduler_send(struct scheduler *s, unsigned int id, enum scx_hints_op op,
		   unsigned long long value)
{
	const struct scx_hints_command command = {.id = id, .op = op, .value = value};

	return bpfring_producer_output(s->commands, &command, sizeof(command));
}

/* The descriptor stays readable until the producer is armed again: out of the loop until then. */
static int on_space(void *ctx, int fd, uint32_t events)
{
	struct scheduler *s = ctx;

	forget_space(s);
	return s->on_space(s->on_space_ctx, fd, events);
}

int scheduler_await_space(struct scheduler *s, bpfring_fd_fn fn, void *ctx)
{
	int fd = bpfring_producer_fd(s->commands), err;

	if (fd < 0)
		return fd;
	err = bpfring_producer_arm(s->commands, sizeof(struct scx_hints_command));
	if (err || s->space_fd >= 0)
		return err;
	s->on_space = fn;
	s->on_space_ctx = ctx;
	err = bpfring_loop_add_fd(s->loop, fd, EPOLLIN, on_space, s);
	if (!err)
		s->space_fd = fd;
	return err;
}
