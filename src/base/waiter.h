/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Sleeping: an epoll instance, and a way to end its sleep from any thread or signal handler. */
#ifndef BPFRING_WAITER_H
#define BPFRING_WAITER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>

struct waiter {
	int epoll_fd;
	int wake_fd; /* eventfd in the epoll */
	atomic_uint flags;
};

int bpfring_waiter_init(struct waiter *w);
void bpfring_waiter_fini(struct waiter *w);

/* One of its own for a single descriptor; NULL may be freed. */
int bpfring_waiter_new(struct waiter **ret, int fd, uint32_t events);
void bpfring_waiter_free(struct waiter *w);

/* Sets flags and ends the present, or else the next, sleep. Any thread, signal handlers. */
void bpfring_waiter_wake(struct waiter *w, unsigned int flags);

/* Makes the epoll descriptor readable, or the next sleep short, without a flag. */
void bpfring_waiter_touch(struct waiter *w);

/* Reads and clears the flags. */
unsigned int bpfring_waiter_flags(struct waiter *w);

/*
 * Sleeps until a watched descriptor is ready, a wake, or the time is up; -1 for ever. Number of
 * events (that of the waiter itself is taken out), 0, or -errno, never -EINTR.
 */
int bpfring_waiter_wait(struct waiter *w, struct epoll_event *ret, int max, int64_t timeout_ns);

#endif /* BPFRING_WAITER_H */
