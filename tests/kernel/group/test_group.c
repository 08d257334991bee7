// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Groups of 1 to 64 rings: made, filled, read, counted; rescue and wake-up policy. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define FITS (RING_BYTES / (8 + sizeof(struct event)))

static int teardown(void **state)
{
	(void)state;
	fixture_unload();
	return 0;
}

static uint32_t slots(void)
{
	uint32_t n = 1;

	while (n < (uint32_t)possible_cpus())
		n *= 2;
	return n;
}

/* Records of each writer come in order. */
struct order {
	uint64_t next[64];
	uint64_t records;
	uint32_t cpu; /* of the last */
};

static int take_in_order(void *ctx, const void *data, size_t size)
{
	const struct event *e = data;
	struct order *o = ctx;

	assert_int_equal(size, sizeof(*e));
	assert_true(e->writer < ARRAY_SIZE(o->next));
	assert_int_equal(e->number, o->next[e->writer]);
	o->next[e->writer]++;
	o->records++;
	o->cpu = e->cpu;
	return 0;
}

static void write_on_every_cpu(uint64_t count)
{
	for (int cpu = 0; cpu < possible_cpus(); cpu++)
		if (move_to_cpu(cpu))
			assert_int_equal(run(skel->progs.group_submit, (uint32_t)cpu, 0, count, 0),
					 count);
}

static void test_per_cpu(void **state)
{
	struct bpfring_group_stats stats = {.sz = sizeof(stats)};
	struct order order;

	(void)state;
	fixture_load(NULL);
	assert_int_equal(bpfring_group_count(group), possible_cpus());
	write_on_every_cpu(50);
	for (int i = 0; i < possible_cpus(); i++) {
		memset(&order, 0, sizeof(order));
		bpfring_consumer_consume(bpfring_group_consumer(group, (unsigned int)i),
					 take_in_order, &order, NULL, NULL);
		assert_int_equal(order.records, cpu_is_online(i) ? 50 : 0);
		if (order.records)
			assert_int_equal(order.cpu, i);
	}
	assert_int_equal(bpfring_group_stats(group, &stats), 0);
	assert_int_equal(stats.rings, possible_cpus());
	assert_int_equal(stats.nmi_rings, 0);
	assert_int_equal(stats.records, counted(account_of_group()).submitted);
	assert_int_equal(stats.ring_size, (uint64_t)possible_cpus() * RING_BYTES);
	assert_null(bpfring_group_consumer(group, (unsigned int)possible_cpus()));
}

/* As many rings as the machine has slots: by key, so that all of them are used. */
static void test_keys(void **state)
{
	const uint32_t counts[] = {1, 2, 4, 8, 16, 32, 64};

	(void)state;
	/* to load the programs takes an emulated processor long */
	for (size_t i = 0; i<ARRAY_SIZE(counts); i += slowness()> 1 ? 3 : 1) {
		BPFRING_OPTS(bpfring_group_opts, opts, .rings = counts[i]);
		struct order order = {.next = {0}};
		struct bpfring_loss_counts c;
		unsigned int used = 0;

		fixture_load(&opts);
		assert_int_equal(bpfring_group_count(group), counts[i]);
		for (unsigned int n = 0; n < 640; n += 10)
			for (uint32_t key = 0; key < 64; key++) {
				const struct bpf_program *prog =
					key & 1 ? skel->progs.group_by
						: skel->progs.group_output_by;

				move_to_cpu((int)(n / 10 + key) % possible_cpus());
				assert_int_equal(run(prog, key, n, 10, key), 10);
				if (key == 63)
					take_all(group, take_in_order, &order);
			}
		for (uint32_t k = 0; k < counts[i]; k++) {
			struct bpfring_consumer_stats s = {.sz = sizeof(s)};

			bpfring_consumer_stats(bpfring_group_consumer(group, k), &s);
			used += s.records > 0;
		}
		assert_true(used * 2 >= counts[i]);
		c = counted(account_of_group());
		assert_int_equal(c.submitted, 64 * 640);
		assert_int_equal(order.records, c.submitted);
		assert_int_equal(c.dropped, 0);
		fixture_unload();
	}
}

