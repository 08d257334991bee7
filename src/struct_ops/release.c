// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Takes struct_ops out of the kernel, and waits until the kernel has let go of them. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/sched_ext.h"
#include "struct_ops/struct_ops.h"

#define LOOK_MIN_NS 1000000LL
#define LOOK_MAX_NS 16000000LL

/* Before 6.11 a link cannot be detached. Closing it unregisters if no other reference is left. */
static int give_up_link(struct bpfring_struct_ops *ops)
{
	int fd;

	bpfring_sys_close(ops->link_fd);
	ops->link_fd = -1;
	fd = bpfring_sys_link_by_id(ops->link_id);
	if (fd < 0) /* gone; or unknown without CAP_SYS_ADMIN */
		return 0;
	bpfring_sys_close(fd);
	log_error("struct_ops '%s': another descriptor or a pin keeps link id %u alive, and "
		  "kernels before 6.11 cannot detach it\n",
		  bpfring_ops_name(ops), ops->link_id);
	return -EBUSY;
}

static int detach(struct bpfring_struct_ops *ops)
{
	int err = bpfring_sys_link_detach(ops->link_fd);

	if (err == -EOPNOTSUPP)
		return give_up_link(ops);
	if (err)
		log_error("struct_ops '%s': cannot detach link id %u: %s\n", bpfring_ops_name(ops),
			  ops->link_id, bpfring_errname(err));
	return err;
}

/* If the handle's map has been replaced, the handle goes on with the map that is in the link. */
static int follow_link(struct bpfring_struct_ops *ops, uint32_t map_id)
{
	const struct map *const no_others[] = {NULL};
	struct map map;
	int err;

	if (ops->map.fd >= 0 && ops->map.id == map_id)
		return 0;
	err = bpfring_ops_open_linked(ops, no_others, &map);
	return err ? err : bpfring_ops_set_map(ops, &map);
}

static int leave_ejected(struct bpfring_struct_ops *ops)
{
	ops->owns_link = true;
	log_warn("struct_ops '%s': sched_ext has ejected it, and another scheduler runs. "
		 "Unregistering may end that one on this kernel (not on 7.2), so the registration "
		 "stays\n",
		 bpfring_ops_name(ops));
	return 0;
}

static int unregister_link(struct bpfring_struct_ops *ops)
{
	struct sys_link_info info;
	int err = bpfring_sys_link_info(ops->link_fd, &info), lost;

	if (err || !info.map_id) /* detached already */
		return err;
	lost = follow_link(ops, info.map_id);
	if (bpfring_scx_ends_another(ops))
		return leave_ejected(ops);
	err = detach(ops);
	if (!err &&
	    lost) { /* what the handle has is not what was registered: no use to wait for it */
		log_warn("struct_ops '%s': map id %u, which was in link id %u, cannot be opened: "
			 "%s\n",
			 bpfring_ops_name(ops), info.map_id, ops->link_id, bpfring_errname(lost));
		bpfring_map_close(&ops->map);
	}
	return err;
}

static int unregister_map(struct bpfring_struct_ops *ops)
{
	int err;

	if (bpfring_scx_ends_another(ops))
		return leave_ejected(ops);
	err = bpfring_sys_value_delete(ops->map.fd);
	switch (err) {
	case 0:
		break;
	case -ENOENT:
		log_error("struct_ops '%s' id %u was never registered\n", bpfring_ops_name(ops),
			  ops->map.id);
		break;
	case -EINPROGRESS:
		log_info("struct_ops '%s' id %u is unregistered already\n", bpfring_ops_name(ops),
			 ops->map.id);
		break;
	default:
		log_error("struct_ops '%s' id %u: cannot unregister: %s\n", bpfring_ops_name(ops),
			  ops->map.id, bpfring_errname(err));
	}
	return err;
}

int bpfring_struct_ops_unregister(struct bpfring_struct_ops *ops)
{
	int err;

	if (!ops)
		return -EINVAL;
	if (ops->link_fd >= 0)
		return unregister_link(ops);
	err = bpfring_ops_need_map(ops);
	if (err)
		return err;
	if (!ops_in_link_mode(ops))
		return unregister_map(ops);
	log_error("struct_ops '%s' id %u is in link mode, and this handle has no link; open the "
		  "link\n",
		  bpfring_ops_name(ops), ops->map.id);
	return -ENOLINK;
}

/*
 * Is the map still registered by the handle, but of a scheduler that was ejected? That keeps a
 * reference to the map, and makes no use of it.
 */
static bool is_idle(struct bpfring_struct_ops *ops, uint32_t state)
{
	struct sys_link_info info;

	if (bpfring_scx_standing(ops) == SCX_RUNNING)
		return false;
	if (!ops_in_link_mode(ops))
		return state == BPFRING_STRUCT_OPS_STATE_INUSE;
	return ops->link_fd >= 0 && !bpfring_sys_link_info(ops->link_fd, &info) &&
	       info.map_id == ops->map.id;
}

/* 1: nothing in the kernel uses the map. */
static int is_released(struct bpfring_struct_ops *ops)
{
	uint32_t state, refcnt;
	int err = bpfring_ops_read_state(ops, &state, &refcnt);
	bool idle;

	if (err || !refcnt)
		return err ? err : 1;
	idle = is_idle(ops, state);
	if (state == BPFRING_STRUCT_OPS_STATE_INUSE && !idle)
		return -EBUSY;
	return idle && refcnt == 1;
}

int bpfring_struct_ops_wait_released(struct bpfring_struct_ops *ops, int64_t timeout_ns)
{
	const int64_t deadline = bpfring_deadline(bpfring_sys_now(), timeout_ns);
	int64_t pause = LOOK_MIN_NS;

	if (!ops || timeout_ns < -1)
		return -EINVAL;
	for (;;) {
		int64_t left = deadline - bpfring_sys_now();
		int released = is_released(ops);

		if (released)
			return released < 0 ? released : 0;
		if (left <= 0)
			return -ETIMEDOUT;
		bpfring_sys_sleep(left < pause ? left : pause);
		if (pause < LOOK_MAX_NS)
			pause *= 2;
	}
}
