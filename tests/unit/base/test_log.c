// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Log hook, version, and the structs that carry their size. */
#include "base/log.h"

#include <bpfring/bpfring.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/options.h"
#include "unit.h"

static struct {
	int calls;
	enum bpfring_log_level level;
	char text[256];
} last;

static void remember(enum bpfring_log_level level, const char *fmt, va_list args)
{
	last.calls++;
	last.level = level;
	vsnprintf(last.text, sizeof(last.text), fmt, args);
	errno = EDOM;
}

static void another(enum bpfring_log_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
}

static void the_hook_gets_every_level(void **state)
{
	bpfring_log_fn before = bpfring_set_log(remember);

	(void)state;
	assert_non_null(before);
	errno = 7;
	log_error("%d of %s\n", 3, "four");
	assert_int_equal(last.level, BPFRING_LOG_ERROR);
	assert_string_equal(last.text, "libbpfring: 3 of four\n");
	assert_int_equal(errno, 7);
	log_warn("w\n");
	assert_int_equal(last.level, BPFRING_LOG_WARN);
	log_info("i\n");
	assert_int_equal(last.level, BPFRING_LOG_INFO);
	log_debug("d\n");
	assert_int_equal(last.level, BPFRING_LOG_DEBUG);
	assert_int_equal(last.calls, 4);
	assert_ptr_equal(bpfring_set_log(another), remember);
	assert_ptr_equal(bpfring_set_log(NULL), another);
	log_error("nobody hears\n");
	assert_int_equal(last.calls, 4);
	assert_null(bpfring_set_log(before));
}

/* What the default receiver prints in a fresh process with this environment. */
static void print_with(const char *level, char *ret, size_t size)
{
	char program[4096], command[5000];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	FILE *out;

	assert_true(n > 0);
	program[n] = '\0';
	snprintf(command, sizeof(command), "BPFRING_LOG_LEVEL=%s %s --print 2>&1", level, program);
	out = popen(command, "r");
	assert_non_null(out);
	size = fread(ret, 1, size - 1, out);
	ret[size] = '\0';
	assert_int_equal(pclose(out), 0);
}

static int print(void)
{
	log_error("E");
	log_warn("W");
	log_info("I");
	log_debug("D");
	return 0;
}

static void the_environment_sets_the_level(void **state)
{
	static const struct {
		const char *level, *text;
	} cases[] = {
		{"error", "E"}, {"warn", "EW"}, {"info", "EWI"}, {"DEBUG", "EWID"},
		{"none", ""},	{"", "EW"},	{"loud", "EW"},	 {"Error", "E"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256], *from = text, *to = text;

		print_with(cases[i].level, text, sizeof(text));
		while (*from) { /* without the prefix */
			if (!strncmp(from, "libbpfring: ", 12))
				from += 12;
			*to++ = *from++;
		}
		*to = '\0';
		assert_string_equal(text, cases[i].text);
	}
}

static void version(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(bpfring_version(), BPFRING_VERSION);
	snprintf(text, sizeof(text), "%d.%d.%d", BPFRING_VERSION_MAJOR, BPFRING_VERSION_MINOR,
		 BPFRING_VERSION_PATCH);
	assert_string_equal(bpfring_version_string(), text);
}

struct sized {
	size_t sz;
	uint32_t a, b;
};

static void options_of_every_size(void **state)
{
	bpfring_log_fn before = bpfring_set_log(remember);
	uint64_t given[8];

	(void)state;
	for (size_t sz = 0; sz <= sizeof(given); sz++) {
		struct sized known = {.sz = sizeof(known), .a = 77, .b = 88};
		int err;

		memset(given, 0, sizeof(given));
		memcpy((char *)given + sizeof(size_t), &(uint32_t[]){1, 2}, 8);
		given[0] = sz;
		last.calls = 0;
		err = bpfring_options_read(&known, sizeof(known), given, "struct sized");
		assert_int_equal(err, sz < sizeof(size_t) ? -EINVAL : 0);
		assert_int_equal(last.calls, err != 0);
		assert_int_equal(known.sz, sizeof(known));
		if (sz >= sizeof(known))
			assert_int_equal(known.b, 2);
		else if (sz <= sizeof(size_t) + 4)
			assert_int_equal(known.b, 88); /* what it lacks stays at the default */
		if (sz <= sizeof(known))
			continue;
		/* the last byte that it says it has is one that is looked at, no more */
		((char *)given)[sz - 1] = 1;
		assert_int_equal(bpfring_options_read(&known, sizeof(known), given, "sized"),
				 -E2BIG);
		((char *)given)[sz - 1] = 0;
		if (sz < sizeof(given))
			((char *)given)[sz] = 1;
		assert_int_equal(bpfring_options_read(&known, sizeof(known), given, "sized"), 0);
	}
	bpfring_set_log(before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hook_gets_every_level),
		cmocka_unit_test(the_environment_sets_the_level),
		cmocka_unit_test(version),
		cmocka_unit_test(options_of_every_size),
	};

	if (argc == 2 && !strcmp(argv[1], "--print"))
		return print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