static void test_listed_cpus(void **state)
{
	const uint32_t last = (uint32_t)possible_cpus() - 1;
	BPFRING_OPTS(bpfring_group_opts, opts, .cpus = &last, .cpu_count = 1);
	struct order order = {.next = {0}};

	(void)state;
	fixture_load(&opts);
	assert_int_equal(bpfring_group_count(group), 1);
	write_on_every_cpu(10);
	assert_int_equal(take_all(group, take_in_order, &order),
			 counted(account_of_group()).submitted);
}

static void test_nmi_rings(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .nmi_rings = 1);
	struct bpfring_group_stats stats = {.sz = sizeof(stats)};
	struct order order = {.next = {0}};
	unsigned int nmi = (unsigned int)possible_cpus();

	(void)state;
	fixture_load(&opts);
	assert_int_equal(bpfring_group_count(group), nmi + 1);
	for (int cpu = 0, n = 0; cpu < possible_cpus(); cpu++) {
		if (!move_to_cpu(cpu))
			continue;
		assert_int_equal(run(skel->progs.group_nmi, 1, (uint64_t)n, 5, 0), 5);
		assert_int_equal(run(skel->progs.group_output_nmi, 1, (uint64_t)n + 5, 5, 0), 5);
		run(skel->progs.group_submit, 2, (uint64_t)n, 10, 0);
		n += 10;
	}
	bpfring_consumer_consume(bpfring_group_consumer(group, nmi), take_in_order, &order, NULL,
				 NULL);
	assert_int_equal(order.next[2], 0);
	assert_true(order.next[1] > 0);
	assert_int_equal(order.next[1] * 2, counted(account_of_group()).submitted);
	assert_int_equal(bpfring_group_stats(group, &stats), 0);
	assert_int_equal(stats.nmi_rings, 1);
}

static void test_memory(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .rings = 1);
	struct group_test_bpf *other = group_test_bpf__open();
	struct bpfring_group_stats stats = {.sz = sizeof(stats)};

	(void)state;
	opts.ring_bytes = 100000;
	fixture_load(&opts);
	bpfring_group_stats(group, &stats);
	assert_int_equal(stats.ring_size, 131072);
	fixture_unload();
	opts.ring_bytes = 0;
	opts.total_bytes = 1000000;
	fixture_load(&opts);
	bpfring_group_stats(group, &stats);
	assert_int_equal(stats.ring_size, 524288);
	opts.total_bytes = 1000;
	assert_non_null(other);
	log_forget();
	assert_int_equal(bpfring_group_prepare(other->obj, "events", &opts), -ENOSPC);
	assert_non_null(strstr(log_text(), "less than a page"));
	group_test_bpf__destroy(other);
}

static void test_refused(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts);
	const uint32_t cpus[] = {0, 0, 1U << 20};
	struct group_test_bpf *other = group_test_bpf__open();
	struct bpfring_group *g = NULL;

	(void)state;
	fixture_load(NULL);
	assert_non_null(other);
	assert_int_equal(bpfring_group_prepare(NULL, "events", NULL), -EINVAL);
	assert_int_equal(bpfring_group_prepare(other->obj, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_group_prepare(other->obj, "none", NULL), -ENOENT);
	assert_int_equal(bpfring_group_prepare(other->obj, "alone", NULL), -EINVAL);
	assert_int_equal(bpfring_group_prepare(skel->obj, "events", NULL), -EBUSY);
	opts.flags = 1U << 20;
	assert_int_equal(bpfring_group_prepare(other->obj, "events", &opts), -EINVAL);
	opts.flags = 0;
	opts.rings = 1U << 20;
	assert_int_equal(bpfring_group_prepare(other->obj, "events", &opts), -EINVAL);
	opts.rings = 0;
	opts.cpus = cpus;
	opts.cpu_count = 2;
	assert_int_equal(bpfring_group_prepare(other->obj, "events", &opts), -EINVAL);
	opts.cpus = &cpus[2];
	opts.cpu_count = 1;
	assert_int_equal(bpfring_group_prepare(other->obj, "events", &opts), -EINVAL);
	assert_int_equal(bpfring_group_create(&g, other->obj, "events", NULL), -EBADF);
	assert_int_equal(bpfring_group_create(&g, skel->obj, "none", NULL), -ENOENT);
	assert_int_equal(bpfring_group_create(&g, skel->obj, "events", NULL), -EBUSY);
	assert_int_equal(bpfring_group_create(NULL, skel->obj, "events", NULL), -EINVAL);
	if (slots() > 1) { /* with one slot the map has the right form by chance */
		assert_int_equal(group_test_bpf__load(other), 0);
		log_forget();
		assert_int_equal(bpfring_group_create(&g, other->obj, "events", NULL), -EINVAL);
		assert_non_null(strstr(log_text(), "bpfring_group_prepare()"));
	}
	assert_null(g);
	group_test_bpf__destroy(other);
}

