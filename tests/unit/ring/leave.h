/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Ways out of a callback, or of a sleep, that are not a return. */
#ifndef TESTS_UNIT_LEAVE_H
#define TESTS_UNIT_LEAVE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum way {
	BY_THROW,    /* a C++ exception */
	BY_LONGJMP,  /* to the frame that called the library */
	BY_CANCEL,   /* pthread_cancel(), taken in the callback */
	BY_EXIT,     /* pthread_exit() */
	BY_RAW_EXIT, /* the system call: no handler runs, as after a cancellation with musl */
	WAYS,
};

extern const char *const way_names[WAYS];

/* NULL, or why this way is closed here. */
const char *way_closed(enum way way);

/* The same for longjmp() out of a signal handler. */
const char *jump_closed(void);

/* Does a way end the thread that takes it? */
static inline bool way_ends_thread(enum way way)
{
	return way >= BY_CANCEL;
}

/* In a callback: does not return. */
void leave(enum way way);

/* Calls @fn, in a thread of its own if the way ends that, and has to see it leave. */
bool left(enum way way, void (*fn)(void *ctx), void *ctx);

/* throw.cpp */
void leave_by_throw(void);
bool catches(void (*fn)(void *ctx), void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_UNIT_LEAVE_H */
