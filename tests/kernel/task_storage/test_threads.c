// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A thread that another one binds and unbinds. Runs for both paths. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

struct other {
	struct fixture *f;
	pthread_barrier_t barrier;
	pid_t tid;
	unsigned int kernel_tid;
	bool bind_too;
	struct task_cell_test *cell;
};

static void *other_thread(void *arg)
{
	struct other *o = arg;

	o->tid = gettid();
	o->kernel_tid = kernel_tid(o->f->skel);
	pthread_barrier_wait(&o->barrier); /* known */
	pthread_barrier_wait(&o->barrier); /* bound by the other */
	if (o->bind_too)
		assert_ptr_equal(bind_cell(o->f), o->cell);
	fixture_look();
	pthread_barrier_wait(&o->barrier); /* looked at */
	pthread_barrier_wait(&o->barrier); /* may end */
	return NULL;
}

/* pthread_join() returns a moment before the kernel lets go of the thread. */
static void await_end(pid_t tid)
{
	while (!tgkill(getpid(), tid, 0))
		usleep(1000);
}

static void binds_another_thread(struct fixture *f, bool bind_too)
{
	struct other o = {.f = f, .bind_too = bind_too};
	struct task_cell_test *cell;
	pthread_t thread;

	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &o), 0);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 0);
	o.cell = cell;
	cell->a = 9;
	pthread_barrier_wait(&o.barrier);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(cell->sum, 9);
	assert_int_equal(cell->writer, o.kernel_tid);
	assert_int_equal(stats_of(f).bound, 1);
	bind_some(f);
	assert_int_equal(stats_of(f).bound, 1);
	pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	await_end(o.tid);
	/* What bound itself is gone with its thread; what did not is found dead. */
	if (!bind_too)
		bind_some(f);
	assert_int_equal(stats_of(f).bound, 0);
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 -ESRCH);
	pthread_barrier_destroy(&o.barrier);
}

/* Nothing but the thread itself can name it before Linux 6.9. */
static bool refused_without_pidfds(struct fixture *f)
{
	struct other o = {.f = f};
	struct task_cell_test *cell;
	unsigned int weight;
	pthread_t thread;

	if (threads_have_pidfds())
		return false;
	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &o), 0);
	pthread_barrier_wait(&o.barrier);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 -EOPNOTSUPP);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(log_text(), "pidfds of threads (Linux 6.9)"));
	assert_int_equal(bpfring_task_storage_get(f->ts, o.tid, 2, &weight, 4), -EOPNOTSUPP);
	assert_int_equal(stats_of(f).bound, 0);
	for (int i = 0; i < 3; i++)
		pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&o.barrier);
	return true;
}

static void another_thread(void **state)
{
	if (!refused_without_pidfds(*state))
		binds_another_thread(*state, false);
}

static void another_thread_that_adopts(void **state)
{
	if (!refused_without_pidfds(*state))
		binds_another_thread(*state, true);
}

static void *bind_and_wait(void *arg)
{
	struct other *o = arg;

	o->cell = bind_cell(o->f);
	o->tid = gettid();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier); /* unbound by the other */
	fixture_look();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier);
	o->cell = bind_cell(o->f); /* again: a new cell, not what is freed */
	fixture_look();
	assert_int_equal(o->cell->writer, kernel_tid(o->f->skel));
	return NULL;
}

static void unbinds_another_thread(void **state)
{
	struct fixture *f = *state;
	struct other o = {.f = f};
	pthread_t thread;

	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, bind_and_wait, &o), 0);
	pthread_barrier_wait(&o.barrier);
	/* On an older kernel the element stays, and what it refers to is not followed. */
	assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, o.tid),
			 threads_have_pidfds() ? 0 : -EOPNOTSUPP);
	assert_int_equal(stats_of(f).bound, 0);
	usleep(10000); /* it has gone to sleep */
	o.cell->writer = 0;
	pthread_barrier_wait(&o.barrier);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(o.cell->writer, 0);
	pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(f).bound, 0);
	pthread_barrier_destroy(&o.barrier);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(another_thread),
		TEST(another_thread_that_adopts),
		TEST(unbinds_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