static void test_loop(void **state)
{
	struct bpfring_loop *loop, *second;
	struct order order = {.next = {0}};
	uint64_t written;

	(void)state;
	fixture_load(NULL);
	assert_int_equal(bpfring_loop_new(&loop, NULL), 0);
	assert_int_equal(bpfring_loop_new(&second, NULL), 0);
	assert_int_equal(bpfring_loop_remove_group(loop, group), -ENOENT);
	assert_int_equal(bpfring_loop_add_group(loop, group, take_in_order, &order), 0);
	assert_int_equal(bpfring_loop_add_group(loop, group, take_in_order, &order), -EEXIST);
	assert_int_equal(bpfring_loop_add_group(second, group, take_in_order, &order), -EEXIST);
	assert_int_equal(bpfring_loop_remove_group(second, group), -ENOENT);
	write_on_every_cpu(60);
	written = counted(account_of_group()).submitted;
	while (order.records < written)
		assert_true(bpfring_loop_poll(loop, 1000 * MSEC) > 0);
	assert_int_equal(bpfring_loop_remove_group(loop, group), 0);
	/* A loop that is freed lets the group go, and does not have to be told. */
	assert_int_equal(bpfring_loop_add_group(loop, group, take_in_order, &order), 0);
	bpfring_loop_free(loop);
	assert_int_equal(bpfring_loop_add_group(second, group, take_in_order, &order), 0);
	bpfring_loop_free(second);
}

/* One CPU writes more than its ring holds: the others have space. */
static void test_rescue(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .flags = BPFRING_GROUP_RESCUE);
	struct bpfring_loss_counts c;
	uint64_t in = 0;

	(void)state;
	opts.rings = 8;
	fixture_load(&opts);
	move_to_cpu(0);
	for (int i = 0; i < 40; i++) {
		in += (uint64_t)run(skel->progs.group_submit, 1, 0, RUN_COUNT, 0);
		in += (uint64_t)run(skel->progs.group_output, 1, 0, RUN_COUNT, 0);
	}
	c = counted(account_of_group());
	assert_int_equal(c.attempts, 80 * RUN_COUNT);
	assert_int_equal(c.submitted, in);
	assert_true(c.rescued >= FITS / 2);
	assert_int_equal(c.rescued, c.submitted - FITS);
	/* The order of a key is not given up. */
	in = c.rescued;
	for (int i = 0; i < 40; i++)
		run(skel->progs.group_by, 1, 0, RUN_COUNT, 1);
	assert_int_equal(counted(account_of_group()).rescued, in);
}

