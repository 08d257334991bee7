// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Binding threads, and what goes through the memory then. Runs for both paths. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

/* Both directions, and nothing that was there before. */
static void shares_memory(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f), *again = bind_cell(f);
	struct task_small_test *small;

	assert_ptr_equal(cell, again);
	assert_int_equal(cell->sum, 0);
	cell->a = 40;
	cell->b = 2;
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->small, (void **)&small), 0);
	assert_int_equal(small->hits, 0);
	fixture_look();
	assert_int_equal(cell->sum, 42);
	assert_int_equal(cell->writer, kernel_tid(f->skel));
	assert_int_equal(small->hits, 1);
	assert_int_equal(stats_of(f).bound, 1);
}

static void unbind_ends_it(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f);

	cell->a = 1;
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	cell->writer = 0; /* mapped still, and nobody else's */
	fixture_look();
	assert_int_equal(cell->writer, 0);
	assert_int_equal(stats_of(f).bound, 0);
	cell = bind_cell(f);
	assert_int_equal(cell->a, 0);
	assert_int_equal(cell->sum, 0);
	fixture_look();
	assert_int_not_equal(cell->writes, 0);
}

static void describes_members(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_member m = {.sz = sizeof(m)};
	unsigned long long word = 0;
	void *mem;

	assert_int_equal(bpfring_task_storage_member(f->ts, f->cell, &m), 0);
	assert_string_equal(m.name, "cell");
	assert_int_equal(m.size, sizeof(struct task_cell_test));
	assert_int_equal(m.offset, 8);
	assert_int_equal(m.flags, BPFRING_TASK_MEMBER_SHARED);
	assert_int_equal(m.align, 8);
	assert_int_equal(bpfring_task_storage_member(f->ts, 5, &m), -ENOENT);
	assert_int_equal(bpfring_task_storage_member(f->ts, -1, &m), -ENOENT);
	assert_int_equal(bpfring_task_storage_member(f->ts, 0, NULL), -EINVAL);
	m.sz = 8;
	assert_int_equal(bpfring_task_storage_member(f->ts, 0, &m), -EINVAL);
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_task_storage_find(f->ts, "cell", 8), -ERANGE);
	assert_int_equal(bpfring_task_storage_find(f->ts, "none", 8), -ENOENT);
	assert_int_equal(bpfring_task_storage_find(f->ts, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_bind(f->ts, 0, &mem), -EINVAL);
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, f->cell, &word, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &word, 4), -ERANGE);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 5, &word, 8), -EINVAL);
}

/* The kernel replaces the value as a whole: one member changed, the others stay. */
static void keeps_other_members(void **state)
{
	struct fixture *f = *state;
	const unsigned long long before = 0x1122334455667788;
	const unsigned int weight = 77;
	struct task_cell_test *cell;
	unsigned long long word;
	unsigned int w;

	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), -ENOENT);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &before, 8), 0);
	cell = bind_cell(f);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 2, &weight, 4), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), 0);
	assert_true(word == before);
	assert_int_equal(bpfring_task_storage_get(f->ts, gettid(), 2, &w, 4), 0);
	assert_int_equal(w, weight);
	cell->a = 5;
	fixture_look(); /* and what is shared is shared still */
	assert_int_equal(cell->sum, 5);
}

static void *set_one_member(void *arg)
{
	const unsigned long long before = 3;
	struct fixture *f = arg;
	unsigned int w = 5;

	if (bpfring_task_storage_set(f->ts, 0, 0, &before, 8) ||
	    bpfring_task_storage_get(f->ts, 0, 2, &w, 4))
		return "error";
	return w ? "not zero" : NULL;
}

/* What is set first makes the element; all else in it is zero, whatever other threads have. */
static void other_members_are_zero(void **state)
{
	const unsigned int weight = 77;
	struct fixture *f = *state;
	pthread_t thread;
	void *wrong;

	bind_cell(f);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 2, &weight, 4), 0);
	assert_int_equal(pthread_create(&thread, NULL, set_one_member, f), 0);
	pthread_join(thread, &wrong);
	assert_null(wrong);
}

/* Two libraries in one process: one handle, one cell for a thread. */
static void one_handle_per_map(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_storage *second;
	struct task_cell_test *cell = bind_cell(f);
	void *mem;

	assert_int_equal(bpfring_task_storage_open_object(&second, f->skel->obj, "store", NULL), 0);
	assert_ptr_equal(second, f->ts);
	assert_int_equal(bpfring_task_storage_bind(second, f->cell, &mem), 0);
	assert_ptr_equal(mem, cell);
	bpfring_task_storage_close(second);
	cell->a = 3;
	fixture_look();
	assert_int_equal(cell->sum, 3);
}

/* close() with threads bound: elements are gone, nothing is written where the memory was. */
static void close_unbinds(void **state)
{
	struct fixture *f = *state;
	int key = (int)syscall(SYS_pidfd_open, getpid(), 0);
	char value[64];

	bind_cell(f);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->skel->maps.store), &key, value), 0);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->skel->maps.store), &key, value),
			 -ENOENT);
	fixture_look();
	close(key);
	f->ts = NULL;
}

/* An element that a killed thread could leave: BPF must see that the slot went on. */
static void stale_element_is_not_followed(void **state)
{
	struct fixture *f = *state;
	int key = (int)syscall(SYS_pidfd_open, getpid(), 0), fd = bpf_map__fd(f->skel->maps.store);
	struct task_cell_test *cell = bind_cell(f);
	uint64_t value[4];

	fixture_look();
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, value, 0), 0);
	cell->writer = 0;
	fixture_look();
	assert_int_equal(cell->writer, 0);
	close(key);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(shares_memory),	   TEST(unbind_ends_it),	 TEST(describes_members),
		TEST(keeps_other_members), TEST(other_members_are_zero), TEST(one_handle_per_map),
		TEST(close_unbinds),
	};
	/* on the other path the kernel does not show what is in the element */
	const struct CMUnitTest fallback_tests[] = {TEST(stale_element_is_not_followed)};

	if (tested_path == BPFRING_TASK_PATH_FALLBACK &&
	    cmocka_run_group_tests(fallback_tests, NULL, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
