// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Members that an object declares unlike the kernel: refused or dropped, and both declarations
 * named.
 */
#include "util.h"

#include <errno.h>
#include <string.h>

#include "unlike.skel.h"

static struct bpfring_struct_ops *open_map(struct fixture *f, struct unlike_bpf *skel,
					   const char *name)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open_object(&ops, skel->obj, name, &opts), 0);
	last_log();
	return ops;
}

static struct unlike_bpf *open_unlike(void)
{
	struct unlike_bpf *skel = unlike_bpf__open();

	assert_non_null(skel);
	return skel;
}

/* Of a function another prototype: a program there would be called with other arguments. */
static const struct {
	const char *set, *unset, *member, *object, *kernel;
} functions[] = {
	{"more_set", "more_unset", "release", "\"void (*release)(struct sock *, __u32)\"",
	 "\"void (*release)(struct sock *)\""},
	{"other_set", "other_unset", "release", "\"void (*release)(struct sk_buff *)\"",
	 "\"void (*release)(struct sock *)\""},
	{"result_set", "result_unset", "release", "\"int (*release)(struct sock *)\"",
	 "\"void (*release)(struct sock *)\""},
	{"pointer_set", "pointer_unset", "owner", "\"void (*owner)(struct sock *)\"",
	 "\"struct module *owner\""},
};

static void test_functions_refused(void **state)
{
	struct fixture *f = *state;
	struct unlike_bpf *skel = open_unlike();

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct bpfring_struct_ops *ops = open_map(f, skel, functions[i].set);
		const char *text;

		assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO),
				 libbpf_is_new() ? -EINVAL : -EOPNOTSUPP);
		text = last_log();
		if (!strstr(text, functions[i].object) || !strstr(text, functions[i].kernel))
			fail_msg("%s: %s", functions[i].set, text);
		bpfring_struct_ops_close(ops);
	}
	unlike_bpf__destroy(skel);
}

/* What is not set does no harm. Before 1.4 libbpf does not show whether it is. */
static void test_functions_unset(void **state)
{
	struct fixture *f = *state;
	struct unlike_bpf *skel = open_unlike();

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct bpfring_struct_ops *ops = open_map(f, skel, functions[i].unset);

		assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO),
				 libbpf_is_new() ? 0 : -EOPNOTSUPP);
		bpfring_struct_ops_close(ops);
	}
	unlike_bpf__destroy(skel);
}

static void load_only(struct unlike_bpf *skel, const char *name)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, skel->obj)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			bpf_map__set_autocreate(map, !strcmp(bpf_map__name(map), name));
	}
	assert_return_code(unlike_bpf__load(skel), errno);
}

static void test_functions_dropped(void **state)
{
	struct fixture *f = *state;

	if (!libbpf_is_new())
		skip_because("libbpf %u.%u cannot drop members (libbpf 1.4)",
			     libbpf_major_version(), libbpf_minor_version());
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct unlike_bpf *skel = open_unlike();
		struct bpfring_struct_ops *ops = open_map(f, skel, functions[i].set);
		const char *name;

		assert_return_code(bpfring_struct_ops_set_optional(ops, functions[i].member, 1), 0);
		assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), 1);
		assert_return_code(bpfring_struct_ops_dropped(ops, 0, &name), 0);
		assert_string_equal(name, functions[i].member);
		load_only(skel, functions[i].set);
		if (bpfring_struct_ops_register(ops))
			fail_msg("%s: %s", functions[i].set, last_log());
		assert_true(available("bpfring_unlike"));
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		bpfring_struct_ops_close(ops);
		unlike_bpf__destroy(skel);
	}
}

/* libbpf compares data by itself, even what is zero, and does not load such objects. */
static void test_data_refused(void **state)
{
	static const struct {
		const char *map, *object;
	} data[] = {
		{"wide_set", "\"__u64 flags\""},
		{"wide_unset", "\"__u64 flags\""},
		{"kind_set", "\"void (*flags)(struct sock *)\""},
		{"kind_unset", "\"void (*flags)(struct sock *)\""},
	};
	struct fixture *f = *state;
	struct unlike_bpf *skel = open_unlike();

	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		struct bpfring_struct_ops *ops = open_map(f, skel, data[i].map);
		const char *text;

		assert_return_code(bpfring_struct_ops_set_optional(ops, NULL, 1), 0);
		assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO),
				 -EINVAL);
		text = last_log();
		assert_non_null(strstr(text, data[i].object));
		assert_non_null(strstr(text, "\"u32 flags\""));
		assert_non_null(strstr(text, "libbpf loads no such object"));
		bpfring_struct_ops_close(ops);
	}
	unlike_bpf__destroy(skel);
}

/* Without prepare() it is found when the value is stored. */
static void test_stored_unprepared(void **state)
{
	struct fixture *f = *state;
	struct unlike_bpf *skel;
	struct bpfring_struct_ops *ops;

	if (!libbpf_is_new())
		skip_because("libbpf %u.%u cannot set members (libbpf 1.4)", libbpf_major_version(),
			     libbpf_minor_version());
	skel = open_unlike();
	load_only(skel, "more_set");
	ops = open_map(f, skel, "more_set");
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_non_null(strstr(last_log(), "(*release)(struct sock *, __u32)"));
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	bpfring_struct_ops_close(ops);
	unlike_bpf__destroy(skel);

	skel = open_unlike();
	load_only(skel, "more_unset");
	ops = open_map(f, skel, "more_unset");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	unlike_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_refused), cmocka_unit_test(test_functions_unset),
		cmocka_unit_test(test_functions_dropped), cmocka_unit_test(test_data_refused),
		cmocka_unit_test(test_stored_unprepared),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
