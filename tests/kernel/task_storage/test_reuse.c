// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads that end without a word, and numbers of threads that are used again. Runs for both paths.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

struct life {
	struct fixture *f;
	pthread_barrier_t barrier;
	pid_t tid;
	struct task_cell_test *cell;
	unsigned int seen;
};

/* No destructor of a thread-specific value runs. */
static void *bind_and_vanish(void *arg)
{
	struct life *l = arg;

	l->tid = gettid();
	l->cell = bind_cell(l->f);
	l->cell->a = 77;
	fixture_look();
	l->seen = (unsigned int)l->cell->sum;
	syscall(SYS_exit, 0);
	return NULL;
}

/* The sanitizers have thread-specific values of their own, and do not expect to find old ones. */
#define skip_if_sanitized()                                                        \
	do {                                                                       \
		if (SANITIZED)                                                     \
			skip_because("threads that vanish are beyond sanitizers"); \
	} while (0)

/* pthread_join() returns a moment before the kernel lets go of the thread. */
static void await_end(pid_t tid)
{
	while (!tgkill(getpid(), tid, 0))
		usleep(1000);
}

static void run_to_its_end(struct life *l, void *(*fn)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, l), 0);
	pthread_join(thread, NULL);
	await_end(l->tid);
}

static void a_thread_that_vanishes(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};

	skip_if_sanitized();
	/* Each has the stack of the one before, with what that one knew of itself. */
	for (int i = 0; i < 10; i++) {
		l.seen = 0;
		run_to_its_end(&l, bind_and_vanish);
		assert_int_equal(l.seen, 77);
	}
	assert_int_equal(stats_of(f).bound, 10);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
}

/* There is nothing wrong with that, and nothing to be said. */
static void closed_after_a_thread_vanished(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};

	skip_if_sanitized();
	run_to_its_end(&l, bind_and_vanish);
	catch_logs();
	log_forget();
	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	assert_string_equal(log_text(), "");
}

static pthread_key_t late;
static struct fixture *late_fixture;

/* Binds after the destructor of the library has run, in every round that there is. */
static void bind_late(void *value)
{
	bind_cell(late_fixture);
	pthread_setspecific(late, value);
}

static void *end_with_a_late_bind(void *arg)
{
	struct life *l = arg;

	l->tid = gettid();
	bind_cell(l->f);
	pthread_setspecific(late, l);
	return NULL;
}

static void a_bind_in_another_destructor(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};

	skip_if_sanitized();
	late_fixture = f;
	assert_int_equal(pthread_key_create(&late, bind_late), 0);
	for (int i = 0; i < 10; i++)
		run_to_its_end(&l, end_with_a_late_bind);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
	pthread_key_delete(late);
}

/* The next thread gets the number @tid, if all goes well. */
static bool choose_next(pid_t tid)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && dprintf(fd, "%d", (int)tid - 1) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void *wait_unbound(void *arg)
{
	struct life *l = arg;

	l->tid = gettid();
	pthread_barrier_wait(&l->barrier);
	pthread_barrier_wait(&l->barrier);
	if (l->cell) {
		l->cell->b = 5;
		fixture_look();
		l->seen = (unsigned int)l->cell->sum;
	}
	pthread_barrier_wait(&l->barrier);
	pthread_barrier_wait(&l->barrier);
	return NULL;
}

/* A thread that has the number of one that vanished while it was bound; false: it cannot be had. */
static bool take_number(struct fixture *f, struct life *next, pthread_t *thread)
{
	struct life first = {.f = f};

	pthread_barrier_init(&next->barrier, NULL, 2);
	for (int i = 0; i < 20; i++) {
		run_to_its_end(&first, bind_and_vanish);
		if (!threads_have_pidfds())
			usleep(30000); /* there its age is all that there is */
		if (!choose_next(first.tid))
			return false;
		assert_int_equal(pthread_create(thread, NULL, wait_unbound, next), 0);
		pthread_barrier_wait(&next->barrier);
		if (next->tid == first.tid)
			return true;
		for (int k = 0; k < 3; k++)
			pthread_barrier_wait(&next->barrier);
		pthread_join(*thread, NULL);
	}
	return false;
}

static void finish(struct life *l, pthread_t thread)
{
	for (int k = 0; k < 3; k++)
		pthread_barrier_wait(&l->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&l->barrier);
}

#define take_number_or_skip(f, next, thread)                                      \
	do {                                                                      \
		skip_if_sanitized();                                              \
		if (!take_number(f, next, thread))                                \
			skip_because("numbers of threads cannot be chosen here"); \
	} while (0)

/* It gets a cell of its own, and not what the dead one left. */
static void another_thread_with_its_number(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};
	pthread_t thread;
	void *mem;
	int err;

	catch_logs();
	take_number_or_skip(f, &l, &thread);
	err = bpfring_task_storage_bind_thread(f->ts, l.tid, f->cell, &mem);
	if (threads_have_pidfds()) {
		assert_int_equal(err, 0);
		l.cell = mem;
		assert_int_equal(l.cell->a, 0);
		l.cell->a = 1;
	} else {
		assert_int_equal(err, -EOPNOTSUPP);
	}
	pthread_barrier_wait(&l.barrier);
	pthread_barrier_wait(&l.barrier);
	if (l.cell)
		assert_int_equal(l.seen, 6);
	pthread_barrier_wait(&l.barrier);
	pthread_join(thread, NULL);
	await_end(l.tid);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
	pthread_barrier_destroy(&l.barrier);
}

