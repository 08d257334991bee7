// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "ring_buffer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "environment.h"
#include "log.h"
#include "options.h"
#include "ours.h"
#include "report.h"

int ring_buffer_result(int64_t result)
{
	if (result < 0)
		errno = (int)-result;
	return result > INT_MAX ? INT_MAX : (int)result;
}

static void destroy(struct ring_buffer *rb)
{
	report_end(rb);
	windows_free(rb);
	busy_close(rb);
	for (unsigned int i = 0; i < rb->count; i++)
		ring_close(rb->rings[i]);
	if (rb->epoll_fd >= 0)
		close(rb->epoll_fd);
	free(rb->rings);
	free(rb->events);
	free(rb);
}

/*
 * Is a call under way? One that longjmp() has left is not: its frame was below ours. Several
 * threads may be in ring__consume() of different rings; nothing that one of them writes here is for
 * another.
 */
static bool is_called(const struct ring_buffer *rb)
{
	if (!__atomic_load_n(&rb->calls, __ATOMIC_RELAXED))
		return false;
	return !pthread_equal(__atomic_load_n(&rb->thread, __ATOMIC_RELAXED), pthread_self()) ||
	       __atomic_load_n(&rb->frame, __ATOMIC_RELAXED) >
		       (uintptr_t)__builtin_frame_address(0);
}

struct call ring_buffer_enter(struct ring_buffer *rb)
{
	if (__atomic_load_n(&rb->calls, __ATOMIC_RELAXED) && !is_called(rb))
		__atomic_store_n(&rb->calls, 0, __ATOMIC_RELAXED);
	if (!__atomic_fetch_add(&rb->calls, 1, __ATOMIC_RELAXED)) {
		__atomic_store_n(&rb->frame, (uintptr_t)__builtin_frame_address(0),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&rb->thread, pthread_self(), __ATOMIC_RELAXED);
	}
	return (struct call){rb};
}

void ring_buffer_leave(struct call *call)
{
	struct ring_buffer *rb = call->rb;

	if (__atomic_sub_fetch(&rb->calls, 1, __ATOMIC_RELAXED) || !rb->freed)
		return;
	rb->calls = 0;
	destroy(rb);
}

int ring_buffer_attach(struct ring_buffer *rb)
{
	for (unsigned int i = 0; i < rb->count; i++) {
		int err = ring_attach(rb->rings[i]);

		if (err)
			return err;
	}
	return windows_attach(rb);
}

struct ring *ring_buffer_reported(const struct ring_buffer *rb, int i)
{
	uint32_t index = rb->events[i].data.u32;

	return index == BUSY_TIMER ? NULL : rb->rings[index];
}

/*
 * By the number that the program gave, as libbpf does it. Where the program has closed that one
 * since, the epoll knows the ring under it for as long as the map is mapped, but cannot be told:
 * then by our own as well.
 */
int ring_buffer_watch(struct ring *r, uint32_t events)
{
	const int own = bpfring_consumer_map_fd(r->consumer), epoll_fd = r->owner->epoll_fd;
	struct epoll_event event = {.events = events, .data.u32 = r->index};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, r->map_fd, &event) &&
	    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, own, &event) &&
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, own, &event))
		return -errno;
	return 0;
}

/* Room for one more ring and its event. */
static int grow(struct ring_buffer *rb)
{
	void *rings, *events;

	rings = realloc(rb->rings, (rb->count + 1) * sizeof(struct ring *));
	if (!rings)
		return -ENOMEM;
	rb->rings = rings;
	events = realloc(rb->events, (rb->count + 2) * sizeof(*rb->events));
	if (!events)
		return -ENOMEM;
	rb->events = events;
	return 0;
}

static int add(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn callback, void *ctx)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = rb->count};
	struct ring *r;
	int err = grow(rb);

	if (!err)
		err = ring_open(&r, rb, map_fd, callback, ctx);
	if (err)
		return err;
	if (epoll_ctl(rb->epoll_fd, EPOLL_CTL_ADD, map_fd, &event)) {
		err = -errno;
		compat_warn("map fd %d: cannot watch it: %s\n", map_fd, bpfring_errname(err));
		ring_close(r);
		return err;
	}
	r->index = rb->count;
	rb->rings[rb->count++] = r;
	report_ring(r);
	return 0;
}

struct ring_buffer *compat_ring_buffer__new(int map_fd, ring_buffer_sample_fn callback, void *ctx,
					    const struct ring_buffer_opts *opts)
{
	struct ring_buffer *rb;
	int err;

	compat_log_init();
	if (!options_valid(opts, opts ? opts->sz : 0, sizeof(*opts), "ring_buffer_opts"))
		return errno = EINVAL, NULL;
	rb = calloc(1, sizeof(*rb));
	if (!rb)
		return errno = ENOMEM, NULL;
	rb->mark = &ours;
	rb->busy_timer = -1;
	rb->windows = environment()->windows;
	rb->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = rb->epoll_fd < 0 ? -errno : add(rb, map_fd, callback, ctx);
	if (err) {
		destroy(rb);
		return errno = -err, NULL;
	}
	report_begin(rb);
	return rb;
}

