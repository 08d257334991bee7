// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/call.h"

#include <unwind.h>

#include "base/sys.h"

struct search {
	const struct call *call;
	enum call_state found;
};

/* One frame further up. One of code without unwind tables ends the walk. */
static _Unwind_Reason_Code step(struct _Unwind_Context *ctx, void *arg)
{
	struct search *s = arg;
	const struct call *c = s->call;
	uintptr_t frame = (uintptr_t)_Unwind_GetCFA(ctx);

	if (frame < c->place.frame)
		return _URC_NO_REASON;
	s->found = CALL_LEFT;
	/* The same function, called at the same place: its mark is where ours was. */
	if (frame == c->place.frame && (uintptr_t)_Unwind_GetIP(ctx) == c->place.returns_to &&
	    *c->mark == c)
		s->found = CALL_OURS;
	return _URC_END_OF_STACK;
}

/* Is the frame of a call by this thread still there? All stacks that BPF knows grow down. */
static enum call_state look_for(const struct call *c, struct call_place here)
{
	struct search s = {.call = c, .found = CALL_MAYBE};

	/* Coroutines have stacks of their own, which say nothing of each other. */
	if (!bpfring_sys_on_stack(here.frame) || !bpfring_sys_on_stack(c->place.frame))
		return CALL_MAYBE;
	if (here.frame >= c->place.frame)
		return CALL_LEFT;
	_Unwind_Backtrace(step, &s);
	return s.found;
}

enum call_state bpfring_call_state(const struct call *c, struct call_place here)
{
	int32_t thread = atomic_load_explicit(&c->thread, memory_order_relaxed);

	if (!thread)
		return CALL_NONE;
	/* A forked child has its parent's thread that forked, as itself, and none of the others. */
	if (thread == bpfring_sys_thread())
		return look_for(c, here);
	return bpfring_sys_thread_lives(thread) ? CALL_THEIRS : CALL_LEFT;
}

bool bpfring_call_enter(struct call *c, struct call_place here, const struct call **mark)
{
	int32_t none = 0;

	/* Relaxed: it keeps no data apart, it notices misuse. */
	if (!atomic_compare_exchange_strong_explicit(&c->thread, &none, bpfring_sys_thread(),
						     memory_order_relaxed, memory_order_relaxed))
		return false;
	c->place = here;
	c->mark = mark;
	*mark = c;
	return true;
}

void bpfring_call_end(struct call *c)
{
	atomic_store_explicit(&c->thread, 0, memory_order_relaxed);
}
