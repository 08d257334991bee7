/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A call in progress on an object. While one is in progress it may call back, and that callback may
 * never return: it throws a C++ exception, or calls longjmp(), or its thread is cancelled or ends.
 *
 * Exceptions, and glibc's cancellation and pthread_exit(), run the handlers of the frames that they
 * leave: the library is compiled with -fexceptions and cleans up in __attribute__((cleanup)).
 * Nothing runs after longjmp(), nor where threads end in other ways. So a call also notes its
 * thread and its place on the stack, and the next one looks whether it is still there. If not, it
 * cleans up in its stead.
 */
#ifndef BPFRING_SRC_CALL_H
#define BPFRING_SRC_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A frame on the stack: what its caller's stack pointer was, and where it returns to. */
struct call_place {
	uintptr_t frame;
	uintptr_t returns_to;
};

#define call_place_here()                                      \
	((struct call_place){(uintptr_t)__builtin_dwarf_cfa(), \
			     (uintptr_t)__builtin_return_address(0)})

struct call {
	_Atomic int32_t thread; /* that is in it; 0: none */
	struct call_place place;
	const struct call **mark; /* in the frame: whose call it is */
};

enum call_state {
	CALL_NONE,
	CALL_LEFT,  /* there was one, and it will not come back: clean up, and bpfring_call_end() */
	CALL_OURS,  /* this is a callback of it */
	CALL_MAYBE, /* perhaps it is; this stack or its unwind tables do not show it */
	CALL_THEIRS, /* another thread is in it */
};

/*
 * @here: of a frame that does not belong to a new call of the same kind, other than the one that
 * would begin.
 */
enum call_state bpfring_call_state(const struct call *c, struct call_place here);

static inline bool bpfring_call_in_progress(const struct call *c)
{
	return atomic_load_explicit(&c->thread, memory_order_relaxed) != 0;
}

/*
 * From CALL_NONE. False: another thread was faster. To be used in the function that stays until the
 * end of the call, for the mark is in its frame; from alloca(), for sanitizers put other variables
 * elsewhere.
 */
#define bpfring_call_begin(c, here) \
	bpfring_call_enter(c, here, __builtin_alloca(sizeof(const struct call *)))

bool bpfring_call_enter(struct call *c, struct call_place here, const struct call **mark);
void bpfring_call_end(struct call *c);

#endif /* BPFRING_SRC_CALL_H */
