// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Changing a map before it is loaded: members, programs, what is optional, mode. */
#include "util.h"

#include <errno.h>
#include <string.h>

#include "future.skel.h"

static struct bpfring_struct_ops *open_future(struct fixture *f, struct future_bpf **skel)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	*skel = future_bpf__open();
	assert_non_null(*skel);
	assert_return_code(bpfring_struct_ops_open_object(&ops, (*skel)->obj, "future", &opts), 0);
	return ops;
}

static void close_future(struct bpfring_struct_ops *ops, struct future_bpf *skel)
{
	bpfring_struct_ops_close(ops);
	future_bpf__destroy(skel);
}

/* Before 1.4 libbpf lets nobody at the data: said, and nothing done. */
static void test_old_libbpf(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops = open_future(f, &skel);

	last_log();
	assert_int_equal(bpfring_struct_ops_set_int(ops, "flags", 1), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "needs libbpf 1.4"));
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "x"), -EOPNOTSUPP);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", NULL), -EOPNOTSUPP);
	assert_return_code(bpfring_struct_ops_set_optional(ops, "foresee", 1), 0);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO),
			 -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "needs libbpf 1.4"));
	close_future(ops, skel);
}

/* What is wrong whatever the version of libbpf. */
static void test_wrong_use(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops = open_future(f, &skel), *loaded;
	struct ops_bpf *old;
	const char *name;

	last_log();
	assert_int_equal(bpfring_struct_ops_set_int(ops, "nothing", 1), -ENOENT);
	assert_non_null(strstr(last_log(), "no member 'nothing'"));
	assert_int_equal(bpfring_struct_ops_set_int(ops, "name", 1), -EINVAL);
	assert_non_null(strstr(last_log(), "is a string, not a number"));
	assert_int_equal(bpfring_struct_ops_set_int(ops, "init", 1), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(ops, "pointer", 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "pointer", ""), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(ops, "array", 1), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "flags", "x"), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "name", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_optional(ops, "nothing", 1), -ENOENT);
	assert_int_equal(bpfring_struct_ops_set_int(NULL, "flags", 1), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(ops, NULL, 1), -EINVAL);
	assert_int_equal(bpfring_struct_ops_prepare(ops, 99), -EINVAL);
	assert_int_equal(bpfring_struct_ops_prepare(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_dropped(ops, 0, &name), -ENOENT);

	old = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &loaded);
	assert_int_equal(bpfring_struct_ops_set_int(loaded, "flags", 1), -EBUSY);
	assert_int_equal(bpfring_struct_ops_set_optional(loaded, "flags", 1), -EBUSY);
	assert_int_equal(bpfring_struct_ops_prepare(loaded, 0), -EBUSY);
	bpfring_struct_ops_close(loaded);
	ops_bpf__destroy(old);
	close_future(ops, skel);
}

static void need_new_libbpf(void)
{
	if (!libbpf_is_new())
		skip_because("libbpf %u.%u cannot set members (libbpf 1.4)", libbpf_major_version(),
			     libbpf_minor_version());
}

static void test_ranges(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops;
	static const struct {
		const char *member;
		int64_t value;
		int result;
	} cases[] = {
		{"byte", 0, 0},		  {"byte", 255, 0},
		{"byte", 256, -ERANGE},	  {"byte", -1, -ERANGE},
		{"signed_byte", 127, 0},  {"signed_byte", 128, -ERANGE},
		{"signed_byte", -128, 0}, {"signed_byte", -129, -ERANGE},
		{"boolean", 1, 0},	  {"boolean", 2, -ERANGE},
		{"boolean", -1, -ERANGE}, {"mode", 200, 0},
		{"mode", UINT32_MAX, 0},  {"mode", (int64_t)UINT32_MAX + 1, -ERANGE},
		{"flags", UINT32_MAX, 0}, {"flags", (int64_t)UINT32_MAX + 1, -ERANGE},
		{"big", INT64_MAX, 0},	  {"big", -1, 0}, /* its bits */
	};

	need_new_libbpf();
	ops = open_future(f, &skel);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (bpfring_struct_ops_set_int(ops, cases[i].member, cases[i].value) !=
		    cases[i].result)
			fail_msg("%s = %lld", cases[i].member, (long long)cases[i].value);
	last_log();
	assert_int_equal(bpfring_struct_ops_set_int(ops, "byte", -7), -ERANGE);
	assert_non_null(strstr(last_log(), "-7 does not fit 'byte' of 8 unsigned bits"));
	assert_return_code(bpfring_struct_ops_set_string(ops, "name", "fifteen letters"), 0);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "sixteen letters!"), -ERANGE);
	close_future(ops, skel);
}

