// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A clock that moves only while the library sleeps. */
#include "sim_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_sys.h"

#define MAX_MOMENTS 4096

struct moment {
	int64_t when;
	void (*fn)(void *ctx);
	void *ctx;
};

static struct {
	bool runs;
	int64_t now;
	int64_t late;
	int64_t step;
	unsigned long sleeps;
	int64_t last_timeout;
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

int64_t sim_clock_last_timeout(void)
{
	return clock_.last_timeout;
}

void sim_clock_set_lateness(int64_t ns)
{
	clock_.late = ns;
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

int sim_clock_sleep(int epoll_fd, struct epoll_event *ret, int max, int64_t timeout,
		    sim_epoll_wait_fn look)
{
	int64_t room = INT64_MAX - clock_.now - clock_.late;
	int64_t end = clock_.now + (timeout < room ? timeout : room);

	if (timeout) {
		clock_.sleeps++;
		clock_.last_timeout = timeout;
	}
	for (;;) {
		int n;

		while (clock_.count && clock_.moments[0].when <= clock_.now)
			next_moment(); /* overdue: the library was busy */
		n = look(epoll_fd, ret, max, 0);
		if (n || !timeout) {
			clock_.now += n && timeout ? clock_.late : 0;
			return n;
		}
		if (clock_.count && (timeout < 0 || clock_.moments[0].when <= end + clock_.late)) {
			next_moment();
			sim_sys_settle();
		} else if (timeout < 0) {
			fprintf(stderr, "sim_clock: a sleep for ever, and nothing will end it\n");
			abort();
		} else {
			clock_.now = end + clock_.late;
			return 0;
		}
	}
}
