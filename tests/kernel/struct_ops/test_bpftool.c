// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reports and types, held against what bpftool says about the same. */
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *run(const char *command)
{
	FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): its words are our own */
	size_t size = 0, n;
	char *text = NULL;

	assert_non_null(p);
	do {
		text = realloc(text, size + 65536);
		assert_non_null(text);
		n = fread(text + size, 1, 65535, p);
		size += n;
	} while (n);
	text[size] = '\0';
	if (pclose(p)) {
		free(text);
		return NULL;
	}
	return text;
}

static void need_bpftool(void)
{
	char *version = run("bpftool version 2>/dev/null");

	if (!version)
		skip_because("no bpftool");
	free(version);
}

/*
 * bpftool prints "name":"prototype program/prog_id:N" or "name":"prototype 0" for functions,
 * numbers and strings for the rest.
 */
static void expect_member(const char *dump, const struct bpfring_struct_ops_value *v)
{
	char key[128], value[128] = "";
	const char *at, *end;
	uint32_t word;

	snprintf(key, sizeof(key), "\"%s\":", v->member->name);
	at = strstr(strstr(dump, "\"data\":"), key);
	if (!at)
		fail_msg("bpftool knows no %s in\n%s", key, dump);
	at += strlen(key);
	switch (v->member->kind) {
	case BPFRING_STRUCT_OPS_KIND_FUNCTION:
		end = strchr(at + 1, '"');
		snprintf(value, sizeof(value), v->prog_id ? "/prog_id:%u" : " %u", v->prog_id);
		at = end - strlen(value);
		break;
	case BPFRING_STRUCT_OPS_KIND_INTEGER:
		assert_int_equal(v->member->size, 4); /* in tcp_congestion_ops they all are */
		memcpy(&word, v->data, sizeof(word));
		snprintf(value, sizeof(value), "%u,", word);
		break;
	case BPFRING_STRUCT_OPS_KIND_STRING:
		snprintf(value, sizeof(value), "\"%s\"", (const char *)v->data);
		break;
	default:
		break; /* the kernel's own: there all the same */
	}
	if (strncmp(at, value, strlen(value)))
		fail_msg("%s is not %s in\n%s", key, value, dump);
}

static void test_against_bpftool(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	struct bpfring_struct_ops_report *report;
	const struct bpfring_struct_ops_value *v;
	char command[128], text[64], *dump;
	unsigned int i;

	need_bpftool();
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
	assert_int_equal(report->state, BPFRING_STRUCT_OPS_STATE_INUSE);
	assert_false(report->link_mode);
	snprintf(command, sizeof(command), "bpftool -j struct_ops dump id %u 2>/dev/null",
		 report->map_id);
	dump = run(command);
	assert_non_null(dump);
	for (i = 0; !bpfring_struct_ops_report_get_value(report, i, &v); i++)
		expect_member(dump, v);
	assert_int_equal(i, report->type->member_count);
	assert_non_null(strstr(dump, "\"state\":\"BPF_STRUCT_OPS_STATE_INUSE\""));
	snprintf(text, sizeof(text), "\"counter\":%u", report->refcnt);
	assert_non_null(strstr(dump, text));
	free(dump);
	bpfring_struct_ops_report_free(report);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/*
 * Each type as "[id] STRUCT 'name' size=N vlen=N" and its members as "'name' type_id=N
 * bits_offset=N".
 */
static void test_types_against_bpftool(void **state)
{
	struct fixture *f = *state;
	const struct bpfring_struct_ops_type *type;
	unsigned int count = 0;
	char *dump;

	need_bpftool();
	dump = run("bpftool btf dump file /sys/kernel/btf/vmlinux format raw 2>/dev/null");
	assert_non_null(dump);
	for (unsigned int i = 0; !bpfring_struct_ops_types_get(f->types, i, &type); i++) {
		const struct bpfring_struct_ops_member *member;
		char text[256], *at;

		if (strcmp(type->module, "vmlinux"))
			continue;
		count++;
		snprintf(text, sizeof(text),
			 "\n[%u] STRUCT 'bpf_struct_ops_%s' size=%u vlen=", type->value_type_id,
			 type->name, type->value_size);
		assert_non_null(strstr(dump, text));
		snprintf(text, sizeof(text), "'data' type_id=%u bits_offset=%u\n", type->type_id,
			 type->data_offset * 8);
		assert_non_null(strstr(dump, text));
		snprintf(text, sizeof(text), "\n[%u] STRUCT '%s' size=%u vlen=%u\n", type->type_id,
			 type->name, type->data_size, type->member_count);
		at = strstr(dump, text);
		assert_non_null(at);
		at += strlen(text);
		for (unsigned int j = 0; !bpfring_struct_ops_type_get_member(type, j, &member);
		     j++) {
			snprintf(text, sizeof(text), "\t'%s' type_id=%u bits_offset=%u",
				 *member->name ? member->name : "(anon)", member->type_id,
				 member->offset * 8);
			assert_memory_equal(at, text, strlen(text));
			at = strchr(at, '\n') + 1;
		}
	}
	free(dump);
	assert_true(count >= 1); /* tcp_congestion_ops, at the least */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_against_bpftool),
		cmocka_unit_test(test_against_bpftool),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