static void test_required(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops;

	need_new_libbpf();
	ops = open_future(f, &skel);
	last_log();
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), -ENOENT);
	/* Both are named: 'byte' and the others are not set. */
	assert_non_null(strstr(last_log(), "'foresee'"));
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), -ENOENT);
	assert_non_null(strstr(last_log(), "'big'"));
	assert_return_code(bpfring_struct_ops_set_optional(ops, NULL, 1), 0);
	assert_return_code(bpfring_struct_ops_set_optional(ops, "big", 0), 0);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), -ENOENT);
	close_future(ops, skel);
}

static void test_optional(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops;
	struct bpfring_struct_ops_report *report;
	const struct bpfring_struct_ops_member *member;
	const struct bpfring_struct_ops_value *v;
	const char *name;

	need_new_libbpf();
	ops = open_future(f, &skel);
	assert_return_code(bpfring_struct_ops_set_optional(ops, "foresee", 1), 0);
	assert_return_code(bpfring_struct_ops_set_optional(ops, "big", 1), 0);
	assert_return_code(bpfring_struct_ops_set_string(ops, "name", "bpfring_renamed"), 0);
	assert_return_code(bpfring_struct_ops_set_int(ops, "flags", 2), 0); /* needs ECN */
	assert_return_code(bpfring_struct_ops_set_program(ops, "init", NULL), 0);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), 2);
	assert_return_code(bpfring_struct_ops_dropped(ops, 0, &name), 0);
	assert_string_equal(name, "foresee");
	assert_return_code(bpfring_struct_ops_dropped(ops, 1, &name), 0);
	assert_string_equal(name, "big");
	assert_int_equal(bpfring_struct_ops_dropped(ops, 2, &name), -ENOENT);
	assert_return_code(future_bpf__load(skel), errno);
	assert_true(bpf_program__fd(skel->progs.future_foresee) < 0); /* not loaded */
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_true(available("bpfring_renamed"));

	assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
	for (unsigned int i = 0; !bpfring_struct_ops_report_get_value(report, i, &v); i++) {
		uint32_t flags;

		member = v->member;
		if (!strcmp(member->name, "init"))
			assert_int_equal(v->prog_id, 0);
		if (!strcmp(member->name, "ssthresh"))
			assert_string_equal(v->prog_name, "future_ssthresh");
		if (!strcmp(member->name, "name"))
			assert_string_equal(v->data, "bpfring_renamed");
		if (strcmp(member->name, "flags"))
			continue;
		memcpy(&flags, v->data, sizeof(flags));
		assert_int_equal(flags, 2);
	}
	bpfring_struct_ops_report_free(report);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	close_future(ops, skel);
}

static void set_optional(struct bpfring_struct_ops *ops, const char *member, int optional)
{
	assert_return_code(bpfring_struct_ops_set_optional(ops, member, optional), 0);
}

static int prepare(struct bpfring_struct_ops *ops)
{
	return bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO);
}

/* How many names dropped() has; NULL or the last of them. */
static int count_dropped(struct bpfring_struct_ops *ops, const char **last)
{
	int n = 0;

	*last = NULL;
	while (!bpfring_struct_ops_dropped(ops, (unsigned int)n, last))
		n++;
	return n;
}

/*
 * The map is as before: what would have been dropped is set, and its mode is that of the section.
 */
static void test_failure_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops = open_future(f, &skel);
	const char *name;
	uint32_t flags = bpf_map__map_flags(skel->maps.future);

	set_optional(ops, "foresee", 1);
	assert_true(prepare(ops) < 0); /* for 'big' */
	assert_int_equal(bpf_map__map_flags(skel->maps.future), flags);
	assert_int_equal(count_dropped(ops, &name), 0);
	close_future(ops, skel);

	need_new_libbpf();
	ops = open_future(f, &skel);
	set_optional(ops, "foresee", 1);
	assert_int_equal(prepare(ops), -ENOENT);
	set_optional(ops, "foresee", 0);
	set_optional(ops, "big", 1);
	assert_int_equal(prepare(ops), -ENOENT); /* it is still set */
	assert_non_null(strstr(last_log(), "'foresee'"));
	assert_int_equal(count_dropped(ops, &name), 0);
	set_optional(ops, "foresee", 1);
	assert_int_equal(prepare(ops), 2);
	close_future(ops, skel);
}

