// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* fork, exec, exit, kill, other processes, and a map that is replaced. Runs for both paths. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define PIN BPFFS "/store"

static const char *no_bpffs; /* why */

static uint64_t bound(struct fixture *f)
{
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};

	bpfring_task_storage_stats(f->ts, &s);
	return s.bound;
}

/* The child's stores reach nobody; once bound, they reach BPF, and never the parent. */
static void fork_child_shares_nothing(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f), *mine;
	pid_t pid;

	cell->a = 7;
	pid = fork();
	if (!pid) {
		look_at_caller(f->skel);
		cell->a = 100; /* through the inherited pointer: to a copy */
		cell->writer = 0;
		fixture_look();
		CHILD_CHECK(cell->writer == 0);
		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&mine));
		if (f->path == BPFRING_TASK_PATH_UPTR)
			CHILD_CHECK(mine == cell);
		mine->a = 200;
		mine->b = 1;
		fixture_look();
		CHILD_CHECK(mine->writer == kernel_tid(f->skel));
		CHILD_CHECK(mine->sum == 201);
		CHILD_CHECK(bound(f) == 1);
		CHILD_CHECK(!bpfring_task_storage_unbind(f->ts));
		bpfring_task_storage_close(f->ts);
		_exit(0);
	}
	join_child(pid);
	look_at_caller(f->skel);
	assert_int_equal(cell->a, 7);
	fixture_look();
	assert_int_equal(cell->sum, 7);
	assert_int_equal(cell->writer, kernel_tid(f->skel));
	assert_int_equal(bound(f), 1);
}

/* A child that never binds may close and exit; nothing of the parent is touched. */
static void fork_child_closes(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f);
	pid_t pid = fork();

	if (!pid) {
		bpfring_task_storage_close(f->ts);
		_exit(0);
	}
	join_child(pid);
	cell->a = 4;
	fixture_look();
	assert_int_equal(cell->sum, 4);
}

static void *fork_in_thread(void *arg)
{
	struct fixture *f = arg;
	struct task_cell_test *mine = bind_cell(f);
	pid_t pid = fork();

	if (!pid) {
		look_at_caller(f->skel);
		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&mine));
		mine->a = 11;
		fixture_look();
		CHILD_CHECK(mine->sum == 11);
		CHILD_CHECK(bound(f) == 1); /* not the main thread's binding */
		_exit(0);
	}
	join_child(pid);
	look_at_caller(f->skel);
	return NULL;
}

static void fork_from_a_thread(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	bind_cell(f);
	pthread_create(&thread, NULL, fork_in_thread, f);
	pthread_join(thread, NULL);
	assert_int_equal(bound(f), 1);
}

/* Another program finds the element of the old one; its own bind takes over. */
static void exec_keeps_the_element(void **state)
{
	struct fixture *f = *state;
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct task_cell_test *cell;

		CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&cell));
		look_at_caller(f->skel);
		fixture_look();
		CHILD_CHECK(cell->writer == kernel_tid(f->skel));
		execl("/bin/true", "true",
		      NULL); /* BPF goes on writing, into a page without owner */
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	look_at_caller(f->skel);
	bind_cell(f);
	fixture_look();
}

/* Killed while BPF writes: nothing is left that the next process could get. */
static void kill_9(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 50; i++) {
		struct task_cell_test *cell;
		int pipe_fds[2];
		char c;
		pid_t pid;

		assert_int_equal(pipe(pipe_fds), 0);
		pid = fork();
		if (!pid) {
			look_at_caller(f->skel);
			CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&cell));
			/* BPF may have been first, but for this process */
			CHILD_CHECK(!cell->owner && !cell->strangers);
			CHILD_CHECK(!cell->writer || cell->writer == kernel_tid(f->skel));
			cell->owner = kernel_tid(f->skel);
			CHILD_CHECK(write(pipe_fds[1], "x", 1) == 1);
			for (;;) {
				fixture_look();
				CHILD_CHECK(cell->strangers == 0);
				CHILD_CHECK(cell->owner == kernel_tid(f->skel));
			}
		}
		close(pipe_fds[1]);
		assert_int_equal(read(pipe_fds[0], &c, 1), 1);
		usleep(200);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pipe_fds[0]);
	}
}

/* Ordinary members of a process that knows nothing of it. */
static void ordinary_members_of_another_process(void **state)
{
	struct fixture *f = *state;
	const unsigned long long one = 1, two = 2;
	unsigned long long word;
	int pipe_fds[2], key;
	char c, value[64];
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		CHILD_CHECK(read(pipe_fds[0], &c, 1) == 1);
		_exit(0);
	}
	assert_int_equal(bpfring_task_storage_set(f->ts, pid, 0, &one, 8), 0);
	assert_int_equal(bpfring_task_storage_set(f->ts, pid, 0, &two, 8), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, pid, 0, &word, 8), 0);
	assert_int_equal(word, 2);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	join_child(pid);
	assert_int_equal(bpfring_task_storage_set(f->ts, pid, 0, &two, 8), -ESRCH);

	/* One that has an element of its own: it is not cut off. */
	pid = fork();
	if (!pid) {
		CHILD_CHECK(read(pipe_fds[0], &c, 1) == 1);
		_exit(0);
	}
	key = (int)syscall(SYS_pidfd_open, pid, 0);
	memset(value, 0, sizeof(value));
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->skel->maps.store), &key, value, 0), 0);
	assert_int_equal(bpfring_task_storage_set(f->ts, pid, 0, &two, 8),
			 f->path == BPFRING_TASK_PATH_UPTR ? -EEXIST : 0);
	close(key);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	join_child(pid);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

