// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Takes struct_ops out of the kernel, and waits until the kernel has let go of them. */
#include <errno.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

#define LOOK_MIN_NS 1000000LL
#define LOOK_MAX_NS 16000000LL

/* Before 6.11 a link cannot be detached, only given up; that unregisters if nobody else has it. */
static int give_up_link(struct bpfring_struct_ops *ops)
{
	int fd;

	bpfring_sys_close(ops->link_fd);
	ops->link_fd = -1;
	fd = bpfring_sys_link_by_id(ops->link_id);
	if (fd < 0) /* gone; or, without CAP_SYS_ADMIN, nobody tells */
		return 0;
	bpfring_sys_close(fd);
	log_error("struct_ops '%s': another descriptor or a pin keeps link id %u; this kernel "
		  "cannot detach it (6.11 can)\n",
		  ops_name(ops), ops->link_id);
	return -EBUSY;
}

static int unregister_link(struct bpfring_struct_ops *ops)
{
	int err = bpfring_sys_link_detach(ops->link_fd);

	if (err == -EOPNOTSUPP)
		return give_up_link(ops);
	if (err)
		log_error("struct_ops '%s': cannot detach link id %u: %s\n", ops_name(ops),
			  ops->link_id, bpfring_errname(err));
	return err;
}

static int unregister_map(struct bpfring_struct_ops *ops)
{
	int err = bpfring_sys_value_delete(ops->map.fd);

	switch (err) {
	case 0:
		break;
	case -ENOENT:
		log_error("struct_ops '%s' id %u was never registered\n", ops_name(ops),
			  ops->map.id);
		break;
	case -EINPROGRESS:
		log_info("struct_ops '%s' id %u is unregistered already\n", ops_name(ops),
			 ops->map.id);
		break;
	default:
		log_error("struct_ops '%s' id %u: cannot unregister: %s\n", ops_name(ops),
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
	log_error("struct_ops '%s' id %u is registered by links, and this handle has none; open "
		  "the link by its pin or id\n",
		  ops_name(ops), ops->map.id);
	return -ENOLINK;
}

int bpfring_struct_ops_wait_released(struct bpfring_struct_ops *ops, int64_t timeout_ns)
{
	const int64_t start = bpfring_sys_now();
	int64_t pause = LOOK_MIN_NS;

	if (!ops || timeout_ns < -1)
		return -EINVAL;
	for (;;) {
		uint32_t state, refcnt;
		int64_t left = timeout_ns - (bpfring_sys_now() - start);
		int err = bpfring_ops_read_state(ops, &state, &refcnt);

		if (err)
			return err;
		if (state == BPFRING_STRUCT_OPS_INUSE)
			return -EBUSY;
		if (!refcnt)
			return 0;
		if (timeout_ns >= 0 && left <= 0)
			return -ETIMEDOUT;
		bpfring_sys_sleep(timeout_ns >= 0 && left < pause ? left : pause);
		if (pause < LOOK_MAX_NS)
			pause *= 2;
	}
}
