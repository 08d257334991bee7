// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A loop inside another loop. The epoll descriptor is readable while an event waits in it: an edge
 * of an armed ring, a plain descriptor, the eventfd (work left, a wake), or the timer (a window or a
 * tick is over). After a dispatch none of these is true unless there is work.
 */
#include <errno.h>

#include "ring/loop.h"
#include "base/sys.h"

static int set_timer(struct bpfring_loop *l)
{
	int64_t due = bpfring_loop_next_due(l);
	int err;

	/*
	 * What is still ready, more events than one poll takes or a descriptor not read to its end,
	 * makes no new edge: an edge-triggered outer loop would never come back for it.
	 */
	if (due <= bpfring_sys_now() || bpfring_sys_readable(l->waiter.epoll_fd)) {
		bpfring_waiter_touch(&l->waiter);
		due = INT64_MAX;
	}
	if (due == l->timer_due)
		return 0;
	err = bpfring_sys_timerfd_set(l->timer_fd, due == INT64_MAX ? 0 : due);
	if (!err)
		l->timer_due = due;
	return err;
}

static int make_timer(struct bpfring_loop *l)
{
	int fd = bpfring_sys_timerfd(), err;

	if (fd < 0)
		return fd;
	err = bpfring_sys_epoll_add(l->waiter.epoll_fd, fd, EPOLLIN, &l->timer_fd);
	if (err) {
		bpfring_sys_close(fd);
		return err;
	}
	l->timer_fd = fd;
	return 0;
}

int bpfring_loop_fd(struct bpfring_loop *l)
{
	int err;

	if (!l)
		return -EINVAL;
	if (!*l->guard)
		return -ECHILD;
	if (l->pace.wait == BPFRING_WAIT_SPIN)
		return -EOPNOTSUPP;
	if (l->timer_fd < 0) {
		err = make_timer(l);
		if (!err)
			err = set_timer(l);
		if (err)
			return err;
	}
	return l->waiter.epoll_fd;
}

int bpfring_loop_dispatch(struct bpfring_loop *l)
{
	bool stopped;
	int handled, err;

	if (!l || l->timer_fd < 0)
		return -EINVAL;
	handled = bpfring_loop_poll_once(l, 0, &stopped);
	if (handled == -ECHILD)
		return handled;
	err = set_timer(l);
	return handled < 0 || !err ? handled : err;
}
