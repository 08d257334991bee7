// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings that come and go while programs write: nothing is lost, and nothing comes twice. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../kernel.h"
#include "fixture.h"

#define RINGS  8
#define CYCLES 12

static int setup(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .rings = RINGS, .nmi_rings = 2);

	(void)state;
	fixture_load(&opts);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_unload();
	return 0;
}

struct seen {
	uint64_t records;
	unsigned int twice;
	uint8_t numbers[2][1 << 21]; /* of each writer */
};

static struct seen seen;

static int take(void *ctx, const void *data, size_t size)
{
	const struct event *e = data;
	struct seen *s = ctx;

	assert_int_equal(size, sizeof(*e));
	s->records++;
	if (e->writer < 2 && e->number < sizeof(s->numbers[0]))
		s->twice += s->numbers[e->writer][e->number]++;
	return 0;
}

static bool stop;

static void *write_records(void *arg)
{
	unsigned int writer = (unsigned int)(uintptr_t)arg;
	uint64_t number = 0;

	move_to_cpu((int)writer % possible_cpus());
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		/* By CPU and by key: the slots of all rings are in use. */
		run(number & 64 ? skel->progs.group_by : skel->progs.group_submit, writer, number,
		    64, number);
		number += 64;
	}
	return NULL;
}

static void remove_ring(struct bpfring_loop *loop, unsigned int cpu)
{
	int err;

	while ((err = bpfring_group_remove_cpu(group, cpu)) == -EAGAIN)
		assert_true(bpfring_loop_poll(loop, MSEC) >= 0);
	assert_int_equal(err, 0);
}

static void test_under_load(void **state)
{
	struct bpfring_group_stats stats = {.sz = sizeof(stats)};
	struct bpfring_loss_counts c;
	struct bpfring_loop *loop;
	pthread_t writers[2];
	unsigned int cpus = (unsigned int)possible_cpus();

	(void)state;
	memset(&seen, 0, sizeof(seen));
	stop = false;
	assert_int_equal(bpfring_loop_new(&loop, NULL), 0);
	assert_int_equal(bpfring_loop_add_group(loop, group, take, &seen), 0);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		assert_int_equal(
			pthread_create(&writers[i], NULL, write_records, (void *)(uintptr_t)i), 0);
	for (unsigned int i = 0; i < CYCLES; i++) {
		unsigned int cpu = i % cpus;
		uint64_t before = seen.records;

		remove_ring(loop, cpu);
		assert_int_equal(bpfring_group_count(group), RINGS + 2 - 1);
		assert_int_equal(bpfring_group_remove_cpu(group, cpu), -ENOENT);
		while (seen.records < before + 500)
			assert_true(bpfring_loop_poll(loop, 10 * MSEC) >= 0);
		assert_int_equal(bpfring_group_add_cpu(group, cpu), 0);
		assert_int_equal(bpfring_group_add_cpu(group, cpu), -EEXIST);
		before = seen.records;
		while (seen.records < before + 500)
			assert_true(bpfring_loop_poll(loop, 10 * MSEC) >= 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		pthread_join(writers[i], NULL);
	do
		bpfring_loop_wakeup(loop);
	while (bpfring_loop_poll(loop, 0) > 0);

	c = counted(account_of_group());
	assert_int_equal(bpfring_group_stats(group, &stats), 0);
	print_message("attempts %llu, submitted %llu, seen %llu, full %llu\n",
		      (unsigned long long)c.attempts, (unsigned long long)c.submitted,
		      (unsigned long long)seen.records, (unsigned long long)c.dropped_full);
	assert_int_equal(c.submitted, seen.records);
	assert_int_equal(stats.records, seen.records); /* those of rings that are gone too */
	assert_int_equal(c.dropped_no_ring, 0);
	assert_int_equal(seen.twice, 0);
	assert_int_equal(bpfring_loop_remove_group(loop, group), 0);
	bpfring_loop_free(loop);
}

/* Without a loop the records are the caller's to read. */
static void test_without_loop(void **state)
{
	(void)state;
	move_to_cpu(0);
	run(skel->progs.group_submit, 0, 0, 10, 0);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(bpfring_group_remove_cpu(group, 0), -EAGAIN);
	/* It is out of use already: this goes to another ring. */
	run(skel->progs.group_submit, 0, 10, 10, 0);
	assert_int_equal(take_all(group, take, &seen), 20);
	assert_int_equal(bpfring_group_remove_cpu(group, 0), 0);
	assert_int_equal(bpfring_group_remove_cpu(group, 1U << 20), -EINVAL);
	assert_int_equal(bpfring_group_add_cpu(group, 1U << 20), -EINVAL);
}

static void test_last(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .rings = 1, .nmi_rings = 1);

	(void)state;
	fixture_unload();
	fixture_load(&opts);
	assert_int_equal(bpfring_group_remove_cpu(group, 0), -EBUSY);
	assert_int_equal(bpfring_group_count(group), 2);
}

/* What is being written is waited for, and the ring stays in the loop meanwhile. */
static void test_busy_head(void **state)
{
	struct ring ring = {.size = RING_BYTES};
	struct bpfring_loop *loop;
	struct busy busy;
	const char *why;

	(void)state;
	ring.fd = bpfring_consumer_map_fd(bpfring_group_consumer(group, 0));
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(bpfring_loop_new(&loop, NULL), 0);
	why = busy_begin(&busy, &ring, 0, true);
	if (why) {
		bpfring_loop_free(loop);
		skip_because("%s", why);
	}
	assert_int_equal(bpfring_loop_add_group(loop, group, take, &seen), 0);
	move_to_cpu(0);
	run(skel->progs.group_submit, 0, 0, 10, 0);
	assert_int_equal(bpfring_group_remove_cpu(group, 0), -EAGAIN);
	assert_int_equal(bpfring_group_remove_cpu(group, 0), -EAGAIN);
	assert_int_equal(seen.records, 0);
	busy_end(&busy, 0);
	remove_ring(loop, 0);
	assert_int_equal(seen.records, 10);
	bpfring_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_under_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy_head, setup, teardown),
	};
	const char *reason = fixture_probe();

	if (reason) {
		printf("skipped: %s\n", reason);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
