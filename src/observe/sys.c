// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The system calls of libbpfring-observe; its only file that knows errno. */
#define _GNU_SOURCE
#include "observe/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL

void *bpfring_observe_sys_alloc(size_t size)
{
	return calloc(1, size);
}

void bpfring_observe_sys_free(void *mem)
{
	free(mem);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int64_t bpfring_observe_sys_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t bpfring_observe_sys_cpu_time(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int bpfring_observe_sys_timerfd(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), high;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	/* A daemon that closed 0, 1 and 2 may still have code that prints there. */
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		high = -errno;
	close(fd);
	return high;
}

int bpfring_observe_sys_timerfd_set(int fd, int64_t at_ns)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(at_ns % NSEC_PER_SEC)},
	};
	int saved = errno, err = 0;

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL))
		err = -errno;
	errno = saved;
	return err;
}

int bpfring_observe_sys_wait_readable(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, -1) < 0 ? -errno : 0;
}

void bpfring_observe_sys_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
