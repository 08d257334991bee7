// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * 1 to 16 threads on one producer, and a thread that drains: every sample arrives exactly once,
 * those of one thread in order, none torn; whether threads fail, wait, or hold several samples at a
 * time.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <bpfring/producer_recovery.h>

#include "user_stress.h"

#define SAMPLES	    (400000U / SLOW) /* of all threads together */
#define MAX_THREADS 16
#define HOLD	    4

struct sample {
	uint32_t thread;
	uint32_t number;
	uint32_t check[]; /* payload: as many words as fit, all with the same value */
};

struct stress {
	struct sim_ring *r;
	struct bpfring_producer *p;
	unsigned int threads;
	unsigned int drain_flags;
	bool wait;
	uint32_t expected[MAX_THREADS];
	uint64_t drained;
	int stop;
	int stop_looking;
};

static bool looked_at;
static void *look(void *arg);

struct worker {
	struct stress *s;
	uint32_t id;
	uint64_t discarded;
	pthread_t thread;
};

static int check_sample(void *ctx, uint8_t *data, uint32_t size)
{
	const struct sample *sample = (const void *)data;
	struct stress *s = ctx;

	assert_true(size >= sizeof(*sample));
	assert_true(sample->thread < s->threads);
	if (sample->number < s->expected[sample->thread])
		fail_msg("thread %u: %u comes again", sample->thread, sample->number);
	s->expected[sample->thread] = sample->number + 1;
	for (uint32_t i = 0; i < (size - sizeof(*sample)) / 4; i++)
		assert_int_equal(sample->check[i], sample->thread ^ sample->number);
	s->drained++;
	return 0;
}

static void *drain(void *arg)
{
	struct stress *s = arg;

	for (;;) {
		int stop = __atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);
		int n = sim_drain(s->r, check_sample, s, s->drain_flags);

		assert_true(n >= 0);
		if (!n && stop)
			return NULL;
		if (!n)
			sched_yield();
	}
}

static uint32_t size_of(uint32_t number, unsigned int *seed)
{
	return (uint32_t)sizeof(struct sample) +
	       (number % 64 ? (uint32_t)rand_r(seed) % 100 : 1500);
}

static void *reserve(struct worker *w, uint32_t size)
{
	void *data;
	int err;

	for (;;) {
		if (w->s->wait)
			err = bpfring_producer_reserve_wait(w->s->p, size, -1, &data);
		else
			err = bpfring_producer_reserve(w->s->p, size, &data);
		if (!err)
			return data;
		assert_int_equal(err, -ENOSPC);
		sched_yield();
	}
}

static void fill(struct sample *sample, uint32_t size, uint32_t thread, uint32_t number)
{
	sample->thread = thread;
	sample->number = number;
	for (uint32_t i = 0; i < (size - sizeof(*sample)) / 4; i++)
		sample->check[i] = thread ^ number;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const uint32_t count = SAMPLES / w->s->threads;
	unsigned int seed = w->id + 1;
	void *held[HOLD];

	for (uint32_t number = 0; number < count;) {
		/* alone, or several that are ended in any order; waiting with a sample held would
		 * be to wait for oneself
		 */
		uint32_t n = w->s->wait ? 1 : 1 + (uint32_t)rand_r(&seed) % HOLD;

		if (n > count - number)
			n = count - number;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t size = n > 1 ? 8 : size_of(number, &seed);

			if (i && bpfring_producer_reserve(w->s->p, size, &held[i])) {
				n = i;
				break;
			}
			if (!i)
				held[i] = reserve(w, size);
			fill(held[i], size, w->id, number + i);
		}
		for (uint32_t i = n; i-- > 0;) {
			bool drop = rand_r(&seed) % 16 == 0;

			w->discarded += drop;
			assert_int_equal(drop ? bpfring_producer_discard(w->s->p, held[i])
					      : bpfring_producer_submit(w->s->p, held[i]),
					 0);
			assert_int_equal(bpfring_producer_ring(w->s->p)->lost, 0);
		}
		number += n;
	}
	return NULL;
}

static void run(unsigned int threads, size_t size, bool wait, unsigned int drain_flags)
{
	struct stress s = {.threads = threads, .wait = wait, .drain_flags = drain_flags};
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct worker workers[MAX_THREADS] = {{0}};
	uint64_t discarded = 0;
	pthread_t drainer, looker;

	assert_int_equal(sim_user_ring_new(&s.r, size, 8, UINT64_MAX - 64 * size + 1), 0);
	s.p = open_threads(s.r, 42, (struct bpfring_producer_opts){0});
	assert_int_equal(pthread_create(&drainer, NULL, drain, &s), 0);
	if (looked_at)
		assert_int_equal(pthread_create(&looker, NULL, look, &s), 0);
	for (uint32_t i = 0; i < threads; i++) {
		workers[i].s = &s;
		workers[i].id = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		discarded += workers[i].discarded;
	}
	__atomic_store_n(&s.stop_looking, 1, __ATOMIC_RELAXED);
	if (looked_at)
		pthread_join(looker, NULL);
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
	pthread_join(drainer, NULL);
	assert_int_equal(s.drained + discarded, SAMPLES / threads * threads);
	assert_int_equal(bpfring_producer_stats(s.p, &stats), 0);
	assert_int_equal(stats.samples, s.drained);
	assert_int_equal(stats.discards, discarded);
	assert_int_equal(bpfring_producer_free_space(s.p), size);
	bpfring_producer_close(s.p);
	sim_ring_free(s.r);
	sim_sys_reset();
}

