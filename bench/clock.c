/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Clocks and processors. */
#define _GNU_SOURCE
#include "clock.h"

#include <errno.h>
#include <sched.h>
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
