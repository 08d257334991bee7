// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* After a call that failed: a thread is bound the next time. Runs for both paths. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"

struct other {
	struct fixture *f;
	pthread_barrier_t barrier;
	pid_t tid;
	void *cell;
	int errs[2];
};

static void begin(struct other *o, pthread_t *thread, void *(*fn)(void *))
{
	pthread_barrier_init(&o->barrier, NULL, 2);
	assert_int_equal(pthread_create(thread, NULL, fn, o), 0);
	pthread_barrier_wait(&o->barrier);
}

static void end(struct other *o, pthread_t thread)
{
	pthread_barrier_wait(&o->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&o->barrier);
}

static void *bind_twice(void *arg)
{
	struct other *o = arg;

	bind_cell(o->f);
	o->tid = gettid();
	pthread_barrier_wait(&o->barrier); /* bound */
	pthread_barrier_wait(&o->barrier); /* unbound by the other */
	for (int i = 0; i < 2; i++) {
		o->errs[i] = bpfring_task_storage_bind(o->f->ts, o->f->cell, &o->cell);
		fail_at = -1;
	}
	if (!o->errs[1])
		memset(o->cell, 0, sizeof(struct task_cell_test));
	return NULL;
}

/* What the thread knows of itself is freed memory then; it must not look at it. */
static void a_thread_that_was_unbound_fails_to_bind(void **state)
{
	static const char *const calls[] = {"elem_update", "prog_run_ctx", "pidfd", "alloc"};
	struct fixture *f = *state;
	unsigned int failures = 0;

	bpfring_set_log(NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		struct other o = {.f = f};
		pthread_t thread;

		begin(&o, &thread, bind_twice);
		bpfring_task_storage_unbind_thread(f->ts, o.tid);
		fail_only = calls[i];
		fail_at = 0;
		end(&o, thread);
		fail_at = -1;
		failures += o.errs[0] < 0;
		fail_only = NULL;
		assert_int_equal(o.errs[1], 0);
	}
	assert_true(failures > 0);
}

static void *bind_after_failure(void *arg)
{
	struct other *o = arg;

	bind_cell(o->f);
	o->tid = gettid();
	pthread_barrier_wait(&o->barrier); /* bound */
	pthread_barrier_wait(&o->barrier); /* unbound by the other, which failed to bind it again */
	o->errs[0] = bpfring_task_storage_bind(o->f->ts, o->f->cell, &o->cell);
	if (!o->errs[0])
		memset(o->cell, 0, sizeof(struct task_cell_test));
	return NULL;
}

static void another_fails_to_bind_it(void **state)
{
	struct fixture *f = *state;
	struct other o = {.f = f};
	pthread_t thread;
	void *mem;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	bpfring_set_log(NULL);
	begin(&o, &thread, bind_after_failure);
	assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, o.tid), 0);
	fail_only = "elem_update";
	fail_at = 0;
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, &mem), -ENOMEM);
	fail_at = -1;
	fail_only = NULL;
	end(&o, thread);
	assert_int_equal(o.errs[0], 0);
}

static void *bind_and_follow(void *arg)
{
	struct other *o = arg;
	struct task_cell_test *cell = bind_cell(o->f);

	o->tid = gettid();
	pthread_barrier_wait(&o->barrier); /* bound */
	pthread_barrier_wait(&o->barrier); /* not moved, for an error */
	bind_cell(o->f);
	cell->writer = 0;
	fixture_look();
	o->errs[0] = cell->writer == kernel_tid(o->f->skel);
	return NULL;
}

/* A thread that could not be moved comes by itself when it next binds. */
static void a_move_that_failed_is_made_up_for(void **state)
{
	struct fixture *f = *state;
	struct other o = {.f = f};
	struct task_test_bpf *second;
	pthread_t thread;

	bpfring_set_log(NULL);
	begin(&o, &thread, bind_and_follow);
	second = fixture_load();
	task_test_bpf__destroy(f->skel);
	f->skel = second;
	fail_only = "pidfd";
	fail_at = 0;
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, second->obj, "store"), -EMFILE);
	fail_at = -1;
	fail_only = NULL;
	end(&o, thread);
	assert_true(o.errs[0]);
}

/* The kernel is busy with another element of the thread for a moment: nobody is told. */
static void what_passes_is_tried_again(void **state)
{
	struct fixture *f = *state;

	fail_only = f->path == BPFRING_TASK_PATH_FALLBACK ? "prog_run_ctx" : "none";
	for (int i = 0; i < 3; i++) { /* read, write, delete */
		fail_at = i;
		failed = false;
		bind_cell(f);
		assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
		assert_int_equal(failed, f->path == BPFRING_TASK_PATH_FALLBACK);
	}
	fail_at = -1;
	fail_only = NULL;
}

