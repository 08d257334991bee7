// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Runs every scenario with libbpf and with ours, and compares what both made of it. Where they may differ, the
 * scenario names the heading of docs/compat.md that says so; then ours is held against what that says in
 * test_own.c.
 */
#include "scenario.h"

static struct api libbpf, compat;

static bool has(const struct api *api, int since)
{
	return !since || (since >= 105 && api->ring_buffer__consume_n) ||
	       (since == 103 && api->ring_buffer__ring);
}

static void run(void **state)
{
	const struct scenario *s = *state;
	struct trace *theirs = trace_new(), *ours = trace_new();

	s->run(&compat, ours);
	if (!has(&libbpf, s->since)) {
		trace_free(theirs);
		trace_free(ours);
		skip_because("this libbpf lacks calls of version %d.%d", s->since / 100,
			     s->since % 100);
	}
	s->run(&libbpf, theirs);
	assert_true(trace_equal(theirs, "libbpf", ours, "ours"));
	trace_free(theirs);
	trace_free(ours);
}

static size_t add(struct CMUnitTest *tests, size_t count, const struct scenario *scenarios)
{
	for (; scenarios->name; scenarios++)
		tests[count++] = (struct CMUnitTest){
			.name = scenarios->name,
			.test_func = run,
			.initial_state = (void *)scenarios,
		};
	return count;
}

int main(void)
{
	struct CMUnitTest tests[128];
	size_t count = 0;
	const char *why = kernel_open();
	int failed;

	if (!why)
		why = api_open_libbpf(&libbpf);
	if (!why)
		why = api_open_compat(&compat);
	if (why) {
		print_message("skipped: %s\n", why);
		return 77;
	}
	count = add(tests, count, scenarios_basic);
	count = add(tests, count, scenarios_ready);
	count = add(tests, count, scenarios_life);
	count = add(tests, count, scenarios_busy);
	count = add(tests, count, scenarios_user);
	failed = _cmocka_run_group_tests("differential", tests, count, NULL, NULL);
	kernel_close();
	return failed;
}
