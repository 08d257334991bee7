// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads that share a user ring and do other work between their samples, 1 to 2 us of it, as
 * programs do. A round without samples precedes each round with them: the difference is what the
 * samples cost. The ring is drained between rounds.
 */
#include "clock.h"
#include "user.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define MAX_THREADS 16
#define UNITS	    16384 /* of work, in a round of one thread */
#define MIN_WORK_NS 1000  /* of a unit; at most twice as much */
#define MEMORY	    2048  /* words that the work of a thread touches */

struct worker {
	const struct user *u;
	pthread_barrier_t *barrier;
	size_t size;
	uint32_t steps; /* of work that take MIN_WORK_NS */
	bool produce;
	bool stop;
	size_t done;
	int cpu;
	uint64_t state;
	uint64_t memory[MEMORY];
	pthread_t thread;
};

static void work(struct worker *w, uint32_t steps)
{
	uint64_t x = w->state;

	for (uint32_t i = 0; i < steps; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		w->memory[x % MEMORY] += x;
	}
	w->state = x;
}

static void work_a_unit(struct worker *w)
{
	work(w, w->steps + (uint32_t)(w->state % w->steps));
}

static uint32_t steps_of_least_work(struct worker *w)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 20; i++) {
		int64_t start = now_ns(), ns;

		work(w, 100000);
		ns = now_ns() - start;
		best = ns < best ? ns : best;
	}
	return (uint32_t)(100000LL * MIN_WORK_NS / (best + 1)) + 1;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	pin_to_cpu(w->cpu);
	for (;;) {
		pthread_barrier_wait(w->barrier);
		if (w->stop)
			return NULL;
		w->done = 0;
		for (int i = 0; i < UNITS; i++) {
			work_a_unit(w);
			if (w->produce)
				w->done += user_fill(w->u, w->size, 0, 1);
		}
		pthread_barrier_wait(w->barrier);
	}
}

struct sums {
	uint64_t samples;
	int64_t work_ns;
	int64_t both_ns;
};

static int64_t round_of_all(struct worker *workers, unsigned int n, bool produce)
{
	int64_t start;

	for (unsigned int i = 0; i < n; i++)
		workers[i].produce = produce;
	start = now_ns();
	pthread_barrier_wait(workers[0].barrier);
	pthread_barrier_wait(workers[0].barrier);
	return now_ns() - start;
}

static int rounds(struct worker *workers, unsigned int n, int64_t until, struct sums *sums)
{
	do {
		size_t filled = 0;
		long drained;

		sums->work_ns += round_of_all(workers, n, false);
		sums->both_ns += round_of_all(workers, n, true);
		for (unsigned int i = 0; i < n; i++)
			filled += workers[i].done;
		drained = user_drain(workers[0].u);
		if (drained != (long)filled || filled != (size_t)n * UNITS) {
			fprintf(stderr, "bpfring-bench: %zu samples submitted, %ld drained\n",
				filled, drained);
			return drained < 0 ? (int)drained : -EBADMSG;
		}
		sums->samples += filled;
	} while (now_ns() < until);
	return 0;
}

static int measure_workers(const struct user *u, const struct bench_row *row, double seconds,
			   struct sums *sums)
{
	static struct worker workers[MAX_THREADS];
	const unsigned int n = row->producers;
	struct sums warm = {0};
	pthread_barrier_t barrier;
	int err;

	pthread_barrier_init(&barrier, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){.u = u, .barrier = &barrier, .size = row->size};
		w->state = 88172645463325252ULL + i;
		w->steps = i ? workers[0].steps : steps_of_least_work(w);
		w->cpu = (int)i % cpu_count();
		pthread_create(&w->thread, NULL, run, w);
	}
	err = rounds(workers, n, now_ns() + seconds_ns(seconds) / 4, &warm);
	if (!err)
		err = rounds(workers, n, now_ns() + seconds_ns(seconds), sums);
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
	const int cpus = cpu_count() < (int)row->producers ? cpu_count() : (int)row->producers;
	struct sums sums = {0};
	struct user u;
	int err = user_open(&u, impl, row->ring_size, row->producers);

	if (err)
		return err;
	err = pin_to_cpu(opts->consumer_cpu);
	if (!err)
		err = measure_workers(&u, row, opts->seconds, &sums);
	user_close(&u);
	if (err)
		return err;
	ret->records_per_s = (double)sums.samples / (double)sums.both_ns * 1e9;
	ret->producer_ns = (double)(sums.both_ns - sums.work_ns) * cpus / (double)sums.samples;
	return 0;
}

#define WORK(n)                                                                                  \
	{                                                                                        \
		.name = "producer-work-" #n, .family = "producer-work",                          \
		.about = #n " threads, 64 bytes each 1 to 2 us; ns: what a sample adds to that", \
		.measure = measure, .key = METRIC_RECORDS_PER_S, .producers = n,                 \
		.kinds = KIND_USER_THREADS | KIND_USER_GROUP, .size = 64, .ring_size = 16 << 20  \
	}

const struct bench_row rows_work[] = {WORK(1), WORK(2), WORK(4), {0}};
