// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Busy heads. The kernel calls a ring readable while its first record is still being written, and a
 * level-triggered epoll returns at once, again and again, until the record is committed. Rings in
 * that state are watched edge-triggered: the edge comes with the commit. A commit with
 * BPF_RB_NO_WAKEUP makes none, so a timer makes the epoll readable from time to time as well.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ring_buffer.h"

#define TICK_MIN_NS 1000000LL
#define TICK_MAX_NS 64000000LL

/* Takes the expiry back, if there is one. */
static bool expired(struct ring_buffer *rb)
{
	uint64_t times;

	return rb->busy_timer >= 0 && read(rb->busy_timer, &times, sizeof(times)) == sizeof(times);
}

/* 0: never. Takes an expiry back as well. */
static void set_timer(struct ring_buffer *rb, int64_t ns)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(ns / 1000000000),
			     .tv_nsec = (long)(ns % 1000000000)},
	};

	if (rb->busy_timer >= 0)
		timerfd_settime(rb->busy_timer, 0, &when, NULL);
}

static void make_timer(struct ring_buffer *rb)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = BUSY_TIMER};

	if (rb->busy_timer >= 0)
		return;
	rb->busy_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (rb->busy_timer >= 0 && epoll_ctl(rb->epoll_fd, EPOLL_CTL_ADD, rb->busy_timer, &event)) {
		close(rb->busy_timer);
		rb->busy_timer = -1;
	}
}

void busy_settle(struct ring_buffer *rb)
{
	bool changed = false, any = false, fresh = false;

	for (unsigned int i = 0; i < rb->count; i++) {
		struct ring *r = rb->rings[i];

		if (ring_waits_in_loop(r)) /* the loop sleeps through busy heads by itself */
			r->busy = false;
		any |= r->busy;
		if (r->busy == r->calmed)
			continue;
		fresh |= r->busy;
		if (ring_buffer_watch(r, r->busy ? EPOLLIN | EPOLLET : EPOLLIN))
			continue;
		r->calmed = r->busy;
		changed |= r->busy;
	}
	if (changed) /* takes the edge that the change itself has made */
		epoll_wait(rb->epoll_fd, rb->events, (int)rb->count + 1, 0);
	if (!any) {
		if (rb->busy_tick)
			set_timer(rb, 0);
		rb->busy_tick = 0;
		return;
	}
	make_timer(rb);
	if (!fresh && !expired(rb)) /* a program that looks often must not put it off for ever */
		return;
	rb->busy_tick = fresh ? TICK_MIN_NS : rb->busy_tick * 2;
	if (rb->busy_tick > TICK_MAX_NS)
		rb->busy_tick = TICK_MAX_NS;
	set_timer(rb, rb->busy_tick);
}

void busy_close(struct ring_buffer *rb)
{
	if (rb->busy_timer >= 0)
		close(rb->busy_timer);
}
