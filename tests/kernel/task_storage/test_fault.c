// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every system call and allocation of task storage fails in turn: each time an error or success,
 * and nothing is left behind. Runs for both paths.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

struct other {
	struct fixture *f;
	pthread_barrier_t barrier;
	pid_t tid;
	void *cell;
	int errs[2];
};

static void *wait_for_the_end(void *arg)
{
	struct other *o = arg;

	o->tid = gettid();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier);
	return NULL;
}

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

static struct task_test_bpf *second;

static bool have_pidfds; /* of threads */

/* A life of a handle; the first error. */
static int whole_life(struct fixture *f, pid_t other)
{
	struct bpfring_task_storage *ts = NULL;
	unsigned long long word = 5;
	void *mem;
	int err = bpfring_task_storage_open_object(&ts, f->skel->obj, "store", NULL);

	if (err)
		return err;
	err = bpfring_task_storage_bind(ts, f->cell, &mem);
	if (!err)
		err = bpfring_task_storage_set(ts, 0, 0, &word, sizeof(word));
	if (!err && have_pidfds)
		err = bpfring_task_storage_bind_thread(ts, other, f->cell, &mem);
	if (!err)
		err = bpfring_task_storage_set(ts, getppid(), 0, &word, sizeof(word));
	if (!err)
		err = bpfring_task_storage_get(ts, getppid(), 0, &word, sizeof(word));
	if (!err) {
		err = bpfring_task_storage_replace_object(ts, second->obj, "store");
		err = err > 0 ? 0 : err;
	}
	if (!err)
		err = bpfring_task_storage_unbind(ts);
	if (!err)
		err = bpfring_task_storage_bind(ts, f->cell, &mem);
	if (!err && have_pidfds)
		err = bpfring_task_storage_unbind_thread(ts, other);
	bpfring_task_storage_close(ts);
	return err;
}

/* The element that whole_life() made of another process is not its own the next time. */
static void forget_parent(const struct fixture *f)
{
	int key = (int)syscall(SYS_pidfd_open, getppid(), 0);

	bpf_map_delete_elem(bpf_map__fd(f->skel->maps.store), &key);
	bpf_map_delete_elem(bpf_map__fd(second->maps.store), &key);
	close(key);
}

static void every_call_fails_in_turn(void **state)
{
	struct fixture *f = *state;
	long before = allocations, n;
	struct other other = {.f = f};
	int fds, errors = 0;
	pthread_t thread;

	begin(&other, &thread, wait_for_the_end);
	second = fixture_load();
	have_pidfds = threads_have_pidfds();
	forget_parent(f);
	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	before = allocations;
	bpfring_set_log(NULL);
	fds = open_fds();
	for (n = 0;; n++) {
		int err;

		fail_at = n;
		failed = false;
		err = whole_life(f, other.tid);
		fail_at = -1;
		forget_parent(f);
		if (!failed) {
			assert_int_equal(err, 0);
			break;
		}
		assert_true(err <= 0);
		errors += err < 0;
		if (allocations != before || open_fds() != fds)
			fail_msg("call %ld: %ld allocations, %d descriptors are left", n,
				 allocations - before, open_fds() - fds);
		err = whole_life(f, other.tid);
		forget_parent(f);
		assert_int_equal(err, 0); /* and it works the next time */
	}
	printf("%ld calls failed in turn, %d of them with an error\n", n, errors);
	assert_true(n > 30 && errors > 25);
	end(&other, thread);
	task_test_bpf__destroy(second);
}

/* The table of names outlives what was opened for it, but not the handle. */
static void names_leave_nothing(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_storage *ts;
	struct bpfring_names *names;
	long before = allocations;
	int fds = open_fds(), name;
	void *value;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL),
				 0);
		assert_int_equal(bpfring_names_open(&names, ts), 0);
		name = bpfring_names_declare(names, "lib.one", 8);
		assert_true(name >= 0);
		assert_int_equal(bpfring_names_bind(names, name, &value), 0);
		bpfring_names_close(names);
		bpfring_task_storage_close(ts);
		assert_int_equal(allocations, before);
		assert_int_equal(open_fds(), fds);
	}
}

static void *bind_and_end(void *arg)
{
	bind_cell(arg);
	return NULL;
}

/* Slots of the fall-back are dealt again only after a grace period. */
static void reuse_waits_for_rcu(void **state)
{
	struct fixture *f = *state;
	unsigned long before = rcu_waits;
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};

	for (int i = 0; i < 3 * 4096; i++) {
		pthread_t thread;
		unsigned long waits = rcu_waits;

		bpfring_task_storage_stats(f->ts, &s);
		pthread_create(&thread, NULL, bind_and_end, f);
		pthread_join(thread, NULL);
		if (rcu_waits != waits) /* then, and only then, what was retired is free */
			bpfring_task_storage_stats(f->ts, &s);
		else if (f->path == BPFRING_TASK_PATH_FALLBACK)
			assert_in_range(s.retired, 0, 4096 + 64);
	}
	if (f->path == BPFRING_TASK_PATH_UPTR)
		assert_int_equal(rcu_waits, before);
	else
		assert_in_range(rcu_waits - before, 2, 4);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(every_call_fails_in_turn),
		TEST(names_leave_nothing),
		TEST(reuse_waits_for_rcu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
