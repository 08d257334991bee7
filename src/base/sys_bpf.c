// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The system calls of task storage and of the probe; as sys.c, a file that knows errno. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* inodes do not fit into 32 bits */
#include "base/sys_bpf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <dlfcn.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sys_errno.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define PIDFS_MAGIC  0x50494446
#define NSEC_PER_SEC 1000000000LL

#define RETRIES 16 /* of an update that raced with another */

pid_t bpfring_sys_gettid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

pid_t bpfring_sys_getpid(void)
{
	return getpid();
}

bool bpfring_sys_is_our_thread(pid_t tid)
{
	return tid > 0 && !syscall(SYS_tgkill, getpid(), tid, 0);
}

int bpfring_sys_pidfd(pid_t tid, unsigned int flags)
{
	return bpfring_sys_fd_or_errno((int)syscall(SYS_pidfd_open, tid, flags));
}

bool bpfring_sys_pidfd_ended(int pidfd)
{
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

uint64_t bpfring_sys_pidfd_inode(int pidfd)
{
	struct statfs fs;
	struct stat file;

	/* Before pidfds had a file system of their own, all of them shared an inode. */
	if (fstatfs(pidfd, &fs) || fs.f_type != PIDFS_MAGIC || fstat(pidfd, &file))
		return 0;
	return file.st_ino;
}

int64_t bpfring_sys_thread_began(pid_t tid)
{
	uint64_t ticks;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	err = bpfring_sys_stat_field(path, STAT_STARTED, &ticks);
	return err ? err : (int64_t)ticks * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
}

int64_t bpfring_sys_boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int bpfring_sys_move_mapping(void *addr, size_t size, void *to)
{
	void *moved = mremap(addr, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	return moved == MAP_FAILED ? -errno : 0;
}

int bpfring_sys_madvise(void *addr, size_t size, int advice)
{
	return ret_or_errno(madvise(addr, size, advice));
}

/*
 * Returns when every RCU read-side section that had begun has ended. An update of a map of maps
 * does that (maybe_wait_bpf_programs() in the kernel). membarrier() does it too, but with one
 * processor it returns at once, although programs can be preempted there.
 */
int bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd)
{
	const uint32_t first = 0;

	if (outer_fd >= 0)
		return bpf_map_update_elem(outer_fd, &first, &inner_fd, BPF_ANY) ? -errno : 0;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return -EOPNOTSUPP;
	return ret_or_errno(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
}

int bpfring_sys_urandom(void *buf, size_t size)
{
	ssize_t n;

	do
		n = getrandom(buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int bpfring_sys_elem_lookup(int map_fd, const void *key, void *value)
{
	return ret_or_errno(bpf_map_lookup_elem(map_fd, key, value) ? -1 : 0);
}

/*
 * EAGAIN: another element of the task came or went at the same time. EINTR: while pinning a page.
 */
int bpfring_sys_elem_update(int map_fd, const void *key, const void *value, uint64_t flags)
{
	int err, tries = 0;

	do
		err = bpf_map_update_elem(map_fd, key, value, flags) ? -errno : 0;
	while ((err == -EAGAIN || err == -EINTR) && ++tries < RETRIES);
	return err;
}

int bpfring_sys_elem_delete(int map_fd, const void *key)
{
	int err, tries = 0;

	do
		err = bpf_map_delete_elem(map_fd, key) ? -errno : 0;
	while (err == -EAGAIN && ++tries < RETRIES);
	return err;
}

/* What the program returned, or why it did not run. @ctx is read and written. */
int bpfring_sys_prog_run_ctx(int prog_fd, void *ctx, uint32_t size)
{
	struct bpf_test_run_opts opts = {.sz = sizeof(opts), .ctx_in = ctx, .ctx_size_in = size};

	return bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : (int)opts.retval;
}

int bpfring_sys_rename(const char *from, const char *to)
{
	return ret_or_errno(rename(from, to));
}

void bpfring_sys_unlink(const char *path)
{
	unlink(path);
}

/* A static program has no dlopen(), nor anything that could be unloaded. */
#pragma weak dlopen

/*
 * What this code is part of, libbpfring.so or a plugin with libbpfring.a in it, survives dlclose().
 */
void bpfring_sys_stay_loaded(void)
{
	void *here = (void *)(uintptr_t)bpfring_sys_stay_loaded;
	Dl_info info;

	if (dlopen && dladdr(here, &info) && info.dli_fname)
		dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

int bpfring_sys_btf_by_id(struct btf **ret, uint32_t id)
{
	struct btf *btf = btf__load_from_kernel_by_id(id);

	if (!btf)
		return -errno;
	btf__set_pointer_size(btf, 8); /* of a BPF program: libbpf may take it for one of ours */
	*ret = btf;
	return 0;
}

int bpfring_sys_btf_of_kernel(struct btf **ret)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -errno;
	*ret = btf;
	return 0;
}

int bpfring_sys_btf_load_raw(const void *data, uint32_t size)
{
	return bpfring_sys_fd_or_errno(bpf_btf_load(data, size, NULL));
}

int bpfring_sys_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size,
			   uint32_t max_entries, const struct bpf_map_create_opts *opts)
{
	return bpfring_sys_fd_or_errno(
		bpf_map_create(type, "bpfring_probe", key_size, value_size, max_entries, opts));
}

int bpfring_sys_user_ring_create(const char *name, uint32_t bytes)
{
	return bpfring_sys_fd_or_errno(
		bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, name, 0, 0, bytes, NULL));
}

int bpfring_sys_prog_load_empty(uint32_t type, uint32_t btf_id, uint32_t member)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, /* r0 = 0 */
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_prog_load_opts opts = {.sz = sizeof(opts), .attach_btf_id = btf_id};

	opts.expected_attach_type = (enum bpf_attach_type)member;
	return bpfring_sys_fd_or_errno(
		bpf_prog_load((enum bpf_prog_type)type, "bpfring_probe", "GPL", insns, 2, &opts));
}

#define INIT_USER_NAMESPACE 0xEFFFFFFDU /* inode of the first one, on every system */

struct privileges bpfring_sys_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}};
	struct privileges ret = {0};
	struct stat ns;
	bool admin;

	syscall(SYS_capget, &header, caps);
	admin = caps[0].effective & 1U << CAP_SYS_ADMIN;
	ret.bpf = admin || caps[CAP_BPF / 32].effective & 1U << CAP_BPF % 32;
	ret.perfmon = admin || caps[CAP_PERFMON / 32].effective & 1U << CAP_PERFMON % 32;
	ret.user_namespace = stat("/proc/self/ns/user", &ns) ? -1
							     : ns.st_ino != INIT_USER_NAMESPACE;
	return ret;
}

int bpfring_sys_bpf(int cmd, union bpf_attr *attr, uint32_t size)
{
	return ret_or_errno(syscall(SYS_bpf, cmd, attr, size));
}