/* The count is that of dropped(), however often. */
static void test_prepare_again(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops;
	const char *name;

	need_new_libbpf();
	ops = open_future(f, &skel);
	set_optional(ops, NULL, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(prepare(ops), 2);
		assert_int_equal(count_dropped(ops, &name), 2);
		assert_string_equal(name, "big");
	}
	/* What was dropped had been set: that it may not be dropped is heard also afterwards. */
	set_optional(ops, "big", 0);
	assert_int_equal(prepare(ops), -ENOENT);
	assert_int_equal(count_dropped(ops, &name), 2);
	/* Set to nothing, it is no longer left out; set again, it is left out again. */
	assert_return_code(bpfring_struct_ops_set_int(ops, "big", 0), 0);
	assert_int_equal(prepare(ops), 1);
	assert_int_equal(count_dropped(ops, &name), 1);
	assert_string_equal(name, "foresee");
	assert_return_code(bpfring_struct_ops_set_program(ops, "foresee", NULL), 0);
	assert_int_equal(prepare(ops), 0);
	assert_int_equal(count_dropped(ops, &name), 0);
	assert_return_code(
		bpfring_struct_ops_set_program(ops, "foresee", skel->progs.future_foresee), 0);
	assert_int_equal(prepare(ops), 1);
	assert_int_equal(count_dropped(ops, &name), 1);
	/* A value that was refused changes nothing. */
	assert_int_equal(bpfring_struct_ops_set_int(ops, "foresee", 1), -EINVAL);
	assert_int_equal(prepare(ops), 1);
	assert_int_equal(bpfring_struct_ops_dropped(ops, 0, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_dropped(NULL, 0, &name), -EINVAL);
	close_future(ops, skel);
}

/* Modes can be chosen again, until the object is loaded. */
static void test_modes(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = ops_bpf__open();
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	uint32_t link = kernel_can(BPFRING_FEATURE_STRUCT_OPS_LINK) ? 1U << 13 : 0;
	static const enum bpfring_struct_ops_mode modes[] = {
		BPFRING_STRUCT_OPS_MODE_AUTO, BPFRING_STRUCT_OPS_MODE_LEGACY,
		BPFRING_STRUCT_OPS_MODE_LINK, BPFRING_STRUCT_OPS_MODE_LEGACY,
		BPFRING_STRUCT_OPS_MODE_AUTO};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bool legacy = modes[i] == BPFRING_STRUCT_OPS_MODE_LEGACY;
		bool refused = modes[i] == BPFRING_STRUCT_OPS_MODE_LINK && !link;

		assert_int_equal(bpfring_struct_ops_prepare(ops, modes[i]),
				 refused ? -EOPNOTSUPP : 0);
		assert_int_equal(bpf_map__map_flags(skel->maps.cc_first), legacy ? 0 : link);
	}
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* Programs change places and come back. */
static void test_programs(void **state)
{
	struct fixture *f = *state;
	struct future_bpf *skel;
	struct bpfring_struct_ops *ops;

	need_new_libbpf();
	ops = open_future(f, &skel);
	assert_return_code(bpfring_struct_ops_set_optional(ops, NULL, 1), 0);
	assert_return_code(bpfring_struct_ops_set_program(ops, "cong_avoid", NULL), 0);
	assert_return_code(
		bpfring_struct_ops_set_program(ops, "cong_avoid", skel->progs.future_avoid), 0);
	assert_return_code(bpfring_struct_ops_set_program(ops, "init", skel->progs.future_foresee),
			   0);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), 2);
	assert_return_code(future_bpf__load(skel), errno);
	assert_true(bpf_program__fd(skel->progs.future_foresee) >= 0); /* now it is init */
	assert_true(bpf_program__fd(skel->progs.future_init) < 0);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_true(available("bpfring_future"));
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	close_future(ops, skel);
	assert_false(available("bpfring_future"));
}

int main(void)
{
	const struct CMUnitTest old[] = {cmocka_unit_test(test_old_libbpf)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_failure_changes_nothing),
		cmocka_unit_test(test_prepare_again),
		cmocka_unit_test(test_modes),
	};

	if (!libbpf_is_new() && cmocka_run_group_tests(old, setup, teardown))
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
