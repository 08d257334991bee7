// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Threads come and go while BPF writes into all cells on every switch: no cell may be written on
 * behalf of a thread that had it before. Runs for both paths.
 *
 * A cell carries the number of its owner; BPF leaves the number of the thread for which it writes,
 * and counts whenever it meets an owner that is not that thread.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

#define DEFAULT_THREADS 100000
#define AT_ONCE		64
#define STACK		(64 * 1024)

static struct fixture *f;
static atomic_ulong created, bad_fresh, bad_writer, strangers, unwritten;
static unsigned long total;

/*
 * Lives until so many others have been created after it, up to three quarters of those that there
 * may be at once: many are alive together, and they do not end in the order in which they began.
 */
static void outlive_some(unsigned long i)
{
	unsigned long until = i + i * 7 % (AT_ONCE * 3 / 4);

	while (created < (until < total ? until : total))
		usleep(20);
}

static void *live(void *arg)
{
	unsigned int tid = kernel_tid(f->skel);
	struct task_cell_test *cell;
	bool explicit = (uintptr_t)arg & 1;

	if (bpfring_task_storage_bind(f->ts, f->cell, (void **)&cell)) {
		bad_fresh++;
		return NULL;
	}
	/* BPF may have come first, but only for this thread. */
	if (cell->owner || cell->a || (cell->writer && cell->writer != tid))
		bad_fresh++;
	cell->owner = tid;
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			fixture_look();
		else if ((uintptr_t)arg % 3 == 0)
			usleep(50);
		else
			sched_yield();
		if (cell->writer && cell->writer != tid)
			bad_writer++;
		if (cell->owner != tid)
			bad_writer++;
	}
	outlive_some((uintptr_t)arg);
	if ((cell->writer && cell->writer != tid) || cell->owner != tid)
		bad_writer++;
	if (!cell->writes)
		unwritten++;
	strangers += cell->strangers;
	if (explicit) /* half of them; the others leave it to their end */
		bpfring_task_storage_unbind(f->ts);
	return NULL;
}

static void churn(void **state)
{
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};
	pthread_t threads[AT_ONCE];
	pthread_attr_t attr;
	uint64_t most_bytes = 0, most_bound = 0;

	f = *state;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (unsigned long i = 0; i < total; i++) {
		if (i >= AT_ONCE)
			pthread_join(threads[i % AT_ONCE], NULL);
		assert_int_equal(
			pthread_create(&threads[i % AT_ONCE], &attr, live, (void *)(uintptr_t)i),
			0);
		created = i + 1;
		if (i % 64 == 0) {
			assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
			if (s.bytes > most_bytes)
				most_bytes = s.bytes;
			if (s.bound > most_bound)
				most_bound = s.bound;
		}
	}
	for (unsigned int i = 0; i < AT_ONCE; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attr);
	assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
	printf("%lu threads: strangers %lu, bad when fresh %lu, bad writer %lu, never written %lu; "
	       "at most %llu at once, %llu KiB of cells\n",
	       total, strangers, bad_fresh, bad_writer, unwritten, (unsigned long long)most_bound,
	       (unsigned long long)most_bytes / 1024);
	assert_int_equal(s.binds, total);
	assert_int_equal(s.bound, 0);
	assert_int_equal(s.lost, 0);
	assert_int_equal(bad_fresh, 0);
	assert_int_equal(bad_writer, 0);
	assert_int_equal(strangers, 0);
	assert_int_equal(unwritten, 0);
	assert_true(most_bound > AT_ONCE / 4); /* or nothing has been tested */
	/* As many pages as threads at once, and no more. */
	assert_true(most_bytes <= (AT_ONCE + 1) * 4096);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(churn, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	total = argc > 2 ? strtoul(argv[2], NULL, 0) : DEFAULT_THREADS / (unsigned long)slowness();
	return fixture_main(argc, argv, run);
}