/* A program that cannot make an element is tried again; one that cannot look at it is not. */
static void no_memory_may_pass(void **state)
{
	struct fixture *f = *state;
	void *mem;

	if (f->path == BPFRING_TASK_PATH_UPTR)
		return; /* no program is run there */
	bpfring_set_log(NULL);
	fail_only = "prog_run_ctx";
	fail_with = -ENOMEM;
	fail_at = 1;
	failed = false;
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, &mem), 0);
	assert_true(failed);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	fail_at = 0;
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, &mem), -ENOMEM);
	fail_at = -1;
	fail_with = 0;
	fail_only = NULL;
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, &mem), 0);
}

static void *wait_unbound(void *arg)
{
	struct other *o = arg;

	o->tid = gettid();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier);
	return NULL;
}

/* A thread that cannot be named is not tried again by its number alone. */
static void no_descriptor_of_a_thread(void **state)
{
	const unsigned int weight = 7;
	struct fixture *f = *state;
	struct other o = {.f = f};
	pthread_t thread;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	bpfring_set_log(NULL);
	begin(&o, &thread, wait_unbound);
	fail_only = "pidfd";
	fail_at = 0;
	assert_int_equal(bpfring_task_storage_set(f->ts, o.tid, 2, &weight, 4), -EMFILE);
	fail_at = -1;
	fail_only = NULL;
	assert_int_equal(bpfring_task_storage_set(f->ts, o.tid, 2, &weight, 4), 0);
	end(&o, thread);
}

/* What could not be read is not written over. */
static void a_look_that_fails(void **state)
{
	const unsigned long long one = 1;
	const unsigned int weight = 7;
	struct fixture *f = *state;
	unsigned int w = 0;

	if (f->path == BPFRING_TASK_PATH_FALLBACK)
		return; /* a thread looks at its own element by a program there */
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 2, &weight, 4), 0);
	fail_only = "elem_lookup";
	fail_at = 0;
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &one, 8), -EPERM);
	fail_at = -1;
	fail_only = NULL;
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 2, &w, 4), 0);
	assert_int_equal(w, weight);
}

/* What does not fail is done once. */
static void nothing_is_done_twice(void **state)
{
	struct fixture *f = *state;
	unsigned long before = prog_runs;

	bind_cell(f);
	if (f->path == BPFRING_TASK_PATH_UPTR)
		assert_int_equal(prog_runs, before);
	else
		assert_in_range(prog_runs - before, 2, 3); /* a look, and the write */
	before = prog_runs;
	bind_cell(f);
	assert_int_equal(prog_runs, before);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	assert_in_range(prog_runs - before, f->path == BPFRING_TASK_PATH_FALLBACK, 2);
}

/* A child that cannot bind again after the fork does so later, without what was its parent's. */
static void a_child_fails_to_bind_again(void **state)
{
	static const char *const calls[] = {"elem_update", "prog_run_ctx", "elem_lookup", "mmap"};
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f);

	cell->reserved = 77;
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(calls); i++) {
		pid_t pid = fork();

		if (!pid) {
			long first;
			void *mem;
			int err;

			alarm(60);
			bpfring_set_log(NULL);
			fail_only = calls[i / 2];
			fail_at = 0;
			poison = i % 2;
			failed = false;
			/* Busy for a moment only is no failure; then all attempts are to fail. */
			err = bpfring_task_storage_bind(f->ts, f->cell, &mem);
			first = fail_at;
			fail_at = -1;
			fail_only = NULL;
			CHILD_CHECK(failed == (first < 0));
			CHILD_CHECK(err <= 0);
			for (int n = 0; n < 2; n++) {
				CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, &mem));
				memset(mem, 0, sizeof(struct task_cell_test));
			}
			CHILD_CHECK(stats_of(f).bound == 1);
			CHILD_CHECK(!bpfring_task_storage_unbind(f->ts));
			CHILD_CHECK(stats_of(f).bound == 0);
			bpfring_task_storage_close(f->ts);
			_exit(0);
		}
		join_child(pid);
	}
	assert_int_equal(cell->reserved, 77);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(a_thread_that_was_unbound_fails_to_bind),
		TEST(another_fails_to_bind_it),
		TEST(a_move_that_failed_is_made_up_for),
		TEST(what_passes_is_tried_again),
		TEST(no_memory_may_pass),
		TEST(no_descriptor_of_a_thread),
		TEST(a_look_that_fails),
		TEST(nothing_is_done_twice),
		TEST(a_child_fails_to_bind_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
