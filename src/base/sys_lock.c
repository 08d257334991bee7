// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Locks of open files, and the processes and threads that may have them. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* lock bytes do not fit into 32 bits */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_errno.h"

#define PF_EXITING 0x4 /* of include/linux/sched.h */

static struct flock byte_at(uint64_t offset, short type)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = 1,
	};
}

/* Locks one byte for this open file, without waiting: -EAGAIN while another open file has it. */
int bpfring_sys_lock_byte(int fd, uint64_t offset)
{
	struct flock lock = byte_at(offset, F_WRLCK);

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

void bpfring_sys_unlock_byte(int fd, uint64_t offset)
{
	struct flock lock = byte_at(offset, F_UNLCK);

	fcntl(fd, F_OFD_SETLK, &lock);
}

int bpfring_sys_lock_query(int fd, uint64_t offset, uint64_t *start, uint64_t *size)
{
	struct flock lock = byte_at(offset, F_WRLCK);

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return -errno;
	*start = (uint64_t)lock.l_start;
	*size = lock.l_type == F_UNLCK ? 0 : lock.l_len ? (uint64_t)lock.l_len : UINT64_MAX;
	return 0;
}

int bpfring_sys_stat_field(const char *stat_path, int number, uint64_t *ret)
{
	char text[1024];
	const char *field;
	int fd, size;

	fd = bpfring_sys_open(stat_path);
	if (fd < 0)
		return fd;
	size = bpfring_sys_read(fd, text, sizeof(text) - 1);
	bpfring_sys_close(fd);
	if (size < 0)
		return size;
	text[size] = '\0';
	field = strrchr(text, ')'); /* the end of the second field, a name that may hold anything */
	for (int i = 2; field && i < number; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return -EINVAL;
	*ret = strtoull(field, NULL, 10);
	return 0;
}

static bool thread_exists(int32_t thread)
{
	return !syscall(SYS_tgkill, getpid(), thread, 0) || errno != ESRCH;
}

bool bpfring_sys_thread_lives(int32_t thread)
{
	uint64_t flags;
	char path[64];

	if (!thread_exists(thread))
		return false;
	/* One that was joined is there for a moment longer, on its way out of the kernel. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	if (!bpfring_sys_stat_field(path, STAT_FLAGS, &flags))
		return !(flags & PF_EXITING);
	return thread_exists(thread); /* else there is no /proc */
}

static int process_started(uint64_t pid, uint64_t *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	return bpfring_sys_stat_field(path, STAT_STARTED, ret);
}

static int own_pid_ns(uint64_t *ret)
{
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns))
		return -errno;
	*ret = (uint64_t)ns.st_ino;
	return 0;
}

int bpfring_sys_self(struct process *ret)
{
	int err = own_pid_ns(&ret->pid_ns);

	ret->pid = (uint64_t)getpid();
	return err ? err : process_started(ret->pid, &ret->started);
}

int bpfring_sys_process_runs(const struct process *process)
{
	uint64_t pid_ns = 0, started;
	int err = own_pid_ns(&pid_ns);

	if (!err && (pid_ns != process->pid_ns || !process->pid || process->pid > INT32_MAX))
		err = -EXDEV;
	if (err)
		return err;
	if (kill((pid_t)process->pid, 0) && errno == ESRCH)
		return 0;
	/* Something has this number. What /proc hides is taken for the same process. */
	return process_started(process->pid, &started) || started == process->started;
}
