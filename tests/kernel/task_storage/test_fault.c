// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every system call and allocation of task storage fails in turn: each time an error or success, and
 * nothing is left behind. Runs for both paths. The calls are replaced with the linker's --wrap.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"
#include "sys_task.h"

static long fail_at = -1;     /* counts down; -1: none */
static const char *fail_only; /* NULL: any call counts */
static bool failed;
static long allocations;
static unsigned long rcu_waits;

static bool fails(const char *name)
{
	if (fail_only && strcmp(name, fail_only))
		return false;
	if (fail_at < 0 || fail_at-- != 0)
		return false;
	failed = true;
	return true;
}

#define WRAP(name, err, params, ...)                                                  \
	int __real_bpfring_sys_##name params;                                         \
	int __wrap_bpfring_sys_##name params;                                         \
	int __wrap_bpfring_sys_##name params                                          \
	{                                                                             \
		return fails(#name) ? (err) : __real_bpfring_sys_##name(__VA_ARGS__); \
	}

WRAP(mmap, -ENOMEM, (void **ret, size_t size, int prot, int flags, int fd, uint64_t off), ret, size,
     prot, flags, fd, off)
WRAP(dup, -EMFILE, (int fd), fd)
WRAP(open, -EMFILE, (const char *path), path)
WRAP(map_info, -EPERM, (int fd, struct bpf_map_info *ret), fd, ret)
WRAP(lock_byte, -ENOLCK, (int fd, uint64_t offset), fd, offset)
WRAP(wipe_on_fork, -EINVAL, (void *addr, size_t size), addr, size)
WRAP(pidfd, -EMFILE, (pid_t tid, unsigned int flags), tid, flags)
WRAP(madvise, -EINVAL, (void *addr, size_t size, int advice), addr, size, advice)
WRAP(elem_lookup, -EPERM, (int fd, const void *key, void *value), fd, key, value)
WRAP(elem_update, -ENOMEM, (int fd, const void *key, const void *value, uint64_t flags), fd, key,
     value, flags)
WRAP(elem_delete, -EAGAIN, (int fd, const void *key), fd, key)
WRAP(prog_run_ctx, -EBUSY, (int fd, void *ctx, uint32_t size), fd, ctx, size)
WRAP(btf_by_id, -EPERM, (struct btf * *ret, uint32_t id), ret, id)

int __real_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void)
{
	return fails("eventfd") ? -EMFILE : __real_bpfring_sys_eventfd();
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	void *mem = fails("alloc") ? NULL : __real_bpfring_sys_alloc(size);

	allocations += mem != NULL;
	return mem;
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	allocations -= mem != NULL;
	if (mem) /* whoever looks at it still is led astray */
		memset(mem, 0x5a, malloc_usable_size(mem));
	__real_bpfring_sys_free(mem);
}

int __real_bpfring_sys_wait_for_rcu(void);
int __wrap_bpfring_sys_wait_for_rcu(void);
int __wrap_bpfring_sys_wait_for_rcu(void)
{
	rcu_waits++;
	return fails("wait_for_rcu") ? -EINVAL : __real_bpfring_sys_wait_for_rcu();
}

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
	o->errs[0] = cell->writer == (unsigned int)o->tid;
	return NULL;
}

/* A thread that could not be moved comes by itself when it next binds. */
static void a_move_that_failed_is_made_up_for(void **state)
{
	struct fixture *f = *state;
	struct other o = {.f = f};
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

	fail_only = f->path == BPFRING_TASK_FALLBACK ? "prog_run_ctx" : "none";
	for (int i = 0; i < 3; i++) { /* read, write, delete */
		fail_at = i;
		failed = false;
		bind_cell(f);
		assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
		assert_int_equal(failed, f->path == BPFRING_TASK_FALLBACK);
	}
	fail_at = -1;
	fail_only = NULL;
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
		else if (f->path == BPFRING_TASK_FALLBACK)
			assert_in_range(s.retired, 0, 4096 + 64);
	}
	if (f->path == BPFRING_TASK_UPTR)
		assert_int_equal(rcu_waits, before);
	else
		assert_in_range(rcu_waits - before, 2, 4);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(every_call_fails_in_turn),	  TEST(a_thread_that_was_unbound_fails_to_bind),
		TEST(another_fails_to_bind_it),	  TEST(a_move_that_failed_is_made_up_for),
		TEST(what_passes_is_tried_again), TEST(reuse_waits_for_rcu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
