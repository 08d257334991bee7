// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A process without privileges that has nothing to do with the map, but locks the inode that all
 * anonymous files share: it keeps nobody from anything. Runs for both paths.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

/* Locks what it can of the inode; others may have single bytes of it. */
static void lock_all(void)
{
	int fd = eventfd(0, EFD_CLOEXEC), locked = 0;

	for (int i = 0; i < 128; i++) {
		struct flock lock = {.l_type = F_WRLCK,
				     .l_whence = SEEK_SET,
				     .l_start = (off_t)i << 56,
				     .l_len = (off_t)1 << 56};

		if (i == 127)
			lock.l_len = 0; /* to the end */
		locked += !fcntl(fd, F_OFD_SETLK, &lock);
	}
	CHILD_CHECK(locked > 100);
}

static pid_t start_stranger(void)
{
	int pipe_fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		alarm(20); /* it must not outlive a test that failed */
		CHILD_CHECK(!setgid(65534) && !setuid(65534));
		lock_all();
		CHILD_CHECK(write(pipe_fds[1], "x", 1) == 1);
		pause();
		_exit(0);
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	close(pipe_fds[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nobody_is_kept_from_binding(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell;
	pid_t stranger, child;
	int64_t start;

	catch_logs();
	stranger = start_stranger();
	start = now();
	cell = bind_cell(f);
	assert_true(now() - start < limit(50 * MSEC));
	cell->a = 1;
	fixture_look();
	assert_int_equal(cell->sum, 1);

	/* Each process has slots of its own, also without the locks. */
	child = fork();
	if (!child) {
		struct task_cell_test *mine;

		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&mine));
		mine->reserved = 77;
		CHILD_CHECK(!bpfring_task_storage_unbind(f->ts));
		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&mine));
		mine->reserved = 77;
		_exit(0);
	}
	join_child(child);
	assert_int_equal(cell->reserved, 0);
	stop(stranger);
	fixture_look();
	assert_int_equal(cell->sum, 1);

	/* And goes on having them when the stranger is gone. */
	child = fork();
	if (!child) {
		struct task_cell_test *mine;

		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&mine));
		mine->reserved = 77;
		_exit(0);
	}
	join_child(child);
	assert_int_equal(cell->reserved, 0);
	if (f->path == BPFRING_TASK_PATH_FALLBACK)
		assert_non_null(strstr(log_text(), "has locked the inode of all anonymous files"));
}

/* At worst a second set is refused; nothing is cut off. */
static void members_of_others(void **state)
{
	const unsigned int weight = 5;
	struct fixture *f = *state;
	pid_t stranger, child;
	unsigned int w = 0;
	int pipe_fds[2], err;
	char c;

	catch_logs();
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (!child) {
		CHILD_CHECK(read(pipe_fds[0], &c, 1) == 1);
		_exit(0);
	}
	stranger = start_stranger();
	assert_int_equal(bpfring_task_storage_set(f->ts, child, 2, &weight, 4), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, child, 2, &w, 4), 0);
	assert_int_equal(w, weight);
	err = bpfring_task_storage_set(f->ts, child, 2, &weight, 4);
	assert_true(!err || err == (f->path == BPFRING_TASK_PATH_UPTR ? -EEXIST : -EBUSY));
	stop(stranger);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	join_child(child);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(nobody_is_kept_from_binding),
		TEST(members_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
