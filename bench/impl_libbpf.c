/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf's ring buffer manager as it is used everywhere: poll without a time-out. And the floor: a
 * producer that never notifies, drained by a timer.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "impl.h"

enum { MODE_POLL, MODE_TIMER };

struct handle {
	struct ring_buffer *rb;
	int64_t period_ns;
	pthread_t thread;
	int running; /* @thread is valid */
	int stop;
	int mode;
};

static int take(void *ctx, void *data, size_t size)
{
	return sink_take(ctx, data, size);
}

static int handle_open(void **ret, const struct impl *impl, const int *map_fds, unsigned int count,
		       struct sink *sink, const struct bench_opts *opts)
{
	struct handle *h = calloc(1, sizeof(*h));
	unsigned int i;
	int err;

	if (!h)
		return -ENOMEM;
	h->mode = impl->mode;
	h->period_ns = opts->latency_ns;
	h->rb = ring_buffer__new(map_fds[0], take, sink, NULL);
	if (!h->rb) {
		err = -errno;
		free(h);
		return err;
	}
	for (i = 1; i < count; i++) {
		err = ring_buffer__add(h->rb, map_fds[i], take, sink);
		if (err) {
			ring_buffer__free(h->rb);
			free(h);
			return err;
		}
	}
	*ret = h;
	return 0;
}

static int handle_run(void *handle)
{
	struct handle *h = handle;
	int n = 0;

	h->thread = pthread_self();
	__atomic_store_n(&h->running, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		if (h->mode == MODE_POLL) {
			n = ring_buffer__poll(h->rb, -1);
		} else {
			n = ring_buffer__consume(h->rb);
			sleep_ns(h->period_ns);
		}
		if (n < 0 && n != -EINTR)
			break;
	}
	__atomic_store_n(&h->running, 0, __ATOMIC_RELEASE);
	return n < 0 && n != -EINTR ? n : 0;
}

/* libbpf's poll cannot be woken but by a signal; repeated, as one can come too early. */
static void handle_stop(void *handle)
{
	struct handle *h = handle;

	__atomic_store_n(&h->stop, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&h->running, __ATOMIC_ACQUIRE)) {
		if (h->mode == MODE_POLL)
			pthread_kill(h->thread, SIGUSR1);
		sleep_ns(100000);
	}
}

static int handle_poll(void *handle)
{
	struct handle *h = handle;

	return h->mode == MODE_POLL ? ring_buffer__poll(h->rb, -1) : ring_buffer__consume(h->rb);
}

static int handle_drain(void *handle)
{
	struct handle *h = handle;

	return ring_buffer__consume(h->rb);
}

static void handle_close(void *handle)
{
	struct handle *h = handle;

	ring_buffer__free(h->rb);
	free(h);
}

#define HANDLE                                                                            \
	.open = handle_open, .run = handle_run, .stop = handle_stop, .poll = handle_poll, \
	.drain = handle_drain, .close = handle_close

const struct impl impls_libbpf[] = {
	{.name = "libbpf", .kinds = KIND_LOOP | KIND_DRAIN, .mode = MODE_POLL, HANDLE},
	{.name = "no-wakeup", .kinds = KIND_FLOOR, .no_wakeup = true, .mode = MODE_TIMER, HANDLE},
	{0},
};
