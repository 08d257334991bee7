// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "everything.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#include "group_test.skel.h"
#include "ops.skel.h"
#include "task_test.h"
#include "task_test.skel.h"
#include "user.h"
#include "user.skel.h"

/* An object can be without: then it must not be for want of memory or by a mistake of the test. */
static void or_without(const char *what, int err)
{
	if (err < 0)
		print_message("without %s: %s\n", what, bpfring_errname(err));
}

/* Types are not a capability's: without CAP_BPF the object cannot be loaded, but opened. */
static struct ops_bpf *load_ops(const struct bpfring_struct_ops_types *types)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = types);
	struct ops_bpf *skel = ops_bpf__open();
	struct bpfring_struct_ops *ops;
	struct bpf_map *map;

	if (!skel)
		return NULL;
	bpf_object__for_each_map(map, skel->obj)
	{
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS ||
		    bpfring_struct_ops_open_object(&ops, skel->obj, bpf_map__name(map), &opts))
			continue;
		bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO);
		bpfring_struct_ops_close(ops);
	}
	ops_bpf__load(skel);
	return skel;
}

static struct task_test_bpf *load_task(void)
{
	struct task_test_bpf *skel = task_test_bpf__open();

	if (skel && (bpfring_task_storage_prepare(skel->obj, "store", NULL) < 0 ||
		     task_test_bpf__load(skel))) {
		task_test_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

static struct group_test_bpf *load_group(void)
{
	struct group_test_bpf *skel = group_test_bpf__open();

	if (skel &&
	    (bpfring_group_prepare(skel->obj, "events", NULL) < 0 || group_test_bpf__load(skel))) {
		group_test_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

void everything_load(struct everything *e)
{
	memset(e, 0, sizeof(*e));
	e->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 4096, NULL);
	e->user = user_bpf__open_and_load();
	if (!bpfring_struct_ops_types_load(&e->types)) {
		e->ops_skel = load_ops(e->types);
		bpfring_struct_ops_types_free(e->types);
		e->types = NULL;
	}
	e->ops_obj = e->ops_skel ? e->ops_skel->obj : NULL;
	e->group_skel = load_group();
	e->group_obj = e->group_skel ? e->group_skel->obj : NULL;
	e->task = load_task();
	e->task_obj = e->task ? e->task->obj : NULL;
	e->task_map = e->task ? e->task->maps.named : NULL;
}

void everything_open(struct everything *e)
{
	BPFRING_OPTS(bpfring_consumer_opts, exclusive, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	BPFRING_OPTS(bpfring_producer_opts, kicking);
	BPFRING_OPTS(bpfring_struct_ops_opts, typed);
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	or_without("a consumer", bpfring_consumer_open(&e->consumer, e->ring_fd, &exclusive));
	or_without("a loop", bpfring_loop_new(&e->loop, NULL));
	if (e->user) {
		kicking.kick_prog_fd = bpf_program__fd(e->user->progs.drain);
		or_without("a producer",
			   bpfring_producer_open(&e->producer, bpf_map__fd(e->user->maps.user),
						 &kicking));
	}
	if (e->group_skel)
		or_without("a group",
			   bpfring_group_create(&e->group, e->group_obj, "events", NULL));
	if (e->group)
		or_without("loss", bpfring_loss_open(&e->loss, bpfring_group_account_fd(e->group)));
	or_without("types of struct_ops", bpfring_struct_ops_types_load(&e->types));
	if (e->ops_skel && e->types) {
		typed.types = e->types;
		or_without("struct_ops", bpfring_struct_ops_open_object(&e->ops, e->ops_skel->obj,
									"cc_first", &typed));
		if (e->ops) /* opens the map */
			or_without("a map of struct_ops",
				   bpfring_struct_ops_status(e->ops, &status));
	}
	if (e->task)
		or_without("task storage",
			   bpfring_task_storage_open_object(&e->ts, e->task->obj, "named", NULL));
	if (e->ts)
		or_without("names", bpfring_names_open(&e->names, e->ts));
}

void everything_close(struct everything *e)
{
	bpfring_names_close(e->names);
	bpfring_task_storage_close(e->ts);
	bpfring_struct_ops_close(e->ops);
	bpfring_struct_ops_types_free(e->types);
	bpfring_producer_close(e->producer);
	bpfring_loss_close(e->loss);
	bpfring_group_close(e->group);
	bpfring_loop_free(e->loop);
	bpfring_consumer_close(e->consumer);
	task_test_bpf__destroy(e->task);
	group_test_bpf__destroy(e->group_skel);
	ops_bpf__destroy(e->ops_skel);
	user_bpf__destroy(e->user);
	if (e->ring_fd >= 0)
		close(e->ring_fd);
}
