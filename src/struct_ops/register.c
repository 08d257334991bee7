// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Registers struct_ops. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/sched_ext.h"
#include "struct_ops/struct_ops.h"

/* A link that was detached is no registration, but -EBUSY: the handle has one that is. */
static int check_link(const struct bpfring_struct_ops *ops)
{
	struct sys_link_info info;
	int err;

	if (ops->link_fd < 0)
		return 0;
	err = bpfring_sys_link_info(ops->link_fd, &info);
	if (err || !info.map_id)
		return err;
	log_error("struct_ops '%s': this handle has link id %u already, with map id %u; unregister "
		  "it first\n",
		  bpfring_ops_name(ops), ops->link_id, info.map_id);
	return -EBUSY;
}

/* Registers a map that has its value by a link. */
static int create_link(struct bpfring_struct_ops *ops)
{
	struct sys_link_info info;
	int fd = bpfring_sys_link_create(ops->map.fd), err;

	if (fd < 0) {
		bpfring_ops_explain_register(ops, fd);
		return fd;
	}
	err = bpfring_sys_link_info(fd, &info);
	if (!err)
		err = bpfring_ops_move_watch(ops, fd);
	if (err) {
		bpfring_sys_close(fd);
		return err;
	}
	bpfring_sys_close(ops->link_fd); /* detached */
	ops->link_fd = fd;
	ops->link_id = info.id;
	return 0;
}

int bpfring_struct_ops_register(struct bpfring_struct_ops *ops)
{
	uint32_t state;
	int err;

	if (!ops)
		return -EINVAL;
	err = check_link(ops);
	if (!err)
		err = bpfring_ops_need_value(ops, &state);
	if (err)
		return err;
	if (ops_in_link_mode(ops)) {
		if (state != BPFRING_STRUCT_OPS_STATE_INIT ||
		    ops->link_fd < 0) /* libbpf may have made it */
			err = create_link(ops);
	} else if (state != BPFRING_STRUCT_OPS_STATE_INIT) {
		log_error("struct_ops '%s' id %u is %s: a legacy map can be registered only once; "
			  "load another map\n",
			  bpfring_ops_name(ops), ops->map.id, bpfring_struct_ops_state_name(state));
		err = -EBUSY;
	}
	if (err)
		return err;
	ops->owns_link = true;
	bpfring_scx_registered(ops);
	return 0;
}