static void that_fail_when_it_is_full(void **state)
{
	(void)state;
	for (unsigned int threads = 1; threads <= MAX_THREADS; threads *= 2)
		run(threads, 2 * PAGE, false, 0);
}

static void in_a_large_ring(void **state)
{
	(void)state;
	run(4, 256 * PAGE, false, 0);
}

static void that_wait(void **state)
{
	(void)state;
	for (unsigned int threads = 1; threads <= MAX_THREADS; threads *= 4)
		run(threads, 2 * PAGE, true, 0);
}

/* A thread that looks all the time finds a good ring, whatever the others do. */
static void *look(void *arg)
{
	BPFRING_OPTS(bpfring_recovery, found);
	struct stress *s = arg;
	uint64_t looks = 0;

	while (!__atomic_load_n(&s->stop_looking, __ATOMIC_RELAXED)) {
		int blocked = bpfring_producer_check(s->p, &found);

		if (blocked)
			fail_msg("%d: look %llu: %llu busy, %llu broken, moved by %llu", blocked,
				 (unsigned long long)looks, (unsigned long long)found.busy,
				 (unsigned long long)found.broken, (unsigned long long)found.moved);
		looks++;
		if (looks % 16 == 0)
			sched_yield();
	}
	print_message("%llu looks\n", (unsigned long long)looks);
	return NULL;
}

static void that_are_looked_at(void **state)
{
	(void)state;
	looked_at = true;
	for (unsigned int round = 0; round < 8; round++)
		run(1 + round % 4, PAGE, false, 0);
	looked_at = false;
}

/* Two threads end the same samples: one of them is refused, each time. */
struct rival {
	struct stress *s;
	pthread_barrier_t *barrier;
	void **samples;
	uint64_t ended;
	pthread_t thread;
};

#define RIVAL_SAMPLES 64U
#define RIVAL_ROUNDS  (4000U / SLOW)

static void *rival(void *arg)
{
	struct rival *v = arg;

	for (unsigned int round = 0; round < RIVAL_ROUNDS; round++) {
		pthread_barrier_wait(v->barrier);
		for (unsigned int i = 0; i < RIVAL_SAMPLES; i++) {
			int err = bpfring_producer_submit(v->s->p, v->samples[i]);

			assert_true(!err || err == -EINVAL);
			v->ended += !err;
		}
		pthread_barrier_wait(v->barrier);
	}
	return NULL;
}

static void that_end_the_same(void **state)
{
	struct stress s = {.threads = 1};
	void *samples[RIVAL_SAMPLES];
	pthread_barrier_t barrier;
	struct rival rivals[2];

	(void)state;
	assert_int_equal(sim_user_ring_new(&s.r, PAGE, 8, 0), 0);
	s.p = open_threads(s.r, 43, (struct bpfring_producer_opts){0});
	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++) {
		rivals[i] = (struct rival){.s = &s, .barrier = &barrier, .samples = samples};
		assert_int_equal(pthread_create(&rivals[i].thread, NULL, rival, &rivals[i]), 0);
	}
	for (unsigned int round = 0; round < RIVAL_ROUNDS; round++) {
		for (uint32_t i = 0; i < RIVAL_SAMPLES; i++) {
			assert_int_equal(bpfring_producer_reserve(s.p, 16, &samples[i]), 0);
			fill(samples[i], 16, 0, round * RIVAL_SAMPLES + i);
		}
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		assert_int_equal(sim_drain(s.r, check_sample, &s, 0), RIVAL_SAMPLES);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(rivals[i].thread, NULL);
	assert_int_equal(rivals[0].ended + rivals[1].ended, RIVAL_SAMPLES * RIVAL_ROUNDS);
	pthread_barrier_destroy(&barrier);
	bpfring_producer_close(s.p);
	sim_ring_free(s.r);
	sim_sys_reset();
}

/* Nobody ever sees a part of a batch. */
#define BATCH 8U

static void *put_batches(void *arg)
{
	struct bpfring_sample batch[BATCH];
	struct stress *s = arg;

	for (unsigned int i = 0; i < SAMPLES / BATCH;) {
		for (unsigned int k = 0; k < BATCH; k++)
			batch[k] = (struct bpfring_sample){.size = 8};
		if (bpfring_producer_free_space(s->p) < BATCH * 16) {
			assert_int_equal(sim_drain(s->r, NULL, NULL, 0), s->r->size / 16);
			continue;
		}
		assert_int_equal(bpfring_producer_reserve_batch(s->p, batch, BATCH), BATCH);
		assert_int_equal(bpfring_producer_submit_batch(s->p, batch, BATCH), BATCH);
		i++;
	}
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void that_put_batches(void **state)
{
	struct stress s = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(sim_user_ring_new(&s.r, PAGE, 8, 0), 0);
	s.p = open_threads(s.r, 43, (struct bpfring_producer_opts){0});
	assert_int_equal(pthread_create(&thread, NULL, put_batches, &s), 0);
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE))
		assert_int_equal(sim_ring_prod(s.r) % (16 * BATCH), 0);
	pthread_join(thread, NULL);
	bpfring_producer_close(s.p);
	sim_ring_free(s.r);
	sim_sys_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(that_fail_when_it_is_full),
		cmocka_unit_test(in_a_large_ring),
		cmocka_unit_test(that_wait),
		cmocka_unit_test(that_are_looked_at),
		cmocka_unit_test(that_end_the_same),
		cmocka_unit_test(that_put_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