/* No flags without a policy; one wake-up for each time that the ring comes to hold so much. */
static void test_policy(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .wake_bytes = RING_BYTES / 4);
	struct order order = {.next = {0}};
	uint64_t number = 0;

	(void)state;
	fixture_load(&opts);
	move_to_cpu(0);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 8; i++, number += RUN_COUNT)
			assert_int_equal(run(skel->progs.group_policy, 0, number, RUN_COUNT, 0),
					 RUN_COUNT);
		assert_int_equal(skel->bss->forced, round);
		take_all(group, take_in_order, &order);
	}
	fixture_unload();

	fixture_load(NULL);
	move_to_cpu(0);
	assert_int_equal(run(skel->progs.group_policy, 0, 0, RUN_COUNT, 0), RUN_COUNT);
	assert_int_equal(skel->bss->forced, 0);
	fixture_unload();

	opts.wake_bytes = 0;
	opts.wake_ns = 3600000 * MSEC;
	fixture_load(&opts);
	move_to_cpu(0);
	assert_int_equal(run(skel->progs.group_policy, 0, 0, RUN_COUNT, 0), RUN_COUNT);
	assert_true(skel->bss->forced <= 1); /* the first, if the machine has been up for longer */
	fixture_unload();

	opts.wake_ns = 1;
	fixture_load(&opts);
	move_to_cpu(0);
	assert_int_equal(run(skel->progs.group_policy, 0, 0, RUN_COUNT, 0), RUN_COUNT);
	assert_true(skel->bss->forced > RUN_COUNT / 2);
}

/* As another process has it: by the descriptor of the outer map alone, and by a pin. */
static void test_open(void **state)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .nmi_rings = 1);
	BPFRING_OPTS(bpfring_group_opts, given);
	struct order order = {.next = {0}};
	struct bpfring_group *g = NULL;
	const char *why = own_bpffs();
	int outer;

	(void)state;
	fixture_load(&opts);
	outer = bpf_map__fd(skel->maps.events);
	write_on_every_cpu(50);
	assert_int_equal(bpfring_group_open(&g, outer, NULL), 0);
	assert_int_equal(bpfring_group_count(g), bpfring_group_count(group));
	assert_int_equal(counted(bpfring_group_account_fd(g)).submitted,
			 counted(account_of_group()).submitted);
	assert_int_equal(take_all(g, take_in_order, &order), counted(account_of_group()).submitted);
	bpfring_group_close(g);
	if (!why) {
		assert_int_equal(bpf_obj_pin(outer, BPFFS "/events"), 0);
		given.account_fd = bpf_map__fd(skel->maps.events_account);
		assert_int_equal(bpfring_group_open_pinned(&g, BPFFS "/events", &given), 0);
		bpfring_group_close(g);
		assert_int_equal(bpfring_group_open_pinned(&g, BPFFS "/none", NULL), -ENOENT);
	}
	given.account_fd = outer;
	assert_int_equal(bpfring_group_open(&g, outer, &given), -EINVAL);
	given.account_fd = 0;
	given.rings = 1;
	assert_int_equal(bpfring_group_open(&g, outer, &given), -EINVAL);
	assert_int_equal(bpfring_group_open(&g, account_of_ring(), NULL), -EINVAL);
	assert_int_equal(bpfring_group_open(NULL, outer, NULL), -EINVAL);
}

/* test_group rings | options: half of them each. */
int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test_teardown(test_per_cpu, teardown),
		cmocka_unit_test_teardown(test_keys, teardown),
		cmocka_unit_test_teardown(test_listed_cpus, teardown),
		cmocka_unit_test_teardown(test_nmi_rings, teardown),
		cmocka_unit_test_teardown(test_loop, teardown),
	};
	const struct CMUnitTest options[] = {
		cmocka_unit_test_teardown(test_memory, teardown),
		cmocka_unit_test_teardown(test_refused, teardown),
		cmocka_unit_test_teardown(test_rescue, teardown),
		cmocka_unit_test_teardown(test_policy, teardown),
		cmocka_unit_test_teardown(test_open, teardown),
	};
	const char *reason = fixture_probe();

	if (reason) {
		printf("skipped: %s\n", reason);
		return 77;
	}
	if (argc > 1 && !strcmp(argv[1], "options"))
		return cmocka_run_group_tests(options, NULL, NULL);
	return cmocka_run_group_tests(rings, NULL, NULL);
}
