// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Which thread a number stands for. Numbers are used again; a thread may end without a word. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

static bool threads_have_pidfds(void)
{
	int fd = bpfring_sys_pidfd(bpfring_sys_gettid(), SYS_PIDFD_THREAD);

	bpfring_sys_close(fd);
	return fd != -EINVAL;
}

int bpfring_task_try_pidfd(pid_t tid)
{
	int fd = tid > 0 ? bpfring_sys_pidfd(tid, SYS_PIDFD_THREAD) : -ESRCH;

	if (fd != -EINVAL)
		return fd;
	if (threads_have_pidfds())
		return -ESRCH;		/* it is ending */
	fd = bpfring_sys_pidfd(tid, 0); /* of the first thread of a process */
	return fd == -EINVAL ? -EOPNOTSUPP : fd;
}

int bpfring_task_pidfd(pid_t tid)
{
	int fd = bpfring_task_try_pidfd(tid);

	if (fd == -EOPNOTSUPP)
		log_error("thread %d: this kernel has no pidfds of threads (Linux 6.9); on the "
			  "fall-back the thread itself can bind or set\n",
			  (int)tid);
	else if (fd < 0 && fd != -ESRCH)
		log_error("thread %d: cannot open a pidfd: %s%s\n", (int)tid, bpfring_errname(fd),
			  fd == -EPERM	  ? "; a seccomp filter forbids pidfd_open()"
			  : fd == -EMFILE ? "; raise RLIMIT_NOFILE"
					  : "");
	return fd;
}

struct thread_seen bpfring_task_see(uint64_t inode)
{
	return (struct thread_seen){.inode = inode, .at = bpfring_sys_boottime()};
}

struct thread_seen bpfring_task_see_self(const struct bpfring_task_storage *ts)
{
	struct thread_seen seen = bpfring_task_see(ts->caller_inode);
	int fd;

	if (ts->parts.bind_fd >= 0)
		return seen; /* said by the program, when it wrote the element */
	fd = bpfring_task_try_pidfd(bpfring_sys_gettid());
	seen.inode = fd < 0 ? 0 : bpfring_sys_pidfd_inode(fd);
	bpfring_sys_close(fd);
	return seen;
}

/* Where the kernel has no inodes: to ten milliseconds, which is as exact as it gets. */
static bool began_later(const struct thread_seen *seen, pid_t tid)
{
	int64_t began = bpfring_sys_thread_began(tid);

	return began > seen->at;
}

int bpfring_task_pidfd_of(const struct thread_seen *seen, pid_t tid)
{
	int fd = bpfring_task_try_pidfd(tid);
	uint64_t inode = fd < 0 ? 0 : bpfring_sys_pidfd_inode(fd);

	if (fd < 0)
		return fd;
	if (inode && seen->inode ? inode == seen->inode : !began_later(seen, tid))
		return fd;
	bpfring_sys_close(fd);
	return -ESRCH;
}

bool bpfring_task_is_seen(const struct thread_seen *seen, pid_t tid)
{
	int fd = bpfring_task_pidfd_of(seen, tid);

	bpfring_sys_close(fd);
	return fd >= 0 || (fd != -ESRCH && fd != -ENOENT && !began_later(seen, tid));
}
