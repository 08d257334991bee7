// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Processes forked at any moment, while other threads open, close, produce, wait and look: a child
 * may close what it inherited and open producers of its own, and waits for nobody.
 */
#include "user_rig.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS	1000
#define THREADS 4

static int stop;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void let_go_on(void)
{
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
}

static void join_all(pthread_t *threads)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* In a child that has 20 s. Its exit status has to be 0. */
static void fork_often(int (*in_the_child)(struct user_rig *rig), struct user_rig *rig)
{
	for (int i = 0; i < FORKS / (SANITIZED ? 10 : 1) / slowness(); i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			alarm((unsigned int)(20 * slowness()));
			_exit(in_the_child(rig));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* The claim is taken: what was made for a producer is given back, as close() does, and sooner. */
static void *open_and_fail(void *arg)
{
	const struct user_rig *rig = arg;
	struct bpfring_producer *p;

	while (!stopped())
		assert_int_equal(bpfring_producer_open(&p, rig->fd, NULL), -EBUSY);
	return NULL;
}

static int close_and_open(struct user_rig *rig)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_UNCLAIMED);
	struct bpfring_producer *p;
	void *data;

	if (bpfring_producer_reserve(rig->p, 8, &data) != -ECHILD)
		return 1;
	bpfring_producer_close(rig->p);
	if (bpfring_producer_reserve(rig->p, 8, &data) != -EBADF)
		return 2;
	if (bpfring_producer_open(&p, rig->fd, &opts) || bpfring_producer_reserve(p, 8, &data))
		return 3;
	bpfring_producer_close(p);
	return 0;
}

static void while_others_open_and_close(void **state)
{
	pthread_t threads[THREADS];
	struct user_rig rig;

	(void)state;
	bpfring_set_log(NULL);
	rig_open(&rig, 4096, NULL);
	let_go_on();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, open_and_fail, &rig);
	fork_often(close_and_open, &rig);
	join_all(threads);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_others_open_and_close),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
