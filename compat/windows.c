// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * ring_buffer__poll() that waits in a loop of libbpfring: while records keep coming it sleeps
 * through windows in which commits do not notify, and the traced program pays nothing for being
 * traced.
 *
 * The loop has the rings beside the epoll that libbpf's way of waiting needs. What holds between
 * calls: a ring is quiet only if the loop has a time to look at it; any other ring has its true
 * position published, so that commits notify exactly when they would notify libbpf.
 */
#include <bpfring/loop.h>
#include <errno.h>
#include <limits.h>

#include "core.h"
#include "environment.h"
#include "log.h"
#include "ring_buffer.h"

/*
 * One poll hands out what it finds and what comes meanwhile, like libbpf's, but not for ever: a
 * producer that is faster than the callback would keep other rings waiting, and the caller too.
 */
#define TURN_NS 1000000000LL

/* The loop goes from ring to ring without a word. */
static int hand_over(void *ctx, const void *data, size_t size)
{
	struct ring *r = ctx;
	struct ring_buffer *rb = r->owner;

	if (rb->handing != r) {
		if (rb->handing)
			rb->handing->record = NULL;
		rb->handing = r;
	}
	return ring_hand_over(r, data, size);
}

static void end_handing(struct ring_buffer **rb)
{
	if ((*rb)->handing)
		(*rb)->handing->record = NULL;
	(*rb)->handing = NULL;
}

/* What is due in the loop. Number of records, or a negative value as of ring_drain(). */
static int64_t dispatch(struct ring_buffer *rb)
{
	struct ring_buffer *guard __attribute__((cleanup(end_handing))) = rb;
	int n;

	(void)guard;
	rb->handing = NULL; /* longjmp() may have left one */
	for (unsigned int i = 0; i < rb->count; i++)
		rb->rings[i]->error = 0;
	n = bpfring_loop_dispatch(rb->loop);
	if (rb->handing && rb->handing->error)
		return rb->handing->error;
	if (n == -ECHILD ||
	    n == -EBUSY) { /* a child of a callback, or somebody else consumes too */
		int err = ring_buffer_attach(rb);

		return err ? err : rb->handing != NULL;
	}
	return n;
}

static int make_loop(struct ring_buffer *rb)
{
	BPFRING_OPTS(bpfring_loop_opts, opts);
	int err;

	opts.wait = environment()->wait;
	opts.max_latency_ns = environment()->latency_ns;
	opts.budget_records = INT_MAX;
	opts.budget_ns = TURN_NS;
	err = bpfring_loop_new(&rb->loop, &opts);
	if (err)
		return err;
	err = bpfring_loop_fd(rb->loop);
	if (err >= 0)
		return 0;
	windows_end(rb);
	return err;
}

/*
 * Puts rings into the loop that are not there yet. At its first look the loop takes all that is in
 * a ring, notified of or not; libbpf's poll would leave what nobody was notified of. So a ring with
 * such records stays outside until they have been taken otherwise. 0: all are in; 1: some are not;
 * or -errno.
 */
static int join(struct ring_buffer *rb, bool *joined)
{
	int outside = 0;

	for (unsigned int i = 0; i < rb->count; i++) {
		struct ring *r = rb->rings[i];
		int more, err;

		if (r->in_loop)
			continue;
		more = core_arm(r->consumer);
		if (more < 0)
			return more;
		if (more > 0) {
			outside = 1;
			continue;
		}
		err = bpfring_loop_add(rb->loop, r->consumer, hand_over, r);
		if (err)
			return err;
		r->in_loop = *joined = true;
	}
	return outside;
}

/* What an error or a budget left in rings that are quiet. The loop would take no more than that. */
static int64_t take_left_overs(struct ring_buffer *rb, bool *all_quiet)
{
	int64_t n = 0, total = 0;

	*all_quiet = true;
	for (unsigned int i = 0; i < rb->count && n >= 0 && !rb->freed; i++) {
		struct ring *r = rb->rings[i];

		if (!ring_waits_in_loop(r)) {
			*all_quiet = false;
		} else if (core_left_some(r->consumer)) {
			n = ring_drain(r, INT_MAX);
			total += n;
		}
	}
	return n < 0 ? n : total;
}

