// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Where a struct_ops map and its link stand. */
#include <errno.h>
#include <stddef.h>

#include "base/options.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

int bpfring_struct_ops_status(struct bpfring_struct_ops *ops, struct bpfring_struct_ops_status *ret)
{
	struct bpfring_struct_ops_status status = {0};
	struct sys_link_info info = {0};
	int err;

	if (!ops || !ret)
		return -EINVAL;
	err = bpfring_ops_read_state(ops, &status.state, &status.refcnt);
	if (!err && ops->link_fd >= 0)
		err = bpfring_sys_link_info(ops->link_fd, &info);
	if (err)
		return err;
	status.map_id = ops->map.id;
	status.link_id = ops->link_id;
	status.link_map_id = info.map_id;
	return bpfring_options_write(ret, &status, sizeof(status),
				     offsetof(struct bpfring_struct_ops_status, refcnt));
}

const char *bpfring_struct_ops_state_name(uint32_t state)
{
	static const char *const names[] = {"init", "inuse", "tobefree", "ready"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}
