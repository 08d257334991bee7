// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Runs every scenario of a group with libbpf and with ours, and compares what both made of it.
 * Where the libbpf of this machine lacks the calls, what libbpf 1.7 made of it is in recorded/;
 * test_differential GROUP record writes that with the libbpf at hand. What differs on purpose is in
 * test_own*.c.
 */
#include <stdio.h>

#include "scenario.h"

static struct api libbpf, compat;
static bool record;

static bool has(const struct api *api, int since)
{
	return !since || (since >= 105 && api->ring_buffer__consume_n) ||
	       (since == 103 && api->ring_buffer__ring);
}

static const char *recorded(const struct scenario *s)
{
	static char path[256];

	snprintf(path, sizeof(path), RECORDED "/%s.txt", s->name);
	for (char *c = strrchr(path, '/'); *c; c++)
		if (*c == ' ' || *c == ':')
			*c = '_';
	return path;
}

static void read_recorded(struct trace *t, const struct scenario *s)
{
	FILE *file = fopen(recorded(s), "re");

	assert_non_null(file);
	t->used = fread(t->text, 1, sizeof(t->text) - 1, file);
	fclose(file);
}

static void write_recorded(const struct trace *t, const struct scenario *s)
{
	FILE *file = fopen(recorded(s), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(t->text, 1, t->used, file), t->used);
	fclose(file);
}

static void run(void **state)
{
	const struct scenario *s = *state;
	struct trace *theirs = trace_new(), *ours = trace_new();

	if (!has(&libbpf, s->since))
		read_recorded(theirs, s);
	else
		s->run(&libbpf, theirs);
	if (record && s->since)
		write_recorded(theirs, s);
	s->run(&compat, ours);
	assert_true(trace_equal(theirs, "libbpf", ours, "ours"));
	trace_free(theirs);
	trace_free(ours);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const struct scenario *scenarios;
	} groups[] = {
		{"basic", scenarios_basic}, {"ready", scenarios_ready}, {"life", scenarios_life},
		{"busy", scenarios_busy},   {"user", scenarios_user},
	};
	struct CMUnitTest tests[64];
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
	record = argc > 2;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (argc > 1 && strcmp(argv[1], groups[i].name) != 0)
			continue;
		for (const struct scenario *s = groups[i].scenarios; s->name; s++)
			tests[count++] = (struct CMUnitTest){
				.name = s->name,
				.test_func = run,
				.initial_state = (void *)s,
			};
	}
	failed = _cmocka_run_group_tests("differential", tests, count, NULL, NULL);
	kernel_close();
	return failed;
}
