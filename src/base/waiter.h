/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Sleeping: an epoll instance, a way to end its sleep from any thread or signal handler, and a
 * timer.
 *
 * Every sleep that is to end at some time is ended by the timer. The time-out of a system call is
 * not used: it comes late by the timer slack of the thread, which anybody may set to seconds.
 */
#ifndef BPFRING_WAITER_H
#define BPFRING_WAITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct waiter {
	int epoll_fd;
	int wake_fd;	  /* eventfd in the epoll */
	int timer_fd;	  /* timerfd in the epoll, level-triggered */
	int64_t timer_at; /* INT64_MAX: not set; INT64_MIN: has fired, and is readable */
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

/* Takes that back, unless there are flags to be read. */
void bpfring_waiter_untouch(struct waiter *w);

/* Reads and clears the flags. */
unsigned int bpfring_waiter_flags(struct waiter *w);

/*
 * The epoll descriptor becomes readable at @at, INT64_MAX: never, and is not because of an earlier
 * time.
 */
int bpfring_waiter_set_timer(struct waiter *w, int64_t at);

/*
 * Sleeps until a watched descriptor is ready, a wake, or @until, INT64_MAX: for ever; INT64_MIN:
 * does not sleep. Number of events (those of the waiter itself are taken out), 0, also now and then
 * for no reason, or -errno, never -EINTR. A cancellation point, and the only one.
 */
int bpfring_waiter_wait(struct waiter *w, struct epoll_event *ret, int max, int64_t until);

/*
 * 100 is a time-out of 100 ms for whoever comes from other libraries, and looks as if it worked.
 * True at the last of many calls in a row with a time-out below a microsecond that @found nothing;
 * @row counts them.
 */
bool bpfring_waiter_too_short(unsigned int *row, int64_t timeout_ns, bool found);

#define WAITER_TOO_SHORT                                                                        \
	"a thousand time-outs of %lld ns in a row, for nothing: time-outs are in nanoseconds, " \
	"100 ms are "                                                                           \
	"100000000"

#endif /* BPFRING_WAITER_H */
