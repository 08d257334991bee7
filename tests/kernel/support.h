/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What all tests on the running kernel share. */
#ifndef TESTS_KERNEL_SUPPORT_H
#define TESTS_KERNEL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_common.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MSEC	      1000000LL
#define USEC	      1000LL
#define BPFFS	      "/sys/fs/bpf"

/* Sanitizers keep memory that was freed: how much is resident says nothing, they themselves do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/*
 * CMocka's asserts return, for all that the compiler knows: it warns of paths that are not there.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/*
 * A BPF file system of this process and its children, at BPFFS: nobody else sees what is pinned
 * there, and it goes with them. Before there are threads. NULL, or why it cannot be.
 */
const char *own_bpffs(void);

/* From now on log lines are caught, and libbpf is silent unless $TEST_LIBBPF_LOG is set. */
void catch_logs(void);

/* The factor in $TEST_SLOWNESS, more than 1 where the processor is an emulated one. */
int slowness(void);
int64_t limit(int64_t ns); /* of time, longer by it */

/* Skips the test for a reason that is printed. */
#define skip_because(...)                               \
	do {                                            \
		print_message("skipped: " __VA_ARGS__); \
		print_message("\n");                    \
		skip();                                 \
	} while (0)

#endif /* TESTS_KERNEL_SUPPORT_H */
