// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Queueing disciplines: no replacing, and a second type that can be linked. Needs Linux 6.16. */
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "qdisc.skel.h"

static struct bpfring_struct_ops *open_map(struct fixture *f, struct qdisc_bpf *skel,
					   const char *map)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open_object(&ops, skel->obj, map, &opts), 0);
	return ops;
}

static struct qdisc_bpf *load_qdisc(struct fixture *f)
{
	struct qdisc_bpf *skel = qdisc_bpf__open();
	struct bpf_map *map;

	assert_non_null(skel);
	bpf_object__for_each_map(map, skel->obj)
	{
		struct bpfring_struct_ops *ops;

		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		ops = open_map(f, skel, bpf_map__name(map));
		assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_LINK), 0);
		bpfring_struct_ops_close(ops);
	}
	assert_return_code(qdisc_bpf__load(skel), errno);
	return skel;
}

static void test_discover(void **state)
{
	const struct fixture *f = *state;
	const struct bpfring_struct_ops_type *type;
	const struct bpfring_struct_ops_member *member;

	assert_return_code(bpfring_struct_ops_types_find(f->types, "Qdisc_ops", &type), 0);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "enqueue", &member), 0);
	assert_return_code(bpfring_struct_ops_type_find_member(type, "id", &member), 0);
	assert_int_equal(member->size, 16);
}

static void test_register(void **state)
{
	struct qdisc_bpf *skel = load_qdisc(*state);
	struct bpfring_struct_ops *first = open_map(*state, skel, "qdisc_first");
	struct bpfring_struct_ops *second = open_map(*state, skel, "qdisc_second");
	struct bpfring_struct_ops_report *report;

	assert_return_code(bpfring_struct_ops_register(first), 0);
	assert_state(first, BPFRING_STRUCT_OPS_STATE_READY);
	assert_return_code(bpfring_struct_ops_inspect(first, &report), 0);
	assert_string_equal(report->map_name, "qdisc_first");
	assert_int_equal(report->link_count, 1);
	assert_int_equal(report->link_ids[0], link_id_of(first));
	bpfring_struct_ops_report_free(report);

	last_log();
	assert_int_equal(bpfring_struct_ops_register(second), -EEXIST);
	assert_non_null(strstr(last_log(), "of that name"));
	assert_return_code(bpfring_struct_ops_unregister(first), 0);
	assert_return_code(bpfring_struct_ops_wait_released(first, 5000000000), 0);
	assert_return_code(bpfring_struct_ops_register(second), 0);
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(second);
	qdisc_bpf__destroy(skel);
}

static void test_incomplete(void **state)
{
	struct qdisc_bpf *skel = load_qdisc(*state);
	struct bpfring_struct_ops *half = open_map(*state, skel, "qdisc_half");

	last_log();
	assert_int_equal(bpfring_struct_ops_register(half), -EINVAL);
	assert_non_null(strstr(last_log(), "refuses this Qdisc_ops"));
	bpfring_struct_ops_close(half);
	qdisc_bpf__destroy(skel);
}

static void test_replace(void **state)
{
	struct qdisc_bpf *skel = load_qdisc(*state);
	struct bpfring_struct_ops *first = open_map(*state, skel, "qdisc_first");
	struct bpfring_struct_ops *second = open_map(*state, skel, "qdisc_second");
	uint32_t id;

	assert_return_code(bpfring_struct_ops_register(first), 0);
	id = map_id_of(first);
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(first, second, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "cannot be replaced"));
	assert_int_equal(map_id_of(first), id);
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(second);
	qdisc_bpf__destroy(skel);
}

/* The kernel first asks whether the new map's type can be replaced: two errors, one cause. */
static void test_replace_by_other_type(void **state)
{
	struct qdisc_bpf *skel = load_qdisc(*state);
	struct bpfring_struct_ops *cc = open_map(*state, skel, "cc_other_type");
	struct bpfring_struct_ops *qdisc = open_map(*state, skel, "qdisc_first");

	assert_return_code(bpfring_struct_ops_register(qdisc), 0);
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(qdisc, cc, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "of another type"));
	assert_false(available("bpfring_type"));

	assert_return_code(bpfring_struct_ops_register(cc), 0);
	assert_int_equal(bpfring_struct_ops_replace(cc, qdisc, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "of another type"));
	assert_true(available("bpfring_type"));
	bpfring_struct_ops_close(cc);
	assert_false(available("bpfring_type"));
	bpfring_struct_ops_close(qdisc);
	qdisc_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_by_other_type),
	};

	if (!kernel_has_type("Qdisc_ops", "Qdisc_ops"))
		return 77;
	return cmocka_run_group_tests(tests, setup, teardown);
}
