// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "leave.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __has_feature /* clang's name for it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#elif __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#ifdef __SANITIZE_THREAD__
#define DELAYS_SIGNALS 1
#else
#define DELAYS_SIGNALS 0
#endif

/*
 * A stack that pthread_exit() or a cancellation unwinds keeps the marks of AddressSanitizer, and
 * handlers trip over them; not so if what it watches is kept elsewhere.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=1";
}

const char *const way_names[WAYS] = {"throw", "longjmp", "cancel", "exit", "raw exit"};

static _Thread_local jmp_buf *back;

#if !CAN_THROW
void leave_by_throw(void)
{
	abort();
}

bool catches(void (*fn)(void *ctx), void *ctx)
{
	fn(ctx);
	return false;
}
#endif

const char *way_closed(enum way way)
{
	if (way == BY_THROW && !CAN_THROW)
		return "no C++ compiler";
	if (way == BY_RAW_EXIT && SANITIZED)
		return "sanitizers want to see threads end";
	return NULL;
}

const char *jump_closed(void)
{
	return DELAYS_SIGNALS ? "ThreadSanitizer loses signals after longjmp() out of a handler"
			      : NULL;
}

void leave(enum way way)
{
	switch (way) {
	case BY_THROW:
		leave_by_throw();
		break;
	case BY_LONGJMP:
		longjmp(*back, 1);
	case BY_CANCEL:
		pthread_cancel(pthread_self());
		pthread_testcancel();
		break;
	case BY_EXIT:
		pthread_exit(PTHREAD_CANCELED);
	default:
		syscall(SYS_exit, 0);
		break;
	}
	abort();
}

static bool jumps(void (*fn)(void *ctx), void *ctx)
{
	jmp_buf here;
	bool jumped = true;

	back = &here;
	if (!setjmp(here)) {
		fn(ctx);
		jumped = false;
	}
	back = NULL;
	return jumped;
}

struct call {
	void (*fn)(void *ctx);
	void *ctx;
	long thread;
};

static void *run(void *arg)
{
	struct call *call = arg;

	call->thread = syscall(SYS_gettid);
	call->fn(call->ctx);
	return NULL; /* pthread_exit() and cancellation leave something else */
}

static bool ends_thread(enum way way, void (*fn)(void *ctx), void *ctx)
{
	struct call call = {fn, ctx, 0};
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, run, &call) || pthread_join(thread, &result))
		abort();
	/* joined it is before the kernel has forgotten it */
	while (way == BY_RAW_EXIT && !syscall(SYS_tgkill, getpid(), call.thread, 0))
		usleep(100);
	return way == BY_RAW_EXIT || result == PTHREAD_CANCELED;
}

bool left(enum way way, void (*fn)(void *ctx), void *ctx)
{
	if (way == BY_THROW)
		return catches(fn, ctx);
	return way_ends_thread(way) ? ends_thread(way, fn, ctx) : jumps(fn, ctx);
}
