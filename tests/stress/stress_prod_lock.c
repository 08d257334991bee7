// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The lock of a producer under what the system does to threads: unequal priorities on one
 * processor, signals, forks, cancellation, threads that come and go. And that everybody has a turn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user_stress.h"

UNWINDS_STACKS

#define RING	(16 * PAGE)
#define CROWD	4
#define RT_LOOK (2000 / SLOW)
#define FORKS	(300 / SLOW)
#define STOPS	(300 / SLOW)
#define LIVES	(3000 / SLOW)

/* A thread that waits for one that never runs, or for its turn for ever, is later than this. */
#define LATE (2000 * MSEC)

static struct sim_ring *r;
static struct bpfring_producer *p;
static int stop;

struct worker {
	int cpu; /* -1: any */
	uint64_t samples;
	int64_t longest; /* reserve */
	int err;
	pthread_t thread;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MSEC + t.tv_nsec;
}

static void sleep_for(int64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static int drain(void *ctx)
{
	(void)ctx;
	return sim_drain(r, NULL, NULL, 0);
}

static void open_ring(struct bpfring_producer_opts opts)
{
	assert_int_equal(sim_user_ring_new(&r, RING, 8, 0), 0);
	p = open_threads(r, 44, opts);
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
}

/* Whoever fills half of the ring drains it. */
static void open_drained(void)
{
	open_ring((struct bpfring_producer_opts){.kick = drain, .kick_bytes = RING / 2});
}

static void close_ring(void)
{
	bpfring_producer_close(p);
	sim_ring_free(r);
	sim_sys_reset();
}

static void put(struct worker *w)
{
	int64_t start = now(), waited;
	void *data;

	if (w->samples % 2 && !bpfring_producer_output(p, &w->samples, 8)) {
		w->samples++;
		return;
	}
	if (bpfring_producer_reserve(p, 8, &data))
		assert_int_equal(bpfring_producer_reserve_wait(p, 8, -1, &data), 0);
	waited = now() - start;
	w->longest = waited > w->longest ? waited : w->longest;
	*(uint64_t *)data = w->samples++;
	assert_int_equal(bpfring_producer_submit(p, data), 0);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(set), &set), 0);
}

static void *put_all_the_time(void *arg)
{
	struct worker *w = arg;

	if (w->cpu >= 0)
		pin(w->cpu);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		put(w);
	return NULL;
}

static void start(struct worker *workers, unsigned int count, int cpu)
{
	for (unsigned int i = 0; i < count; i++) {
		workers[i] = (struct worker){.cpu = cpu};
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL, put_all_the_time, &workers[i]), 0);
	}
}

static uint64_t join(struct worker *workers, unsigned int count)
{
	uint64_t samples = 0;

	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		samples += workers[i].samples;
	}
	return samples;
}

/* Everything arrived, and once. */
static void close_drained(uint64_t samples)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);

	while (bpfring_producer_kick(p) > 0)
		;
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	assert_int_equal(stats.samples, samples);
	assert_int_equal(stats.drained, samples);
	close_ring();
}

static void everybody_has_a_turn(void **state)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct worker workers[CROWD];
	uint64_t samples;

	(void)state;
	open_drained();
	start(workers, CROWD, -1);
	for (int i = 0; i < 10; i++)
		sleep_for(100 * MSEC);
	samples = join(workers, CROWD);
	/* who waits does not make all who come after it wait, for ever */
	assert_int_equal(bpfring_producer_stats(p, &stats), 0);
	print_message("%llu samples, %llu waits\n", (unsigned long long)samples,
		      (unsigned long long)stats.waits);
	assert_true(stats.waits < samples / 20);
	for (int i = 0; i < CROWD; i++) {
		print_message("%4.1f %% of the samples, longest wait %lld us\n",
			      (double)workers[i].samples / (double)samples * 100,
			      (long long)workers[i].longest / 1000);
		assert_true(workers[i].samples > samples / CROWD / 20);
		assert_true(workers[i].longest < LATE);
	}
	close_drained(samples);
}

/* It interrupts others inside the lock, and they run only while it sleeps. */
static void a_real_time_thread(void **state)
{
	const struct sched_param param = {.sched_priority = 1}, normal = {0};
	struct worker workers[CROWD], rt = {0};
	cpu_set_t before;
	int err;

	(void)state;
	err = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	if (err) {
		print_message("skipped: real-time priority: %s\n", strerror(err));
		skip();
	}
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &normal);
	assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof(before), &before), 0);
	open_drained();
	start(workers, CROWD, sched_getcpu());
	pin(sched_getcpu());
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	for (int i = 0; i < RT_LOOK; i++) {
		sleep_for(200000 + i % 64 * 500);
		put(&rt);
	}
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &normal);
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	print_message("longest wait %lld us\n", (long long)rt.longest / 1000);
	assert_true(rt.longest < LATE);
	close_drained(join(workers, CROWD) + rt.samples);
}

