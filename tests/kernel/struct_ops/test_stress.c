// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Many connections, many cycles: nothing breaks, nothing is left behind. */
#include "util.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME	    "bpfring_test"
#define CONNECTIONS 1000
#define CYCLES	    10000

static unsigned int count_maps(void)
{
	unsigned int n = 0;
	uint32_t id = 0;

	while (next_struct_ops(&id))
		n++;
	return n;
}

/* The kernel frees maps after a grace period. */
static void assert_maps(unsigned int expected)
{
	for (int i = 0; i < 300 && count_maps() != expected; i++)
		usleep(10000);
	assert_int_equal(count_maps(), expected);
}

static void test_replace_under_connections(void **state)
{
	struct fixture *f = *state;
	struct connection *c = calloc(CONNECTIONS, sizeof(*c));
	const struct rlimit files = {.rlim_cur = 4096, .rlim_max = 4096};
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *with = handle(f, skel, "cc_second");

	assert_non_null(c);
	if (setrlimit(RLIMIT_NOFILE, &files))
		skip_because("needs 4096 open files");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	for (int i = 0; i < CONNECTIONS; i++)
		connect_with(&c[i], NAME);
	assert_true(refcnt_of(ops) >= CONNECTIONS);

	/* There and back, with traffic: no connection notices. */
	for (int round = 0; round < 10; round++) {
		for (int i = round; i < CONNECTIONS; i += 10)
			transfer(&c[i], 16384);
		assert_return_code(bpfring_struct_ops_replace(ops, with, NULL), 0);
		for (int i = 0; i < CONNECTIONS; i += 10)
			transfer(&c[i], 16384);
		assert_true(available(NAME));
	}
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	for (int i = 0; i < CONNECTIONS; i++)
		transfer(&c[i], 1024);
	for (int i = 0; i < CONNECTIONS; i++)
		disconnect(&c[i]);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 10000000000), 0);
	assert_return_code(bpfring_struct_ops_wait_released(with, 10000000000), 0);
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	ops_bpf__destroy(skel);
	free(c);
}

static void cycle_links(struct fixture *f, struct ops_bpf *skel, int cycles)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);

	for (int i = 0; i < cycles; i++) {
		struct bpfring_struct_ops *ops;

		assert_return_code(
			bpfring_struct_ops_open(&ops, bpf_map__fd(skel->maps.cc_first), &opts), 0);
		assert_return_code(bpfring_struct_ops_register(ops), 0);
		if (i % 2 && kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH))
			assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		bpfring_struct_ops_close(ops);
	}
}

static void test_cycles(void **state)
{
	struct fixture *f = *state;
	unsigned int maps = count_maps();
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	size_t heap;
	unsigned int fds;

	assert_return_code(bpfring_struct_ops_store(ops), 0);
	bpfring_struct_ops_close(ops);
	cycle_links(f, skel, 100);
	fds = count_fds();
	heap = mallinfo2().uordblks;
	cycle_links(f, skel, CYCLES);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(mallinfo2().uordblks, heap);
	assert_false(available(NAME));
	ops_bpf__destroy(skel);
	assert_maps(maps);
}

/* Legacy registers a map once, so each cycle has to load: fewer of them. */
static void test_legacy_cycles(void **state)
{
	struct fixture *f = *state;
	unsigned int maps = count_maps();
	unsigned int fds = count_fds();

	for (int i = 0; i < 100; i++) {
		struct bpfring_struct_ops *ops;
		struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);

		assert_return_code(bpfring_struct_ops_register(ops), 0);
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		assert_return_code(bpfring_struct_ops_wait_released(ops, 1000000000), 0);
		bpfring_struct_ops_close(ops);
		ops_bpf__destroy(skel);
	}
	assert_int_equal(count_fds(), fds);
	assert_maps(maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace_under_connections),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_legacy_cycles),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
