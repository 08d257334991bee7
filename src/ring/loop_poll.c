// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* One poll: sleep until something is due, then give every ready source its turn. */
#include <errno.h>
#include <limits.h>

#include "ring/loop.h"
#include "base/sys.h"

#define AWAY_NS	     5000 /* so long between two polls is work of the caller's own */
#define PILE_RECORDS 64	  /* so many at once, and the cost of a look does not count */

/* Are so many records waiting that taking them now is worth more than sleeping out the window? */
static bool has_pile(const struct bpfring_consumer *c)
{
	uint64_t records = c->cons.records ? c->cons.records : 1;

	return bpfring_ring_avail_data(&c->cons) >=
	       PILE_RECORDS * ((c->cons.released - c->opened_at) / records);
}

/* Data that has piled up while the caller was busy elsewhere does not wait for its window. */
static void hasten(struct bpfring_loop *l, int64_t now)
{
	if (now - l->left_at < AWAY_NS) /* straight back: too soon to look again */
		return;
	for (struct bpfring_source *s = l->active_first; s; s = s->active_next)
		if (s->c && !s->c->armed && s->due > now && has_pile(s->c))
			bpfring_source_activate(s, now);
}

static void poll_until(struct bpfring_loop *l, struct turn *t, int64_t timeout_ns)
{
	int64_t deadline = bpfring_deadline(t->now, timeout_ns);

	for (;;) {
		int err = bpfring_loop_wait(l, t, deadline);

		if (err) {
			bpfring_turn_error(t, err);
			return;
		}
		if (!t->stopped && !t->err)
			bpfring_loop_turns(l, t);
		bpfring_loop_leave(l, t);
		if (t->worked)
			return;
		if (t->now >= deadline)
			break;
	}
	/*
	 * Time is up: one last look. A call that takes what is ready, and found something that was,
	 * does without; and it lets quiet rings have their windows.
	 */
	if (!timeout_ns && t->looked)
		return;
	if (bpfring_loop_look_for_silent(l, t->now, timeout_ns != 0)) {
		bpfring_loop_turns(l, t);
		bpfring_loop_leave(l, t);
	}
}

static int refuse(struct bpfring_loop *l, enum call_state state)
{
	if (state == CALL_THEIRS)
		log_once(l->said, LOOP_SAID_THREADS, ERROR,
			 "loop %p: two threads poll it, or one that still runs left a poll by "
			 "longjmp(): give each thread a loop of its own\n",
			 (void *)l);
	else if (state == CALL_OURS)
		log_once(l->said, LOOP_SAID_NESTED, ERROR,
			 "loop %p: polled from one of its own callbacks: return from it first\n",
			 (void *)l);
	else
		log_once(l->said, LOOP_SAID_NESTED, ERROR,
			 "loop %p: polled from one of its own callbacks, or deeper on a stack "
			 "without unwind tables than a poll that longjmp() left: poll where "
			 "setjmp() was called\n",
			 (void *)l);
	return -EINVAL;
}

int bpfring_loop_check(struct bpfring_loop *l, struct call_place here)
{
	int err = bpfring_loop_check_child(l);
	enum call_state state;

	if (err)
		return err;
	state = bpfring_call_state(&l->call, here);
	if (state == CALL_LEFT)
		bpfring_loop_left(l);
	return state == CALL_NONE || state == CALL_LEFT ? 0 : refuse(l, state);
}

/* A handler: the poll is left by an exception, or its thread is cancelled. */
static void leave(struct bpfring_loop **l)
{
	if (*l)
		bpfring_loop_left(*l);
}

int bpfring_loop_poll_once(struct bpfring_loop *l, int64_t timeout_ns, bool dispatching,
			   bool *stopped)
{
	struct bpfring_loop *left __attribute__((cleanup(leave))) = NULL;
	struct turn t = {0};
	int err;

	*stopped = false;
	if (!l)
		return -EINVAL;
	err = bpfring_loop_check(l, call_place_here());
	if (err)
		return err;
	if (timeout_ns < -1) {
		log_once(l->said, LOOP_SAID_TIMEOUT, ERROR,
			 "loop %p: polled with a time-out of %lld ns: -1 means for ever\n",
			 (void *)l, (long long)timeout_ns);
		return -EINVAL;
	}
	if (!bpfring_call_begin(&l->call, call_place_here()))
		return refuse(l, CALL_THEIRS);
	left = l; /* NOLINT(clang-analyzer-deadcode.DeadStores): for its handler */
	t.now = bpfring_sys_now();
	l->dispatching = dispatching;
	l->polls++;
	if (!timeout_ns) /* all that is ready: ask the kernel, even in the middle of a spin */
		l->next_fd_check = 0;
	if (l->lost)
		bpfring_loop_look_for_lost(l, t.now);
	hasten(l, t.now);
	poll_until(l, &t, timeout_ns);
	left = NULL;
	bpfring_sources_free(&l->removed);
	bpfring_call_end(&l->call);
	if (bpfring_waiter_too_short(&l->short_polls, timeout_ns, t.worked))
		log_once(l->said, LOOP_SAID_SHORT, WARN, "loop %p: " WAITER_TOO_SHORT "\n",
			 (void *)l, (long long)timeout_ns);
	*stopped = t.stopped;
	if (t.err)
		return t.err;
	return t.records > INT_MAX ? INT_MAX : (int)t.records;
}

int bpfring_loop_poll(struct bpfring_loop *l, int64_t timeout_ns)
{
	bool stopped;

	return bpfring_loop_poll_once(l, timeout_ns, false, &stopped);
}

int bpfring_loop_run(struct bpfring_loop *l)
{
	bool stopped = false;
	int err = l ? bpfring_loop_check(l, call_place_here()) : -EINVAL;

	while (err >= 0 && !stopped && !l->stop)
		err = bpfring_loop_poll_once(l, -1, false, &stopped);
	if (err < 0)
		return err;
	l->stop = false;
	return 0;
}
