// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/sys_group.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/sys_errno.h"

int bpfring_sys_possible_cpus(void)
{
	return libbpf_num_possible_cpus();
}

int bpfring_sys_ring_create(const char *name, uint32_t bytes, int node)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts)};

	if (node >= 0) {
		opts.map_flags = BPF_F_NUMA_NODE;
		opts.numa_node = (uint32_t)node;
	}
	return bpfring_sys_fd_or_errno(
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, name, 0, 0, bytes, &opts));
}

int bpfring_sys_elems_update(int map_fd, const uint32_t *keys, const void *values, uint32_t count)
{
	return bpf_map_update_batch(map_fd, keys, values, &count, NULL) ? -errno : 0;
}

int bpfring_sys_prog_next(uint32_t after, uint32_t *ret)
{
	return ret_or_errno(bpf_prog_get_next_id(after, ret));
}

int bpfring_sys_prog_maps(uint32_t prog, uint32_t *ret, uint32_t max)
{
	struct bpf_prog_info info = {.nr_map_ids = max, .map_ids = (uintptr_t)ret};
	uint32_t size = sizeof(info);
	int fd = bpfring_sys_fd_or_errno(bpf_prog_get_fd_by_id(prog)), err;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	close(fd);
	return err ? err : (int)info.nr_map_ids;
}