static void on_signal(int sig)
{
	(void)sig;
	bpfring_producer_stop(p); /* NOLINT(bugprone-signal-handler,cert-sig30-c): made for it */
}

static void *put_until_stopped(void *arg)
{
	struct worker *w = arg;
	void *data;

	for (;;) {
		w->err = bpfring_producer_reserve_wait(p, 8, -1, &data);
		if (w->err)
			return NULL;
		assert_int_equal(bpfring_producer_submit(p, data), 0);
	}
}

/*
 * In the middle of anything, the lock included; the ring is full after some hundred microseconds.
 */
static void stopped_by_signal_handlers(void **state)
{
	struct worker workers[CROWD] = {0};
	unsigned int seed = 1;

	(void)state;
	signal(SIGUSR1, on_signal);
	for (int round = 0; round < STOPS; round++) {
		open_ring((struct bpfring_producer_opts){0});
		for (int i = 0; i < CROWD; i++)
			pthread_create(&workers[i].thread, NULL, put_until_stopped, &workers[i]);
		sleep_for(rand_r(&seed) % 1000 * 1000L);
		pthread_kill(workers[round % CROWD].thread, SIGUSR1);
		for (int i = 0; i < CROWD; i++) {
			pthread_join(workers[i].thread, NULL);
			assert_int_equal(workers[i].err, -ECANCELED);
		}
		close_ring();
	}
}

/* What a child may do, and that it does not wait for threads of its parent. */
static int in_the_child(void *held)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	void *data;

	if (bpfring_producer_reserve(p, 8, &data) != -ECHILD ||
	    bpfring_producer_reserve_wait(p, 8, -1, &data) != -ECHILD ||
	    bpfring_producer_submit(p, held) != -ECHILD || bpfring_producer_kick(p) != -ECHILD)
		return 1;
	if (bpfring_producer_stats(p, &stats) || stats.ring_size != RING ||
	    bpfring_producer_free_space(p) > RING || stats.prod_pos % 8)
		return 2;
	bpfring_producer_close(p);
	return bpfring_producer_submit(p, held) == -EBADF ? 0 : 3;
}

static void forks_while_others_are_inside(void **state)
{
	struct worker workers[CROWD], self = {0};

	(void)state;
	open_drained();
	start(workers, CROWD, -1);
	for (int i = 0; i < FORKS; i++) {
		int status;
		void *held;
		pid_t pid;

		assert_int_equal(bpfring_producer_reserve_wait(p, 8, -1, &held), 0);
		pid = fork();
		if (!pid) {
			alarm(20);
			_exit(in_the_child(held));
		}
		assert_int_equal(bpfring_producer_submit(p, held), 0);
		self.samples++;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	close_drained(join(workers, CROWD) + self.samples);
}

static sem_t in_hook;

static int hook_that_can_be_cancelled(void *ctx)
{
	(void)ctx;
	sem_post(&in_hook);
	sleep_for(MSEC); /* a cancellation point */
	return 0;
}

static void *wait_in_vain(void *arg)
{
	struct worker *w = arg;
	void *data;

	w->err = bpfring_producer_reserve_wait(p, RING - 8, 50 * MSEC, &data);
	return NULL;
}

/* Its place in the queue is kept, on its stack. */
static void cancelled_while_it_waits(void **state)
{
	struct worker w = {0};
	void *data, *result;

	(void)state;
	sem_init(&in_hook, 0, 0);
	open_ring((struct bpfring_producer_opts){.kick = hook_that_can_be_cancelled});
	assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
	pthread_create(&w.thread, NULL, wait_in_vain, &w);
	while (sem_wait(&in_hook))
		;
	pthread_cancel(w.thread);
	pthread_join(w.thread, &result);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
	assert_int_equal(bpfring_producer_reserve_wait(p, 8, 1000 * MSEC, &data), 0);
	assert_int_equal(bpfring_producer_submit(p, data), 0);
	sem_destroy(&in_hook);
	close_ring();
}

static void *put_a_few(void *arg)
{
	for (int i = 0; i < 3; i++)
		put(arg);
	return NULL;
}

/* The system gives the identity of a thread that has ended to a new one. */
static void threads_that_come_and_go(void **state)
{
	struct worker crowd, brief[2] = {{0}};

	(void)state;
	open_drained();
	start(&crowd, 1, -1);
	for (int i = 0; i < LIVES; i++) {
		for (int k = 0; k < 2; k++)
			pthread_create(&brief[k].thread, NULL, put_a_few, &brief[k]);
		for (int k = 0; k < 2; k++)
			pthread_join(brief[k].thread, NULL);
	}
	assert_int_equal(brief[0].samples, 3 * LIVES);
	close_drained(join(&crowd, 1) + brief[0].samples + brief[1].samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_has_a_turn),
		cmocka_unit_test(a_real_time_thread),
		cmocka_unit_test(stopped_by_signal_handlers),
		cmocka_unit_test(forks_while_others_are_inside),
		cmocka_unit_test(cancelled_while_it_waits),
		cmocka_unit_test(threads_that_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
