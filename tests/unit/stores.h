/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Counts how often this thread stores into a word, with a breakpoint of the processor. */
#ifndef TESTS_UNIT_STORES_H
#define TESTS_UNIT_STORES_H

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"

/* A descriptor for stores_since(); -1: this machine or this user has no breakpoints. */
static inline int watch_stores(const void *word, unsigned int size)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_BREAKPOINT;
	attr.size = sizeof(attr);
	attr.bp_type = HW_BREAKPOINT_W;
	attr.bp_addr = (uintptr_t)word;
	attr.bp_len = size;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Stores so far. */
static inline uint64_t stores(int fd)
{
	uint64_t count = 0;

	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

#define skip_without_breakpoints(fd)                                         \
	do {                                                                 \
		if ((fd) < 0) {                                              \
			print_message("skipped: no hardware breakpoints\n"); \
			skip();                                              \
		}                                                            \
	} while (0)

#endif /* TESTS_UNIT_STORES_H */
