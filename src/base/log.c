// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The log hook: the library's only global state. */
#define _GNU_SOURCE
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define LEVEL_UNREAD (-2)
#define LEVEL_NONE   (-1)

static int level_from_environment(void)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	const char *env = secure_getenv("BPFRING_LOG_LEVEL");

	if (!env)
		return BPFRING_LOG_WARN;
	for (int i = 0; i < 4; i++)
		if (!strcasecmp(env, names[i]))
			return i;
	return strcasecmp(env, "none") ? BPFRING_LOG_WARN : LEVEL_NONE;
}

static void print_to_stderr(enum bpfring_log_level level, const char *fmt, va_list args)
{
	static atomic_int limit = LEVEL_UNREAD;
	int now = atomic_load_explicit(&limit, memory_order_relaxed);

	if (now == LEVEL_UNREAD) { /* two threads may both read it: they read the same */
		now = level_from_environment();
		atomic_store_explicit(&limit, now, memory_order_relaxed);
	}
	if ((int)level <= now)
		vfprintf(stderr, fmt, args);
}

static _Atomic(bpfring_log_fn) hook = print_to_stderr;

bpfring_log_fn bpfring_set_log(bpfring_log_fn fn)
{
	return atomic_exchange(&hook, fn);
}

void bpfring_log(enum bpfring_log_level level, const char *fmt, ...)
{
	bpfring_log_fn fn = atomic_load(&hook);
	int saved = errno;
	va_list args;

	if (!fn)
		return;
	va_start(args, fmt);
	fn(level, fmt, args);
	va_end(args);
	errno = saved;
}