/* What is asked about it is answered about it: unbind, reap, replace and close leave it alone. */
static void another_thread_is_left_alone(void **state)
{
	const unsigned int weight = 12;
	struct fixture *f = *state;
	struct task_test_bpf *second;
	struct life l = {.f = f};
	unsigned int w = 0;
	pthread_t thread;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	take_number_or_skip(f, &l, &thread);
	second = fixture_load();
	assert_int_equal(bpfring_task_storage_set(f->ts, l.tid, 2, &weight, 4), 0);
	/* the bindings of the dead: none of them is moved onto the living */
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, second->obj, "store"), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, l.tid, 2, &w, 4), -ENOENT);
	assert_int_equal(bpfring_task_storage_set(f->ts, l.tid, 2, &weight, 4), 0);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
	assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, l.tid), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, l.tid, 2, &w, 4), 0);
	assert_int_equal(w, weight);
	finish(&l, thread);
	task_test_bpf__destroy(second);
}

/* close() with a dead thread's binding must not delete the element of who has its number now. */
static void close_leaves_it_alone(void **state)
{
	const unsigned int weight = 13;
	struct fixture *f = *state;
	struct bpfring_task_storage *ts;
	struct life l = {.f = f};
	unsigned int w = 0;
	pthread_t thread;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	take_number_or_skip(f, &l, &thread);
	assert_int_equal(bpfring_task_storage_set(f->ts, l.tid, 2, &weight, 4), 0);
	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "store", NULL), 0);
	assert_int_equal(bpfring_task_storage_get(ts, l.tid, 2, &w, 4), 0);
	assert_int_equal(w, weight);
	bpfring_task_storage_close(ts);
	finish(&l, thread);
}

static void *wait_to_be_bound(void *arg)
{
	struct life *l = arg;

	l->tid = gettid();
	pthread_barrier_wait(&l->barrier);
	pthread_barrier_wait(&l->barrier);
	return NULL;
}

/* Bound by others, and dead: nobody has to ask for it. */
static void threads_bound_by_others(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};
	unsigned int fds;
	void *mem;

	bind_some(f);
	fds = count_fds();
	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	pthread_barrier_init(&l.barrier, NULL, 2);
	for (int i = 0; i < 300; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, wait_to_be_bound, &l), 0);
		pthread_barrier_wait(&l.barrier);
		assert_int_equal(bpfring_task_storage_bind_thread(f->ts, l.tid, f->cell, &mem), 0);
		pthread_barrier_wait(&l.barrier);
		pthread_join(thread, NULL);
		assert_true(stats_of(f).bound < 150);
		assert_true(count_fds() < fds + 150);
	}
	await_end(l.tid);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
	assert_int_equal(count_fds(), fds);
	pthread_barrier_destroy(&l.barrier);
}

/* The same for those of which only ordinary members are set. */
static void processes_that_end(void **state)
{
	const unsigned int weight = 1;
	struct fixture *f = *state;
	unsigned int fds = count_fds();

	for (int i = 0; i < 300 / slowness() + 80; i++) {
		int pipe_fds[2];
		char c;
		pid_t pid;

		assert_int_equal(pipe(pipe_fds), 0);
		pid = fork();
		if (!pid) {
			close(pipe_fds[1]);
			CHILD_CHECK(read(pipe_fds[0], &c, 1) == 0);
			_exit(0);
		}
		close(pipe_fds[0]);
		assert_int_equal(bpfring_task_storage_set(f->ts, pid, 2, &weight, 4), 0);
		close(pipe_fds[1]);
		join_child(pid);
		assert_true(count_fds() < fds + 150);
	}
}

static int setup_few_slots(void **state)
{
	fixture_slots = 64;
	return fixture_setup(state);
}

static int teardown_few_slots(void **state)
{
	fixture_slots = MAX_THREADS;
	return fixture_teardown(state);
}

/* Slots of the dead are found when there are no others. */
static void no_slot_stays_with_the_dead(void **state)
{
	struct fixture *f = *state;
	struct life l = {.f = f};

	skip_if_sanitized();
	for (int i = 0; i < 200 / slowness() + 70; i++)
		run_to_its_end(&l, bind_and_vanish);
	bind_cell(f);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(closed_after_a_thread_vanished),
		TEST(a_thread_that_vanishes),
		TEST(a_bind_in_another_destructor),
		TEST(another_thread_with_its_number),
		TEST(another_thread_is_left_alone),
		TEST(close_leaves_it_alone),
		TEST(threads_bound_by_others),
		TEST(processes_that_end),
		cmocka_unit_test_setup_teardown(no_slot_stays_with_the_dead, setup_few_slots,
						teardown_few_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
