/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* For the files that make system calls: what a call returned, as the library returns it. */
#ifndef BPFRING_SYS_ERRNO_H
#define BPFRING_SYS_ERRNO_H

#include <errno.h>
#include <stdint.h>

static inline int ret_or_errno(long ret)
{
	return ret < 0 ? -errno : (int)ret;
}

/*
 * The same for a call that has made a descriptor, which is moved if it is 0, 1 or 2: a daemon that
 * closed these may still have code that prints, and it would print into an epoll or a map.
 */
int bpfring_sys_fd_or_errno(int fd);

/* A field of /proc/PID/stat, by the number that proc(5) gives it, and what they mean. */
enum {
	STAT_FLAGS = 9,	   /* PF_* of the kernel */
	STAT_STARTED = 22, /* when a process or thread began, in ticks since the system did */
};
int bpfring_sys_stat_field(const char *stat_path, int number, uint64_t *ret);

#endif /* BPFRING_SYS_ERRNO_H */