static int64_t take_reported(struct ring_buffer *rb, int count)
{
	int64_t n = 0, total = 0;

	for (int i = 0; i < count && n >= 0 && !rb->freed; i++) {
		struct ring *r = ring_buffer_reported(rb, i);

		if (!r || ring_waits_in_loop(r))
			continue;
		n = ring_drain(r, INT_MAX);
		total += n;
		if (r->busy && rb->loop) /* it looks at busy heads from time to time */
			bpfring_loop_wakeup(rb->loop);
	}
	return n < 0 ? n : total;
}

/*
 * Records that are there already and that libbpf's poll would hand out without waiting. Rings that
 * are quiet have time until their window ends.
 */
static int64_t take_stragglers(struct ring_buffer *rb)
{
	bool found = false, all_quiet;
	int64_t n = take_left_overs(rb, &all_quiet);
	int count;

	if (n || all_quiet)
		return n;
	count = epoll_wait(rb->epoll_fd, rb->events, (int)rb->count + 1, 0);
	for (int i = 0; i < count && !found; i++) {
		struct ring *r = ring_buffer_reported(rb, i);

		found = r && !ring_waits_in_loop(r) && core_arm(r->consumer) > 0;
	}
	if (!found)
		return 0;
	/* The loop first, if it was notified as well: it learns from it how often records come. */
	if (rb->loop && is_readable(bpfring_loop_fd(rb->loop)))
		n = dispatch(rb);
	return n ? n : take_reported(rb, count);
}

/*
 * Sleeps until something is due, and hands it over: 0 at the deadline, or where rings had to be
 * taken up again, because somebody else consumed from them: they are out of the loop then.
 */
static int64_t wait_in_loop(struct ring_buffer *rb, int64_t deadline, bool *again)
{
	int64_t n = 0;

	while (!n && !rb->freed) {
		int ready, err;

		signals_hold(&rb->signals);
		ready = signals_wait(&rb->signals, bpfring_loop_fd(rb->loop), deadline);
		if (ready <= 0)
			return ready;
		err = ring_buffer_attach(rb);
		if (err)
			return err;
		for (unsigned int i = 0; i < rb->count; i++)
			*again |= !rb->rings[i]->in_loop;
		if (*again)
			return 0;
		n = dispatch(rb);
	}
	return n;
}

static void release_signals(struct ring_buffer **rb)
{
	signals_release(&(*rb)->signals);
}

static int64_t poll_in_loop(struct ring_buffer *rb, int64_t deadline, bool *cannot, bool *again)
{
	int64_t n = take_stragglers(rb);
	bool joined = false;
	int err;

	*again = false;
	if (n)
		return n;
	err = rb->loop ? 0 : make_loop(rb);
	if (!err)
		err = join(rb, &joined);
	if (err < 0) {
		compat_warn("cannot wait in windows: %s\n", bpfring_errname(err));
		windows_end(rb);
	} else if (joined) { /* the first look, which has to find them empty */
		n = dispatch(rb);
		if (n)
			return n;
	}
	*cannot = err != 0;
	return *cannot ? 0 : wait_in_loop(rb, deadline, again);
}

int64_t windows_poll(struct ring_buffer *rb, int timeout_ms, bool *cannot)
{
	struct ring_buffer *guard __attribute__((cleanup(release_signals))) = rb;
	int64_t deadline = monotonic_deadline(timeout_ms);
	bool again;
	int64_t n;

	(void)guard;
	signals_hold(&rb->signals); /* from here on; one before the sleep would be missed */
	do
		n = poll_in_loop(rb, deadline, cannot, &again);
	while (again && !n);
	return n;
}

void windows_free(struct ring_buffer *rb)
{
	bpfring_loop_free(rb->loop);
	rb->loop = NULL;
}

void windows_end(struct ring_buffer *rb)
{
	rb->windows = false;
	windows_free(rb);
	for (unsigned int i = 0; i < rb->count; i++) {
		struct ring *r = rb->rings[i];

		if (r->in_loop && core_arm(r->consumer) > 0)
			ring_buffer_watch(r, EPOLLIN); /* nobody was notified of it */
		r->in_loop = false;
	}
}

int windows_attach(struct ring_buffer *rb)
{
	if (!rb->loop || bpfring_loop_fd(rb->loop) != -ECHILD)
		return 0;
	windows_free(rb);
	return 0; /* the next poll makes one */
}
