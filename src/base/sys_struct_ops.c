// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The system calls of struct_ops; beside sys.c the only file that knows errno. */
#define _GNU_SOURCE
#include "base/sys_struct_ops.h"

#include <bpf/bpf.h>
#include <bpfring/common.h>
#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_errno.h"

#define BTF_DIRECTORY "/sys/kernel/btf"
#define NSEC_PER_SEC  1000000000LL

/* Since libbpf 1.5; the one that is loaded may be older than that, and so may be the headers. */
extern int bpf_map__set_autoattach(struct bpf_map *map, bool autoattach) __attribute__((weak));

static const uint32_t the_key; /* 0, the only one */

int bpfring_sys_value_lookup(int map_fd, void *ret)
{
	return ret_or_errno(bpf_map_lookup_elem(map_fd, &the_key, ret));
}

int bpfring_sys_value_update(int map_fd, const void *value)
{
	return ret_or_errno(bpf_map_update_elem(map_fd, &the_key, value, BPF_ANY));
}

int bpfring_sys_value_delete(int map_fd)
{
	return ret_or_errno(bpf_map_delete_elem(map_fd, &the_key));
}

int bpfring_sys_link_create(int map_fd)
{
	return bpfring_sys_fd_or_errno(
		bpf_link_create(map_fd, 0, (enum bpf_attach_type)SYS_ATTACH_STRUCT_OPS, NULL));
}

int bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd)
{
	BPFRING_OPTS(bpf_link_update_opts, opts);

	if (old_map_fd >= 0) {
		opts.flags = BPF_F_REPLACE;
		opts.old_prog_fd = (uint32_t)old_map_fd; /* the same word as old_map_fd */
	}
	return ret_or_errno(bpf_link_update(link_fd, map_fd, &opts));
}

int bpfring_sys_link_detach(int link_fd)
{
	return ret_or_errno(bpf_link_detach(link_fd));
}

int bpfring_sys_link_info(int link_fd, struct sys_link_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return ret_or_errno(bpf_obj_get_info_by_fd(link_fd, ret, &size));
}

int bpfring_sys_link_by_id(uint32_t id)
{
	return bpfring_sys_fd_or_errno(bpf_link_get_fd_by_id(id));
}

int bpfring_sys_next_link(uint32_t after, uint32_t *ret)
{
	return ret_or_errno(bpf_link_get_next_id(after, ret));
}

int bpfring_sys_prog_by_id(uint32_t id)
{
	return bpfring_sys_fd_or_errno(bpf_prog_get_fd_by_id(id));
}

int bpfring_sys_prog_info(int fd, struct bpf_prog_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return ret_or_errno(bpf_obj_get_info_by_fd(fd, ret, &size));
}

int bpfring_sys_struct_ops_map(uint32_t value_type_id, uint32_t value_size, uint32_t flags,
			       int btf_fd)
{
	BPFRING_OPTS(bpf_map_create_opts, opts, .map_flags = flags, .btf_fd = (uint32_t)btf_fd,
		     .btf_vmlinux_value_type_id = value_type_id);

	return bpfring_sys_fd_or_errno(bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, NULL,
						      sizeof(the_key), value_size, 1, &opts));
}

int bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base)
{
	struct btf *btf = base ? btf__load_module_btf(module, base) : btf__load_vmlinux_btf();

	if (!btf)
		return -errno;
	*ret = btf;
	return 0;
}

int bpfring_sys_btf_modules(int (*fn)(void *ctx, const char *module), void *ctx)
{
	int fd = bpfring_sys_open(BTF_DIRECTORY), ret = 0;
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		bpfring_sys_close(fd);
		return -ENOMEM;
	}
	while (!ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux"))
			ret = fn(ctx, entry->d_name);
	closedir(dir);
	return ret;
}

int bpfring_sys_btf_name(uint32_t id, char *ret, size_t size)
{
	struct bpf_btf_info info = {.name = (uintptr_t)ret, .name_len = (uint32_t)size};
	__u32 info_size = sizeof(info);
	int fd = bpfring_sys_fd_or_errno(bpf_btf_get_fd_by_id(id)), err;

	if (fd < 0)
		return fd;
	err = ret_or_errno(bpf_obj_get_info_by_fd(fd, &info, &info_size));
	close(fd);
	return err;
}

int bpfring_sys_libbpf_attach(const struct bpf_map *map, int *ret)
{
	struct bpf_link *link = bpf_map__attach_struct_ops(map);

	if (!link)
		return -errno;
	/* Without a real link libbpf's stands for the map. Ours now is the descriptor alone. */
	*ret = bpf_link__fd(link) == bpf_map__fd(map) ? -1 : bpf_link__fd(link);
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
	return 0;
}

int bpfring_sys_libbpf_leave(struct bpf_map *map)
{
	return bpf_map__set_autoattach ? bpf_map__set_autoattach(map, false) : 0;
}

void bpfring_sys_sleep(int64_t ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
				      .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}
