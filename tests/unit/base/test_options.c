// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Structs that carry their size: programs older or newer than the library. */
#include "base/options.h"

#include <bpfring/common.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* What the library knows, here: three words. Sizes are tried up to double that. */
struct known {
	size_t sz;
	uint64_t a, b;
};

#define MOST (2 * sizeof(struct known))

static char text[256];
static int lines;

static void catch (enum bpfring_log_level level, const char *fmt, va_list args)
{
	assert_int_equal(level, BPFRING_LOG_ERROR);
	vsnprintf(text, sizeof(text), fmt, args);
	lines++;
}

static size_t size_in(const void *sized)
{
	size_t size;

	memcpy(&size, sized, sizeof(size));
	return size;
}

static void a_struct_that_is_left_out_has_defaults(void **state)
{
	struct known o = {.sz = 5, .a = 6, .b = 7};

	(void)state;
	assert_int_equal(bpfring_options_read(&o, sizeof(o), NULL, "struct known"), 0);
	assert_int_equal(o.sz, 5);
	assert_int_equal(o.a, 6);
	assert_int_equal(o.b, 7);
}

/* Every byte given counts, none beyond; what is not given stays, what is not known must be zero. */
static void bytes_up_to_the_size_are_read(void **state)
{
	(void)state;
	for (size_t size = sizeof(size_t); size <= MOST; size++) {
		unsigned char given[MOST + 1], got[sizeof(struct known)];
		const size_t filled = size < sizeof(got) ? size : sizeof(got);

		memset(given, 0x55, sizeof(given));
		memcpy(given, &size, sizeof(size));
		if (size > sizeof(got))
			memset(given + sizeof(got), 0, size - sizeof(got));
		memset(got, 0xaa, sizeof(got));
		assert_int_equal(bpfring_options_read(got, sizeof(got), given, "struct known"), 0);
		assert_int_equal(size_in(got), sizeof(got)); /* now it is all there */
		for (size_t i = sizeof(size_t); i < sizeof(got); i++)
			assert_int_equal(got[i], i < filled ? 0x55 : 0xaa);
		assert_int_equal(lines, 0);
	}
}

static void what_the_library_does_not_know_is_refused(void **state)
{
	const size_t size = MOST;

	(void)state;
	for (size_t i = sizeof(struct known); i < MOST; i++) {
		unsigned char given[MOST] = {0};
		struct known o = {.a = 6};
		char word[32];

		memcpy(given, &size, sizeof(size));
		given[i] = 1;
		lines = 0;
		assert_int_equal(bpfring_options_read(&o, sizeof(o), given, "struct known"),
				 -E2BIG);
		assert_int_equal(lines, 1);
		snprintf(word, sizeof(word), "byte %zu ", i);
		assert_non_null(strstr(text, word));
		assert_non_null(strstr(text, "struct known"));
		assert_non_null(strstr(text, bpfring_version_string()));
		assert_int_equal(o.a, 6);
	}
}

static void a_size_that_does_not_hold_itself_is_refused(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(size_t); size++) {
		struct known given = {.sz = size, .a = 1}, o = {.a = 6};

		lines = 0;
		assert_int_equal(bpfring_options_read(&o, sizeof(o), &given, "struct known"),
				 -EINVAL);
		assert_int_equal(lines, 1);
		assert_non_null(strstr(text, "struct known"));
		assert_int_equal(o.a, 6);
	}
}

static void results_fill_what_the_caller_has(void **state)
{
	const struct known result = {.sz = 1, .a = 0x5555555555555555, .b = 0x5555555555555555};
	const size_t least = 2 * sizeof(uint64_t);

	(void)state;
	assert_int_equal(bpfring_options_write(NULL, &result, sizeof(result), least), -EINVAL);
	for (size_t size = 0; size <= MOST; size++) {
		unsigned char got[MOST + 8];
		int err = size < least ? -EINVAL : 0;

		memset(got, 0xaa, sizeof(got));
		memcpy(got, &size, sizeof(size));
		assert_int_equal(bpfring_options_write(got, &result, sizeof(result), least), err);
		assert_int_equal(size_in(got), size);
		for (size_t i = sizeof(size); i < sizeof(got); i++)
			assert_int_equal(got[i], err || i >= size     ? 0xaa
						 : i < sizeof(result) ? 0x55
								      : 0);
	}
}

static int setup(void **state)
{
	(void)state;
	lines = 0;
	bpfring_set_log(catch);
	return 0;
}

#define test(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_struct_that_is_left_out_has_defaults),
		test(bytes_up_to_the_size_are_read),
		test(what_the_library_does_not_know_is_refused),
		test(a_size_that_does_not_hold_itself_is_refused),
		test(results_fill_what_the_caller_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