int compat_ring_buffer__add(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn callback,
			    void *ctx)
{
	return ring_buffer_result(add(rb, map_fd, callback, ctx));
}

void compat_ring_buffer__free(struct ring_buffer *rb)
{
	if (!rb)
		return;
	if (!is_called(rb)) {
		destroy(rb);
		return;
	}
	/*
	 * From a callback, which crashes libbpf: the call that it is in frees the manager at its
	 * end.
	 */
	rb->freed = true;
	for (unsigned int i = 0; i < rb->count; i++)
		rb->rings[i]->closing = true;
}

struct ring *compat_ring_buffer__ring(struct ring_buffer *rb, unsigned int idx)
{
	if (idx >= rb->count)
		return errno = ERANGE, NULL;
	return rb->rings[idx];
}

/* Hands over all that is there, up to @most, ring by ring. */
static int64_t consume(struct ring_buffer *rb, uint64_t most, bool each)
{
	struct call call __attribute__((cleanup(ring_buffer_leave))) = ring_buffer_enter(rb);
	int64_t total = 0, n = 0;

	(void)call;
	for (unsigned int i = 0; i < rb->count && n >= 0 && !rb->freed; i++) {
		n = ring_drain(rb->rings[i], each ? most : most - (uint64_t)total);
		total += n;
		if (total >= (int64_t)most)
			break;
	}
	if (!rb->freed)
		busy_settle(rb);
	return n < 0 ? n : total;
}

int compat_ring_buffer__consume(struct ring_buffer *rb)
{
	return ring_buffer_result(consume(rb, INT_MAX, true));
}

int compat_ring_buffer__consume_n(struct ring_buffer *rb, size_t n)
{
	if (!n) /* libbpf takes it for no limit */
		return 0;
	return ring_buffer_result(consume(rb, n, false));
}

/* Hands over what the epoll reported. */
static int64_t take_reported(struct ring_buffer *rb, int count)
{
	int64_t n = 0, total = 0;
	bool timer = false;

	for (int i = 0; i < count && n >= 0 && !rb->freed; i++) {
		struct ring *r = ring_buffer_reported(rb, i);

		timer |= !r;
		n = r ? ring_drain(r, INT_MAX) : 0;
		total += n;
	}
	for (unsigned int i = 0; timer && i < rb->count && n >= 0 && !rb->freed; i++) {
		if (!rb->rings[i]->calmed)
			continue;
		n = ring_drain(rb->rings[i], INT_MAX);
		total += n;
	}
	return n < 0 ? n : total;
}

/* Rings that were left quiet: from now on all are notified of, also those that the loop has. */
static int64_t end_quiet(struct ring_buffer *rb)
{
	int64_t n = 0, total = 0;

	for (unsigned int i = 0; i < rb->count && n >= 0 && !rb->freed; i++) {
		struct ring *r = rb->rings[i];

		if (!core_quiet(r->consumer))
			continue;
		core_end_quiet(r->consumer);
		n = ring_drain(r, INT_MAX);
		total += n;
	}
	return n < 0 ? n : total;
}

/* What libbpf's poll does: sleeps in the epoll, once, and hands over what it reports. */
static int64_t poll_like_libbpf(struct ring_buffer *rb, int timeout_ms)
{
	int64_t total = rb->loop ? end_quiet(rb) : 0, n;
	int count;

	if (total < 0 || rb->freed)
		return total;
	count = epoll_wait(rb->epoll_fd, rb->events, (int)rb->count + 1, total ? 0 : timeout_ms);
	if (count < 0)
		return total ? total : -errno;
	n = take_reported(rb, count);
	if (!rb->freed)
		busy_settle(rb);
	return n < 0 ? n : total + n;
}

static int64_t poll_rings(struct ring_buffer *rb, int timeout_ms)
{
	struct call call __attribute__((cleanup(ring_buffer_leave))) = ring_buffer_enter(rb);
	bool cannot = false;
	int64_t n = ring_buffer_attach(rb);

	(void)call;
	if (n)
		return n;
	if (rb->windows && timeout_ms) {
		n = windows_poll(rb, timeout_ms, &cannot);
		if (n || rb->freed)
			return n;
		if (!cannot) /* time is up: what is there now? */
			timeout_ms = 0;
	}
	return poll_like_libbpf(rb, timeout_ms);
}

int compat_ring_buffer__poll(struct ring_buffer *rb, int timeout_ms)
{
	int saved = errno;
	int result = ring_buffer_result(poll_rings(rb, timeout_ms));

	if (result >= 0)
		errno = saved;
	return result;
}

int compat_ring_buffer__epoll_fd(const struct ring_buffer *rb)
{
	/*
	 * The program waits by itself from now on: the descriptor has to show what is there at any
	 * time.
	 */
	if (rb->windows)
		windows_end((struct ring_buffer *)rb);
	return rb->epoll_fd;
}
