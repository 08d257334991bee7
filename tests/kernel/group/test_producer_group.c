// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Threads that produce into a group of real user rings. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/producer_group.h>
#include <bpfring/producer_wait.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "user.h"
#include "user_group.skel.h"

struct rig {
	struct user_group_bpf *skel;
	struct bpfring_producer_group *g;
};

static void rig_open(struct rig *rig, uint32_t rings)
{
	BPFRING_OPTS(bpfring_producer_group_opts, opts, .rings = rings, .ring_bytes = 4096);
	BPFRING_OPTS(bpfring_producer_opts, producer);

	rig->skel = user_group_bpf__open();
	assert_non_null(rig->skel);
	assert_int_equal(bpfring_producer_group_prepare(rig->skel->obj, "users", &opts), 0);
	assert_int_equal(user_group_bpf__load(rig->skel), 0);
	producer.kick_prog_fd = bpf_program__fd(rig->skel->progs.drain);
	opts.producer = &producer;
	assert_int_equal(bpfring_producer_group_create(&rig->g, rig->skel->obj, "users", &opts), 0);
	assert_int_equal(bpfring_producer_group_count(rig->g), rings);
}

static void rig_close(struct rig *rig)
{
	bpfring_producer_group_close(rig->g);
	user_group_bpf__destroy(rig->skel);
}

static int put(struct bpfring_producer *p, uint32_t thread, uint64_t number)
{
	const struct user_sample sample = {thread, 0, number};

	return bpfring_producer_output(p, &sample, sizeof(sample));
}

struct thread {
	struct bpfring_producer_group *g;
	struct bpfring_producer *p;
	uint32_t id;
	uint64_t count;
	pthread_barrier_t *barrier;
	pthread_t thread;
};

static void *produce(void *arg)
{
	struct thread *t = arg;
	struct bpfring_producer *again;
	void *data;

	assert_int_equal(bpfring_producer_group_get(t->g, &t->p), 0);
	assert_int_equal(bpfring_producer_group_get(t->g, &again), 0);
	assert_ptr_equal(t->p, again);
	pthread_barrier_wait(t->barrier);
	for (uint64_t i = 0; i < t->count; i++) {
		assert_int_equal(
			bpfring_producer_reserve_wait(t->p, sizeof(struct user_sample), -1, &data),
			0);
		*(struct user_sample *)data = (struct user_sample){t->id, 0, i};
		assert_int_equal(bpfring_producer_submit(t->p, data), 0);
	}
	return NULL;
}

static void drain_all(struct rig *rig)
{
	int drained;

	do
		drained = bpfring_producer_group_kick(rig->g);
	while (drained > 0);
	assert_int_equal(drained, 0);
}

/* As many threads as rings, fewer and more: each sample once, in the order of its thread. */
static void threads_produce(void **state)
{
	static const uint32_t rings[] = {1, 4, 7, 16, 64};
	BPFRING_OPTS(bpfring_producer_group_stats, stats);

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rings); r++) {
		struct thread threads[USER_THREADS];
		pthread_barrier_t barrier;
		struct rig rig;

		rig_open(&rig, rings[r]);
		pthread_barrier_init(&barrier, NULL, USER_THREADS);
		for (uint32_t i = 0; i < USER_THREADS; i++) {
			threads[i] = (struct thread){rig.g, NULL, i, 3000, &barrier, 0};
			assert_int_equal(
				pthread_create(&threads[i].thread, NULL, produce, &threads[i]), 0);
		}
		for (uint32_t i = 0; i < USER_THREADS; i++)
			pthread_join(threads[i].thread, NULL);
		for (uint32_t i = 0; i < USER_THREADS && rings[r] >= USER_THREADS; i++)
			for (uint32_t k = 0; k < i; k++)
				assert_ptr_not_equal(threads[i].p, threads[k].p);
		drain_all(&rig);
		assert_int_equal(rig.skel->bss->samples, USER_THREADS * 3000);
		assert_int_equal(rig.skel->bss->out_of_order, 0);
		assert_int_equal(bpfring_producer_group_stats(rig.g, &stats), 0);
		assert_int_equal(stats.samples, USER_THREADS * 3000);
		assert_int_equal(stats.drained, USER_THREADS * 3000);
		assert_int_equal(stats.threads, 0); /* given back at their ends */
		assert_int_equal(stats.rings, rings[r]);
		pthread_barrier_destroy(&barrier);
		rig_close(&rig);
	}
}

