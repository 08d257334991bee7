// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Registers and replaces struct_ops. */
#include <errno.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

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
	if (err) {
		bpfring_sys_close(fd);
		return err;
	}
	ops->link_fd = fd;
	ops->link_id = info.id;
	return 0;
}

int bpfring_struct_ops_register(struct bpfring_struct_ops *ops)
{
	uint32_t state, refcnt;
	int err;

	if (!ops)
		return -EINVAL;
	if (ops->link_fd >= 0) {
		log_error("struct_ops '%s': this handle has link id %u already\n", ops_name(ops),
			  ops->link_id);
		return -EBUSY;
	}
	err = bpfring_ops_read_state(ops, &state, &refcnt);
	if (err)
		return err;
	if (state == BPFRING_STRUCT_OPS_INIT) {
		err = bpfring_ops_store_value(ops);
		if (err)
			return err;
	} else if (!ops_in_link_mode(ops)) {
		log_error("struct_ops '%s' id %u is %s: a map without links is registered once; "
			  "load another\n",
			  ops_name(ops), ops->map.id, bpfring_struct_ops_state_name(state));
		return -EBUSY;
	}
	if (!ops_in_link_mode(ops) || ops->link_fd >= 0)
		return 0;
	return create_link(ops);
}

/* The map of @ops changes places with that of @with; what the handles know about it goes along. */
static void swap_maps(struct bpfring_struct_ops *ops, struct bpfring_struct_ops *with)
{
	const struct map map = ops->map;
	const uint32_t value_type_id = ops->value_type_id, btf_id = ops->btf_id;

	ops->map = with->map;
	ops->value_type_id = with->value_type_id;
	ops->btf_id = with->btf_id;
	with->map = map;
	with->value_type_id = value_type_id;
	with->btf_id = btf_id;
	ops->type = NULL; /* the handles may have types of their own */
	with->type = NULL;
}

int bpfring_struct_ops_replace(struct bpfring_struct_ops *ops, struct bpfring_struct_ops *with,
			       const struct bpfring_struct_ops *expected)
{
	uint32_t state, refcnt;
	int err;

	if (!ops || !with || ops == with)
		return -EINVAL;
	if (ops->link_fd < 0 || (expected && expected->map.fd < 0)) {
		log_error("struct_ops '%s': %s\n", ops_name(ops),
			  ops->link_fd < 0 ? "there is no link in which to replace it"
					   : "the map expected in its link is not open");
		return -ENOENT;
	}
	err = bpfring_ops_read_state(with, &state, &refcnt);
	if (!err && state == BPFRING_STRUCT_OPS_INIT && ops_in_link_mode(with))
		err = bpfring_ops_store_value(with);
	if (err)
		return err;
	err = bpfring_sys_link_update(ops->link_fd, with->map.fd, expected ? expected->map.fd : -1);
	if (err) {
		bpfring_ops_explain_replace(ops, with, err);
		return err;
	}
	swap_maps(ops, with);
	return 0;
}
