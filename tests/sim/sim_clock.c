// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A clock that moves only while the library sleeps. */
#include "sim_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_sys.h"

#define MAX_MOMENTS 4096
#define MAX_TIMERS  64

struct moment {
	int64_t when;
	void (*fn)(void *ctx);
	void *ctx;
};

/* A true timerfd, set on this clock: it is let fire when the time has come. */
struct timer {
	int fd;
	int64_t at; /* 0: free */
	sim_timerfd_set_fn set;
};

static struct {
	bool runs;
	int64_t now;
	int64_t late;
	int64_t timers_late;
	int64_t step;
	unsigned long sleeps;
	struct timer timers[MAX_TIMERS];
	struct moment moments[MAX_MOMENTS]; /* in order of time */
	unsigned int count;
} clock_;

void sim_clock_stop(void)
{
	memset(&clock_, 0, sizeof(clock_));
}

bool sim_clock_runs(void)
{
	return clock_.runs;
}

void sim_clock_start(int64_t now)
{
	sim_clock_stop();
	clock_.runs = true;
	clock_.now = now;
}

void sim_clock_set_step(int64_t ns)
{
	clock_.step = ns;
}

static void next_moment(void)
{
	struct moment moment = clock_.moments[0];

	clock_.count--;
	memmove(clock_.moments, clock_.moments + 1, clock_.count * sizeof(moment));
	if (clock_.now < moment.when)
		clock_.now = moment.when;
	moment.fn(moment.ctx);
}

int64_t sim_clock_look(void)
{
	clock_.now += clock_.step;
	while (clock_.step && clock_.count && clock_.moments[0].when <= clock_.now)
		next_moment();
	return clock_.now;
}

int64_t sim_clock_now(void)
{
	return clock_.now;
}

void sim_clock_advance(int64_t ns)
{
	clock_.now += ns;
}

unsigned long sim_clock_sleeps(void)
{
	return clock_.sleeps;
}

void sim_clock_set_lateness(int64_t ns)
{
	clock_.late = ns;
}

void sim_clock_set_timer_lateness(int64_t ns)
{
	clock_.timers_late = ns;
}

void sim_clock_forget_timer(int fd)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		if (clock_.timers[i].fd == fd)
			clock_.timers[i].at = 0;
}

int sim_clock_set_timer(int fd, int64_t at, sim_timerfd_set_fn set)
{
	unsigned int i = 0;

	sim_clock_forget_timer(fd);
	if (at) {
		while (i < MAX_TIMERS && clock_.timers[i].at)
			i++;
		if (i == MAX_TIMERS)
			abort();
		clock_.timers[i] = (struct timer){fd, at, set};
	}
	return set(fd, 0);
}

/* The timer that is the next to fire, and when; NULL: none. */
static struct timer *next_timer(int64_t *when)
{
	struct timer *next = NULL;

	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		struct timer *t = &clock_.timers[i];

		if (t->at && (!next || t->at < next->at))
			next = t;
	}
	if (next)
		*when = next->at < INT64_MAX - clock_.late - clock_.timers_late
				? next->at + clock_.late + clock_.timers_late
				: INT64_MAX;
	return next;
}

static void fire(struct timer *t)
{
	struct pollfd fd = {.fd = t->fd, .events = POLLIN};

	t->at = 0;
	if (t->set(t->fd, 1) || poll(&fd, 1, 10000) != 1)
		abort();
}

void sim_clock_at(int64_t when, void (*fn)(void *ctx), void *ctx)
{
	unsigned int i = clock_.count;

	if (clock_.count == MAX_MOMENTS)
		abort();
	for (; i > 0 && clock_.moments[i - 1].when > when; i--)
		clock_.moments[i] = clock_.moments[i - 1];
	clock_.moments[i] = (struct moment){when, fn, ctx};
	clock_.count++;
}

int sim_clock_sleep(int epoll_fd, struct epoll_event *ret, int max, bool sleep,
		    sim_epoll_wait_fn look)
{
	bool timed = false;

	clock_.sleeps += sleep;
	for (;;) {
		struct timer *timer;
		int64_t when = INT64_MAX;
		int n;

		while (clock_.count && clock_.moments[0].when <= clock_.now)
			next_moment(); /* overdue: the library was busy */
		timer = next_timer(&when);
		if (timer && when <= clock_.now) {
			fire(timer);
			continue;
		}
		n = look(epoll_fd, ret, max, false);
		if (n || !sleep) {
			clock_.now += n && sleep && !timed ? clock_.late : 0;
			return n;
		}
		if (clock_.count && (!timer || clock_.moments[0].when <= when)) {
			next_moment();
			sim_sys_settle();
		} else if (timer) {
			clock_.now = when; /* its lateness is in it */
			timed = true;
		} else {
			fprintf(stderr, "sim_clock: a sleep for ever, and nothing will end it\n");
			abort();
		}
	}
}
