// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What belongs to a map on the fall-back: owners, program, map of maps, an array of slots per
 * shared member.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

void bpfring_task_parts_none(struct task_parts *ret)
{
	ret->owner_fd = ret->bind_fd = ret->grace_fd = -1;
	for (unsigned int i = 0; i < TASK_MAX_UPTRS; i++)
		ret->slot_fds[i] = -1;
}

void bpfring_task_parts_close(struct task_parts *parts, unsigned int count)
{
	bpfring_sys_close(parts->owner_fd);
	bpfring_sys_close(parts->bind_fd);
	bpfring_sys_close(parts->grace_fd);
	for (unsigned int i = 0; i < count; i++)
		bpfring_sys_close(parts->slot_fds[i]);
	bpfring_task_parts_none(parts);
}

static int same_map(int a, int b)
{
	struct bpf_map_info one, other;
	int err = bpfring_sys_map_info(a, &one);

	if (!err)
		err = bpfring_sys_map_info(b, &other);
	return err ? err : one.id == other.id;
}

int bpfring_task_parts_same(const struct task_parts *a, const struct task_parts *b,
			    unsigned int count)
{
	int same = same_map(a->owner_fd, b->owner_fd);

	for (unsigned int i = 0; i < count && same > 0; i++)
		same = same_map(a->slot_fds[i], b->slot_fds[i]);
	return same;
}

static int dup_one(int *ret, int fd, int *err)
{
	if (fd < 0 || *err)
		return *err;
	*ret = bpfring_sys_dup(fd);
	if (*ret < 0)
		*err = *ret;
	return *err;
}

int bpfring_task_parts_dup(struct task_parts *ret, const struct task_parts *parts,
			   unsigned int count)
{
	struct task_parts dup;
	int err = 0;

	bpfring_task_parts_none(&dup);
	dup_one(&dup.owner_fd, parts->owner_fd, &err);
	dup_one(&dup.bind_fd, parts->bind_fd, &err);
	dup_one(&dup.grace_fd, parts->grace_fd, &err);
	for (unsigned int i = 0; i < count; i++)
		dup_one(&dup.slot_fds[i], parts->slot_fds[i], &err);
	if (err)
		bpfring_task_parts_close(&dup, count);
	else
		*ret = dup;
	return err;
}

static int parts_from_opts(struct task_parts *ret, const struct bpfring_task_storage_opts *opts,
			   unsigned int count)
{
	struct task_parts parts;

	bpfring_task_parts_none(&parts);
	parts.owner_fd = opts->owner_fd;
	parts.bind_fd = opts->bind_fd > 0 ? opts->bind_fd : -1;
	parts.grace_fd = opts->grace_fd > 0 ? opts->grace_fd : -1;
	for (unsigned int i = 0; i < count; i++) {
		parts.slot_fds[i] = opts->slot_fds[i];
		if (parts.slot_fds[i] >= 0)
			continue;
		log_error("struct bpfring_task_storage_opts: slot_fds[%u] is %d\n", i,
			  parts.slot_fds[i]);
		return -EBADF;
	}
	return bpfring_task_parts_dup(ret, &parts, count);
}

int bpfring_task_part_path(char *buf, const char *path, const char *suffix)
{
	int n = snprintf(buf, TASK_PATH_MAX, "%s_%s", path, suffix);

	return n < 0 || n >= TASK_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int open_part(int *ret, const char *path, const char *suffix)
{
	char part[TASK_PATH_MAX];
	int err = bpfring_task_part_path(part, path, suffix);
	int fd = err ? err : bpfring_sys_map_by_path(part);

	if (fd < 0) {
		log_error("%s_%s: cannot open this part of the fall-back: %s\n", path, suffix,
			  bpfring_errname(fd));
		return fd;
	}
	*ret = fd;
	return 0;
}

static int parts_from_pin(struct task_parts *ret, const char *path,
			  const struct task_layout *layout)
{
	struct task_parts parts;
	int err;

	bpfring_task_parts_none(&parts);
	err = open_part(&parts.owner_fd, path, "owner");
	if (!err)
		err = open_part(&parts.bind_fd, path, "bind");
	if (!err)
		err = open_part(&parts.grace_fd, path, "grace");
	for (unsigned int i = 0; i < layout->uptr_count && !err; i++)
		err = open_part(&parts.slot_fds[i], path, layout->members[layout->uptrs[i]].name);
	if (err)
		bpfring_task_parts_close(&parts, layout->uptr_count);
	else
		*ret = parts;
	return err;
}

static int map_fd(const struct bpf_object *obj, const char *name, const char *part)
{
	char full[TASK_PATH_MAX];
	const struct bpf_map *map;
	int err = bpfring_task_part_path(full, name, part);

	if (err)
		return err;
	map = bpf_object__find_map_by_name(obj, full);
	if (map)
		return bpf_map__fd(map);
	log_error("map '%s': the object has no '%s'; declare the map with BPFRING_TASK_STORAGE() "
		  "and its members with BPFRING_TASK_MEMBER() of this library\n",
		  name, full);
	return -ENOENT;
}

static int parts_from_object(struct task_parts *ret, const struct bpf_object *obj, const char *name,
			     const struct task_layout *layout)
{
	const struct bpf_program *prog;
	struct task_parts parts;
	char full[TASK_PATH_MAX];
	int err = bpfring_task_part_path(full, name, "bind");

	if (err)
		return err;
	bpfring_task_parts_none(&parts);
	prog = bpf_object__find_program_by_name(obj, full);
	parts.bind_fd = prog ? bpf_program__fd(prog) : -1;
	parts.owner_fd = map_fd(obj, name, "owner");
	if (parts.owner_fd < 0)
		return parts.owner_fd;
	parts.grace_fd = map_fd(obj, name, "grace");
	if (parts.grace_fd < 0)
		return parts.grace_fd;
	for (unsigned int i = 0; i < layout->uptr_count; i++) {
		parts.slot_fds[i] = map_fd(obj, name, layout->members[layout->uptrs[i]].name);
		if (parts.slot_fds[i] < 0)
			return parts.slot_fds[i];
	}
	return bpfring_task_parts_dup(ret, &parts, layout->uptr_count);
}

int bpfring_task_parts_find(struct task_parts *ret, const struct task_source *from,
			    const struct bpfring_task_storage_opts *opts,
			    const struct task_layout *layout)
{
	bpfring_task_parts_none(ret);
	if (!from->fallback)
		return 0;
	if (from->obj)
		return parts_from_object(ret, from->obj, from->name, layout);
	if (from->pin)
		return parts_from_pin(ret, from->pin, layout);
	if (opts->owner_fd <= 0 || !opts->slot_fds) {
		log_error(
			"the fall-back of task storage needs owner_fd and slot_fds, or the object, "
			"or the pin\n");
		return -EINVAL;
	}
	return parts_from_opts(ret, opts, layout->uptr_count);
}
