// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reports and discovery. test_bpftool.c holds them against what bpftool says. */
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_types(void **state)
{
	struct fixture *f = *state;
	const struct bpfring_struct_ops_type *type, *same;
	const struct bpfring_struct_ops_member *member;

	assert_return_code(bpfring_struct_ops_types_find(f->types, "tcp_congestion_ops", &type), 0);
	assert_string_equal(type->module, "vmlinux");
	assert_return_code(
		bpfring_struct_ops_types_find(f->types, "tcp_congestion_ops___v2", &same), 0);
	assert_ptr_equal(type, same);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "ssthresh", &member), 0);
	assert_int_equal(member->kind, BPFRING_STRUCT_OPS_KIND_FUNCTION);
	assert_true(member->size == 8 || sizeof(void *) == 4); /* the kernel's, not ours */
	assert_return_code(bpfring_struct_ops_type_find_member(type, "name", &member), 0);
	assert_int_equal(member->kind, BPFRING_STRUCT_OPS_KIND_STRING);
	assert_int_equal(member->size, 16);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "flags", &member), 0);
	assert_int_equal(member->kind, BPFRING_STRUCT_OPS_KIND_INTEGER);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "owner", &member), 0);
	assert_int_equal(member->kind, BPFRING_STRUCT_OPS_KIND_POINTER);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "list", &member), 0);
	assert_int_equal(member->kind, BPFRING_STRUCT_OPS_KIND_OTHER);
	assert_int_equal(bpfring_struct_ops_type_find_member(type, "nothing", &member), -ENOENT);
	assert_int_equal(bpfring_struct_ops_types_find(f->types, "no_such_ops", &type), -ENOENT);
	assert_int_equal(bpfring_struct_ops_types_get(f->types, 100000, &type), -ENOENT);
	/* bpf_struct_ops_link and others are called so, but are no types. */
	assert_int_equal(bpfring_struct_ops_types_find(f->types, "link", &type), -ENOENT);
	assert_int_equal(bpfring_struct_ops_types_find(f->types, "value", &type), -ENOENT);
}

static char *print(const struct bpfring_struct_ops_report *report,
		   int (*fn)(const struct bpfring_struct_ops_report *, FILE *))
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	assert_return_code(fn(report, stream), 0);
	fclose(stream);
	return text;
}

