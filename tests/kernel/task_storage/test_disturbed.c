// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads that bind and unbind all the time, and what comes in between: cancellation, signals,
 * fork, another map, a rival for the storage of the task. Runs for both paths.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "fixture.h"

#define BUSY_THREADS 2

static atomic_bool stop;
static atomic_ulong rounds, errors;

static void bind_and_unbind(struct fixture *f)
{
	void *mem;
	int err = bpfring_task_storage_bind(f->ts, f->cell, &mem);

	if (!err) {
		((struct task_cell_test *)mem)->a = 1;
		err = bpfring_task_storage_unbind(f->ts);
	}
	if (err) {
		fprintf(stderr, "bind or unbind: %s\n", bpfring_errname(err));
		errors++;
	}
	rounds++;
}

static void *until_stopped(void *arg)
{
	while (!stop)
		bind_and_unbind(arg);
	return NULL;
}

static void busy(struct fixture *f, pthread_t *threads)
{
	stop = false;
	rounds = errors = 0;
	for (int i = 0; i < BUSY_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, until_stopped, f), 0);
}

static void idle(struct fixture *f, const pthread_t *threads)
{
	stop = true;
	for (int i = 0; i < BUSY_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(errors, 0);
	assert_true(rounds > 0);
	assert_int_equal(stats_of(f).bound, 0);
}

static void *until_cancelled(void *arg)
{
	for (;;) {
		bind_and_unbind(arg);
		pthread_testcancel();
	}
	return NULL;
}

/* A thread that is cancelled does not keep the others out, nor leave its cell behind. */
static void cancelled(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 300 / slowness(); i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, until_cancelled, f), 0);
		usleep((unsigned int)(i * 37 % 500));
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	bind_cell(f);
	assert_int_equal(stats_of(f).bound, 1);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void signals(void **state)
{
	const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
	const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
	struct fixture *f = *state;

	errors = 0;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 5000 / slowness(); i++)
		bind_and_unbind(f);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(errors, 0);
}

/* The child finds a lock that nobody has and a state that is whole. */
static void forks(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[BUSY_THREADS];
	const uint64_t before = looks_left_out(f->skel);

	busy(f, threads);
	for (int i = 0; i < 100 / slowness(); i++) {
		struct task_cell_test *cell;
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			look_at_caller(f->skel);
			CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&cell));
			cell->a = 6;
			fixture_look();
			CHILD_CHECK(cell->sum == 6);
			CHILD_CHECK(stats_of(f).bound == 1);
			bpfring_task_storage_close(f->ts);
			_exit(0);
		}
		join_child(pid);
	}
	look_at_caller(f->skel);
	idle(f, threads);
	printf("%llu looks were left out\n",
	       (unsigned long long)(looks_left_out(f->skel) - before));
}

/* Threads begin and end while all are moved from one map to the other and back. */
static void maps_change(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *second = fixture_load();
	pthread_t threads[BUSY_THREADS];
	struct task_cell_test *cell = bind_cell(f);

	busy(f, threads);
	for (int i = 0; i < 20 / slowness() + 2; i++) {
		struct task_test_bpf *to = i % 2 ? f->skel : second;

		look_at_caller(to);
		assert_return_code(bpfring_task_storage_replace_object(f->ts, to->obj, "store"), 0);
		assert_ptr_equal(bind_cell(f), cell);
		cell->a = (unsigned int)i;
		cell->sum = 100;
		usleep(1000); /* lets the others in */
		fixture_look();
		assert_int_equal(cell->sum, i);
	}
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	idle(f, threads);
	task_test_bpf__destroy(second);
}

struct rival {
	struct fixture *f;
	pid_t tid;
};

/*
 * Makes and deletes the first element of that thread in another map: each finds the storage half
 * made.
 */
static void *rival(void *arg)
{
	const struct rival *r = arg;
	int key = (int)syscall(SYS_pidfd_open, r->tid, O_EXCL);
	int fd = bpf_map__fd(r->f->skel->maps.named);
	char value[64] = {0};

	assert_true(key >= 0);
	while (!stop) {
		bpf_map_update_elem(fd, &key, value, BPF_ANY);
		bpf_map_delete_elem(fd, &key);
	}
	close(key);
	return NULL;
}

static void rivals(void **state)
{
	struct fixture *f = *state;
	struct rival r = {.f = f, .tid = gettid()};
	pthread_t thread;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	stop = false;
	errors = 0;
	assert_int_equal(pthread_create(&thread, NULL, rival, &r), 0);
	for (int i = 0; i < 5000 / slowness(); i++)
		bind_and_unbind(f);
	stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(errors, 0);
}

static long resident(void)
{
	char line[128];
	long kib = 0;
	FILE *status = fopen("/proc/self/status", "r");

	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(status);
	assert_true(kib > 0);
	return kib;
}

static void *bind_and_end(void *arg)
{
	bind_cell(arg);
	return NULL;
}

static void bind_often(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++) {
		pthread_t thread;

		bind_and_unbind(f);
		if (i % 8)
			continue;
		assert_int_equal(pthread_create(&thread, NULL, bind_and_end, f), 0);
		pthread_join(thread, NULL);
	}
}

static void thousands_leave_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int fds;
	long before, after;

	bind_often(f, 6000 / slowness()); /* to where every slot has been used */
	fds = count_fds();
	before = resident();
	bind_often(f, 40000 / slowness());
	after = resident();
	printf("%d binds more: %ld KiB, then %ld KiB\n", 45000 / slowness(), before, after);
	assert_int_equal(count_fds(), fds);
	if (!SANITIZED)
		assert_true(after - before < 512);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(cancelled),   TEST(signals), TEST(forks),
		TEST(maps_change), TEST(rivals),  TEST(thousands_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