static void *take_and_put(void *arg)
{
	struct thread *t = arg;

	assert_int_equal(bpfring_producer_group_get(t->g, &t->p), 0);
	for (uint64_t i = 0; i < t->count; i++)
		assert_int_equal(put(t->p, t->id, i), 0);
	assert_int_equal(bpfring_producer_group_put(t->g), 0);
	assert_int_equal(bpfring_producer_group_put(t->g), -ENOENT);
	return NULL;
}

/* A full ring does not keep the others from their turn, and each is first in turn. */
static void drains_fairly(void **state)
{
	struct bpfring_producer *mine;
	struct thread t;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2);
	assert_int_equal(bpfring_producer_group_get(rig.g, &mine), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(put(mine, 0, i), 0);
	t = (struct thread){rig.g, NULL, 1, 10, NULL, 0};
	assert_int_equal(pthread_create(&t.thread, NULL, take_and_put, &t), 0);
	pthread_join(t.thread, NULL);
	assert_ptr_not_equal(t.p, mine);
	assert_int_equal(bpfring_producer_group_kick(rig.g), 20);
	assert_int_equal(rig.skel->bss->next[0], 10);
	assert_int_equal(rig.skel->bss->next[1], 10);
	drain_all(&rig);
	assert_int_equal(rig.skel->bss->next[0], 100);
	rig_close(&rig);
}

/* Waits of a ring without a drain end by time, by stop and by cancellation. */
static void *wait_for_ever(void *arg)
{
	struct thread *t = arg;
	void *data;
	int err;

	assert_int_equal(bpfring_producer_group_get(t->g, &t->p), 0);
	do
		err = bpfring_producer_reserve_wait(t->p, 1000, -1, &data); /* never submitted */
	while (!err);
	assert_int_equal(err, -ECANCELED);
	return NULL;
}

static void waits_end(void **state)
{
	BPFRING_OPTS(bpfring_producer_group_stats, stats);
	struct bpfring_producer *mine;
	struct thread t[3];
	struct rig rig;
	void *data;

	(void)state;
	for (int how = 0; how < 2; how++) {
		rig_open(&rig, 4);
		for (uint32_t i = 0; i < 3; i++) {
			t[i] = (struct thread){rig.g, NULL, i, 0, NULL, 0};
			assert_int_equal(pthread_create(&t[i].thread, NULL, wait_for_ever, &t[i]),
					 0);
		}
		usleep(20000);
		if (how == 0)
			assert_int_equal(bpfring_producer_group_stop(rig.g), 0);
		for (uint32_t i = 0; i < 3 && how == 1; i++)
			pthread_cancel(t[i].thread);
		for (uint32_t i = 0; i < 3; i++)
			pthread_join(t[i].thread, NULL);
		assert_int_equal(bpfring_producer_group_resume(rig.g), 0);
		assert_int_equal(bpfring_producer_group_stats(rig.g, &stats), 0);
		assert_int_equal(stats.threads, 0);
		assert_int_equal(bpfring_producer_group_get(rig.g, &mine), 0);
		while (!bpfring_producer_reserve(mine, 1000, &data))
			;
		assert_int_equal(bpfring_producer_reserve_wait(mine, 1000, MSEC, &data),
				 -ETIMEDOUT);
		rig_close(&rig);
	}
}

