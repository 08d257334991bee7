// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Calls of the library that fail when they are told to: replaced with the linker's --wrap. */
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_bpf.h"

long fail_at = -1; /* counts down; -1: none */
int fail_with;
const char *fail_only; /* NULL: any call counts */
bool failed;
long allocations;
unsigned int poison;
unsigned long rcu_waits, prog_runs;

static bool fails(const char *name)
{
	if (fail_only && strcmp(name, fail_only))
		return false;
	if (fail_at < 0 || fail_at-- != 0)
		return false;
	failed = true;
	return true;
}

#define WRAP(name, err, params, ...)                                                  \
	int __real_bpfring_sys_##name params;                                         \
	int __wrap_bpfring_sys_##name params;                                         \
	int __wrap_bpfring_sys_##name params                                          \
	{                                                                             \
		return fails(#name) ? (err) : __real_bpfring_sys_##name(__VA_ARGS__); \
	}

WRAP(mmap, -ENOMEM, (void **ret, size_t size, int prot, int flags, int fd, uint64_t off), ret, size,
     prot, flags, fd, off)
WRAP(dup, -EMFILE, (int fd), fd)
WRAP(open, -EMFILE, (const char *path), path)
WRAP(map_info, -EPERM, (int fd, struct bpf_map_info *ret), fd, ret)
WRAP(lock_byte, -ENOLCK, (int fd, uint64_t offset), fd, offset)
WRAP(wipe_on_fork, -EINVAL, (void *addr, size_t size), addr, size)
WRAP(pidfd, -EMFILE, (pid_t tid, unsigned int flags), tid, flags)
WRAP(madvise, -EINVAL, (void *addr, size_t size, int advice), addr, size, advice)
WRAP(elem_lookup, -EPERM, (int fd, const void *key, void *value), fd, key, value)
WRAP(elem_update, -ENOMEM, (int fd, const void *key, const void *value, uint64_t flags), fd, key,
     value, flags)
WRAP(elem_delete, -EAGAIN, (int fd, const void *key), fd, key)
WRAP(btf_by_id, -EPERM, (struct btf * *ret, uint32_t id), ret, id)

int __real_bpfring_sys_prog_run_ctx(int fd, void *ctx, uint32_t size);
int __wrap_bpfring_sys_prog_run_ctx(int fd, void *ctx, uint32_t size);
int __wrap_bpfring_sys_prog_run_ctx(int fd, void *ctx, uint32_t size)
{
	prog_runs++;
	if (fails("prog_run_ctx"))
		return fail_with ? fail_with : -EBUSY;
	return __real_bpfring_sys_prog_run_ctx(fd, ctx, size);
}

int __real_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void)
{
	return fails("eventfd") ? -EMFILE : __real_bpfring_sys_eventfd();
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	void *mem = fails("alloc") ? NULL : __real_bpfring_sys_alloc(size);

	allocations += mem != NULL;
	return mem;
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	allocations -= mem != NULL;
	/*
	 * Whoever looks at it still is led astray: a mixture of true and false, addresses of
	 * nothing.
	 */
	for (size_t i = 0; mem && i < malloc_usable_size(mem); i++)
		((volatile unsigned char *)mem)[i] = (i + poison) % 2 ? 0x5a : 0;
	__real_bpfring_sys_free(mem);
}

int __real_bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd);
int __wrap_bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd);
int __wrap_bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd)
{
	rcu_waits++;
	return fails("wait_for_rcu") ? -EINVAL
				     : __real_bpfring_sys_wait_for_rcu(outer_fd, inner_fd);
}
