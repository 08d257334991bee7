/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf's ring buffer manager as it is used everywhere: poll without a time-out. The same calls
 * served by libbpfring-compat.so: what a program gets that is not changed at all. And the floor: a
 * producer that never notifies, drained by a timer.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "impl.h"

enum { MODE_POLL, MODE_TIMER, MODE_COMPAT };

struct calls {
	struct ring_buffer *(*new)(int map_fd, ring_buffer_sample_fn fn, void *ctx,
				   const struct ring_buffer_opts *opts);
	int (*add)(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn fn, void *ctx);
	int (*poll)(struct ring_buffer *rb, int timeout_ms);
	int (*consume)(struct ring_buffer *rb);
	void (*free)(struct ring_buffer *rb);
};

static const struct calls libbpf = {
	.new = ring_buffer__new,
	.add = ring_buffer__add,
	.poll = ring_buffer__poll,
	.consume = ring_buffer__consume,
	.free = ring_buffer__free,
};

struct handle {
	const struct calls *calls;
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

/* NULL: it cannot be loaded, and stderr says why. */
static const struct calls *load_compat(const struct bench_opts *opts)
{
	static struct calls compat;
	char text[64];
	void *library;

	if (compat.new)
		return &compat;
	snprintf(text, sizeof(text), "latency=%lldns", (long long)opts->latency_ns);
	setenv("BPFRING_COMPAT", text, 1);
	library = dlopen(COMPAT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "bpfring-bench: %s\n", dlerror());
		return NULL;
	}
	*(void **)&compat.new = dlsym(library, "ring_buffer__new");
	*(void **)&compat.add = dlsym(library, "ring_buffer__add");
	*(void **)&compat.poll = dlsym(library, "ring_buffer__poll");
	*(void **)&compat.consume = dlsym(library, "ring_buffer__consume");
	*(void **)&compat.free = dlsym(library, "ring_buffer__free");
	return &compat;
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
	h->calls = h->mode == MODE_COMPAT ? load_compat(opts) : &libbpf;
	if (!h->calls) {
		free(h);
		return -ENOENT;
	}
	h->rb = h->calls->new (map_fds[0], take, sink, NULL);
	if (!h->rb) {
		err = -errno;
		free(h);
		return err;
	}
	for (i = 1; i < count; i++) {
		err = h->calls->add(h->rb, map_fds[i], take, sink);
		if (err) {
			h->calls->free(h->rb);
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
		if (h->mode == MODE_TIMER) {
			n = h->calls->consume(h->rb);
			sleep_ns(h->period_ns);
		} else {
			n = h->calls->poll(h->rb, -1);
		}
		if (n < 0 && n != -EINTR)
			break;
	}
	__atomic_store_n(&h->running, 0, __ATOMIC_RELEASE);
	return n < 0 && n != -EINTR ? n : 0;
}

/* Its poll cannot be woken but by a signal; repeated, as one can come too early. */
static void handle_stop(void *handle)
{
	struct handle *h = handle;

	__atomic_store_n(&h->stop, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&h->running, __ATOMIC_ACQUIRE)) {
		if (h->mode != MODE_TIMER)
			pthread_kill(h->thread, SIGUSR1);
		sleep_ns(100000);
	}
}

static int handle_poll(void *handle)
{
	struct handle *h = handle;

	return h->mode == MODE_TIMER ? h->calls->consume(h->rb) : h->calls->poll(h->rb, -1);
}

static int handle_drain(void *handle)
{
	struct handle *h = handle;

	return h->calls->consume(h->rb);
}

static void handle_close(void *handle)
{
	struct handle *h = handle;

	h->calls->free(h->rb);
	free(h);
}

#define HANDLE                                                                            \
	.open = handle_open, .run = handle_run, .stop = handle_stop, .poll = handle_poll, \
	.drain = handle_drain, .close = handle_close

const struct impl impls_libbpf[] = {
	{.name = "libbpf", .kinds = KIND_LOOP | KIND_DRAIN | KIND_GROUP, .mode = MODE_POLL, HANDLE},
#ifdef COMPAT_LIBRARY
	{.name = "compat", .kinds = KIND_LOOP | KIND_DRAIN, .mode = MODE_COMPAT, HANDLE},
#endif
	{.name = "no-wakeup", .kinds = KIND_FLOOR, .no_wakeup = true, .mode = MODE_TIMER, HANDLE},
	{0},
};
