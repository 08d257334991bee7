// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/waiter.h"

#include <errno.h>

#include "base/sys.h"

#define FIRED	  INT64_MIN
#define SHORT_NS  1000
#define SHORT_ROW 1000U

static int add_own(struct waiter *w, int fd, void *data)
{
	return fd < 0 ? fd : bpfring_sys_epoll_add(w->epoll_fd, fd, EPOLLIN, data);
}

int bpfring_waiter_init(struct waiter *w)
{
	int err;

	atomic_init(&w->flags, 0);
	w->timer_at = INT64_MAX;
	w->epoll_fd = bpfring_sys_epoll();
	if (w->epoll_fd < 0)
		return w->epoll_fd;
	w->timer_fd = -1;
	w->wake_fd = bpfring_sys_eventfd();
	err = add_own(w, w->wake_fd, &w->wake_fd);
	if (!err) {
		w->timer_fd = bpfring_sys_timerfd();
		err = add_own(w, w->timer_fd, &w->timer_fd);
	}
	if (err)
		bpfring_waiter_fini(w);
	return err;
}

void bpfring_waiter_fini(struct waiter *w)
{
	bpfring_sys_close(w->timer_fd);
	bpfring_sys_close(w->wake_fd);
	bpfring_sys_close(w->epoll_fd);
}

int bpfring_waiter_new(struct waiter **ret, int fd, uint32_t events)
{
	struct waiter *w = bpfring_sys_alloc(sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	err = bpfring_waiter_init(w);
	if (err)
		goto free_waiter;
	err = bpfring_sys_epoll_add(w->epoll_fd, fd, events, NULL);
	if (err)
		goto fini_waiter;
	*ret = w;
	return 0;

fini_waiter:
	bpfring_waiter_fini(w);
free_waiter:
	bpfring_sys_free(w);
	return err;
}

void bpfring_waiter_free(struct waiter *w)
{
	if (!w)
		return;
	bpfring_waiter_fini(w);
	bpfring_sys_free(w);
}

void bpfring_waiter_touch(struct waiter *w)
{
	bpfring_sys_eventfd_set(w->wake_fd);
}

void bpfring_waiter_wake(struct waiter *w, unsigned int flags)
{
	/* W5: release, with the acquire in bpfring_waiter_flags(): what the waking thread wrote
	 * before is seen by the one that was woken.
	 */
	atomic_fetch_or_explicit(&w->flags, flags, memory_order_release);
	bpfring_waiter_touch(w);
}

unsigned int bpfring_waiter_flags(struct waiter *w)
{
	if (!atomic_load_explicit(&w->flags, memory_order_relaxed))
		return 0;
	return atomic_exchange_explicit(&w->flags, 0, memory_order_acquire); /* W5 */
}

void bpfring_waiter_untouch(struct waiter *w)
{
	bpfring_sys_eventfd_clear(w->wake_fd);
	if (atomic_load_explicit(&w->flags, memory_order_relaxed)) /* whose touch we took */
		bpfring_waiter_touch(w);
}

int bpfring_waiter_set_timer(struct waiter *w, int64_t at)
{
	int err;

	if (at == w->timer_at)
		return 0;
	/* 0 would disarm it; what is over is over at 1 as well. */
	err = bpfring_sys_timerfd_set(w->timer_fd, at == INT64_MAX ? 0 : at > 0 ? at : 1);
	if (!err)
		w->timer_at = at;
	return err;
}

/* Takes our own events out of @events; the number that is left. */
static int take_own(struct waiter *w, struct epoll_event *events, int count)
{
	for (int i = 0; i < count;) {
		if (events[i].data.ptr == &w->wake_fd) {
			bpfring_sys_eventfd_clear(w->wake_fd);
		} else if (events[i].data.ptr == &w->timer_fd) {
			w->timer_at = FIRED;
		} else {
			i++;
			continue;
		}
		events[i] = events[--count];
	}
	return count;
}

int bpfring_waiter_wait(struct waiter *w, struct epoll_event *ret, int max, int64_t until)
{
	const bool sleep = until != INT64_MIN;
	int n;

	/*
	 * A timer set to an earlier time stays, for setting it costs more than an idle wake-up now
	 * and then: whoever polls with a time-out, and is woken by records each time, sets it once
	 * per time-out.
	 */
	if (sleep && (until < w->timer_at || until == INT64_MAX || w->timer_at == FIRED)) {
		n = bpfring_waiter_set_timer(w, until);
		if (n)
			return n;
	}
	do
		n = bpfring_sys_epoll_wait(w->epoll_fd, ret, max, sleep);
	while (n == -EINTR);
	return n <= 0 ? n : take_own(w, ret, n);
}

bool bpfring_waiter_too_short(unsigned int *row, int64_t timeout_ns, bool found)
{
	if (timeout_ns <= 0 || timeout_ns >= SHORT_NS)
		return false;
	*row = found ? 0 : *row + 1;
	return *row == SHORT_ROW;
}
