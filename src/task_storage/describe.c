// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a caller says of a map, and what the kernel does. */
#include <bpf/btf.h>
#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#define KNOWN_FLAGS ((uint32_t)(BPFRING_TASK_NODUMP | BPFRING_TASK_NOFORK))

int bpfring_task_opts_read(struct bpfring_task_storage_opts *ret,
			   const struct bpfring_task_storage_opts *opts)
{
	int err;

	*ret = (struct bpfring_task_storage_opts){.sz = sizeof(*ret)};
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_task_storage_opts");
	if (err)
		return err;
	if ((ret->flags & ~KNOWN_FLAGS) || ret->packing > BPFRING_TASK_PACKING_PAGE ||
	    (ret->member_count && !ret->members)) {
		log_error("struct bpfring_task_storage_opts: unknown flags %#x or packing %u, or "
			  "no members\n",
			  ret->flags & ~KNOWN_FLAGS, ret->packing);
		return -EINVAL;
	}
	if (ret->owner_fd < 0 || ret->bind_fd < 0 || ret->grace_fd < 0) {
		log_error("struct bpfring_task_storage_opts: owner_fd %d, bind_fd %d, grace_fd "
			  "%d\n",
			  ret->owner_fd, ret->bind_fd, ret->grace_fd);
		return -EBADF;
	}
	return 0;
}

int bpfring_task_describe(struct task_layout *ret, const struct map *map,
			  const struct bpfring_task_storage_opts *opts, const struct btf *btf,
			  bool fallback)
{
	struct bpf_map_info info;
	struct btf *loaded = NULL;
	char buf[24];
	int err;

	if (map->type != BPF_MAP_TYPE_TASK_STORAGE) {
		log_error("map '%s' id %u has the type %s, not task_storage\n", map->name, map->id,
			  bpfring_map_type_name(map->type, buf, sizeof(buf)));
		return -EINVAL;
	}
	err = bpfring_sys_map_info(map->fd, &info);
	if (err) {
		log_error("map '%s' id %u: cannot read its info: %s%s\n", map->name, map->id,
			  bpfring_errname(err), bpfring_fd_refusal(err));
		return err;
	}
	if (opts->member_count)
		return bpfring_task_layout_from_opts(ret, opts, info.value_size, map->name);
	if (!btf) {
		err = bpfring_sys_btf_by_id(&loaded, info.btf_id);
		if (err) {
			log_error("map '%s' id %u: cannot read its BTF: %s%s\n", map->name, map->id,
				  bpfring_errname(err),
				  err == -EPERM ? "; without CAP_SYS_ADMIN, declare the members in "
						  "struct bpfring_task_storage_opts"
						: "");
			return err;
		}
		btf = loaded;
	}
	err = bpfring_task_layout_from_btf(ret, btf, info.btf_value_type_id, fallback, map->name);
	btf__free(loaded);
	if (!err && ret->value_size != info.value_size) {
		bpfring_task_layout_free(ret);
		err = -EINVAL;
	}
	return err;
}
