// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a poll waits for: sleeps until something is due or ready, and takes the events. */
#include <errno.h>

#include "ring/loop.h"
#include "base/relax.h"
#include "base/sys.h"

#define EVENTS		   64
#define SPIN_FD_CHECK_NS   50000 /* while spinning, how often the kernel is asked for descriptors */
#define SPIN_NS_PER_RECORD 32
#define SPIN_BUSY_MAX_NS   4000 /* between two looks that find records */
#define SPIN_IDLE_MIN_NS   100	/* and that find none: doubles */
#define SPIN_IDLE_MAX_NS   1000

void bpfring_loop_look_at_all(struct bpfring_loop *l, int64_t now)
{
	for (struct bpfring_source *s = l->sources; s; s = s->next)
		if (s->c || s->joint)
			bpfring_source_activate(s, now);
}

bool bpfring_loop_look_for_silent(struct bpfring_loop *l, int64_t now, bool quiet_too)
{
	bool found = false;

	for (struct bpfring_source *s = l->sources; s; s = s->next) {
		if (!s->c || (s->active && !quiet_too) ||
		    bpfring_priv_load_prod(&s->c->cons) == s->c->cons.pos)
			continue;
		bpfring_source_activate(s, now);
		found = true;
	}
	return found;
}

static void call_fd(struct bpfring_loop *l, struct bpfring_source *s, uint32_t events,
		    struct turn *t)
{
	int err = s->fd_fn(s->fd_ctx, s->fd, events);

	t->worked = t->looked = true;
	if (err == BPFRING_STOP)
		t->stopped = true;
	else if (err < 0)
		bpfring_turn_error(t, err);
	if (!*l->guard) /* it forked, and this is the child */
		bpfring_turn_error(t, -ECHILD);
}

static void handle_events(struct bpfring_loop *l, const struct epoll_event *events, int count,
			  struct turn *t)
{
	l->unread = count == EVENTS;
	/* Rings first: an edge is told only once, and a descriptor's callback may end the poll. */
	for (int i = 0; i < count; i++) {
		struct bpfring_source *s = events[i].data.ptr;

		if (!s->c) {
			l->unread = true;
		} else if (s->loop) {
			s->notified = true;
			bpfring_source_activate(s, t->now);
		}
	}
	for (int i = 0; i < count && *l->guard; i++) {
		struct bpfring_source *s = events[i].data.ptr;

		if (s->loop && !s->c)
			call_fd(l, s, events[i].events, t);
	}
}

/* An edge-triggered descriptor that is set again is ready again if there is a reason. */
void bpfring_loop_look_for_lost(struct bpfring_loop *l, int64_t now)
{
	l->lost = false;
	bpfring_loop_look_at_all(l, now);
	for (struct bpfring_source *s = l->sources; s; s = s->next)
		if (!s->c && (s->events & EPOLLET))
			bpfring_sys_epoll_mod(l->waiter.epoll_fd, s->fd, s->events, s);
}

int64_t bpfring_loop_next_due(const struct bpfring_loop *l)
{
	int64_t due = l->tick_due;

	for (const struct bpfring_source *s = l->active_first; s; s = s->active_next)
		if (s->due < due)
			due = s->due;
	return due;
}

#define DO_NOT_SLEEP INT64_MIN

static int64_t sleep_until(const struct bpfring_loop *l, int64_t now, int64_t deadline)
{
	int64_t due = bpfring_loop_next_due(l);

	if (deadline < due)
		due = deadline;
	return due > now ? due : DO_NOT_SLEEP;
}

/*
 * Spinning: without a system call most of the time, and at some distance from the producers. Each
 * look takes the cache line of the producer position from them, so where many records come, it is
 * worth to wait until there are some.
 */
static bool spin(struct bpfring_loop *l, int64_t now)
{
	int64_t until = l->left_at + l->spin_ns;

	if (now >= l->next_fd_check) {
		l->next_fd_check = now + SPIN_FD_CHECK_NS;
		return false;
	}
	while (bpfring_sys_now() < until)
		bpfring_relax();
	return true;
}

