// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Space for another event loop: a descriptor that is readable only between arm and space. */
#include <errno.h>

#include "producer/producer.h"
#include "base/sys.h"

static int make_descriptors(struct space_watch *watch)
{
	int err;

	watch->timer_fd = bpfring_sys_timerfd();
	if (watch->timer_fd < 0)
		return watch->timer_fd;
	watch->epoll_fd = bpfring_sys_epoll();
	if (watch->epoll_fd < 0) {
		err = watch->epoll_fd;
		goto close_timer;
	}
	err = bpfring_sys_epoll_add(watch->epoll_fd, watch->timer_fd, EPOLLIN, NULL);
	if (err)
		goto close_epoll;
	return 0;

close_epoll:
	bpfring_sys_close(watch->epoll_fd);
	watch->epoll_fd = -1;
close_timer:
	bpfring_sys_close(watch->timer_fd);
	return err;
}

int bpfring_producer_fd(struct bpfring_producer *p)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	if (p->watch.epoll_fd < 0)
		err = make_descriptors(&p->watch);
	return err ? bpfring_producer_refuse(p, REFUSED_NO_WAITER, err) : p->watch.epoll_fd;
}

static void disarm(struct bpfring_producer *p)
{
	if (p->watch.armed)
		bpfring_sys_epoll_del(p->watch.epoll_fd, p->map.fd);
	bpfring_sys_timerfd_set(p->watch.timer_fd, 0);
	p->watch.armed = false;
}

static int watch_space(struct bpfring_producer *p)
{
	struct space_watch *watch = &p->watch;
	int err = bpfring_sys_epoll_add(watch->epoll_fd, p->map.fd, EPOLLOUT | EPOLLET, p);

	if (err)
		return bpfring_producer_refuse(p, REFUSED_NO_WAITER, err);
	watch->armed = true;
	bpfring_patience_init(&watch->patience, p);
	return 0;
}

int bpfring_producer_arm(struct bpfring_producer *p, size_t size)
{
	int err = bpfring_producer_usable(p);
	struct space_watch *watch;
	struct epoll_event events[2];
	int64_t now;
	uint64_t total;

	if (err)
		return bpfring_producer_refuse_use(p, err);
	if (size > p->prod.max_sample)
		return bpfring_producer_refuse_space(p, -E2BIG);
	watch = &p->watch;
	if (watch->epoll_fd < 0)
		return bpfring_producer_refuse(p, REFUSED_NO_FD, -EINVAL);
	total = bpfring_priv_total((uint32_t)size);
	err = watch->armed ? 0 : watch_space(p);
	if (err)
		return err;
	/* Takes the edges back; one that comes after this makes the descriptor readable again. */
	bpfring_sys_epoll_wait(watch->epoll_fd, events, 2, false);
	now = bpfring_sys_now();
	if (bpfring_producer_free_space(p) < total &&
	    bpfring_patience_kicks(&watch->patience, p, now)) {
		bpfring_producer_kick(p);
		err = bpfring_producer_usable(p); /* a hook may have forked or closed it */
		if (err)
			return err;
	}
	if (bpfring_producer_free_space(p) >= total) {
		disarm(p);
		return 1;
	}
	return bpfring_sys_timerfd_set(watch->timer_fd,
				       now + bpfring_patience_next(&watch->patience));
}

void bpfring_producer_watch_fini(struct bpfring_producer *p)
{
	bpfring_sys_close(p->watch.epoll_fd);
	if (p->watch.epoll_fd >= 0)
		bpfring_sys_close(p->watch.timer_fd);
}
