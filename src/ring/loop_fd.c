// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A loop inside another loop. The epoll descriptor is readable while an event waits in it: an edge
 * of an armed ring, a plain descriptor, the eventfd (work left, a wake), or the timer (a window or
 * a tick is over). After a dispatch none of these is true unless there is work. It is readable all
 * through a dispatch, so that whoever leaves that by longjmp() is told to come back.
 */
#include <errno.h>

#include "ring/loop.h"
#include "base/sys.h"

/* The end of a dispatch: readable for work that is left, or when there will be some. */
static int let_sleep(struct bpfring_loop *l)
{
	int64_t due = bpfring_loop_next_due(l);
	int err;

	if (l->held)
		bpfring_waiter_untouch(&l->waiter);
	l->held = false;
	/*
	 * What is still ready, more events than one poll takes or a descriptor not read to its end,
	 * makes no new edge: an edge-triggered outer loop would never come back for it.
	 */
	if (due <= bpfring_sys_now() || (l->unread && bpfring_sys_readable(l->waiter.epoll_fd))) {
		bpfring_waiter_touch(&l->waiter);
		due = INT64_MAX;
	}
	err = bpfring_waiter_set_timer(&l->waiter, due);
	return err ? bpfring_loop_cannot_sleep(l, err) : 0;
}

int bpfring_loop_fd(struct bpfring_loop *l)
{
	int err;

	if (!l)
		return -EINVAL;
	err = bpfring_loop_check_child(l);
	if (err)
		return err;
	if (l->pace.wait == BPFRING_WAIT_SPIN) {
		log_once(l->said, LOOP_SAID_SPIN_FD, ERROR,
			 "loop %p: BPFRING_WAIT_SPIN never sleeps, so no descriptor can say when "
			 "there is work: use another mode inside an outer loop\n",
			 (void *)l);
		return -EOPNOTSUPP;
	}
	if (!l->outer) {
		l->unread = true;
		err = let_sleep(l);
		if (err)
			return err;
		l->outer = true;
	}
	return l->waiter.epoll_fd;
}

int bpfring_loop_dispatch(struct bpfring_loop *l)
{
	bool stopped;
	int handled, err;

	if (!l)
		return -EINVAL;
	err = bpfring_loop_check(l, call_place_here());
	if (err)
		return err;
	if (!l->outer) {
		log_once(l->said, LOOP_SAID_NO_FD, ERROR,
			 "loop %p: bpfring_loop_dispatch() is for outer loops: call "
			 "bpfring_loop_fd() before, or bpfring_loop_poll() instead\n",
			 (void *)l);
		return -EINVAL;
	}
	handled = bpfring_loop_poll_once(l, 0, true, &stopped);
	/* Misused from a callback; the call in progress does the rest. Or forked in one. */
	if (bpfring_call_in_progress(&l->call) || !*l->guard)
		return handled;
	err = let_sleep(l);
	return handled < 0 || !err ? handled : err;
}