static void test_print(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	struct bpfring_struct_ops_report *report;
	char expected[256], *text;
	struct connection c;
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);

	assert_return_code(stats, errno);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	connect_with(&c, "bpfring_test");
	transfer(&c, 1 << 20);
	assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
	assert_int_equal(report->link_count, 1);
	assert_int_equal(report->link_ids[0], link_id_of(ops));
	assert_true(report->refcnt >= 2); /* the link and the socket */

	text = print(report, bpfring_struct_ops_report_text);
	snprintf(expected, sizeof(expected),
		 "map %u 'cc_first': tcp_congestion_ops of vmlinux, link mode\n  state ready, "
		 "refcnt "
		 "%u, links: %u\n",
		 report->map_id, report->refcnt, report->link_ids[0]);
	assert_memory_equal(text, expected, strlen(expected));
	assert_non_null(strstr(text, "\n  name             \"bpfring_test\"\n"));
	assert_non_null(strstr(text, " 'cc_avoid_1' tag "));
	assert_non_null(strstr(text, " calls, "));
	assert_null(strstr(text, "owner")); /* zero */
	free(text);

	text = print(report, bpfring_struct_ops_report_json);
	snprintf(expected, sizeof(expected),
		 "{\"map\":{\"id\":%u,\"name\":\"cc_first\",\"flags\":8192,\"mode\":\"link\"},"
		 "\"type\":\"tcp_congestion_ops\",\"module\":\"vmlinux\",\"state\":\"ready\","
		 "\"refcnt\":%u,\"links\":[%u],\"members\":{",
		 report->map_id, report->refcnt, report->link_ids[0]);
	assert_memory_equal(text, expected, strlen(expected));
	assert_non_null(strstr(text, ",\"name\":\"bpfring_test\""));
	assert_non_null(strstr(text, "\"release\":null"));
	assert_non_null(strstr(text, "\"name\":\"cc_avoid_1\""));
	assert_non_null(strstr(text, "\"list\":{\"next\":0,\"prev\":0}"));
	free(text);

	assert_int_equal(bpfring_struct_ops_report_text(report, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_json(NULL, stderr), -EINVAL);
	bpfring_struct_ops_report_free(report);
	bpfring_struct_ops_report_free(NULL);
	disconnect(&c);
	close(stats);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static struct bpfring_struct_ops_report *inspect(struct bpfring_struct_ops *ops)
{
	struct bpfring_struct_ops_report *report;

	assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
	return report;
}

static const struct bpfring_struct_ops_value *
value_of(const struct bpfring_struct_ops_report *report, const char *member)
{
	const struct bpfring_struct_ops_value *v;

	for (unsigned int i = 0; !bpfring_struct_ops_report_get_value(report, i, &v); i++)
		if (!strcmp(v->member->name, member))
			return v;
	fail_msg("no member %s", member);
	return NULL;
}

/* What the kernel says of a program by itself. */
static void test_programs(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_AUTO, &ops);
	struct bpfring_struct_ops_report *report;
	const struct bpfring_struct_ops_value *v;
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	char tag[17];
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct connection c;
	unsigned int fds;

	assert_return_code(stats, errno);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	connect_with(&c, "bpfring_test");
	transfer(&c, 1 << 20);
	close(stats); /* from now on nothing is counted */
	assert_return_code(
		bpf_obj_get_info_by_fd(bpf_program__fd(skel->progs.cc_avoid_1), &info, &size),
		errno);
	for (size_t i = 0; i < 8; i++)
		snprintf(tag + 2 * i, 3, "%02x", info.tag[i]);
	fds = count_fds();
	report = inspect(ops);
	assert_int_equal(count_fds(), fds);
	v = value_of(report, "cong_avoid");
	assert_int_equal(v->prog_id, info.id);
	assert_string_equal(v->prog_name, "cc_avoid_1");
	assert_string_equal(v->prog_tag, tag);
	assert_true(v->run_count > 0);
	assert_int_equal(v->run_count, info.run_cnt);
	assert_int_equal(v->run_time_ns, info.run_time_ns);
	assert_int_equal(v->recursion_misses, info.recursion_misses);
	v = value_of(report, "release");
	assert_int_equal(v->prog_id, 0);
	assert_string_equal(v->prog_name, "");
	v = value_of(report, "name");
	assert_int_equal(v->prog_id, 0);
	assert_string_equal(v->data, "bpfring_test");
	bpfring_struct_ops_report_free(report);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* A link counts while the map is in it. */
static void test_links(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *with;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	struct bpfring_struct_ops_report *report;
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	with = handle(f, skel, "cc_second");
	assert_return_code(bpfring_struct_ops_store(ops), 0);
	report = inspect(ops);
	assert_int_equal(report->link_count, 0);
	assert_int_equal(report->state, BPFRING_STRUCT_OPS_STATE_READY);
	assert_int_equal(report->link_mode, 1);
	bpfring_struct_ops_report_free(report);
	assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
	assert_int_equal(status.link_id, 0);
	assert_int_equal(status.link_map_id, 0);
	assert_int_equal(status.refcnt, 0);

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	report = inspect(ops);
	assert_int_equal(report->link_count, 1);
	assert_int_equal(report->link_ids[0], link_id_of(ops));
	assert_int_equal(report->refcnt, 1);
	bpfring_struct_ops_report_free(report);
	assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
	assert_int_equal(status.state, BPFRING_STRUCT_OPS_STATE_READY);
	assert_int_equal(status.refcnt, 1);
	assert_int_equal(status.map_id, map_id_of(ops));
	assert_int_equal(status.link_id, link_id_of(ops));
	assert_int_equal(status.link_map_id, status.map_id);

	assert_return_code(bpfring_struct_ops_replace(ops, with, NULL), 0);
	report = inspect(with); /* of the first, which is out */
	assert_int_equal(report->link_count, 0);
	bpfring_struct_ops_report_free(report);
	report = inspect(ops);
	assert_int_equal(report->link_count, 1);
	bpfring_struct_ops_report_free(report);

	status.sz = 1;
	assert_int_equal(bpfring_struct_ops_status(ops, &status), -EINVAL);
	assert_int_equal(bpfring_struct_ops_status(NULL, &status), -EINVAL);
	assert_int_equal(bpfring_struct_ops_status(ops, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_inspect(ops, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_inspect(NULL, &report), -EINVAL);
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	ops_bpf__destroy(skel);
}

/* Somebody without privileges who was handed the map. */
static int inspect_as_nobody(struct bpfring_struct_ops *ops)
{
	struct bpfring_struct_ops_report *report;
	const struct bpfring_struct_ops_value *v;
	int err;

	if (setuid(65534))
		return 1;
	last_log();
	err = bpfring_struct_ops_inspect(ops, &report);
	if (err == -EPERM) /* kernels that refuse all of bpf() to unprivileged processes */
		return strstr(last_log(), "cannot read") ? 0 : 5;
	if (err)
		return 6;
	v = value_of(report, "cong_avoid");
	if (!v->prog_id || *v->prog_name || *v->prog_tag)
		return 2;
	if (report->link_count != -EPERM || report->state != BPFRING_STRUCT_OPS_STATE_INUSE)
		return 3;
	bpfring_struct_ops_report_free(report);
	return 0;
}

static void test_without_privileges(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	int status;
	pid_t pid;

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid)
		_exit(inspect_as_nobody(ops));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_state_names(void **state)
{
	(void)state;
	assert_string_equal(bpfring_struct_ops_state_name(0), "init");
	assert_string_equal(bpfring_struct_ops_state_name(1), "inuse");
	assert_string_equal(bpfring_struct_ops_state_name(2), "tobefree");
	assert_string_equal(bpfring_struct_ops_state_name(3), "ready");
	assert_string_equal(bpfring_struct_ops_state_name(4), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_without_privileges),
		cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
