/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* bpfring: the wait modes of its loop, and its ways of taking what is there. */
#include <errno.h>
#include <stdlib.h>

#include <bpfring/bpfring.h>

#include "impl.h"

enum { DRAIN_CONSUME = 16, DRAIN_BATCH, DRAIN_PEEK };

struct handle {
	struct bpfring_loop *loop; /* NULL: drained by hand */
	struct sink *sink;
	int mode;
	unsigned int count;
	struct bpfring_consumer *consumers[];
};

static int take(void *ctx, const void *data, size_t size)
{
	return sink_take(ctx, data, size);
}

static int take_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		sink_take(ctx, records[i].data, records[i].size);
	return 0;
}

static void handle_close(void *handle)
{
	struct handle *h = handle;
	unsigned int i;

	for (i = 0; i < h->count; i++)
		bpfring_consumer_close(h->consumers[i]);
	bpfring_loop_free(h->loop);
	free(h);
}

static int handle_open(void **ret, const struct impl *impl, const int *map_fds, unsigned int count,
		       struct sink *sink, const struct bench_opts *opts)
{
	BPFRING_OPTS(bpfring_loop_opts, loop_opts);
	struct handle *h;
	int err = 0;

	h = calloc(1, sizeof(*h) + count * sizeof(struct bpfring_consumer *));
	if (!h)
		return -ENOMEM;
	h->sink = sink;
	h->mode = impl->mode;
	if (h->mode < DRAIN_CONSUME) {
		loop_opts.wait = (uint32_t)h->mode;
		loop_opts.max_latency_ns = opts->latency_ns;
		err = bpfring_loop_new(&h->loop, &loop_opts);
	}
	for (; !err && h->count < count; h->count++) {
		struct bpfring_consumer **c = &h->consumers[h->count];

		err = bpfring_consumer_open(c, map_fds[h->count], NULL);
		if (!err && h->loop)
			err = bpfring_loop_add(h->loop, *c, take, sink);
		if (err) {
			bpfring_consumer_close(*c);
			break;
		}
	}
	if (err) {
		handle_close(h);
		return err;
	}
	*ret = h;
	return 0;
}

static int handle_run(void *handle)
{
	struct handle *h = handle;

	return bpfring_loop_run(h->loop);
}

static void handle_stop(void *handle)
{
	struct handle *h = handle;

	bpfring_loop_stop(h->loop);
}

static int handle_poll(void *handle)
{
	struct handle *h = handle;

	return bpfring_loop_poll(h->loop, -1);
}

/* Holds all there is and gives it back with one store. */
static int peek_all(struct bpfring_consumer *c, struct sink *sink)
{
	struct bpfring_record r;
	int more, n = 0, err;

	while ((more = bpfring_consumer_peek(c, &r)) > 0) {
		sink_take(sink, r.data, r.size);
		n++;
	}
	err = bpfring_consumer_release(c);
	return more < 0 ? more : err < 0 ? err : n;
}

static int drain_one(struct handle *h, struct bpfring_consumer *c)
{
	if (h->mode == DRAIN_CONSUME)
		return bpfring_consumer_consume(c, take, h->sink, NULL, NULL);
	if (h->mode == DRAIN_BATCH)
		return bpfring_consumer_consume_batch(c, take_batch, h->sink, NULL, NULL);
	return peek_all(c, h->sink);
}

static int drain_loop(struct bpfring_loop *loop)
{
	int n, total = 0;

	do {
		bpfring_loop_wakeup(loop); /* finds what nobody was notified of */
		n = bpfring_loop_poll(loop, 0);
		if (n < 0)
			return n;
		total += n;
	} while (n);
	return total;
}

static int handle_drain(void *handle)
{
	struct handle *h = handle;
	int n, total = 0;
	unsigned int i;

	if (h->loop)
		return drain_loop(h->loop);
	for (i = 0; i < h->count; i++) {
		n = drain_one(h, h->consumers[i]);
		if (n < 0)
			return n;
		total += n;
	}
	return total;
}

#define HANDLE                                                                            \
	.open = handle_open, .run = handle_run, .stop = handle_stop, .poll = handle_poll, \
	.drain = handle_drain, .close = handle_close

const struct impl impls_bpfring[] = {
	{.name = "bpfring-sleep", .kinds = KIND_LOOP, .mode = BPFRING_WAIT_SLEEP, HANDLE},
	{.name = "bpfring-coalesce", .kinds = KIND_LOOP, .mode = BPFRING_WAIT_COALESCE, HANDLE},
	{.name = "bpfring-adaptive",
	 .kinds = KIND_LOOP | KIND_GROUP,
	 .mode = BPFRING_WAIT_ADAPTIVE,
	 HANDLE},
	{.name = "bpfring-group",
	 .kinds = KIND_GROUP,
	 .group = true,
	 .mode = BPFRING_WAIT_ADAPTIVE,
	 HANDLE},
	{.name = "bpfring-spin", .kinds = KIND_LOOP, .mode = BPFRING_WAIT_SPIN, HANDLE},
	{.name = "bpfring-consume", .kinds = KIND_DRAIN, .mode = DRAIN_CONSUME, HANDLE},
	{.name = "bpfring-batch", .kinds = KIND_DRAIN, .mode = DRAIN_BATCH, HANDLE},
	{.name = "bpfring-peek", .kinds = KIND_DRAIN, .mode = DRAIN_PEEK, HANDLE},
	{0},
};
