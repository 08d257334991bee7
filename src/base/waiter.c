// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "base/waiter.h"

#include <errno.h>

#include "base/sys.h"

int bpfring_waiter_init(struct waiter *w)
{
	int err;

	atomic_init(&w->flags, 0);
	w->epoll_fd = bpfring_sys_epoll();
	if (w->epoll_fd < 0)
		return w->epoll_fd;
	w->wake_fd = bpfring_sys_eventfd();
	err = w->wake_fd < 0 ? w->wake_fd
			     : bpfring_sys_epoll_add(w->epoll_fd, w->wake_fd, EPOLLIN, w);
	if (err)
		bpfring_waiter_fini(w);
	return err;
}

void bpfring_waiter_fini(struct waiter *w)
{
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

/* Takes our own event out of @events; the number that is left. */
static int take_wake(struct waiter *w, struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr != w)
			continue;
		bpfring_sys_eventfd_clear(w->wake_fd);
		events[i] = events[count - 1];
		return count - 1;
	}
	return count;
}

int bpfring_waiter_wait(struct waiter *w, struct epoll_event *ret, int max, int64_t timeout_ns)
{
	int64_t deadline = timeout_ns > 0 ? bpfring_sys_now() + timeout_ns : 0;

	for (;;) {
		int n = bpfring_sys_epoll_wait(w->epoll_fd, ret, max, timeout_ns);

		if (n != -EINTR)
			return n <= 0 ? n : take_wake(w, ret, n);
		/* The handler may have been the one to wake us, with the write still to be seen. */
		if (timeout_ns > 0) {
			timeout_ns = deadline - bpfring_sys_now();
			if (timeout_ns < 0)
				timeout_ns = 0;
		}
	}
}
