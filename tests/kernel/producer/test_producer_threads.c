// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Many threads on one producer of a real ring: who kicks, what the counters say, who is killed. */
#include "user_rig.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS	     200
#define KILL_THREADS 4
#define COUNTED	     100000000ULL
#define COUNTING     4 /* threads */

struct thread {
	struct bpfring_producer *p;
	uint32_t id;
	uint64_t count;
	uint64_t discards; /* one sample in so many, 0: none */
	size_t vary;	   /* sizes from 16 on */
	pthread_t thread;
};

static void *produce(void *arg)
{
	struct thread *t = arg;

	for (uint64_t i = 0; i < t->count; i++) {
		size_t size = 16 + (t->vary ? (size_t)(i % t->vary) : 0);
		void *data;

		if (t->discards && i % t->discards == 0) {
			assert_int_equal(bpfring_producer_reserve_wait(t->p, 8, -1, &data), 0);
			assert_int_equal(bpfring_producer_discard(t->p, data), 0);
		}
		if (bpfring_producer_reserve(t->p, size, &data))
			assert_int_equal(bpfring_producer_reserve_wait(t->p, size, -1, &data), 0);
		*(struct user_sample *)data = (struct user_sample){t->id, 0, i};
		assert_int_equal(bpfring_producer_submit(t->p, data), 0);
	}
	return NULL;
}

static void run_threads(struct thread *threads, uint32_t count, struct thread model)
{
	for (uint32_t i = 0; i < count; i++) {
		threads[i] = model;
		threads[i].id = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL, produce, &threads[i]), 0);
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_join(threads[i].thread, NULL);
}

/* Nothing drains but what the producer kicks by itself. */
static void threads_that_kick(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct thread threads[USER_THREADS];
	struct user_rig rig;

	(void)state;
	for (int policy = 0; policy < 3; policy++) {
		rig_load(&rig, 4096);
		opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain);
		opts.kick_samples = policy == 1 ? 10 : 0;
		opts.kick_bytes = policy == 2 ? 2048 : 0;
		assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
		run_threads(threads, USER_THREADS,
			    (struct thread){.p = rig.p, .count = 5000, .vary = 90});
		assert_true(bpfring_producer_kick(rig.p) >= 0);
		assert_int_equal(rig.skel->bss->samples, USER_THREADS * 5000);
		assert_int_equal(rig.skel->bss->out_of_order, 0);
		assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
		assert_int_equal(stats.samples, USER_THREADS * 5000);
		assert_int_equal(stats.drained, USER_THREADS * 5000);
		rig_close(&rig);
	}
}

/* 10^8 samples, and each is where it belongs. */
static void counters_of_threads_add_up(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS,
		     .kick_bytes = 1 << 19);
	const uint64_t count = COUNTED / COUNTING / (unsigned int)slowness();
	const uint64_t discards = (count + 999) / 1000 * COUNTING;
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct thread threads[COUNTING];
	struct user_rig rig;

	(void)state;
	rig_load(&rig, 1 << 20);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	run_threads(threads, COUNTING,
		    (struct thread){.p = rig.p, .count = count, .discards = 1000});
	while (bpfring_producer_kick(rig.p) > 0)
		;
	assert_int_equal(rig.skel->bss->samples, COUNTING * count);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	for (int i = 0; i < COUNTING; i++)
		assert_int_equal(rig.skel->bss->next[i], count);
	assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
	assert_int_equal(stats.samples, COUNTING * count);
	assert_int_equal(stats.drained, COUNTING * count);
	assert_int_equal(stats.discards, discards);
	assert_int_equal(stats.bytes, COUNTING * count * 24 + discards * 16);
	assert_int_equal(stats.prod_pos, stats.bytes);
	assert_int_equal(bpfring_producer_free_space(rig.p), 1 << 20);
	assert_true(stats.waits < stats.samples / 100);
	print_message("%llu samples, %llu kicks, %llu waits, %llu ms waited\n",
		      (unsigned long long)stats.samples, (unsigned long long)stats.kicks,
		      (unsigned long long)stats.waits,
		      (unsigned long long)(stats.waited_ns / MSEC));
	rig_close(&rig);
}

