// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Random sequences of calls, each made of libbpf and of ours with rings of their own, and compared
 * after every call. test_random [SECONDS [SEED]].
 *
 * Two kinds. A manager whose descriptor was asked for must do the same as libbpf in all respects.
 * One that waits in windows may hand out what nobody was notified of sooner, and several rings in
 * another order and in more than one poll, and while it waits there is space for a record less:
 * docs/compat.md says so. So its sequences know no BPF_RB_NO_WAKEUP and one ring, that is never
 * full.
 */
#include "scenario.h"

#include <stdio.h>

#define MAX_RING 3
#define LARGE	 MAX_RING /* the ring of those that wait in windows */
#define CALLS	 60

struct world {
	const struct api *api;
	struct trace *t;
	struct ring_buffer *rb;
	struct ring rings[MAX_RING];
	struct sink sinks[MAX_RING];
	unsigned int count;
	int outer;
};

static struct api libbpf, compat;
static struct ring all_rings[2][MAX_RING + 1]; /* of libbpf, and of ours */
static uint64_t seed;

static unsigned int some(unsigned int below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(seed >> 33) % below;
}

/* What to do; both worlds get the same. */
struct step {
	unsigned int what, ring, count, size, number;
	uint64_t flags;
};

static void add_ring(struct world *w)
{
	unsigned int i = w->count;

	if (i == MAX_RING)
		return;
	w->sinks[i] = SINK(w->t, (int)i);
	if (w->rb)
		noted(w->t, "add",
		      w->api->ring_buffer__add(w->rb, w->rings[i].fd, take, &w->sinks[i]));
	else
		w->rb = w->api->ring_buffer__new(w->rings[i].fd, take, &w->sinks[i], NULL);
	assert_non_null(w->rb);
	w->count++;
}

static void positions(const struct world *w, unsigned int ring)
{
	struct ring *r;

	if (!libbpf.ring_buffer__ring) /* only what both have */
		return;
	r = w->api->ring_buffer__ring(w->rb, ring);
	if (!r)
		note(w->t, "no ring %u: %d", ring, errno);
	else
		note(w->t, "at %lu of %lu", w->api->ring__consumer_pos(r),
		     w->api->ring__producer_pos(r));
}

static void put(const struct world *w, const struct step *s)
{
	static const int ops[] = {OP_NUMBER, OP_NUMBER, OP_NUMBER, OP_DISCARD, OP_OUTPUT};
	int op = ops[s->size % ARRAY_SIZE(ops)];

	note(w->t, "put %d",
	     produce(&w->rings[s->ring], op, s->size, s->count, s->number, s->flags));
}

static void do_step(struct world *w, const struct step *s, bool windows)
{
	const struct api *api = w->api;
	struct trace *t = w->t;
	struct ring *one;

	note(w->t, "step %u: ring %u, count %u, size %u, flags %u", s->what, s->ring, s->count,
	     s->size, (unsigned int)s->flags);
	switch (s->what) {
	case 0:
	case 1:
	case 2:
	case 3:
		put(w, s);
		return;
	case 4:
	case 5:
		POLL(w->rb, 0);
		return;
	case 6:
	case 7:
		POLL(w->rb, 1);
		return;
	case 8:
		CONSUME(w->rb);
		return;
	case 9:
		if (libbpf.ring_buffer__consume_n)
			noted(w->t, "consume_n", api->ring_buffer__consume_n(w->rb, 1 + s->count));
		return;
	case 10:
		one = libbpf.ring__consume_n ? api->ring_buffer__ring(w->rb, s->ring) : NULL;
		if (one)
			noted(w->t, "ring consume_n", api->ring__consume_n(one, 1 + s->count));
		return;
	case 11:
		w->sinks[s->ring].seen = 0;
		w->sinks[s->ring].fail_at = s->count;
		w->sinks[s->ring].fail_with = s->size % 2 ? -(int)s->size : (int)s->size;
		return;
	case 12:
		if (!windows)
			add_ring(w);
		return;
	case 13:
		positions(w, s->ring);
		return;
	case 14:
		api->ring_buffer__free(w->rb);
		w->rb = NULL;
		w->count = 0;
		add_ring(w);
		if (!windows)
			api->ring_buffer__epoll_fd(w->rb);
		return;
	default:
		if (windows)
			return;
		readable(w->t, "descriptor", api->ring_buffer__epoll_fd(w->rb));
	}
}

/* Rings are made once, which takes the kernel long, and handed on empty. */
static void make_rings(struct ring *rings, int first)
{
	static const size_t sizes[MAX_RING + 1] = {4096, 8192, 4096, 256 * 1024};

	for (int i = 0; i <= MAX_RING; i++)
		rings[i] = ring_new_at(first + i, sizes[i]);
}

static int forget(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static void open_world(struct world *w, const struct api *api, const struct ring *rings,
		       bool windows)
{
	*w = (struct world){.api = api, .t = trace_new()};
	memcpy(w->rings, rings, sizeof(w->rings));
	if (windows)
		w->rings[0] = rings[LARGE];
	for (int i = 0; i < MAX_RING; i++) {
		struct ring_buffer *rb = api->ring_buffer__new(w->rings[i].fd, forget, NULL, NULL);

		api->ring_buffer__consume(rb);
		api->ring_buffer__free(rb);
	}
	add_ring(w);
	if (!windows)
		api->ring_buffer__epoll_fd(w->rb);
}

static void close_world(struct world *w)
{
	w->api->ring_buffer__free(w->rb);
	trace_free(w->t);
}

static bool sequence(uint64_t start)
{
	struct world worlds[2];
	bool windows, same = true;

	seed = start;
	windows = some(2);
	open_world(&worlds[0], &libbpf, all_rings[0], windows);
	open_world(&worlds[1], &compat, all_rings[1], windows);
	for (int i = 0; i < CALLS && same; i++) {
		const struct step s = {
			.what = some(17),
			.ring = windows ? 0 : some(MAX_RING),
			.count = some(6),
			.size = some(700),
			.number = some(1000),
			.flags = windows ? some(2) * FORCE_WAKEUP : some(3),
		};

		for (int w = 0; w < 2; w++)
			do_step(&worlds[w], &s, windows);
		same = !strcmp(worlds[0].t->text, worlds[1].t->text);
	}
	if (!same) {
		printf("seed %llu, %s:\n", (unsigned long long)start,
		       windows ? "windows" : "descriptor");
		trace_equal(worlds[0].t, "libbpf", worlds[1].t, "ours");
	}
	close_world(&worlds[0]);
	close_world(&worlds[1]);
	return same;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 3;
	const char *why = kernel_open();
	int64_t end = monotonic() + (int64_t)(seconds * 1e9);
	unsigned long long count = 0, start = argc > 2 ? strtoull(argv[2], NULL, 10)
						       : (unsigned long long)getpid();
	bool same = true;

	if (!why)
		why = api_open_libbpf(&libbpf);
	if (!why)
		why = api_open_compat(&compat);
	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	make_rings(all_rings[0], 1);
	make_rings(all_rings[1], 2 + MAX_RING);
	do {
		same = sequence(start + count);
		count++;
	} while (same && monotonic() < end);
	printf("%llu sequences of %d calls, from seed %llu on\n", count, CALLS, start);
	kernel_close();
	return !same;
}
