// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The calls of libbpf that libbpfring makes for rings, each of which is one system call. They are
 * part of the preloaded library alone, and hidden in it: so it brings no libbpf, libelf and libz
 * into programs that have none, and does not prefer one of several. What is missing here, the
 * linker names.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct bpf_test_run_opts {
	size_t sz;
	const void *data_in;
	void *data_out;
	uint32_t data_size_in;
	uint32_t data_size_out;
	const void *ctx_in;
	void *ctx_out;
	uint32_t ctx_size_in;
	uint32_t ctx_size_out;
	uint32_t retval;
};

int bpf_obj_get_info_by_fd(int fd, void *info, uint32_t *size);
int bpf_map_get_next_key(int fd, const void *key, void *next_key);
int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts);

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static union bpf_attr nothing(void)
{
	union bpf_attr attr;

	memset(&attr, 0,
	       sizeof(attr)); /* what the kernel does not know yet must be zero, padding too */
	return attr;
}

int bpf_obj_get_info_by_fd(int fd, void *info, uint32_t *size)
{
	union bpf_attr attr = nothing();
	int err;

	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = *size;
	attr.info.info = (uintptr_t)info;
	err = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
	if (!err)
		*size = attr.info.info_len;
	return err;
}

int bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
	union bpf_attr attr = nothing();

	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)key;
	attr.next_key = (uintptr_t)next_key;
	return bpf(BPF_MAP_GET_NEXT_KEY, &attr);
}

int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts)
{
	union bpf_attr attr = nothing();
	int err;

	attr.test.prog_fd = (uint32_t)fd;
	err = bpf(BPF_PROG_TEST_RUN, &attr);
	opts->retval = attr.test.retval;
	return err;
}
