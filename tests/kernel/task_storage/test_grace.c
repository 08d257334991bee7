// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A slot of the fall-back is dealt again only when no BPF program can be looking at it, also on a
 * kernel with one processor that preempts programs: scripts/test-kernels.sh -1.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define SLOTS 64

struct holder {
	struct fixture *f;
	pthread_barrier_t barrier;
	struct task_cell_test *cell;
	pid_t tid;
	int err;
};

/*
 * Where there are several processors, the two threads run at the same time; on a single one this
 * thread interrupts the other.
 */
static cpu_set_t allowed;

static void run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void *hold(void *arg)
{
	struct holder *h = arg;
	const struct task_test_bpf *s = h->f->skel;
	const struct bpf_program *prog = fixture_fentry ? s->progs.hold_interrupted
							: s->progs.hold_and_write;
	struct bpf_test_run_opts opts = {.sz = sizeof(opts)};

	h->cell = bind_cell(h->f);
	h->tid = gettid();
	run_on(1); /* if there is one */
	pthread_barrier_wait(&h->barrier);
	h->err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	return NULL;
}

static unsigned int holding(const struct fixture *f)
{
	return *(volatile unsigned int *)&f->skel->bss->holding;
}

static void run_first(void)
{
	const struct sched_param first = {.sched_priority = 10};

	sched_getaffinity(0, sizeof(allowed), &allowed);
	run_on(0);
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		print_message("no real-time priority here\n");
}

static void run_as_others(void)
{
	const struct sched_param other = {0};

	sched_setscheduler(0, SCHED_OTHER, &other);
	sched_setaffinity(0, sizeof(allowed), &allowed);
}

static void reuse_waits_for(struct fixture *f)
{
	struct holder h = {.f = f};
	struct task_cell_test *cell = NULL;
	bool was_running;
	pthread_t thread;
	int binds = 0;

	f->skel->bss->holding = 0;
	pthread_barrier_init(&h.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, hold, &h), 0);
	pthread_barrier_wait(&h.barrier);
	run_first();
	while (!holding(f))
		usleep(100);
	was_running = holding(f) == 1;
	bpfring_task_storage_unbind_thread(f->ts, h.tid);
	do {
		assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
		cell = bind_cell(f);
	} while (cell != h.cell && ++binds < 4 * SLOTS);
	assert_ptr_equal(cell, h.cell);
	assert_int_equal(holding(f), 2); /* or it could write into what is ours now */
	run_as_others();
	pthread_join(thread, NULL);
	assert_int_equal(h.err, 0);
	assert_int_equal(cell->sum, 0);
	pthread_barrier_destroy(&h.barrier);
	print_message("%ld processors, %s: the program %s when its cell was taken\n",
		      sysconf(_SC_NPROCESSORS_ONLN), fixture_fentry ? "fentry" : "raw_tp",
		      was_running ? "ran" : "had ended");
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
}

static int setup(void **state)
{
	fixture_slots = SLOTS;
	fixture_fentry = true;
	return fixture_setup(state);
}

static void by_object(void **state)
{
	reuse_waits_for(*state);
}

/* Without the map of maps: either membarrier() waits, or slots are used once. */
static void by_descriptors_without_grace(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *s = f->skel;
	const int slots[] = {bpf_map__fd(s->maps.store_cell), bpf_map__fd(s->maps.store_small)};
	BPFRING_OPTS(bpfring_task_storage_opts, opts);
	void *mem;
	int err = 0;

	bpfring_task_storage_close(f->ts);
	opts.owner_fd = bpf_map__fd(s->maps.store_owner);
	opts.bind_fd = bpf_program__fd(s->progs.store_bind);
	opts.slot_fds = slots;
	assert_int_equal(bpfring_task_storage_open(&f->ts, bpf_map__fd(s->maps.store), &opts), 0);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		reuse_waits_for(f);
		return;
	}
	catch_logs();
	for (int i = 0; i <= SLOTS && !err; i++) {
		err = bpfring_task_storage_bind(f->ts, f->cell, &mem);
		if (!err)
			assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	}
	assert_int_equal(err, -ENOSPC);
	assert_non_null(strstr(log_text(), "give grace_fd at open"));
}

static void by_descriptors_with_grace(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *s = f->skel;
	const int slots[] = {bpf_map__fd(s->maps.store_cell), bpf_map__fd(s->maps.store_small)};
	BPFRING_OPTS(bpfring_task_storage_opts, opts);

	bpfring_task_storage_close(f->ts);
	opts.owner_fd = bpf_map__fd(s->maps.store_owner);
	opts.bind_fd = bpf_program__fd(s->progs.store_bind);
	opts.grace_fd = bpf_map__fd(s->maps.store_grace);
	opts.slot_fds = slots;
	assert_int_equal(bpfring_task_storage_open(&f->ts, bpf_map__fd(s->maps.store), &opts), 0);
	reuse_waits_for(f);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
		TEST(by_object),
		TEST(by_descriptors_without_grace),
		TEST(by_descriptors_with_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	char fallback[] = "fallback", *args[] = {argv[0], fallback, NULL};

	(void)argc;
	return fixture_main(2, args, run);
}
