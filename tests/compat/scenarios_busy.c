// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A first record that is being written while the program waits: what arrives, and when it is ready.
 */
#include "scenario.h"

enum way { POLL_NEVER, POLL_SHORT, OUTER, CONSUME_OFTEN, WAYS };

struct ending {
	struct busy *busy;
	int64_t after;
};

static void *end_later(void *ctx)
{
	const struct ending *e = ctx;

	usleep((useconds_t)(e->after / 1000));
	busy_end(e->busy, 500);
	return NULL;
}

/* One call of the kind that the program would make in its loop. */
static int turn(const struct api *api, struct ring_buffer *rb, enum way way)
{
	struct epoll_event event;

	switch (way) {
	case POLL_NEVER:
		return api->ring_buffer__poll(rb, 5000);
	case POLL_SHORT:
		return api->ring_buffer__poll(rb, 1);
	case OUTER:
		if (epoll_wait(api->ring_buffer__epoll_fd(rb), &event, 1, 0) < 0)
			return -errno;
		return api->ring_buffer__poll(rb, 0);
	default:
		usleep(1000);
		return api->ring_buffer__consume(rb);
	}
}

static void busy_way(const struct api *api, struct trace *t, enum way way, uint64_t flags,
		     bool discard)
{
	struct ring r = ring_new(4096), other = ring_new(4096);
	struct sink s = SINK(t, 1), so = SINK(t, 2);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	struct busy busy;
	struct ending ending = {&busy, 40 * MSEC};
	int64_t end = monotonic() + limit(5000 * MSEC);
	pthread_t thread;
	int n = 0, total = 0;

	note(t, "way %d, flags %d, discard %d", way, (int)flags, discard);
	api->ring_buffer__add(rb, other.fd, take, &so);
	put_numbers(&r, 1, 1);
	way == OUTER || way == CONSUME_OFTEN ? POLL(rb, 0) : POLL(rb, 100);
	if (busy_begin(&busy, &r, flags, discard))
		abort();
	put_numbers(&r, 2, 10);
	put_numbers(&other, 1, 20); /* is not held up */
	pthread_create(&thread, NULL, end_later, &ending);
	while (total < (discard ? 3 : 4) && n >= 0 && monotonic() < end) {
		n = turn(api, rb, way);
		total += n;
	}
	pthread_join(thread, NULL);
	note(t, "%d", total);
	put_numbers(&r, 1, 30);
	way == CONSUME_OFTEN ? CONSUME(rb) : POLL(rb, 1000);
	api->ring_buffer__free(rb);
	ring_free(&r);
	ring_free(&other);
}

static void busy_head(const struct api *api, struct trace *t)
{
	for (enum way way = 0; way < WAYS; way++)
		for (uint64_t flags = 0; flags < 3; flags++)
			for (int discard = 0; discard < 2; discard++)
				busy_way(api, t, way, flags, discard);
}

/* Busy when the manager is made: the ring counts as readable then. */
static void busy_from_the_start(const struct api *api, struct trace *t)
{
	for (uint64_t flags = 0; flags < 3; flags++) {
		struct ring r = ring_new(4096);
		struct sink s = SINK(t, 1);
		struct busy busy;
		struct ending ending = {&busy, 20 * MSEC};
		struct ring_buffer *rb;
		pthread_t thread;
		int n = 0;

		if (busy_begin(&busy, &r, flags, false))
			abort();
		rb = api->ring_buffer__new(r.fd, take, &s, NULL);
		pthread_create(&thread, NULL, end_later, &ending);
		for (int64_t end = monotonic() + limit(5000 * MSEC); !n && monotonic() < end;)
			n = api->ring_buffer__poll(rb, 1000);
		note(t, "%d", n);
		pthread_join(thread, NULL);
		api->ring_buffer__free(rb);
		ring_free(&r);
	}
}

const struct scenario scenarios_busy[] = {
	{"busy head", busy_head, 0},
	{"busy from the start", busy_from_the_start, 0},
	{0},
};
