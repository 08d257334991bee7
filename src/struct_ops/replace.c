// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Replaces the map in a link. A kernel that replaces a congestion control by itself corrupts a
 * list and panics (7.3 still does). So the map that is in the link is looked up, compared with the
 * new one by id, and passed to the kernel as the one to be replaced: if another one gets there in
 * between, the kernel refuses.
 */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

#define TRIES 1000 /* one fails only if another replacement succeeded meanwhile */

/* Opens the map of @expected; fd -1 if there is no such condition. */
static int open_expected(const struct bpfring_struct_ops *expected, struct map *ret)
{
	int fd;

	ret->fd = -1;
	if (!expected)
		return 0;
	/* A handle of an object may not have opened its map yet. */
	fd = expected->source.obj ? bpf_map__fd(expected->source.map) : expected->map.fd;
	if (fd >= 0)
		return bpfring_map_open(ret, fd);
	log_error("the handle that is expected in the link has no map\n");
	return -ENOENT;
}

/* Opens the map that is in the link now, if it may be replaced. 1: it is the new one. */
static int open_old(const struct bpfring_struct_ops *ops, const struct bpfring_struct_ops *with,
		    const struct map *expected, struct map *ret)
{
	const struct map *const known[] = {&with->map, expected, NULL};
	int err = bpfring_ops_open_linked(ops, known, ret);

	if (err == -ENOLINK)
		log_error("struct_ops '%s': link id %u was detached; register the other map\n",
			  bpfring_ops_name(ops), ops->link_id);
	else if (err == -EPERM)
		log_error("struct_ops '%s': link id %u has a map that cannot be opened without "
			  "CAP_SYS_ADMIN; pass a handle of that map as @expected\n",
			  bpfring_ops_name(ops), ops->link_id);
	if (err)
		return err;
	if (expected->fd >= 0 && expected->id != ret->id) {
		log_error("struct_ops '%s': link id %u has another map than expected: id %u, not "
			  "id %u\n",
			  bpfring_ops_name(ops), ops->link_id, ret->id, expected->id);
		bpfring_map_close(ret);
		return -EPERM;
	}
	return ret->id == with->map.id;
}

/*
 * Puts the map of @with into the link. *@old: the map that was there, or @with's own (returns 1).
 */
static int update(struct bpfring_struct_ops *ops, struct bpfring_struct_ops *with,
		  const struct map *expected, struct map *old)
{
	int err;

	for (int i = 1;; i++) {
		err = bpfring_sys_link_update(ops->link_fd, with->map.fd, old->fd);
		if (err != -EPERM || expected->fd >= 0 || i == TRIES)
			break;
		bpfring_map_close(old);
		err = open_old(ops, with, expected, old);
		if (err)
			return err;
	}
	if (!err)
		return 0;
	bpfring_ops_explain_replace(ops, with, old, err);
	bpfring_map_close(old);
	return err;
}

static int replace(struct bpfring_struct_ops *ops, struct bpfring_struct_ops *with,
		   const struct map *expected)
{
	struct map old;
	uint32_t state;
	int err = open_old(ops, with, expected, &old);

	if (!err && ops_in_link_mode(with)) {
		err = bpfring_ops_need_value(with, &state);
		if (err)
			bpfring_map_close(&old);
	}
	if (!err)
		err = update(ops, with, expected, &old);
	if (err < 0)
		return err;
	if (err) { /* it is there */
		log_info("struct_ops '%s': map id %u is in link id %u already\n",
			 bpfring_ops_name(with), old.id, ops->link_id);
		return bpfring_ops_set_map(ops, &old);
	}
	bpfring_map_close(&ops->map);
	ops->map = with->map;
	with->map = old;
	return 0;
}

int bpfring_struct_ops_replace(struct bpfring_struct_ops *ops, struct bpfring_struct_ops *with,
			       const struct bpfring_struct_ops *expected)
{
	struct map wanted;
	int err;

	if (!ops || !with)
		return -EINVAL;
	if (ops == with) {
		log_error("struct_ops '%s': a handle cannot replace itself\n",
			  bpfring_ops_name(ops));
		return -EINVAL;
	}
	if (ops->link_fd < 0) {
		log_error("struct_ops '%s': the handle has no link, so no map can be replaced\n",
			  bpfring_ops_name(ops));
		return -ENOENT;
	}
	err = bpfring_ops_need_map(with);
	if (!err)
		err = open_expected(expected, &wanted);
	if (err)
		return err;
	err = replace(ops, with, &wanted);
	bpfring_map_close(&wanted);
	return err;
}
