/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Clocks and processors. */
#define _GNU_SOURCE
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

void sleep_ns(int64_t ns)
{
	int64_t end = now_ns() + ns;
	struct timespec ts = {.tv_sec = end / NSEC_PER_SEC, .tv_nsec = end % NSEC_PER_SEC};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

int pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int cpu_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (int)n : 1;
}

#define WAKE_NS 15000 /* from being woken to running, on an idle processor */

static int64_t ended_displaced_ns;

static int64_t thread_displaced_ns(void)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	long long ran, waited = 0, turns = 0;
	char buf[96];
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	if (sscanf(buf, "%lld %lld %lld", &ran, &waited, &turns) != 3)
		return 0;
	return waited > turns * WAKE_NS ? waited - turns * WAKE_NS : 0;
}

void displaced_note(void)
{
	__atomic_fetch_add(&ended_displaced_ns, thread_displaced_ns(), __ATOMIC_RELAXED);
}

int64_t displaced_ns(void)
{
	return __atomic_load_n(&ended_displaced_ns, __ATOMIC_RELAXED) + thread_displaced_ns();
}
