// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The counters: exact, by cause, also while programs interrupt each other. */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

#define FITS (RING_BYTES / (8 + sizeof(struct event)))

static struct bpfring_consumer *alone;

static int setup(void **state)
{
	(void)state;
	fixture_load(NULL);
	assert_int_equal(bpfring_consumer_open(&alone, bpf_map__fd(skel->maps.alone), NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_consumer_close(alone);
	alone = NULL;
	fixture_unload();
	return 0;
}

static int count_record(void *ctx, const void *data, size_t size)
{
	(void)data;
	assert_int_equal(size, sizeof(struct event));
	++*(uint64_t *)ctx;
	return 0;
}

static void check_sums(const struct bpfring_loss_counts *c)
{
	assert_int_equal(c->dropped, c->dropped_full + c->dropped_no_ring + c->dropped_other);
	assert_int_equal(c->attempts, c->submitted + c->discarded + c->dropped);
}

/* The ring is empty, so what does not fit in goes to dropped_full, to the record. */
static void test_ring(void **state)
{
	struct bpfring_loss_counts c;
	uint64_t seen = 0, in = 0;

	(void)state;
	for (int i = 0; i < 16; i++)
		in += (uint64_t)run(skel->progs.ring_submit, 0, 0, RUN_COUNT, 0);
	c = counted(account_of_ring());
	check_sums(&c);
	assert_int_equal(c.attempts, 16 * RUN_COUNT);
	assert_int_equal(c.submitted, in);
	assert_int_equal(c.submitted, FITS);
	assert_int_equal(c.dropped_full, 16 * RUN_COUNT - FITS);
	assert_int_equal(c.dropped_other, 0);
	assert_int_equal(c.dropped_no_ring, 0);
	bpfring_consumer_consume(alone, count_record, &seen, NULL, NULL);
	assert_int_equal(seen, c.submitted);

	assert_int_equal(run(skel->progs.ring_output, 0, 0, 60, 0), 60);
	run(skel->progs.ring_discard, 0, 0, 60, 0);
	c = counted(account_of_ring());
	check_sums(&c);
	assert_int_equal(c.attempts, 16 * RUN_COUNT + 120);
	assert_int_equal(c.submitted, FITS + 90);
	assert_int_equal(c.discarded, 30);
	bpfring_consumer_consume(alone, count_record, &seen, NULL, NULL);
	assert_int_equal(seen, c.submitted);
}

static void test_too_large(void **state)
{
	struct bpfring_loss_counts c;

	(void)state;
	assert_int_equal(run(skel->progs.ring_huge, 0, 0, 0, 0), 0);
	c = counted(account_of_ring());
	check_sums(&c);
	assert_int_equal(c.dropped_other, 1);
	assert_int_equal(c.dropped, 1);
}

static void test_no_ring(void **state)
{
	struct bpfring_loss_counts c;

	(void)state;
	assert_int_equal(run(skel->progs.group_nmi, 0, 0, 10, 0), 0);
	assert_int_equal(run(skel->progs.group_output_nmi, 0, 0, 10, 0), 0);
	c = counted(account_of_group());
	check_sums(&c);
	assert_int_equal(c.dropped_no_ring, 20);
	assert_int_equal(c.attempts, 20);
}

/* Programs that run before the group is made find no ring. */
static void test_not_created(void **state)
{
	struct group_test_bpf *other = group_test_bpf__open();
	struct bpfring_loss_counts c;

	(void)state;
	assert_non_null(other);
	assert_int_equal(bpfring_group_prepare(other->obj, "events", NULL), 0);
	assert_int_equal(group_test_bpf__load(other), 0);
	assert_int_equal(run(other->progs.group_submit, 0, 0, 7, 0), 0);
	c = counted(bpf_map__fd(other->maps.events_account));
	check_sums(&c);
	assert_int_equal(c.dropped_no_ring, 7);
	group_test_bpf__destroy(other);
}

static void test_deltas(void **state)
{
	BPFRING_OPTS(bpfring_loss_counts, since);
	BPFRING_OPTS(bpfring_loss_counts, total);
	struct bpfring_loss *a, *b;

	(void)state;
	run(skel->progs.ring_submit, 0, 0, 5, 0);
	assert_int_equal(bpfring_loss_open(&a, account_of_ring()), 0);
	assert_int_equal(bpfring_loss_open(&b, account_of_ring()), 0);
	run(skel->progs.ring_submit, 0, 0, 3, 0);
	assert_int_equal(bpfring_loss_read(a, &since, &total), 0);
	assert_int_equal(since.submitted, 3);
	assert_int_equal(since.attempts, 3);
	assert_int_equal(total.submitted, 8);
	assert_int_equal(bpfring_loss_read(a, &since, NULL), 0);
	assert_int_equal(since.attempts, 0);
	run(skel->progs.ring_submit, 0, 0, 2, 0);
	/* another reader has seen nothing yet */
	assert_int_equal(bpfring_loss_read(b, &since, NULL), 0);
	assert_int_equal(since.submitted, 5);
	assert_int_equal(bpfring_loss_read(a, &since, NULL), 0);
	assert_int_equal(since.submitted, 2);
	bpfring_loss_close(a);
	bpfring_loss_close(b);
}

static void test_per_cpu(void **state)
{
	BPFRING_OPTS(bpfring_loss_counts, c);
	struct bpfring_loss *loss;

	(void)state;
	assert_int_equal(bpfring_loss_open(&loss, account_of_group()), 0);
	for (int cpu = 0; cpu < possible_cpus(); cpu++) {
		if (!cpu_is_online(cpu))
			continue;
		move_to_cpu(cpu);
		run(skel->progs.group_submit, 0, 0, (uint64_t)cpu + 1, 0);
		assert_int_equal(bpfring_loss_read_cpu(loss, (unsigned int)cpu, &c), 0);
		check_sums(&c);
		assert_int_equal(c.submitted, cpu + 1);
	}
	assert_int_equal(bpfring_loss_read_cpu(loss, (unsigned int)possible_cpus(), &c), -ENOENT);
	assert_int_equal(bpfring_loss_read_cpu(loss, 0, NULL), -EINVAL);
	bpfring_loss_close(loss);
}

static void test_refused(void **state)
{
	BPFRING_OPTS(bpfring_loss_counts, c);
	struct bpfring_loss *loss;

	(void)state;
	assert_int_equal(bpfring_loss_open(&loss, bpf_map__fd(skel->maps.alone)), -EINVAL);
	assert_int_equal(bpfring_loss_open(&loss, bpf_map__fd(skel->maps.bss)), -EINVAL);
	assert_int_equal(bpfring_loss_open(&loss, 9999), -EBADF);
	assert_int_equal(bpfring_loss_open(NULL, account_of_ring()), -EINVAL);
	assert_int_equal(bpfring_loss_read(NULL, &c, NULL), -EINVAL);
	assert_int_equal(bpfring_loss_open(&loss, account_of_ring()), 0);
	c.sz = 4;
	assert_int_equal(bpfring_loss_read(loss, &c, NULL), -EINVAL);
	assert_int_equal(bpfring_loss_read(loss, NULL, NULL), 0);
	bpfring_loss_close(loss);
	bpfring_loss_close(NULL);
}

/* Writers on all CPUs that are never quite keeping up with, interrupted by a program of a timer. */
static struct {
	uint64_t per_writer;
	bool stop;
	int perf[2];
} load;

static void *write_records(void *arg)
{
	const struct bpf_program *progs[] = {
		skel->progs.group_submit, skel->progs.group_discard, skel->progs.group_output,
		skel->progs.ring_submit,  skel->progs.ring_discard,  skel->progs.group_by,
	};
	unsigned int writer = (unsigned int)(uintptr_t)arg, next = writer;

	move_to_cpu((int)writer % possible_cpus());
	for (uint64_t n = 0; n < load.per_writer; n += RUN_COUNT)
		run(progs[next++ % ARRAY_SIZE(progs)], writer, n, RUN_COUNT, n);
	return NULL;
}

static int open_timer(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = 2000,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

static void *read_records(void *arg)
{
	uint64_t *seen = arg;

	/* It looks rarely: the rings are full most of the time. */
	while (!__atomic_load_n(&load.stop, __ATOMIC_ACQUIRE)) {
		seen[0] += take_all(group, count_record, &seen[2]);
		seen[1] += (uint64_t)bpfring_consumer_consume(alone, count_record, &seen[2], NULL,
							      NULL);
		usleep(2000);
	}
	return NULL;
}

static void test_exact_under_load(void **state)
{
	const char *attempts = getenv("TEST_ATTEMPTS");
	struct bpf_link *links[64] = {0};
	struct bpfring_loss_counts c, r;
	pthread_t writers[4], reader;
	uint64_t seen[3] = {0};
	int timers = 0;

	(void)state;
	load.per_writer =
		(attempts ? strtoull(attempts, NULL, 0) : 2000000ULL / (unsigned int)slowness()) /
		ARRAY_SIZE(writers) / RUN_COUNT * RUN_COUNT;
	load.stop = false;
	for (int cpu = 0; cpu < possible_cpus() && cpu < (int)ARRAY_SIZE(links); cpu++) {
		int fd = open_timer(cpu);

		if (fd < 0)
			continue;
		links[cpu] = bpf_program__attach_perf_event(skel->progs.interrupt, fd);
		timers += links[cpu] != NULL;
	}
	assert_int_equal(pthread_create(&reader, NULL, read_records, seen), 0);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		assert_int_equal(
			pthread_create(&writers[i], NULL, write_records, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		pthread_join(writers[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		bpf_link__destroy(links[i]);
	__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
	pthread_join(reader, NULL);
	usleep(10000);
	seen[0] += take_all(group, count_record, &seen[2]);
	seen[1] += (uint64_t)bpfring_consumer_consume(alone, count_record, &seen[2], NULL, NULL);

	c = counted(account_of_group());
	r = counted(account_of_ring());
	check_sums(&c);
	check_sums(&r);
	print_message("attempts %llu and %llu by %d timers, submitted %llu, discarded %llu, full "
		      "%llu, other %llu\n",
		      (unsigned long long)(ARRAY_SIZE(writers) * load.per_writer),
		      (unsigned long long)skel->bss->nested_attempts, timers,
		      (unsigned long long)(c.submitted + r.submitted),
		      (unsigned long long)(c.discarded + r.discarded),
		      (unsigned long long)(c.dropped_full + r.dropped_full),
		      (unsigned long long)(c.dropped_other + r.dropped_other));
	assert_int_equal(c.attempts + r.attempts,
			 ARRAY_SIZE(writers) * load.per_writer + skel->bss->nested_attempts);
	assert_int_equal(c.submitted, seen[0]);
	assert_int_equal(r.submitted, seen[1]);
	assert_int_equal(c.dropped_no_ring + r.dropped_no_ring, 0);
	assert_true(c.dropped_full > 0);
	if (timers)
		assert_true(skel->bss->nested_attempts > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_created, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deltas, setup, teardown),
		cmocka_unit_test_setup_teardown(test_per_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exact_under_load, setup, teardown),
	};
	const char *reason = fixture_probe();

	if (reason) {
		printf("skipped: %s\n", reason);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
