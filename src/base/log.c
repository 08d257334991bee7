// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The log hook: the library's only global state. */
#define _GNU_SOURCE
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/sys.h"

#define LEVEL_UNREAD (-2)
#define LEVEL_NONE   (-1)
#define NSEC_PER_SEC 1000000000LL
#define STORY_LINES  40U /* in a second, per object */

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

/* Read once. Two threads may both do it: they read the same. */
static int limit(void)
{
	static atomic_int limit = LEVEL_UNREAD;
	int now = atomic_load_explicit(&limit, memory_order_relaxed);

	if (now == LEVEL_UNREAD) {
		now = level_from_environment();
		atomic_store_explicit(&limit, now, memory_order_relaxed);
	}
	return now;
}

static void print_to_stderr(enum bpfring_log_level level, const char *fmt, va_list args)
{
	if ((int)level <= limit())
		vfprintf(stderr, fmt, args);
}

static _Atomic(bpfring_log_fn) hook = print_to_stderr;

bpfring_log_fn bpfring_set_log(bpfring_log_fn fn)
{
	return atomic_exchange(&hook, fn);
}

bool bpfring_log_wants(enum bpfring_log_level level)
{
	bpfring_log_fn fn = atomic_load_explicit(&hook, memory_order_relaxed);

	return fn == print_to_stderr ? (int)level <= limit() : fn != NULL;
}

void bpfring_log(enum bpfring_log_level level, const char *fmt, ...)
{
	bpfring_log_fn fn = atomic_load(&hook);
	int saved = errno, state;
	va_list args;

	if (!fn)
		return;
	/* Printing is a cancellation point, and callers log in the middle of their work. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	va_start(args, fmt);
	fn(level, fmt, args);
	va_end(args);
	pthread_setcancelstate(state, &state);
	errno = saved;
}

bool bpfring_story_goes_on(struct story *s)
{
	int64_t second = bpfring_sys_now() / NSEC_PER_SEC;

	if (second != s->second) {
		unsigned int left_out = s->left_out;

		*s = (struct story){.second = second};
		if (left_out)
			bpfring_log(BPFRING_LOG_DEBUG, "libbpfring: (%u lines left out)\n",
				    left_out);
	}
	if (s->lines == STORY_LINES) {
		s->left_out++;
		return false;
	}
	s->lines++;
	return true;
}