struct mover {
	struct fixture *f;
	struct task_cell_test *cell;
	pthread_barrier_t *barrier;
};

static void *moved_thread(void *arg)
{
	struct mover *m = arg;

	m->cell = bind_cell(m->f);
	m->cell->a = kernel_tid(m->f->skel);
	pthread_barrier_wait(m->barrier); /* all bound */
	pthread_barrier_wait(m->barrier); /* moved */
	m->cell->writer = 0;
	m->cell->b = 1;
	if (!threads_have_pidfds()) { /* each has to come by itself */
		fixture_look();
		assert_int_equal(m->cell->writer, 0);
		assert_ptr_equal(bind_cell(m->f), m->cell);
	}
	fixture_look();
	assert_int_equal(m->cell->writer, kernel_tid(m->f->skel));
	assert_int_equal(m->cell->sum, kernel_tid(m->f->skel) + 1);
	assert_ptr_equal(bind_cell(m->f), m->cell);
	pthread_barrier_wait(m->barrier);
	return NULL;
}

/* A scheduler is loaded anew under the same pin: all threads come along, pointers stay. */
static void move_to_second(struct fixture *f, bool pinned)
{
	const unsigned int weight = 31;
	struct task_test_bpf *second;
	struct bpfring_task_storage *ts = f->ts;
	struct mover m[8];
	pthread_barrier_t barrier;
	pthread_t threads[8];
	unsigned int w;

	pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(m) + 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(m); i++) {
		m[i] = (struct mover){.f = f, .barrier = &barrier};
		pthread_create(&threads[i], NULL, moved_thread, &m[i]);
	}
	pthread_barrier_wait(&barrier);
	bind_cell(f);
	assert_int_equal(bpfring_task_storage_set(ts, 0, 2, &weight, 4), 0);

	second = fixture_load();
	if (pinned) {
		assert_int_equal(bpfring_task_storage_refresh(ts), 0); /* the same map */
		assert_int_equal(bpfring_task_storage_pin(second->obj, "store", PIN), 0);
	}
	task_test_bpf__destroy(f->skel);
	f->skel = second;
	assert_int_equal(pinned ? bpfring_task_storage_refresh(ts) - 1
				: bpfring_task_storage_replace_object(ts, second->obj, "store"),
			 threads_have_pidfds() ? ARRAY_SIZE(m) + 1 : 1);
	assert_int_equal(bpfring_task_storage_get(ts, 0, 2, &w, 4), 0);
	assert_int_equal(w, weight);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < ARRAY_SIZE(m); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(bound(f), 1);
	pthread_barrier_destroy(&barrier);
}

static void replaced_map(void **state)
{
	struct fixture *f = *state;

	if (no_bpffs)
		skip_because("%s", no_bpffs);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpfring_task_storage_pin(f->skel->obj, "store", PIN), 0);
	assert_int_equal(bpfring_task_storage_open_pinned(&f->ts, PIN, NULL), 0);
	assert_int_equal(stats_of(f).path, f->path);
	move_to_second(f, true);
	assert_int_equal(system("rm -f " PIN " " PIN "_*"), 0);
	assert_int_equal(bpfring_task_storage_refresh(f->ts), -ENOENT);
}

static void replaced_object(void **state)
{
	move_to_second(*state, false);
}

/* An object that was loaded for the other path has cells that nothing here can reach. */
static void replace_wants_the_same_path(void **state)
{
	struct fixture *f = *state;
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = BPFRING_TASK_PATH_FALLBACK);
	struct task_test_bpf *other = task_test_bpf__open();

	assert_non_null(other);
	bpfring_set_log(NULL);
	if (f->path == BPFRING_TASK_PATH_UPTR) /* the default of an object is the other one */
		assert_return_code(bpfring_task_storage_prepare(other->obj, "store", &opts), 0);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, other->obj, "store"), -EINVAL);
	task_test_bpf__destroy(other);
}

static void replace_wants_the_same_members(void **state)
{
	struct fixture *f = *state;

	bpfring_set_log(NULL);
	assert_int_equal(
		bpfring_task_storage_replace(f->ts, bpf_map__fd(f->skel->maps.named), NULL),
		-EINVAL);
	assert_int_equal(bpfring_task_storage_replace(f->ts, -1, NULL), -EBADF);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "named"),
			 -EINVAL);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "none"), -ENOENT);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, NULL, "store"), -EINVAL);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_refresh(f->ts), -EINVAL);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(fork_child_shares_nothing),
		TEST(fork_child_closes),
		TEST(fork_from_a_thread),
		TEST(exec_keeps_the_element),
		TEST(kill_9),
		TEST(ordinary_members_of_another_process),
		TEST(replaced_map),
		TEST(replaced_object),
		TEST(replace_wants_the_same_path),
		TEST(replace_wants_the_same_members),
	};

	no_bpffs = own_bpffs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
