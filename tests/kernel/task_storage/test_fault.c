// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every system call and allocation of task storage fails in turn: each time an error or success, and
 * nothing is left behind. Runs for both paths. The calls are replaced with the linker's --wrap.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"
#include "sys_task.h"

static long fail_at = -1; /* counts down; -1: none */
static bool failed;
static long allocations;
static unsigned long rcu_waits;

static bool fails(void)
{
	if (fail_at < 0 || fail_at-- != 0)
		return false;
	failed = true;
	return true;
}

#define WRAP(name, err, params, ...)                                             \
	int __real_bpfring_sys_##name params;                                    \
	int __wrap_bpfring_sys_##name params;                                    \
	int __wrap_bpfring_sys_##name params                                     \
	{                                                                        \
		return fails() ? (err) : __real_bpfring_sys_##name(__VA_ARGS__); \
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
WRAP(prog_run, -ENOMEM, (int fd, void *ctx, uint32_t size), fd, ctx, size)
WRAP(btf_by_id, -EPERM, (struct btf * *ret, uint32_t id), ret, id)

int __real_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void);
int __wrap_bpfring_sys_eventfd(void)
{
	return fails() ? -EMFILE : __real_bpfring_sys_eventfd();
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	void *mem = fails() ? NULL : __real_bpfring_sys_alloc(size);

	allocations += mem != NULL;
	return mem;
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	allocations -= mem != NULL;
	__real_bpfring_sys_free(mem);
}

int __real_bpfring_sys_wait_for_rcu(void);
int __wrap_bpfring_sys_wait_for_rcu(void);
int __wrap_bpfring_sys_wait_for_rcu(void)
{
	rcu_waits++;
	return fails() ? -EINVAL : __real_bpfring_sys_wait_for_rcu();
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

/* A life of a handle; the first error. */
static int whole_life(struct fixture *f)
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
	if (!err)
		err = bpfring_task_storage_unbind(ts);
	if (!err)
		err = bpfring_task_storage_bind(ts, f->cell, &mem);
	bpfring_task_storage_close(ts);
	return err;
}

static void every_call_fails_in_turn(void **state)
{
	struct fixture *f = *state;
	long before = allocations, n;
	int fds, errors = 0;

	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	before = allocations;
	bpfring_set_log(NULL);
	fds = open_fds();
	for (n = 0;; n++) {
		int err;

		fail_at = n;
		failed = false;
		err = whole_life(f);
		fail_at = -1;
		if (!failed) {
			assert_int_equal(err, 0);
			break;
		}
		assert_true(err <= 0);
		errors += err < 0;
		if (allocations != before || open_fds() != fds)
			fail_msg("call %ld: %ld allocations, %d descriptors are left", n,
				 allocations - before, open_fds() - fds);
		assert_int_equal(whole_life(f), 0); /* and it works the next time */
	}
	printf("%ld calls failed in turn, %d of them with an error\n", n, errors);
	assert_true(n > 15 && errors > 10);
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
		TEST(every_call_fails_in_turn),
		TEST(reuse_waits_for_rcu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
