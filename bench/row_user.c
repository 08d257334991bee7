/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producing into a user ring. The ring is filled and drained in turn. `producer` times the filling
 * alone, what the application pays; `producer-drained` both, as an application that has to wait for
 * its BPF program sees it. The rows with threads share the filling among them; in every other round
 * one of them does it all, to see what the others are good for.
 */
#include "clock.h"
#include "user.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define MAX_THREADS 16

struct worker {
	const struct user *u;
	pthread_barrier_t *barrier;
	size_t size;
	size_t share;
	size_t done;
	bool stop;
	int cpu;
	pthread_t thread;
};

static size_t ring_bytes(const struct bench_row *row)
{
	return (row->size + 15) & ~(size_t)7;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pin_to_cpu(w->cpu);
	for (;;) {
		pthread_barrier_wait(w->barrier);
		if (w->stop)
			return NULL;
		w->done = user_fill(w->u, w->size, 0, w->share);
		pthread_barrier_wait(w->barrier);
	}
}

struct fills {
	uint64_t samples;
	int64_t fill_ns;
	int64_t total_ns;
	/* rounds of one thread, where there are more */
	uint64_t alone_samples;
	int64_t alone_ns;
};

/* One round: fill, drain, and see that nothing is missing. */
static int end_round(const struct user *u, size_t filled, size_t expected, int64_t start,
		     int64_t end, struct fills *f)
{
	long drained = user_drain(u);

	if (drained != (long)filled || filled != expected) {
		fprintf(stderr, "bpfring-bench: %zu samples of %zu submitted, %ld drained\n",
			filled, expected, drained);
		return drained < 0 ? (int)drained : -EBADMSG;
	}
	f->samples += filled;
	f->fill_ns += end - start;
	f->total_ns += now_ns() - start;
	return 0;
}

static int rounds_alone(const struct user *u, const struct bench_row *row, int64_t until,
			struct fills *f)
{
	size_t count = row->ring_size / ring_bytes(row);
	int err = 0;

	while (!err && now_ns() < until) {
		int64_t start = now_ns();
		size_t filled = user_fill(u, row->size, 0, count);

		err = end_round(u, filled, count, start, now_ns(), f);
	}
	return err;
}

static int rounds_of_threads(const struct user *u, const struct bench_row *row, int64_t until,
			     struct fills *f)
{
	const unsigned int n = row->producers;
	size_t share = row->ring_size / ring_bytes(row) / n;
	/* In a group the rings are small: one thread fills its own. */
	size_t alone_share = u->impl->kinds & KIND_USER_GROUP ? share : share * n;
	struct fills alone = {0};
	bool all = true;
	struct worker workers[MAX_THREADS];
	pthread_barrier_t barrier;
	int err = 0;

	pthread_barrier_init(&barrier, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		workers[i] = (struct worker){.u = u,
					     .barrier = &barrier,
					     .size = row->size,
					     .cpu = (int)i % cpu_count()};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (; !err && (now_ns() < until || !all); all = !all) {
		size_t filled = 0;
		int64_t start;

		for (unsigned int i = 0; i < n; i++)
			workers[i].share = all ? share : i ? 0 : alone_share;
		start = now_ns();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		for (unsigned int i = 0; i < n; i++)
			filled += workers[i].done;
		err = end_round(u, filled, all ? share * n : alone_share, start, now_ns(),
				all ? f : &alone);
	}
	f->alone_samples = alone.samples;
	f->alone_ns = alone.fill_ns;
	for (unsigned int i = 0; i < n; i++)
		workers[i].stop = true;
	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
	return err;
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	int (*rounds)(const struct user *u, const struct bench_row *row, int64_t until,
		      struct fills *f) = row->producers ? rounds_of_threads : rounds_alone;
	struct fills warm = {0}, f = {0};
	struct user u;
	int err = user_open(&u, impl, row->ring_size, row->producers);

	if (err)
		return err;
	/* Who drains is not to be in the way of one thread that fills. */
	err = pin_to_cpu(row->producers ? opts->consumer_cpu : opts->producer_cpu);
	if (!err)
		err = rounds(&u, row, now_ns() + seconds_ns(opts->seconds) / 4, &warm);
	if (!err)
		err = rounds(&u, row, now_ns() + seconds_ns(opts->seconds), &f);
	user_close(&u);
	if (err)
		return err;
	if (row->producers > 1)
		ret->of_one_pct = (double)f.samples / (double)f.fill_ns * (double)f.alone_ns /
				  (double)f.alone_samples * 100;
	if (row->key == METRIC_PRODUCER_NS)
		ret->producer_ns = (double)f.fill_ns / (double)f.samples;
	ret->records_per_s = (double)f.samples /
			     (double)(row->key == METRIC_PRODUCER_NS ? f.fill_ns : f.total_ns) *
			     1e9;
	return 0;
}

#define ALONE(bytes)                                                                    \
	{                                                                               \
		.name = "producer-" #bytes, .family = "producer",                       \
		.about = "reserve and submit of " #bytes " bytes, without the drain",   \
		.measure = measure, .key = METRIC_PRODUCER_NS, .kinds = KIND_USER_FILL, \
		.size = bytes, .ring_size = 1 << 18                                     \
	}

#define DRAINED(bytes)                                                               \
	{                                                                            \
		.name = "producer-drained-" #bytes, .family = "producer",            \
		.about = "the same with the drain", .measure = measure,              \
		.key = METRIC_RECORDS_PER_S, .kinds = KIND_USER_FILL, .size = bytes, \
		.ring_size = 1 << 18                                                 \
	}

/* Rings so large that the beginning and the end of a round do not count. */
#define THREADS(n, bytes)                                                                         \
	{                                                                                         \
		.name = "producer-threads-" #n "-" #bytes, .family = "producer-threads",          \
		.about = #n " threads, " #bytes " bytes, without the drain", .measure = measure,  \
		.key = METRIC_PRODUCER_NS, .producers = n,                                        \
		.kinds = KIND_USER_THREADS | ((bytes) > 64 ? 0 : KIND_USER_GROUP), .size = bytes, \
		.ring_size = (bytes) > 64 ? 512 << 20 : 64 << 20                                  \
	}

const struct bench_row rows_user[] = {
	ALONE(8),      ALONE(64),      ALONE(1024),	 DRAINED(8),	   DRAINED(64),
	DRAINED(1024), THREADS(1, 8),  THREADS(2, 8),	 THREADS(4, 8),	   THREADS(1, 64),
	THREADS(8, 8), THREADS(4, 64), THREADS(1, 1024), THREADS(4, 1024), {0},
};
