// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Minimal example of a bpfring loop inside systemd's sd-event. */
#include <bpfring/loop.h>
#include <errno.h>
#include <signal.h>
#include <systemd/sd-event.h>

#include "embed.h"

/*
 * Does all that is due for the rings. On an error it exits: -errno would only disable the source.
 */
static int on_rings(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int n = bpfring_loop_dispatch(userdata);

	(void)fd, (void)revents;
	return n < 0 ? sd_event_exit(sd_event_source_get_event(source), n) : 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)usec, (void)userdata;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int run(sd_event *event, struct bpfring_loop *rings, unsigned int seconds)
{
	uint64_t time_usec = (uint64_t)seconds * 1000000;
	int rings_fd = bpfring_loop_fd(rings);
	sigset_t signals;
	int err;

	if (rings_fd < 0)
		return rings_fd;
	err = sd_event_add_io(event, NULL, rings_fd, EPOLLIN, on_rings, rings);
	if (err < 0)
		return err;
	sigemptyset(&signals); /* sd-event needs its signals blocked */
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	err = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (err >= 0 && seconds)
		err = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, time_usec, 0,
						 on_time, NULL);
	return err < 0 ? err : sd_event_loop(event);
}

int embed_sd_event(struct bpfring_loop *rings, unsigned int seconds)
{
	sd_event *event;
	int err = sd_event_new(&event);

	if (err < 0)
		return err;
	err = run(event, rings, seconds);
	sd_event_unref(event);
	return err < 0 ? err : 0;
}
