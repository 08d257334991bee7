// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens and closes handles of struct_ops. */
#include <bpfring/struct_ops_watch.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/sched_ext.h"
#include "struct_ops/struct_ops.h"

static int new_handle(struct bpfring_struct_ops **ret, const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops_opts o = {0};
	struct bpfring_struct_ops *ops;
	int err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_struct_ops_opts");

	if (err)
		return err;
	ops = bpfring_sys_alloc(sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	ops->map.fd = -1;
	ops->link_fd = -1;
	ops->scx_fd = -1;
	ops->types = o.types;
	*ret = ops;
	return 0;
}

/* Takes over the descriptor of a link, also on failure. */
static int take_link(struct bpfring_struct_ops *ops, int fd)
{
	const struct map *const no_others[] = {NULL};
	struct sys_link_info info;
	struct map map;
	int err = bpfring_sys_link_info(fd, &info);

	ops->link_fd = fd;
	if (err) {
		log_error("fd %d: cannot read the info of the link: %s%s\n", fd,
			  bpfring_errname(err), bpfring_fd_refusal(err));
		return err;
	}
	if (info.type != SYS_LINK_STRUCT_OPS) {
		log_error("link id %u is of type %u, not struct_ops\n", info.id, info.type);
		return -EINVAL;
	}
	ops->link_id = info.id;
	err = bpfring_ops_open_linked(ops, no_others, &map);
	if (err == -ENOLINK ||
	    err == -EPERM) /* detached, or no CAP_SYS_ADMIN: go on without the map */
		return 0;
	return err ? err : bpfring_ops_set_map(ops, &map);
}

/* Takes over the descriptor, also on failure. */
static int take_fd(struct bpfring_struct_ops **ret, int fd,
		   const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops *ops;
	struct map map;
	uint32_t value_id, btf_id;
	int err = new_handle(&ops, opts);

	if (err) {
		bpfring_sys_close(fd);
		return err;
	}
	if (bpfring_fd_is_link(fd)) {
		err = take_link(ops, fd);
	} else {
		err = bpfring_map_open(&map, fd);
		bpfring_sys_close(fd);
		if (!err)
			err = bpfring_ops_set_map(ops, &map);
		if (!err) /* what /proc shows is not enough */
			err = bpfring_ops_read_type_ids(ops, &value_id, &btf_id);
	}
	if (err)
		bpfring_struct_ops_close(ops);
	else
		*ret = ops;
	return err;
}

int bpfring_struct_ops_open(struct bpfring_struct_ops **ret, int fd,
			    const struct bpfring_struct_ops_opts *opts)
{
	int own;

	if (!ret)
		return -EINVAL;
	own = bpfring_fd_dup(fd);
	return own < 0 ? own : take_fd(ret, own, opts);
}

int bpfring_struct_ops_open_pinned(struct bpfring_struct_ops **ret, const char *path,
				   const struct bpfring_struct_ops_opts *opts)
{
	int fd;

	if (!ret || !path)
		return -EINVAL;
	fd = bpfring_fd_by_path(path);
	return fd < 0 ? fd : take_fd(ret, fd, opts);
}

int bpfring_struct_ops_open_object(struct bpfring_struct_ops **ret, struct bpf_object *obj,
				   const char *name, const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops *ops;
	int err;

	if (!ret || !obj || !name)
		return -EINVAL;
	err = new_handle(&ops, opts);
	if (err)
		return err;
	err = bpfring_source_find(&ops->source, obj, name);
	if (err)
		bpfring_struct_ops_close(ops);
	else
		*ret = ops;
	return err;
}

/*
 * Closing the last descriptor of a link unregisters the map. A handle that only looks does not have
 * the last one.
 */
static void close_link(struct bpfring_struct_ops *ops)
{
	if (!ops->owns_link || !bpfring_scx_ends_another(ops)) {
		bpfring_sys_close(ops->link_fd);
		return;
	}
	log_warn("struct_ops '%s': sched_ext has ejected it, and another scheduler runs. Closing "
		 "link id %u may end that one on this kernel (not on 7.2), so fd %d stays open\n",
		 bpfring_ops_name(ops), ops->link_id, ops->link_fd);
}

void bpfring_struct_ops_close(struct bpfring_struct_ops *ops)
{
	if (!ops)
		return;
	bpfring_struct_ops_unwatch(ops);
	close_link(ops);
	bpfring_source_fini(&ops->source);
	bpfring_map_close(&ops->map);
	bpfring_sys_close(ops->scx_fd);
	bpfring_struct_ops_types_free(ops->own_types);
	bpfring_sys_free(ops);
}

int bpfring_struct_ops_map_fd(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->map.fd : -EINVAL;
}

int bpfring_struct_ops_link_fd(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->link_fd : -EINVAL;
}
