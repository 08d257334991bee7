// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Minimal example of a bpfring loop inside a plain level-triggered epoll loop. */
#include <bpfring/loop.h>
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "embed.h"

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int run(int epoll_fd, struct bpfring_loop *rings, int rings_fd)
{
	struct epoll_event event;
	int n;

	for (;;) {
		n = epoll_wait(epoll_fd, &event, 1, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		if (event.data.fd != rings_fd)
			return 0; /* a signal, or time is up */
		/* Does all that is due for the rings. */
		n = bpfring_loop_dispatch(rings);
		if (n < 0)
			return n;
	}
}

int embed_epoll(struct bpfring_loop *rings, unsigned int seconds)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int rings_fd = bpfring_loop_fd(rings);
	struct itimerspec at = {.it_value.tv_sec = (time_t)seconds};
	sigset_t signals;
	int signal_fd, err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	timerfd_settime(timer_fd, 0, &at, NULL);

	err = rings_fd < 0 ? rings_fd : watch(epoll_fd, rings_fd);
	if (!err)
		err = watch(epoll_fd, signal_fd);
	if (!err)
		err = watch(epoll_fd, timer_fd);
	if (!err)
		err = run(epoll_fd, rings, rings_fd);
	close(signal_fd);
	close(timer_fd);
	close(epoll_fd);
	return err;
}
