// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Messages go to the function that the program gave to libbpf_set_print(), which stays the
 * program's.
 */
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../kernel/support.h"
#include "api.h"

static struct api compat;
static atomic_int mine, others, warnings;
static _Thread_local char text[1024];

static int catch_one(enum libbpf_print_level level, const char *fmt, va_list args)
{
	mine++;
	warnings += level == LIBBPF_WARN;
	return vsnprintf(text, sizeof(text), fmt, args);
}

static int catch_other(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	others++;
	return 0;
}

static void test_messages_arrive(void **state)
{
	(void)state;
	libbpf_set_print(catch_one);
	assert_null(compat.ring_buffer__new(-1, NULL, NULL, NULL));
	assert_true(mine > 0);
	assert_int_equal(mine, warnings);
	assert_non_null(strstr(text, "libbpfring: "));
	assert_non_null(strstr(text, "fd -1"));
	mine = 0;
	assert_null(compat.user_ring_buffer__new(-1, NULL));
	assert_true(mine > 0);
	assert_ptr_equal(libbpf_set_print(NULL), catch_one);
}

static void test_silence_stays(void **state)
{
	(void)state;
	libbpf_set_print(NULL);
	mine = 0;
	assert_null(compat.ring_buffer__new(-1, NULL, NULL, NULL));
	assert_int_equal(mine, 0);
	assert_null(libbpf_set_print(NULL));
}

static atomic_bool stop;

static void *complain(void *ctx)
{
	(void)ctx;
	while (!stop)
		compat.ring_buffer__new(-1, NULL, NULL, NULL);
	return NULL;
}

/*
 * The program changes its print function and libbpf prints, while two threads get our messages out.
 */
static void test_threads(void **state)
{
	libbpf_print_fn_t relay = NULL;
	pthread_t threads[2];
	int lost = 0, wrong = 0;

	(void)state;
	stop = false;
	libbpf_set_print(catch_one);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, complain, NULL);
	for (int i = 0; i < 20000; i++) {
		libbpf_print_fn_t next = i % 2 ? catch_one : catch_other, before;
		int seen = mine + others;

		before = libbpf_set_print(next);
		if (before != catch_one && before != catch_other) {
			wrong += relay && before != relay; /* at most our relay, for a moment */
			relay = before;
			if (i % 3 == 0)
				libbpf_set_print(before); /* "put back what was there" */
		}
		bpf_object__open_file("/nonexistent", NULL); /* libbpf warns */
		lost += mine + others == seen;
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(lost, 0);
	libbpf_set_print(catch_other);
	mine = 0;
	assert_null(compat.ring_buffer__new(-1, NULL, NULL, NULL));
	assert_int_equal(mine, 0);
	assert_ptr_equal(libbpf_set_print(NULL), catch_other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_arrive),
		cmocka_unit_test(test_silence_stays),
		cmocka_unit_test(test_threads),
	};
	const char *why = api_open_compat(&compat);

	if (why) {
		print_message("skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
