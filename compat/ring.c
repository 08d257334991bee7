// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "ring.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "ours.h"
#include "ring_buffer.h"

bool ring_waits_in_loop(const struct ring *r)
{
	return r->in_loop && core_quiet(r->consumer);
}

/* libbpf takes NULL for a callback and crashes at the first record. */
static int pass_over(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

int ring_open(struct ring **ret, struct ring_buffer *owner, int map_fd,
	      ring_buffer_sample_fn callback, void *ctx)
{
	struct ring *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	err = bpfring_consumer_open(&r->consumer, map_fd, NULL);
	if (err) {
		free(r);
		return err == -EBADF ? core_bad_descriptor(map_fd) : err;
	}
	r->mark = &ours;
	r->owner = owner;
	r->map_fd = map_fd;
	r->callback = callback ? callback : pass_over;
	r->ctx = ctx;
	*ret = r;
	return 0;
}

void ring_close(struct ring *r)
{
	bpfring_consumer_close(r->consumer);
	free(r);
}

static void add_stats(struct bpfring_consumer_stats *sum, const struct bpfring_consumer *c)
{
	struct bpfring_consumer_stats now = {.sz = sizeof(now)};

	if (bpfring_consumer_stats(c, &now))
		return;
	sum->records += now.records;
	sum->bytes += now.bytes;
	sum->discards += now.discards;
	sum->wakeups += now.wakeups;
	sum->empty_wakeups += now.empty_wakeups;
	if (now.max_fill > sum->max_fill)
		sum->max_fill = now.max_fill;
	sum->ring_size = now.ring_size;
}

void ring_stats(const struct ring *r, struct bpfring_consumer_stats *ret)
{
	*ret = r->past;
	add_stats(ret, r->consumer);
}

int ring_attach(struct ring *r)
{
	struct bpfring_consumer *fresh;
	int err;

	if (!core_inherited(r->consumer) && !core_moved(r->consumer))
		return 0;
	err = bpfring_consumer_open(&fresh, bpfring_consumer_map_fd(r->consumer), NULL);
	if (err)
		return err;
	add_stats(&r->past, r->consumer);
	bpfring_consumer_close(r->consumer); /* takes it out of its loop */
	r->consumer = fresh;
	r->in_loop = false;
	ring_buffer_watch(r, EPOLLIN); /* nobody may have been notified of what is there */
	return 0;
}

int ring_hand_over(void *ctx, const void *data, size_t size)
{
	struct ring *r = ctx;
	int err;

	if (__builtin_expect(r->owner->signals.held,
			     0)) /* callbacks run with the program's own mask */
		signals_release(&r->owner->signals);
	r->record = data;
	err = r->callback(r->ctx, (void *)data, size);
	if (__builtin_expect(err >= 0 && !r->closing, 1))
		return 0;
	r->error = err < 0 ? err : 0;
	return BPFRING_STOP;
}

/* Also where an exception or a cancelled thread leaves through the callback. */
static void end_record(struct ring **r)
{
	(*r)->record = NULL;
}

/* One pass over the ring; BPFRING_STOP if the callback ended it. */
static int take(struct ring *r, uint64_t most, struct bpfring_outcome *ret)
{
	const struct bpfring_budget budget = {.sz = sizeof(budget), .records = most};
	struct ring *guard __attribute__((cleanup(end_record))) = r;
	int n;

	r->error = 0;
	n = bpfring_consumer_consume(r->consumer, ring_hand_over, r, &budget, ret);
	(void)guard;
	return n < 0 ? n : ret->end == BPFRING_END_STOPPED ? BPFRING_STOP : 0;
}

int64_t ring_drain(struct ring *r, uint64_t most)
{
	BPFRING_OPTS(bpfring_outcome, outcome);
	uint64_t taken = 0;
	int err, more = 0;

	err = ring_attach(r);
	if (err)
		return err;
	do {
		err = take(r, most - taken, &outcome);
		taken += outcome.records;
		if (err == BPFRING_STOP && r->error)
			return r->error;
		if (err == BPFRING_STOP || (err && taken))
			return (int64_t)
				taken; /* the next call meets the error again, if it stays */
		if (err)
			return err;
		/*
		 * Records that came before the position was published did not notify. So look once
		 * more; libbpf publishes after each record and has hardly any time for that.
		 */
		if (taken < most && !ring_waits_in_loop(r))
			more = core_arm(r->consumer);
	} while (more > 0 && taken < most);
	r->busy = outcome.end == BPFRING_END_BUSY_HEAD;
	return (int64_t)taken;
}

unsigned long compat_ring__consumer_pos(const struct ring *r)
{
	/* In its callback libbpf has not yet moved over the record. */
	if (r->record)
		return (unsigned long)core_position_of(r->consumer, r->record);
	ring_attach((struct ring *)r);
	return (unsigned long)bpfring_ring_cons_pos(bpfring_consumer_ring(r->consumer));
}

unsigned long compat_ring__producer_pos(const struct ring *r)
{
	return (unsigned long)bpfring_ring_prod_pos(bpfring_consumer_ring(r->consumer));
}

size_t compat_ring__avail_data_size(const struct ring *r)
{
	return (size_t)(compat_ring__producer_pos(r) - compat_ring__consumer_pos(r));
}

size_t compat_ring__size(const struct ring *r)
{
	return (size_t)bpfring_ring_size(bpfring_consumer_ring(r->consumer));
}

int compat_ring__map_fd(const struct ring *r)
{
	return r->map_fd;
}

int compat_ring__consume_n(struct ring *r, size_t n)
{
	struct call call __attribute__((cleanup(ring_buffer_leave))) = ring_buffer_enter(r->owner);

	(void)call;
	if (!n)
		return 0;
	return ring_buffer_result(ring_drain(r, n));
}

int compat_ring__consume(struct ring *r)
{
	return compat_ring__consume_n(r, INT_MAX);
}
