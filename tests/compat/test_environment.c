// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What BPFRING_COMPAT may say. */
#include <bpfring/loop.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "../../compat/environment.h"

void compat_tell(const char *fmt, ...);
void compat_tell(const char *fmt, ...) /* of log.c, which needs more */
{
	(void)fmt;
}

static struct environment parse(const char *text)
{
	struct environment env;

	assert_null(environment_parse(&env, text));
	return env;
}

static void test_defaults(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		static const char *const nothing[] = {NULL, "", ",,"};
		struct environment env = parse(nothing[i]);

		assert_false(env.off || env.stats || env.verbose || env.file || env.pid);
		assert_true(env.windows);
		assert_int_equal(env.wait, BPFRING_WAIT_ADAPTIVE);
		assert_int_equal(env.latency_ns, 0);
	}
}

static void test_words(void **state)
{
	struct environment env =
		parse("wait=adaptive,latency=200us,stats,verbose,file=/tmp/x,pid=17");

	(void)state;
	assert_true(env.windows && env.stats && env.verbose && !env.off);
	assert_int_equal(env.wait, BPFRING_WAIT_ADAPTIVE);
	assert_int_equal(env.latency_ns, 200000);
	assert_string_equal(env.file, "/tmp/x");
	assert_int_equal(env.pid, 17);
	assert_true(parse("off").off);
	assert_false(parse("wait=sleep").windows);
	assert_int_equal(parse("wait=coalesce").wait, BPFRING_WAIT_COALESCE);
	assert_int_equal(parse("latency=5ns").latency_ns, 5);
	assert_int_equal(parse("latency=3ms").latency_ns, 3000000);
	assert_int_equal(parse("latency=2s").latency_ns, 2000000000);
	assert_false(parse("wait=sleep,wait=adaptive").windows == false); /* the last one counts */
}

/* The first word that is wrong is named; the others count. */
static void test_wrong_words(void **state)
{
	static const struct {
		const char *text, *wrong;
	} all[] = {
		{"wait=never", "wait"},
		{"wait", "wait"},
		{"latency=fast", "latency"},
		{"latency=5", "latency"},
		{"latency=0us", "latency"},
		{"latency=-1us", "latency"},
		{"latency=2h", "latency"},
		{"of", "of"},
		{"off=1", "off"},
		{"file=", "file"},
		{"latency=99999999s", "latency"},
		{"stats,nonsense,off", "nonsense"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct environment env;
		const char *wrong = environment_parse(&env, all[i].text);

		assert_non_null(wrong);
		assert_string_equal(wrong, all[i].wrong);
		assert_int_equal(env.latency_ns, 0);
		if (!strcmp(all[i].wrong, "nonsense"))
			assert_true(env.stats && env.off);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrong_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
