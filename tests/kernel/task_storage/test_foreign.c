// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Ordinary members of threads of another process, which may share memory itself. Runs for both
 * paths.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define WEIGHT 2 /* index of an ordinary member */

/* A child that does what it is told, one letter each, and answers with one. */
struct worker {
	pid_t pid;
	int to, from;
};

static struct fixture *f;
static struct task_cell_test *child_cell;

static char bind_or_not(void)
{
	return bpfring_task_storage_bind(f->ts, f->cell, (void **)&child_cell) ? 'e' : '+';
}

static char is_seen(void)
{
	child_cell->a = 3;
	child_cell->b = 4;
	child_cell->sum = 0;
	fixture_look();
	return child_cell->sum == 7 ? '+' : '-';
}

static pid_t second_tid;
static pthread_barrier_t second_may_end;

static void *second_thread(void *arg)
{
	(void)arg;
	second_tid = gettid();
	pthread_barrier_wait(&second_may_end);
	pthread_barrier_wait(&second_may_end);
	return NULL;
}

static char obey(char order)
{
	pthread_t thread;

	switch (order) {
	case 'b':
		return bind_or_not();
	case 'u':
		return bpfring_task_storage_unbind(f->ts) ? 'e' : '+';
	case 'l':
		return is_seen();
	case 't':
		pthread_barrier_init(&second_may_end, NULL, 2);
		if (pthread_create(&thread, NULL, second_thread, NULL))
			return 'e';
		pthread_barrier_wait(&second_may_end);
		return '+';
	default:
		return 'e';
	}
}

static void work(int from, int to)
{
	char c;

	look_at_caller(f->skel);
	while (read(from, &c, 1) == 1) {
		c = obey(c);
		if (write(to, &c, 1) != 1 ||
		    (c == '+' && second_tid && write(to, &second_tid, sizeof(second_tid)) < 0))
			break;
	}
	_exit(0);
}

static struct worker start(void)
{
	struct worker w;
	int down[2], up[2];

	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(up), 0);
	w.pid = fork();
	if (!w.pid) {
		close(down[1]);
		close(up[0]);
		work(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	w.to = down[1];
	w.from = up[0];
	return w;
}

static char tell(const struct worker *w, char order)
{
	char c = 0;

	assert_int_equal(write(w->to, &order, 1), 1);
	assert_int_equal(read(w->from, &c, 1), 1);
	return c;
}

static void stop(const struct worker *w)
{
	close(w->to);
	close(w->from);
	kill(w->pid, SIGKILL);
	assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
}

static int set(pid_t tid, unsigned int weight)
{
	return bpfring_task_storage_set(f->ts, tid, WEIGHT, &weight, 4);
}

static unsigned int get(pid_t tid)
{
	unsigned int weight = 0;

	assert_int_equal(bpfring_task_storage_get(f->ts, tid, WEIGHT, &weight, 4), 0);
	return weight;
}

/* What that path may not do; on the other one nothing is lost anyway. */
static int if_shared(void)
{
	return f->path == BPFRING_TASK_PATH_UPTR ? -EEXIST : 0;
}

static void its_process_binds_in_between(void **state)
{
	struct worker w;

	f = *state;
	w = start();
	assert_int_equal(set(w.pid, 1), 0);
	assert_int_equal(set(w.pid, 2), 0); /* nobody shares yet */
	assert_int_equal(tell(&w, 'b'), '+');
	assert_int_equal(tell(&w, 'l'), '+');
	for (unsigned int i = 3; i < 6; i++) {
		catch_logs();
		log_forget();
		assert_int_equal(set(w.pid, i), if_shared());
		assert_int_equal(log_lines() > 0, if_shared() != 0);
		assert_int_equal(tell(&w, 'l'), '+');
	}
	assert_int_equal(get(w.pid), if_shared() ? 2 : 5);

	/* It deletes its element: the next may be made, and written again. */
	assert_int_equal(tell(&w, 'u'), '+');
	assert_int_equal(set(w.pid, 7), 0);
	assert_int_equal(set(w.pid, 8), 0);
	assert_int_equal(get(w.pid), 8);
	assert_int_equal(tell(&w, 'b'), '+');
	assert_int_equal(set(w.pid, 9), if_shared());
	assert_int_equal(tell(&w, 'l'), '+');
	stop(&w);
	assert_int_equal(set(w.pid, 1), -ESRCH);
}

static void its_process_was_first(void **state)
{
	struct worker w;

	f = *state;
	bpfring_set_log(NULL);
	w = start();
	assert_int_equal(tell(&w, 'b'), '+');
	assert_int_equal(set(w.pid, 1), if_shared());
	assert_int_equal(set(w.pid, 2), if_shared());
	assert_int_equal(tell(&w, 'l'), '+');
	stop(&w);
}

/* A thread that does not share is not refused because another of its process does. */
static void its_other_threads(void **state)
{
	struct worker w;
	pid_t tid;

	f = *state;
	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	w = start();
	assert_int_equal(tell(&w, 'b'), '+');
	assert_int_equal(tell(&w, 't'), '+');
	assert_int_equal(read(w.from, &tid, sizeof(tid)), sizeof(tid));
	assert_int_equal(set(tid, 1), 0);
	assert_int_equal(set(tid, 2), 0);
	assert_int_equal(get(tid), 2);
	stop(&w);
}

/* The one that sets moves to another map: what it made is in the old one. */
static void the_map_is_replaced(void **state)
{
	struct task_test_bpf *second;
	struct worker w;

	f = *state;
	bpfring_set_log(NULL);
	w = start();
	assert_int_equal(set(w.pid, 1), 0);
	second = fixture_load();
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, second->obj, "store"), 0);
	assert_int_equal(set(w.pid, 2), 0);
	assert_int_equal(set(w.pid, 3), 0);
	assert_int_equal(get(w.pid), 3);
	stop(&w);
	task_test_bpf__destroy(second);
}

/* At the same time, again and again: whoever is bound is seen. */
static void at_the_same_time(void **state)
{
	unsigned int done = 0, refused = 0;
	struct worker w;
	char c;

	f = *state;
	if (!threads_have_pidfds()) /* with inodes, by which the two know of each other */
		skip_because("threads have no pidfds");
	bpfring_set_log(NULL);
	w = start();
	for (unsigned int i = 0; i < 300U / (unsigned int)slowness() + 20; i++) {
		const char orders[] = "bl";
		int err;

		assert_int_equal(write(w.to, orders, 2), 2);
		for (unsigned int k = 0; k < 20; k++) {
			err = set(w.pid, k);
			done += !err;
			refused += err == -EEXIST;
			assert_true(!err || err == if_shared());
		}
		assert_int_equal(read(w.from, &c, 1), 1);
		assert_int_equal(c, '+');
		assert_int_equal(read(w.from, &c, 1), 1);
		assert_int_equal(c, '+');
		assert_int_equal(tell(&w, 'l'), '+');
		assert_int_equal(tell(&w, 'u'), '+');
	}
	print_message("%u members set, %u refused\n", done, refused);
	stop(&w);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(its_process_binds_in_between),
		TEST(its_process_was_first),
		TEST(its_other_threads),
		TEST(the_map_is_replaced),
		TEST(at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
