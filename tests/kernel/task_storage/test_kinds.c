// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Members that are neither shared nor ordinary. Runs for both paths. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "kinds.skel.h"

static struct kinds_bpf *skel;
static struct bpfring_task_storage *ts;
static int cell_member;

static int run_prog(const struct bpf_program *prog)
{
	struct bpf_test_run_opts opts = {.sz = sizeof(opts)};
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ? err : (int)opts.retval;
}

static void open_map(const char *name)
{
	assert_int_equal(bpfring_task_storage_open_object(&ts, skel->obj, name, NULL), 0);
	cell_member = bpfring_task_storage_find(ts, "cell", sizeof(struct task_cell_test));
	assert_true(cell_member >= 0);
}

static int setup(void **state)
{
	(void)state;
	skel = kinds_bpf__open();
	assert_non_null(skel);
	catch_logs();
	log_forget();
	return 0;
}

static int setup_loaded(void **state)
{
	setup(state);
	assert_int_equal(kinds_bpf__load(skel), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_task_storage_close(ts);
	ts = NULL;
	kinds_bpf__destroy(skel);
	return 0;
}

static void prepare_warns_of_bits(void **state)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = BPFRING_TASK_PATH_UPTR);

	(void)state;
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "kept", &opts),
			 BPFRING_TASK_PATH_UPTR);
	assert_non_null(strstr(log_text(), "map 'bits': the bit field 'high'"));
	assert_null(strstr(log_text(), "map 'kept'"));
}

static void refused_on_the_fall_back(void **state)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = BPFRING_TASK_PATH_FALLBACK);

	(void)state;
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "kept", &opts), -EOPNOTSUPP);
	assert_non_null(strstr(log_text(), "a __kptr or a lock"));
	assert_non_null(strstr(log_text(), "in another map"));
}

/* What BPF keeps there it would lose without a word: the element is left as it is. */
static void an_element_with_a_kptr_is_not_replaced(void **state)
{
	void *mem;

	(void)state;
	open_map("kept");
	assert_int_equal(run_prog(skel->progs.keep), 0);
	assert_int_equal(bpfring_task_storage_bind(ts, cell_member, &mem), -EEXIST);
	assert_non_null(strstr(log_text(), "__kptr"));
	assert_non_null(strstr(log_text(), "before BPF makes the element"));
	assert_int_equal(run_prog(skel->progs.is_kept), 1);
	assert_int_equal(bpfring_task_storage_unbind(ts), 0);
	assert_int_equal(run_prog(skel->progs.is_kept), 1);
}

static void *bind_first(void *arg)
{
	const unsigned int weight = 4;
	static char own[4096] __attribute__((aligned(4096)));
	struct task_cell_test *cell;
	int index = bpfring_task_storage_find(ts, "weight", sizeof(weight));

	(void)arg;
	assert_true(index >= 0);
	assert_int_equal(bpfring_task_storage_bind(ts, cell_member, (void **)&cell), 0);
	assert_int_equal(run_prog(skel->progs.keep), 0);
	assert_int_equal(run_prog(skel->progs.is_kept), 2);
	assert_int_equal(bpfring_task_storage_set(ts, 0, index, &weight, 4), -EEXIST);
	assert_int_equal(bpfring_task_storage_set(ts, gettid(), index, &weight, 4), -EEXIST);
	assert_int_equal(bpfring_task_storage_lend(ts, cell_member, own), -EEXIST);
	assert_int_equal(run_prog(skel->progs.is_kept), 2);
	assert_int_equal(cell->writes, 2); /* where it was */
	return NULL;
}

/* Both live side by side if the thread is first, and nothing writes the element after that. */
static void a_thread_that_binds_first(void **state)
{
	pthread_t thread;

	(void)state;
	open_map("kept");
	assert_int_equal(pthread_create(&thread, NULL, bind_first, NULL), 0);
	pthread_join(thread, NULL);
}

static void locks_and_bits_are_not_ordinary(void **state)
{
	struct bpfring_task_member m = {.sz = sizeof(m)};
	unsigned int word = 7;
	struct task_cell_test *cell;
	int lock, weight;

	(void)state;
	open_map("locked");
	lock = bpfring_task_storage_find(ts, "lock", 4);
	weight = bpfring_task_storage_find(ts, "weight", 4);
	assert_int_equal(bpfring_task_storage_member(ts, lock, &m), 0);
	assert_int_equal(m.flags, BPFRING_TASK_MEMBER_OPAQUE);
	assert_int_equal(bpfring_task_storage_bind(ts, cell_member, (void **)&cell), 0);
	assert_int_equal(bpfring_task_storage_set(ts, 0, lock, &word, 4), -EINVAL);
	assert_int_equal(bpfring_task_storage_get(ts, 0, lock, &word, 4), -EINVAL);
	assert_non_null(strstr(log_text(), "member 'lock' is a bit field, a lock or a __kptr"));
	assert_int_equal(bpfring_task_storage_set(ts, 0, weight, &word, 4), 0);
	assert_int_equal(run_prog(skel->progs.write_locked), 7);
	assert_int_equal(cell->writes, 1);
	bpfring_task_storage_close(ts);

	open_map("kept"); /* bit fields share a byte */
	for (int i = 0; !bpfring_task_storage_member(ts, i, &m); i++) {
		if (strcmp(m.name, "low") && strcmp(m.name, "high"))
			continue;
		assert_int_equal(m.size, 1);
		assert_int_equal(bpfring_task_storage_set(ts, 0, i, &word, m.size), -EINVAL);
	}
}

static void bits_that_hide_pointers(void **state)
{
	struct bpfring_task_member m = {.sz = sizeof(m)};
	unsigned int byte = 7;
	void *mem;

	(void)state;
	assert_int_equal(bpfring_task_storage_open_object(&ts, skel->obj, "bits", NULL), 0);
	cell_member = bpfring_task_storage_find(ts, "cell", sizeof(struct task_cell_test));
	for (int i = 0; !bpfring_task_storage_member(ts, i, &m); i++) {
		if (m.flags & BPFRING_TASK_MEMBER_OPAQUE)
			assert_int_equal(bpfring_task_storage_set(ts, 0, i, &byte, 1), -EINVAL);
	}
	if (!bpfring_task_storage_bind(ts, cell_member, &mem))
		return; /* a kernel that does see them */
	assert_non_null(strstr(log_text(), "the kernel sees no __uptr"));
	assert_non_null(strstr(log_text(), "bit field"));
}

static int run(void)
{
	const struct CMUnitTest prepare_tests[] = {
		cmocka_unit_test_setup_teardown(refused_on_the_fall_back, setup, teardown),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(prepare_warns_of_bits, setup, teardown),
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_loaded, teardown)
		TEST(an_element_with_a_kptr_is_not_replaced),
		TEST(a_thread_that_binds_first),
		TEST(locks_and_bits_are_not_ordinary),
		TEST(bits_that_hide_pointers),
	};

	if (tested_path == BPFRING_TASK_PATH_FALLBACK)
		return cmocka_run_group_tests(prepare_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
