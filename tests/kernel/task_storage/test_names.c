// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Named values. Runs for both paths. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static struct bpfring_task_storage *ts;
static struct bpfring_names *names;

static int setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL), 0);
	assert_int_equal(bpfring_names_open(&names, ts), 0);
	return 0;
}

static int teardown(void **state)
{
	bpfring_names_close(names);
	bpfring_task_storage_close(ts);
	return fixture_teardown(state);
}

static void *bind_value(int value)
{
	void *ret;

	assert_int_equal(bpfring_names_bind(names, value, &ret), 0);
	assert_int_equal((uintptr_t)ret % 8, 0);
	return ret;
}

/* BPF knows the name, finds it whenever it is declared, and writes back. */
static void reaches_bpf(void **state)
{
	struct fixture *f = *state;
	int two, one = bpfring_names_declare(names, "lib.one", 8);
	uint64_t *first;
	uint32_t *second;

	assert_true(one >= 0);
	first = bind_value(one);
	*first = 5;
	fixture_look();
	assert_int_equal(f->skel->bss->named_one, 5);
	assert_int_equal(f->skel->bss->named_two, 0);
	two = bpfring_names_declare(names, "lib.two", 4); /* after BPF searched in vain */
	assert_true(two >= 0 && two != one);
	second = bind_value(two);
	*second = 9;
	fixture_look();
	assert_int_equal(f->skel->bss->named_one, 10);
	assert_int_equal(f->skel->bss->named_two, 9);
	assert_int_equal(*second, 0);
	fixture_look();
	assert_int_equal(f->skel->bss->named_one, 15);
}

static void *other_thread(void *arg)
{
	uint64_t *value = bind_value(*(int *)arg);

	assert_int_equal(*value, 0); /* each thread has its own */
	*value = 100;
	fixture_look();
	return NULL;
}

static void values_are_of_the_thread(void **state)
{
	struct fixture *f = *state;
	int one = bpfring_names_declare(names, "lib.one", 8);
	uint64_t *value = bind_value(one);
	pthread_t thread;

	*value = 1;
	fixture_look();
	pthread_create(&thread, NULL, other_thread, &one);
	pthread_join(thread, NULL);
	assert_int_equal(f->skel->bss->named_one, 101);
	assert_int_equal(*value, 1);
}

/* A second library of the same process. */
static void two_libraries(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_storage *ts2;
	struct bpfring_names *names2;
	int one = bpfring_names_declare(names, "lib.one", 8);
	uint64_t *value = bind_value(one), *same;

	assert_int_equal(bpfring_task_storage_open_object(&ts2, f->skel->obj, "named", NULL), 0);
	assert_int_equal(bpfring_names_open(&names2, ts2), 0);
	assert_int_equal(bpfring_names_declare(names2, "lib.one", 8), one);
	assert_int_equal(bpfring_names_bind(names2, one, (void **)&same), 0);
	assert_ptr_equal(same, value);
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_names_declare(names2, "lib.one", 4), -EEXIST);
	bpfring_names_close(names2);
	bpfring_task_storage_close(ts2);
}

/* BPF asks for 8 bytes: what is declared with 4 is not it. */
static void sizes_must_agree(void **state)
{
	struct fixture *f = *state;
	uint32_t *value = bind_value(bpfring_names_declare(names, "lib.one", 4));

	*value = 7;
	fixture_look();
	assert_int_equal(f->skel->bss->named_one, 0);
}

static void child_declares_again(void **state)
{
	struct fixture *f = *state;
	int one = bpfring_names_declare(names, "lib.one", 8);
	uint64_t *value = bind_value(one);
	pid_t pid;

	*value = 1;
	fixture_look();
	pid = fork();
	if (!pid) {
		look_at_caller(f->skel);
		CHILD_CHECK(!bpfring_names_bind(names, one, (void **)&value));
		*value = 50;
		fixture_look();
		CHILD_CHECK(f->skel->bss->named_one == 51);
		CHILD_CHECK(bpfring_names_declare(names, "lib.two", 4) >= 0);
		_exit(0);
	}
	join_child(pid);
	look_at_caller(f->skel);
	fixture_look();
	assert_int_equal(f->skel->bss->named_one, 52);
}

static void limits(void **state)
{
	struct fixture *f = *state;
	char name[80];
	void *mem;
	int i;

	bpfring_set_log(NULL);
	assert_int_equal(bpfring_names_declare(names, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_names_declare(names, "", 8), -EINVAL);
	assert_int_equal(bpfring_names_declare(names, "x", 0), -EINVAL);
	memset(name, 'x', 56);
	name[56] = '\0';
	assert_int_equal(bpfring_names_declare(names, name, 8), -ENAMETOOLONG);
	assert_int_equal(bpfring_names_declare(names, name + 1, 8), 0);
	assert_int_equal(bpfring_names_declare(names, "large", 256), -ENOSPC);
	assert_int_equal(bpfring_names_bind(names, 1, &mem), -EINVAL);
	assert_int_equal(bpfring_names_bind(names, -1, &mem), -EINVAL);
	for (i = 1;; i++) {
		snprintf(name, sizeof(name), "value.%d", i);
		if (bpfring_names_declare(names, name, 4) != i)
			break;
	}
	assert_int_equal(i, 32); /* 256 bytes, each value aligned to 8 */
	assert_int_equal(bpfring_names_declare(names, name, 4), -ENOSPC);
	bpfring_names_close(NULL);
	{
		struct bpfring_names *none;

		assert_int_equal(bpfring_names_open(&none, f->ts), -ENOENT);
		assert_int_equal(bpfring_names_open(NULL, ts), -EINVAL);
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(reaches_bpf),	TEST(values_are_of_the_thread), TEST(two_libraries),
		TEST(sizes_must_agree), TEST(child_declares_again),	TEST(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
