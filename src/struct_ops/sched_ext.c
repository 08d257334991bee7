// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The kernel does not say which link or map the running scheduler is of. It has a file for each
 * scheduler, for as long as that runs, with its name: a handle that was there when its scheduler
 * ran knows the file. Others go by the name and by the links: only one can run, so of two that are
 * registered the newer one does.
 */
#include "struct_ops/sched_ext.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_struct_ops.h"

#define STATE_FILE     "/sys/kernel/sched_ext/state"
#define SCHEDULER_FILE "/sys/kernel/sched_ext/root/ops" /* made for each, removed with it */

static bool is_scheduler_type(const struct bpfring_struct_ops_type *type)
{
	return type &&
	       (!strcmp(type->name, "sched_ext_ops") || !strcmp(type->name, "sched_ext_ops_cid"));
}

bool bpfring_scx_is_scheduler(const struct bpfring_struct_ops *ops)
{
	return is_scheduler_type(ops->type);
}

const char *bpfring_scx_state(char *buf, size_t size)
{
	static const char prefix[] = "sched_ext is ";
	const size_t len = sizeof(prefix) - 1;
	int fd = bpfring_sys_open(STATE_FILE), n;

	if (fd < 0)
		return "";
	memcpy(buf, prefix, len);
	n = bpfring_sys_read(fd, buf + len, size - len - 1);
	bpfring_sys_close(fd);
	if (n <= 0)
		return "";
	buf[len + (size_t)n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static bool is_disabled(void)
{
	char state[SCX_STATE_SIZE];

	return !strcmp(bpfring_scx_state(state, sizeof(state)), "sched_ext is disabled");
}

/* Copies a member of the map's value to @ret, which becomes 0 if there is none. */
static int read_member(int map_fd, const struct bpfring_struct_ops_type *type, const char *name,
		       void *ret, size_t size)
{
	const struct bpfring_struct_ops_member *member;
	char *value;
	int err;

	memset(ret, 0, size);
	if (bpfring_struct_ops_type_find_member(type, name, &member))
		return 0;
	value = bpfring_sys_alloc(type->value_size);
	if (!value)
		return -ENOMEM;
	err = bpfring_sys_value_lookup(map_fd, value);
	if (!err)
		memcpy(ret, value + type->data_offset + member->offset,
		       member->size < size ? member->size : size);
	bpfring_sys_free(value);
	return err;
}

/* Not for a cgroup alone, beneath another one: these come and go with no sign in sysfs. */
static bool is_for_all(int map_fd, const struct bpfring_struct_ops_type *type)
{
	uint64_t cgroup;

	return !read_member(map_fd, type, "sub_cgroup_id", &cgroup, sizeof(cgroup)) && !cgroup;
}

/* @file: of the scheduler that runs, with its name. */
static bool has_other_name(const struct bpfring_struct_ops *ops, int file)
{
	char own[128], running[sizeof(own)];
	int n = bpfring_sys_read(file, running, sizeof(running) - 1);

	if (n <= 0 || read_member(ops->map.fd, ops->type, "name", own, sizeof(own)))
		return false;
	running[n] = '\0';
	running[strcspn(running, "\n")] = '\0';
	own[sizeof(own) - 1] = '\0';
	return strcmp(own, running) != 0;
}

static bool is_schedulers_map(const struct bpfring_struct_ops *ops, uint32_t map_id)
{
	const struct bpfring_struct_ops_type *type = NULL;
	struct bpf_map_info info;
	int fd = bpfring_sys_map_by_id(map_id);
	bool ret;

	if (fd < 0)
		return false;
	if (!bpfring_sys_map_info(fd, &info))
		type = bpfring_struct_ops_types_of_value(ops->types, info.btf_vmlinux_value_type_id,
							 "vmlinux");
	ret = is_scheduler_type(type) && is_for_all(fd, type);
	bpfring_sys_close(fd);
	return ret;
}

/*
 * Is a scheduler registered by a link that is newer than the handle's? Unknown without
 * CAP_SYS_ADMIN.
 */
static bool has_newer_link(const struct bpfring_struct_ops *ops)
{
	uint32_t id = ops->link_id;

	while (!bpfring_sys_next_link(id, &id)) {
		struct sys_link_info info = {0};
		int fd = bpfring_sys_link_by_id(id), err;

		if (fd < 0)
			continue;
		err = bpfring_sys_link_info(fd, &info);
		bpfring_sys_close(fd);
		if (!err && info.type == SYS_LINK_STRUCT_OPS && info.map_id &&
		    is_schedulers_map(ops, info.map_id))
			return true;
	}
	return false;
}

void bpfring_scx_registered(struct bpfring_struct_ops *ops)
{
	if (!bpfring_scx_is_scheduler(ops) || !is_for_all(ops->map.fd, ops->type))
		return;
	bpfring_sys_close(ops->scx_fd);
	ops->scx_fd = bpfring_sys_open(SCHEDULER_FILE);
}

enum scx_standing bpfring_scx_standing(struct bpfring_struct_ops *ops)
{
	bool other;
	int file;

	if (!bpfring_scx_is_scheduler(ops))
		return SCX_RUNNING;
	if (is_disabled())
		return SCX_EJECTED;
	file = bpfring_sys_open(SCHEDULER_FILE);
	if (file < 0 || !is_for_all(ops->map.fd, ops->type)) {
		bpfring_sys_close(file);
		return SCX_RUNNING;
	}
	if (ops->scx_fd >= 0) {
		other = !bpfring_sys_same_inode(ops->scx_fd, file);
	} else {
		other = has_other_name(ops, file) || (ops->link_fd >= 0 && has_newer_link(ops));
		if (!other)
			ops->scx_fd = bpfring_sys_dup(file);
	}
	bpfring_sys_close(file);
	return other ? SCX_SUPERSEDED : SCX_RUNNING;
}

bool bpfring_scx_ends_another(struct bpfring_struct_ops *ops)
{
	const struct bpfring_struct_ops_member *member;
	int file = bpfring_sys_open(SCHEDULER_FILE);

	if (file < 0) /* no scheduler runs, or none that could be told apart */
		return false;
	bpfring_sys_close(file);
	if (bpfring_ops_need_type(ops) || bpfring_scx_standing(ops) != SCX_SUPERSEDED)
		return false;
	/*
	 * Kernels that have schedulers of cgroups know which one it is; older ones end what runs.
	 */
	return bpfring_struct_ops_type_find_member(ops->type, "sub_attach", &member) != 0;
}
