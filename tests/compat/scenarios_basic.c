// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Calls, what they return, and what callbacks see. */
#include "scenario.h"

#include <bpf/bpf.h>
#include <limits.h>

static void one_ring(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	assert_non_null(rb);
	POLL(rb, 0);
	put_numbers(&r, 5, 100);
	POLL(rb, 0);
	POLL(rb, 0);
	CONSUME(rb);
	for (uint64_t i = 0; i < 20; i++) {
		put_numbers(&r, 1 + i % 3, 1000 * i);
		POLL(rb, 100);
	}
	put_numbers(&r, 3, 200);
	CONSUME(rb);
	POLL(rb, 0);
	POLL(rb, 5);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

static void backlog(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb;

	put_numbers(&r, 4, 7);
	rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	POLL(rb, 100);
	api->ring_buffer__free(rb);
	put_numbers(&r, 2, 70);
	rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	CONSUME(rb);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

static void several_rings(const struct api *api, struct trace *t)
{
	struct ring r[3] = {ring_new(4096), ring_new(4096), ring_new(16384)};
	struct sink s[3] = {SINK(t, 0), SINK(t, 1), SINK(t, 2)};
	struct ring_buffer *rb = api->ring_buffer__new(r[0].fd, take, &s[0], NULL);

	for (int i = 1; i < 3; i++)
		noted(t, "add", api->ring_buffer__add(rb, r[i].fd, take, &s[i]));
	for (uint64_t i = 0; i < 12; i++) {
		put_numbers(&r[i % 3], 1 + i % 2, 10 * i);
		if (i % 4 == 3)
			POLL(rb, 0);
	}
	put_numbers(&r[2], 1, 1);
	put_numbers(&r[0], 1, 2);
	CONSUME(rb);
	put_numbers(&r[1], 2, 3);
	POLL(rb, 100);
	api->ring_buffer__free(rb);
	for (int i = 0; i < 3; i++)
		ring_free(&r[i]);
}

static void failing_callback(const struct api *api, struct trace *t)
{
	static const int values[] = {-1, -EINTR, -4096, INT_MIN + 1, 7, INT_MAX};
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (int way = 0; way < 3; way++) {
			s.seen = 0;
			s.fail_at = 3;
			s.fail_with = values[i];
			put_numbers(&r, 5, 10 * i);
			switch (way) {
			case 0:
				POLL(rb, 0);
				break;
			case 1:
				POLL(rb, 100);
				break;
			default:
				CONSUME(rb);
			}
			POLL(rb, 100);
			CONSUME(rb);
		}
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* Rings that come after the one that failed keep their turn. */
static void failing_among_others(const struct api *api, struct trace *t)
{
	struct ring a = ring_new(4096), b = ring_new(4096);
	struct sink sa = SINK(t, 0), sb = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(a.fd, take, &sa, NULL);

	api->ring_buffer__add(rb, b.fd, take, &sb);
	sa.fail_at = 2;
	sa.fail_with = -EIO;
	put_numbers(&a, 3, 10);
	put_numbers(&b, 3, 20);
	POLL(rb, 0);
	POLL(rb, 0);
	POLL(rb, 0);
	sa.seen = 0;
	put_numbers(&a, 3, 30);
	put_numbers(&b, 3, 40);
	CONSUME(rb);
	CONSUME(rb);
	api->ring_buffer__free(rb);
	ring_free(&a);
	ring_free(&b);
}

static void refused(const struct api *api, struct trace *t)
{
	const struct {
		size_t sz;
		uint64_t more;
	} unknown = {16, 1}, longer = {16, 0}, small = {4, 0}, none = {0, 0};
	struct ring r = ring_new(4096);
	int array = bpf_map_create(BPF_MAP_TYPE_ARRAY, "array", 4, 4, 1, NULL);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb;

#define TRY(fd, opts)                                                                            \
	do {                                                                                     \
		rb = api->ring_buffer__new(fd, take, &s, (const struct ring_buffer_opts *)opts); \
		note(t, "new(" #fd ", " #opts "): %s %d", rb ? "good" : "NULL", rb ? 0 : errno); \
		if (rb)                                                                          \
			api->ring_buffer__free(rb);                                              \
	} while (0)

	TRY(-1, NULL);
	TRY(9999, NULL);
	TRY(0, NULL);
	TRY(array, NULL);
	TRY(r.fd, &unknown);
	TRY(r.fd, &longer);
	TRY(r.fd, &small);
	TRY(r.fd, &none);
	rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	noted(t, "add nothing", api->ring_buffer__add(rb, -1, take, &s));
	noted(t, "add array", api->ring_buffer__add(rb, array, take, &s));
	noted(t, "add twice", api->ring_buffer__add(rb, r.fd, take, &s));
	put_numbers(&r, 2, 5);
	POLL(rb, 100);
	api->ring_buffer__free(rb);
	api->ring_buffer__free(NULL);
	close(array);
	ring_free(&r);
}

static void no_callback(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096), other = ring_new(4096);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, NULL, NULL, NULL);

	note(t, "new: %s", rb ? "good" : "NULL");
	noted(t, "add", api->ring_buffer__add(rb, other.fd, NULL, NULL));
	POLL(rb, 0);
	POLL(rb, 5);
	CONSUME(rb);
	api->ring_buffer__free(rb);
	ring_free(&r);
	ring_free(&other);
}

static void discards(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	produce(&r, OP_DISCARD, 0, 3, 0, 0);
	CONSUME(rb);
	produce(&r, OP_DISCARD, 0, 3, 0, 0);
	put_numbers(&r, 2, 1);
	produce(&r, OP_DISCARD, 0, 2, 0, 0);
	POLL(rb, 100);
	POLL(rb, 0);
	/* More than a ring full of them: their space must come back. */
	for (int i = 0; i < 1000; i++) {
		note(t, "%d", produce(&r, OP_DISCARD, 0, 1, 0, i % 2 ? NO_WAKEUP : 0));
		api->ring_buffer__consume(rb);
	}
	put_numbers(&r, 2, 8);
	POLL(rb, 100);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* Records of all sizes, around the end of the ring many times, and the ring full now and then. */
static void sizes(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	for (uint64_t i = 0; i < 150; i++) {
		uint64_t size = i * 37 % 1500;

		note(t, "output %llu: %d", (unsigned long long)size,
		     produce(&r, OP_OUTPUT, size, 1 + i % 3, i * 10, 0));
		if (i % 3 == 0)
			POLL(rb, 0);
	}
	CONSUME(rb);
	note(t, "full: %d", produce(&r, OP_NUMBER, 0, MAX_COUNT, 0, 0));
	CONSUME(rb);
	note(t, "again: %d", produce(&r, OP_NUMBER, 0, MAX_COUNT, 1000, 0));
	POLL(rb, 100);
	note(t, "largest: %d", produce(&r, OP_OUTPUT, 4088, 1, 5, 0));
	POLL(rb, 100);
	note(t, "too large: %d", produce(&r, OP_OUTPUT, 4089, 1, 5, 0));
	api->ring_buffer__free(rb);
	ring_free(&r);
}

static void many_records(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(1 << 20);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb;
	struct trace *silent = trace_new();

	s.t = silent;
	rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	for (int i = 0; i < 4; i++) {
		for (int n = 0; n < 5; n++)
			put_numbers(&r, MAX_COUNT, 0);
		silent->used = 0;
		i % 2 ? POLL(rb, 0) : POLL(rb, 100);
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
	trace_free(silent);
}

static void budgets(const struct api *api, struct trace *t)
{
	struct ring r[2] = {ring_new(4096), ring_new(4096)};
	struct sink s[2] = {SINK(t, 0), SINK(t, 1)};
	struct ring_buffer *rb = api->ring_buffer__new(r[0].fd, take, &s[0], NULL);

	api->ring_buffer__add(rb, r[1].fd, take, &s[1]);
	put_numbers(&r[0], 5, 10);
	put_numbers(&r[1], 5, 20);
	noted(t, "consume_n(3)", api->ring_buffer__consume_n(rb, 3));
	noted(t, "consume_n(4)", api->ring_buffer__consume_n(rb, 4));
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	POLL(rb, 0);
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	put_numbers(&r[0], 3, 30);
	noted(t, "consume_n(max)", api->ring_buffer__consume_n(rb, SIZE_MAX));
	put_numbers(&r[0], 4, 50);
	s[0].seen = 0;
	s[0].fail_at = 2;
	s[0].fail_with = -EPERM;
	noted(t, "consume_n(9)", api->ring_buffer__consume_n(rb, 9));
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	noted(t, "consume_n(9)", api->ring_buffer__consume_n(rb, 9));
	produce(&r[0], OP_DISCARD, 0, 2, 0, 0);
	put_numbers(&r[0], 1, 60);
	produce(&r[0], OP_DISCARD, 0, 2, 0, 0);
	put_numbers(&r[0], 1, 70);
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	api->ring_buffer__free(rb);
	ring_free(&r[0]);
	ring_free(&r[1]);
}

static void positions(struct trace *t, const struct api *api, const struct ring *r)
{
	note(t, "  consumer %lu, producer %lu, available %zu of %zu", api->ring__consumer_pos(r),
	     api->ring__producer_pos(r), api->ring__avail_data_size(r), api->ring__size(r));
}

struct looker {
	struct sink sink;
	const struct api *api;
	const struct ring *ring;
};

static int take_and_look(void *ctx, void *data, size_t size)
{
	struct looker *l = ctx;

	positions(l->sink.t, l->api, l->ring);
	return take(&l->sink, data, size);
}

static void single_rings(const struct api *api, struct trace *t)
{
	struct ring r[2] = {ring_new(4096), ring_new(16384)};
	struct looker l[2] = {{SINK(t, 0), api, NULL}, {SINK(t, 1), api, NULL}};
	struct ring_buffer *rb = api->ring_buffer__new(r[0].fd, take_and_look, &l[0], NULL);

	api->ring_buffer__add(rb, r[1].fd, take_and_look, &l[1]);
	for (unsigned int i = 0; i < 3; i++) {
		struct ring *one = api->ring_buffer__ring(rb, i);

		note(t, "ring %u: %s, %d", i, one ? "good" : "NULL", one ? 0 : errno);
		if (!one)
			continue;
		l[i].ring = one;
		note(t, "same descriptor: %d", api->ring__map_fd(one) == r[i].fd);
		positions(t, api, one);
		put_numbers(&r[i], 40, 10 * i);
		produce(&r[i], OP_DISCARD, 0, 1, 0, 0);
		put_numbers(&r[i], 4, 200);
		positions(t, api, one);
		noted(t, "consume_n(2)", api->ring__consume_n(one, 2));
		positions(t, api, one);
		noted(t, "consume", api->ring__consume(one));
		positions(t, api, one);
		noted(t, "consume", api->ring__consume(one));
		put_numbers(&r[i], 20, 300);
		POLL(rb, 100);
		positions(t, api, one);
		l[i].sink.seen = 0;
		l[i].sink.fail_at = 2;
		l[i].sink.fail_with = -ENOMSG;
		put_numbers(&r[i], 3, 400);
		noted(t, "consume", api->ring__consume(one));
		positions(t, api, one);
		put_numbers(&r[i], 3, 500);
		POLL(rb, 100);
		positions(t, api, one);
	}
	api->ring_buffer__free(rb);
	ring_free(&r[0]);
	ring_free(&r[1]);
}

struct adder {
	struct sink sink;
	const struct api *api;
	struct ring_buffer *rb;
	int fd;
	struct sink other;
	uint64_t at;
};

static int take_and_add(void *ctx, void *data, size_t size)
{
	struct adder *a = ctx;
	int err = take(&a->sink, data, size);

	if (a->sink.seen == a->at)
		noted(a->sink.t, "  add", a->api->ring_buffer__add(a->rb, a->fd, take, &a->other));
	return err;
}

static void added_in_callback(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096), other = ring_new(4096);
	struct adder a = {SINK(t, 0), api, NULL, other.fd, SINK(t, 1), 2};

	a.rb = api->ring_buffer__new(r.fd, take_and_add, &a, NULL);
	put_numbers(&other, 2, 50);
	put_numbers(&r, 4, 1);
	noted(t, "poll", api->ring_buffer__poll(a.rb, 100));
	noted(t, "poll", api->ring_buffer__poll(a.rb, 100));
	put_numbers(&other, 2, 70);
	noted(t, "poll", api->ring_buffer__poll(a.rb, 100));
	a.fd = other.fd;
	a.at = a.sink.seen + 1;
	put_numbers(&r, 1, 1);
	noted(t, "consume", api->ring_buffer__consume(a.rb));
	api->ring_buffer__free(a.rb);
	ring_free(&r);
	ring_free(&other);
}

const struct scenario scenarios_basic[] = {
	{"one ring", one_ring, 0},
	{"backlog", backlog, 0},
	{"several rings", several_rings, 0},
	{"failing callback", failing_callback, 0},
	{"failing among others", failing_among_others, 0},
	{"refused", refused, 0},
	{"no callback", no_callback, 0},
	{"discards", discards, 0},
	{"sizes", sizes, 0},
	{"many records", many_records, 0},
	{"budgets", budgets, 105},
	{"single rings", single_rings, 105},
	{"added in a callback", added_in_callback, 103}, /* earlier ones use freed memory */
	{0},
};