static int64_t next_spin(int64_t last, uint64_t records)
{
	int64_t ns;

	if (records)
		return records < SPIN_BUSY_MAX_NS / SPIN_NS_PER_RECORD
			       ? (int64_t)records * SPIN_NS_PER_RECORD
			       : SPIN_BUSY_MAX_NS;
	ns = last < SPIN_IDLE_MIN_NS / 2 || last > SPIN_IDLE_MAX_NS ? SPIN_IDLE_MIN_NS : last * 2;
	return ns < SPIN_IDLE_MAX_NS ? ns : SPIN_IDLE_MAX_NS;
}

static void take_flags(struct bpfring_loop *l, struct turn *t)
{
	unsigned int flags = bpfring_waiter_flags(&l->waiter);

	if (flags) {
		t->worked = true;
		log_story(&l->story, "loop %p: %s\n", (void *)l,
			  flags & LOOP_STOP ? "stopped" : "woken, looks at all rings");
	}
	if (flags & LOOP_WAKE)
		bpfring_loop_look_at_all(l, t->now);
	if (flags & LOOP_STOP)
		t->stopped = l->stop = true;
	if (t->now >= l->tick_due) {
		bpfring_loop_look_at_all(l, t->now);
		l->tick_due = t->now + l->tick_ns;
	}
}

static void log_sleep(struct bpfring_loop *l, int64_t now, int64_t until)
{
	if (until == INT64_MAX)
		log_story(&l->story, "loop %p: sleeps until notified\n", (void *)l);
	else
		log_story(&l->story, "loop %p: sleeps for %lld us unless notified\n", (void *)l,
			  (long long)(until - now + 999) / 1000);
}

static void log_wake(struct bpfring_loop *l, int64_t slept, const struct epoll_event *events, int n)
{
	const struct bpfring_source *first = n > 0 ? events[0].data.ptr : NULL;
	long long us = (slept + 999) / 1000;

	if (n < 0)
		log_story(&l->story, "loop %p: the sleep failed: %s\n", (void *)l,
			  bpfring_errname(n));
	else if (!n)
		log_story(&l->story, "loop %p: after %lld us it is time, or somebody woke it\n",
			  (void *)l, us);
	else if (first->loop && first->c)
		log_story(&l->story, "loop %p: after %lld us notified by map '%s' id %u%s\n",
			  (void *)l, us, first->c->map.name, first->c->map.id,
			  n > 1 ? " and others" : "");
	else
		log_story(&l->story, "loop %p: after %lld us fd %d is ready%s\n", (void *)l, us,
			  first->fd, n > 1 ? ", and others" : "");
}

/* For an outer loop: readable from now on until bpfring_loop_dispatch() ends in the usual way. */
static void hold_readable(struct bpfring_loop *l)
{
	if (l->waiter.timer_at == INT64_MIN) /* readable anyway */
		return;
	bpfring_waiter_touch(&l->waiter);
	l->held = true;
}

int bpfring_loop_cannot_sleep(struct bpfring_loop *l, int err)
{
	log_once(l->said, LOOP_SAID_CANNOT_SLEEP, ERROR, "loop %p: cannot sleep: %s%s\n", (void *)l,
		 bpfring_errname(err),
		 err == -EBADF ? "; somebody closed a descriptor that is the loop's" : "");
	return err;
}

int bpfring_loop_wait(struct bpfring_loop *l, struct turn *t, int64_t deadline)
{
	const int64_t until = sleep_until(l, t->now, deadline);
	struct epoll_event events[EVENTS];
	int n;

	if (until == DO_NOT_SLEEP && spin(l, t->now)) {
		t->now = bpfring_sys_now();
		take_flags(l, t);
		return 0;
	}
	if (until != DO_NOT_SLEEP)
		log_sleep(l, t->now, until);
	n = bpfring_waiter_wait(&l->waiter, events, EVENTS, until);
	if (until != DO_NOT_SLEEP) {
		int64_t now = bpfring_sys_now();

		log_wake(l, now - t->now, events, n);
		l->sleeps++;
		l->windows += l->active != 0;
		l->asleep_ns += (uint64_t)(now - t->now);
		t->now = now;
	}
	if (n < 0)
		return bpfring_loop_cannot_sleep(l, n);
	if (l->dispatching)
		hold_readable(l);
	handle_events(l, events, n, t);
	take_flags(l, t);
	return 0;
}

void bpfring_loop_leave(struct bpfring_loop *l, const struct turn *t)
{
	l->spin_ns = next_spin(l->spin_ns, t->records);
	l->left_at = bpfring_sys_now();
}
