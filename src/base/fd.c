// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

int bpfring_fd_dup(int fd)
{
	int own = bpfring_sys_dup(fd);

	if (own < 0)
		log_error("fd %d: cannot duplicate the descriptor: %s%s\n", fd,
			  bpfring_errname(own),
			  own != -EBADF ? ""
			  : fd < 0	? "; it is negative: is the object loaded?"
					: "; it is not open");
	return own;
}

const char *bpfring_fd_refusal(int err)
{
	switch (err) {
	case -EPERM:
		return "; this process may not call bpf(): it lacks privileges, or a seccomp "
		       "filter forbids it";
	case -ENOSYS:
		return "; this process may not call bpf(): a seccomp filter forbids it, or this "
		       "kernel has none";
	case -EACCES:
		return "; this process may not call bpf(): the permissions of the file or a "
		       "seccomp filter forbid it";
	default:
		return "";
	}
}

/* The BPF file system keeps names with a dot for itself. */
static bool has_dot(const char *path)
{
	const char *name = strrchr(path, '/');

	return strchr(name ? name : path, '.') != NULL;
}

int bpfring_fd_by_path(const char *path)
{
	int fd = bpfring_sys_map_by_path(path);

	if (fd < 0)
		log_error("%s: cannot open the pin: %s%s\n", path, bpfring_errname(fd),
			  fd == -EPERM && has_dot(path) ? "; the name of a pin cannot contain a dot"
							: bpfring_fd_refusal(fd));
	return fd;
}

int bpfring_fd_by_id(uint32_t map_id)
{
	int fd = bpfring_sys_map_by_id(map_id);

	if (fd < 0)
		log_error("map id %u: cannot open it: %s%s\n", map_id, bpfring_errname(fd),
			  fd == -ENOENT ? "; no map has this id" : bpfring_fd_refusal(fd));
	return fd;
}

int bpfring_fdinfo_read(int fd, char *ret, size_t size)
{
	char path[64];
	int info, read;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = bpfring_sys_open(path);
	if (info < 0)
		return info;
	read = bpfring_sys_read(info, ret, size - 1);
	bpfring_sys_close(info);
	ret[read > 0 ? read : 0] = '\0';
	return read;
}

bool bpfring_fdinfo_number(const char *text, const char *key, uint32_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned long long value;
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		value = strtoull(line + len + 1, &end, 0);
		if (end == line + len + 1 || value > UINT32_MAX)
			return false;
		*ret = (uint32_t)value;
		return true;
	}
	return false;
}

bool bpfring_fd_is_link(int fd)
{
	struct sys_link_info info;
	char text[512];

	if (bpfring_fdinfo_read(fd, text, sizeof(text)) >= 0)
		return strstr(text, "\nlink_type:");
	return !bpfring_sys_is_map(fd) && !bpfring_sys_link_info(fd, &info) &&
	       info.type == SYS_LINK_STRUCT_OPS;
}

int bpfring_fd_prog_type(int fd, uint32_t *ret)
{
	char text[1024];

	if (bpfring_fdinfo_read(fd, text, sizeof(text)) < 0)
		return bpfring_sys_prog_type(fd, ret);
	return bpfring_fdinfo_number(text, "prog_type", ret) ? 0 : -EINVAL;
}