/* A child may only close; the parent goes on. */
static void forked_child_closes(void **state)
{
	struct bpfring_producer *p;
	struct rig rig;
	int status;
	pid_t pid;

	(void)state;
	rig_open(&rig, 4);
	assert_int_equal(bpfring_producer_group_get(rig.g, &p), 0);
	pid = fork();
	if (!pid) {
		int bad = bpfring_producer_group_get(rig.g, &p) != -ECHILD;

		bad |= bpfring_producer_group_put(rig.g) != -ECHILD;
		bad |= bpfring_producer_group_kick(rig.g) != -ECHILD;
		bpfring_producer_group_close(rig.g);
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(put(p, 0, 0), 0);
	assert_int_equal(bpfring_producer_group_kick(rig.g), 1);
	rig_close(&rig);
}

/* A process that is killed with open samples leaves rings that the next one can use. */
static void killed_process_blocks_nothing(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, producer);
	BPFRING_OPTS(bpfring_producer_group_opts, opts, .producer = &producer);
	struct bpfring_producer *p;
	struct rig rig;
	int status, fd;
	pid_t pid;

	(void)state;
	rig_open(&rig, 4);
	fd = bpf_map__fd(rig.skel->maps.users);
	assert_int_equal(bpfring_producer_group_open(&rig.g, fd, &opts), -EBUSY);
	bpfring_producer_group_close(rig.g);
	pid = fork();
	if (!pid) {
		void *data;

		if (bpfring_producer_group_open(&rig.g, fd, &opts) ||
		    bpfring_producer_group_get(rig.g, &p) || put(p, 0, 0) ||
		    bpfring_producer_reserve(p, 16, &data) || put(p, 0, 1))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	producer.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain);
	assert_int_equal(bpfring_producer_group_open(&rig.g, fd, &opts), 0);
	assert_int_equal(bpfring_producer_group_get(rig.g, &p), 0);
	assert_int_equal(put(p, 0, 1), 0);
	assert_int_equal(bpfring_producer_group_kick(rig.g), 2);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	rig_close(&rig);
}

static void refusals(void **state)
{
	BPFRING_OPTS(bpfring_producer_group_opts, opts, .rings = 1025);
	struct bpfring_producer_group *g;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(bpfring_producer_group_create(&g, rig.skel->obj, "users", &opts), -EINVAL);
	assert_int_equal(bpfring_producer_group_create(&g, rig.skel->obj, "none", NULL), -ENOENT);
	assert_int_equal(bpfring_producer_group_create(NULL, rig.skel->obj, "users", NULL),
			 -EINVAL);
	assert_int_equal(bpfring_producer_group_prepare(rig.skel->obj, "users", NULL), -EBUSY);
	assert_int_equal(bpfring_producer_group_prepare(NULL, "users", NULL), -EINVAL);
	assert_int_equal(bpfring_producer_group_open(&g, -1, NULL), -EBADF);
	assert_int_equal(bpfring_producer_group_get(NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_producer_group_put(NULL), -EINVAL);
	assert_int_equal(bpfring_producer_group_kick(NULL), -EINVAL);
	assert_int_equal(bpfring_producer_group_stop(NULL), -EINVAL);
	assert_int_equal(bpfring_producer_group_stats(rig.g, NULL), -EINVAL);
	bpfring_producer_group_close(NULL);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_produce),
		cmocka_unit_test(drains_fairly),
		cmocka_unit_test(waits_end),
		cmocka_unit_test(forked_child_closes),
		cmocka_unit_test(killed_process_blocks_nothing),
		cmocka_unit_test(refusals),
	};
	struct user_group_bpf *skel;

	catch_logs();
	skel = user_group_bpf__open_and_load();
	if (!skel) {
		print_message("skipped: this kernel or user cannot load programs that drain a "
			      "group of user rings\n");
		return 77;
	}
	user_group_bpf__destroy(skel);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