/* Numbers its samples as it reserves them, several at a time, and ends them in any order. */
static void *produce_until_killed(void *arg)
{
	struct thread *t = arg;
	unsigned int seed = (unsigned int)getpid() * KILL_THREADS + t->id;
	uint64_t number = 0;

	for (;;) {
		struct user_sample copied[20] = {{t->id, 0, number}};
		void *data[3];
		int n, first;

		/* copied inside the lock, or not */
		if (!bpfring_producer_output(t->p, copied, (size_t)rand_r(&seed) % 2 ? 320 : 32))
			number++;
		for (n = 0; n < 3; n++) {
			size_t size = 16 + (size_t)rand_r(&seed) % 300;

			if (n ? bpfring_producer_reserve(t->p, size, &data[n])
			      : bpfring_producer_reserve_wait(t->p, size, -1, &data[n]))
				break;
			*(struct user_sample *)data[n] = (struct user_sample){t->id, 0, number++};
		}
		if (!n)
			_exit(1);
		first = rand_r(&seed) % n;
		for (int i = 0; i < n; i++)
			if (bpfring_producer_submit(t->p, data[(first + i) % n]))
				_exit(1);
	}
}

static void be_killed(int map_fd, int ready)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_THREADS);
	struct thread threads[KILL_THREADS];
	struct bpfring_producer *p;

	if (bpfring_producer_open(&p, map_fd, &opts))
		_exit(1);
	for (uint32_t i = 0; i < KILL_THREADS; i++) {
		threads[i] = (struct thread){.p = p, .id = i};
		if (pthread_create(&threads[i].thread, NULL, produce_until_killed, &threads[i]))
			_exit(1);
	}
	if (write(ready, "", 1) != 1)
		_exit(1);
	pthread_join(threads[0].thread, NULL);
	_exit(1);
}

static void drain_until(struct user_rig *rig, int64_t until)
{
	do
		assert_true(run(rig->skel->progs.drain) >= 0);
	while (clock_of(CLOCK_MONOTONIC) < until);
}

/*
 * What each thread had submitted before the first sample that was not is there, in order and whole,
 * the rest never was, and the ring flows on.
 */
static void processes_of_threads_are_killed(void **state)
{
	const int kills = KILLS / slowness() + 1;
	unsigned int seed = 1;
	uint64_t samples;
	struct user_rig rig;
	int ready[2];

	(void)state;
	rig_load(&rig, 4096);
	assert_int_equal(pipe(ready), 0);
	for (int i = 0; i < kills; i++) {
		const bool early = i % 4 == 0; /* maybe before they submitted anything */
		pid_t pid = fork();
		int status;
		char byte;

		if (!pid)
			be_killed(rig.fd, ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		samples = rig.skel->bss->samples;
		do
			drain_until(&rig, clock_of(CLOCK_MONOTONIC) + rand_r(&seed) % 1000000);
		while (!early && rig.skel->bss->samples == samples);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		drain_until(&rig, 0);
		memset(rig.skel->bss->next, 0, sizeof(rig.skel->bss->next));
		assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
		assert_int_equal(bpfring_producer_check(rig.p, NULL), 0);
		assert_int_equal(bpfring_producer_free_space(rig.p), 4096);
		assert_int_equal(put(rig.p, KILL_THREADS, 0, 4000), 0);
		assert_int_equal(run(rig.skel->progs.drain), 1);
		rig.skel->bss->next[KILL_THREADS] = 0;
		assert_int_equal(rig.skel->bss->out_of_order, 0);
		bpfring_producer_close(rig.p);
		rig.p = NULL;
	}
	samples = rig.skel->bss->samples;
	assert_int_equal(rig.skel->bss->others, 0);
	print_message("%d processes killed, %llu samples before\n", kills,
		      (unsigned long long)samples - (unsigned long long)kills);
	assert_true(samples - (uint64_t)kills >= (uint64_t)kills / 4 * 3);
	close(ready[0]);
	close(ready[1]);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_of_threads_are_killed),
		cmocka_unit_test(threads_that_kick),
		cmocka_unit_test(counters_of_threads_add_up),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
