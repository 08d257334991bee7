// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

void signals_hold(struct signals *s)
{
	sigset_t all;

	if (s->held)
		return;
	sigfillset(&all);
	s->held = !pthread_sigmask(SIG_BLOCK, &all, &s->before);
}

void signals_release(struct signals *s)
{
	if (!s->held)
		return;
	s->held = false;
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

int signals_wait(const struct signals *s, int fd, int64_t deadline)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	struct timespec left = {0};
	int n;

	if (deadline != INT64_MAX) {
		int64_t ns = deadline - monotonic_now();

		if (ns > 0) {
			left.tv_sec = (time_t)(ns / 1000000000);
			left.tv_nsec = (long)(ns % 1000000000);
		}
	}
	n = ppoll(&wanted, 1, deadline == INT64_MAX ? NULL : &left, s->held ? &s->before : NULL);
	return n < 0 ? -errno : n;
}

bool is_readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	return poll(&wanted, 1, 0) > 0;
}

int64_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t monotonic_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : monotonic_now() + (int64_t)timeout_ms * 1000000;
}
