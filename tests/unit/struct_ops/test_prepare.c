// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Setting members and preparing, with a libbpf that shows the struct and one that does not. */
#include "fake_object.h"

#include <errno.h>
#include <string.h>

#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

static struct bpfring_struct_ops *ops;

static int setup(void **state)
{
	(void)state;
	fake_begin(true, "vmlinux", "changed");
	ops = fake_open("my_ops");
	return 0;
}

static int setup_without_links(void **state)
{
	(void)state;
	fake_begin(false, "vmlinux", "changed");
	ops = fake_open("my_ops");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_struct_ops_close(ops);
	fake_end();
	return 0;
}

/* ---- Setting ---- */

/* All but the member at @at of @size bytes is as it was: full of ones. */
static void assert_only(const void *at, size_t size)
{
	const unsigned char *data = (const unsigned char *)&fake.data;
	size_t offset = (size_t)((const unsigned char *)at - data);

	for (size_t i = 0; i < sizeof(fake.data); i++)
		if (i < offset || i >= offset + size)
			assert_int_equal(data[i], 0xff);
	memset(&fake.data, 0xff, sizeof(fake.data));
}

static void set(const char *member, int64_t value)
{
	assert_int_equal(bpfring_struct_ops_set_int(ops, member, value), 0);
}

static void refuse(const char *member, int64_t value)
{
	assert_int_equal(bpfring_struct_ops_set_int(ops, member, value), -ERANGE);
	assert_only(&fake.data, 0);
}

static void test_integers(void **state)
{
	(void)state;
	memset(&fake.data, 0xff, sizeof(fake.data));
	set("byte", 200);
	assert_int_equal(fake.data.byte, 200);
	assert_only(&fake.data.byte, 1);
	set("byte", 0);
	assert_int_equal(fake.data.byte, 0);
	assert_only(&fake.data.byte, 1);
	refuse("byte", 256);
	refuse("byte", -1);
	assert_said("-1 does not fit 'byte' of 8 unsigned bits");
	set("signed_byte", -128);
	assert_int_equal(fake.data.signed_byte, -128);
	assert_only(&fake.data.signed_byte, 1);
	set("signed_byte", 127);
	assert_int_equal(fake.data.signed_byte, 127);
	assert_only(&fake.data.signed_byte, 1);
	refuse("signed_byte", 128);
	refuse("signed_byte", -129);
	assert_said("-129 does not fit 'signed_byte' of 8 signed bits");
	set("boolean", 1);
	assert_int_equal(fake.data.boolean, 1);
	assert_only(&fake.data.boolean, 1);
	refuse("boolean", 2);
	refuse("boolean", -1);
	set("mode", UINT32_MAX);
	assert_only(&fake.data.mode, 4);
	refuse("mode", (int64_t)UINT32_MAX + 1);
	refuse("mode", -1);
	set("step", -1);
	assert_int_equal(fake.data.step, -1);
	assert_only(&fake.data.step, 4);
	set("step", INT32_MIN);
	assert_only(&fake.data.step, 4);
	set("step", INT32_MAX);
	assert_only(&fake.data.step, 4);
	refuse("step", (int64_t)INT32_MAX + 1);
	refuse("step", (int64_t)INT32_MIN - 1);
	set("number", INT32_MIN);
	assert_int_equal(fake.data.number, INT32_MIN);
	assert_only(&fake.data.number, 4);
	set("number", INT32_MAX);
	assert_int_equal(fake.data.number, INT32_MAX);
	assert_only(&fake.data.number, 4);
	refuse("number", (int64_t)INT32_MAX + 1);
	refuse("number", (int64_t)INT32_MIN - 1);
	set("flags", 0x12345678);
	assert_int_equal(fake.data.flags, 0x12345678);
	assert_only(&fake.data.flags, 4);
	set("big", INT64_MAX);
	assert_true(fake.data.big == INT64_MAX);
	assert_only(&fake.data.big, 8);
	set("big", -2); /* its bits */
	assert_true(fake.data.big == UINT64_MAX - 1);
	assert_only(&fake.data.big, 8);
}

static void test_strings(void **state)
{
	(void)state;
	memset(&fake.data, 0xff, sizeof(fake.data));
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "abc"), 0);
	assert_memory_equal(fake.data.name, "abc\0\0\0\0\0", 8);
	assert_only(fake.data.name, 8);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "seven 7"), 0);
	assert_memory_equal(fake.data.name, "seven 7", 8);
	assert_only(fake.data.name, 8);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "eight 88"), -ERANGE);
	assert_said("holds 7 characters");
	assert_only(&fake.data, 0);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", ""), 0);
	assert_memory_equal(fake.data.name, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", NULL), -EINVAL);
}

static void test_functions(void **state)
{
	struct bpf_program *prog = fake_program(2), *was;

	(void)state;
	memset(&fake.data, 0xff, sizeof(fake.data));
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", prog), 0);
	memcpy(&was, &fake.data.init, sizeof(void *));
	assert_ptr_equal(was, prog);
	assert_string_equal(log_text(), "");
	assert_only(&fake.data.init, sizeof(void *));
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", NULL), 0);
	memcpy(&was, &fake.data.init, sizeof(void *));
	assert_null(was);
	memset(&fake.data, 0xff, sizeof(fake.data));
	fake.program_type = BPF_PROG_TYPE_TRACING;
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", prog), -EINVAL);
	assert_said("'my_program' is not SEC(\"struct_ops\")");
	assert_only(&fake.data, 0);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", NULL),
			 0); /* none is of any type */
}

static void test_wrong_kinds(void **state)
{
	(void)state;
	memset(&fake.data, 0xff, sizeof(fake.data));
	assert_int_equal(bpfring_struct_ops_set_int(ops, "init", 0), -EINVAL);
	assert_said("'init' is a function, not a number");
	assert_int_equal(bpfring_struct_ops_set_int(ops, "name", 0), -EINVAL);
	assert_said("'name' is a string, not a number");
	assert_int_equal(bpfring_struct_ops_set_int(ops, "array", 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(ops, "pointer", 0), -EINVAL);
	assert_said("'pointer' is a pointer to data");
	assert_int_equal(bpfring_struct_ops_set_string(ops, "flags", ""), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "pointer", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(ops, "extra", 0), -ENOENT); /* the kernel's */
	assert_said("test_ops___v2 has no member 'extra'");
	assert_int_equal(bpfring_struct_ops_set_int(ops, NULL, 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_int(NULL, "flags", 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_optional(NULL, NULL, 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_set_optional(ops, "extra", 0), -ENOENT);
	assert_int_equal(bpfring_struct_ops_set_int(ops, "wide", 0), -EINVAL); /* of 16 bytes */
	assert_only(&fake.data, 0);
}

static void test_too_late(void **state)
{
	(void)state;
	fake.loaded = true;
	assert_int_equal(bpfring_struct_ops_set_int(ops, "flags", 1), -EBUSY);
	assert_said("loaded already");
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "x"), -EBUSY);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "init", NULL), -EBUSY);
	assert_int_equal(bpfring_struct_ops_set_optional(ops, "future", 1), -EBUSY);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), -EBUSY);
	assert_int_equal(fake.data.flags, 0);
	assert_int_equal(fake.left, 0);
}

/* ---- Preparing ---- */

static int prepare(void)
{
	return bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO);
}

static void set_optional(const char *member, int optional)
{
	assert_int_equal(bpfring_struct_ops_set_optional(ops, member, optional), 0);
}

/* @names: ended by NULL */
static void assert_dropped(const char *const *names)
{
	const char *name;
	unsigned int i;

	for (i = 0; names[i]; i++) {
		assert_int_equal(bpfring_struct_ops_dropped(ops, i, &name), 0);
		assert_string_equal(name, names[i]);
	}
	assert_int_equal(bpfring_struct_ops_dropped(ops, i, &name), -ENOENT);
}

#define DROPPED(...) assert_dropped((const char *const[]){__VA_ARGS__, NULL})

static void test_fits(void **state)
{
	(void)state;
	fake.data.init = 1; /* the same on both sides */
	fake.data.flags = 3;
	assert_int_equal(prepare(), 0);
	DROPPED(NULL);
	assert_true(fake.data.init == 1 && fake.data.flags == 3);
	assert_int_equal(fake.flags, SYS_BPF_F_LINK);
	assert_int_equal(fake.left, 1);
}

static void test_missing(void **state)
{
	struct own_ops before;

	(void)state;
	fake.data.future = 1;
	fake.data.big = 2;
	before = fake.data;
	set_optional("future", 1);
	assert_int_equal(prepare(), -ENOENT);
	assert_said("test_ops has no 'big': it is set and not optional");
	assert_memory_equal(&fake.data, &before, sizeof(before));
	assert_int_equal(fake.flags, 0);
	assert_int_equal(fake.left, 0);
	DROPPED(NULL);

	set_optional(NULL, 1);
	set_optional("init", 0);
	assert_int_equal(prepare(), 2);
	DROPPED("future", "big");
	assert_true(!fake.data.future && !fake.data.big);
	assert_int_equal(fake.left, 1);
	assert_int_equal(prepare(), 2);
	DROPPED("future", "big");
	set_optional("future", 0);
	assert_int_equal(prepare(), -ENOENT);
	assert_said("has no 'future'");
	DROPPED("future", "big");
	assert_int_equal(bpfring_struct_ops_set_program(ops, "future", NULL), 0);
	assert_int_equal(prepare(), 1);
	DROPPED("big");
	assert_int_equal(bpfring_struct_ops_set_int(ops, "big", 1), 0);
	DROPPED(NULL);
	assert_int_equal(prepare(), 1);
	DROPPED("big");
	assert_true(!fake.data.big);
	assert_int_equal(bpfring_struct_ops_set_string(ops, "name", "x"), 0); /* another one */
	DROPPED("big");
}

/* Neither is it set because what lies beside it is, nor does it take that along. */
static void test_beside(void **state)
{
	(void)state;
	fake.data.beside = 1;
	set_optional("small", 1);
	assert_int_equal(prepare(), 0);
	fake.data.small = 2;
	assert_int_equal(prepare(), 1);
	DROPPED("small");
	assert_true(!fake.data.small && fake.data.beside == 1);
}

/* What a call that failed would have dropped is decided anew. */
static void test_decided_anew(void **state)
{
	(void)state;
	fake.data.future = fake.data.big = 1;
	set_optional("future", 1);
	assert_int_equal(prepare(), -ENOENT);
	assert_int_equal(bpfring_struct_ops_set_program(ops, "future", NULL), 0);
	set_optional("big", 1);
	assert_int_equal(prepare(), 1);
	DROPPED("big");
}

/* All that is wrong is said, and the first of it returned. */
static void test_all_are_named(void **state)
{
	(void)state;
	fake.data.changed = fake.data.future = fake.data.big = 1;
	assert_int_equal(prepare(), -EINVAL);
	assert_said("'changed'");
	set_optional("changed", 1);
	assert_int_equal(prepare(), -ENOENT);
	if (!strstr(log_text(), "'future'") || !strstr(log_text(), "'big'"))
		fail_msg("%s", log_text());
}

static void test_other_prototype(void **state)
{
	(void)state;
	assert_int_equal(prepare(), 0); /* not set */
	fake.data.changed = 1;
	assert_int_equal(prepare(), -EINVAL);
	assert_said("the object declares 'changed' as \"void (*changed)(unsigned int old)\", this "
		    "kernel's test_ops as \"void (*changed)(unsigned int new, unsigned int "
		    "more)\": it is set and not optional");
	assert_true(fake.data.changed == 1);
	set_optional("changed", 1);
	assert_int_equal(prepare(), 1);
	DROPPED("changed");
	assert_true(!fake.data.changed);
}

static void test_old_libbpf(void **state)
{
	(void)state;
	fake.old = true;
	assert_int_equal(bpfring_struct_ops_set_int(ops, "flags", 1), -EOPNOTSUPP);
	assert_said("needs libbpf 1.4");
	set_optional(NULL, 1);
	assert_int_equal(prepare(), -EOPNOTSUPP);
	if (!strstr(log_text(), "does not show whether it is set; needs libbpf 1.4") ||
	    !strstr(log_text(), "has no 'future'") || !strstr(log_text(), "loads no such object"))
		fail_msg("%s", log_text());
	assert_int_equal(fake.flags, 0);
	DROPPED(NULL);
}

static void test_modes(void **state)
{
	(void)state;
	fake.flags = 1U << 20; /* another one, which stays */
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_LINK), 0);
	assert_int_equal(fake.flags, 1U << 20 | SYS_BPF_F_LINK);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_LEGACY), 0);
	assert_int_equal(fake.flags, 1U << 20);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), 0);
	assert_int_equal(fake.flags, 1U << 20 | SYS_BPF_F_LINK);
	assert_int_equal(bpfring_struct_ops_prepare(ops, 3), -EINVAL);
	assert_int_equal(bpfring_struct_ops_prepare(NULL, 0), -EINVAL);
}

static void test_modes_without_links(void **state)
{
	(void)state;
	fake.flags = SYS_BPF_F_LINK; /* of the section */
	fake.data.future = 1;
	set_optional("future", 1);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_LINK),
			 -EOPNOTSUPP);
	assert_said("Linux 6.4");
	assert_true(fake.data.future == 1);
	assert_int_equal(fake.flags, SYS_BPF_F_LINK);
	assert_int_equal(fake.left, 0);
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), 1);
	assert_int_equal(fake.flags, 0);
}

/* ---- Opening ---- */

static void test_open(void **state)
{
	struct bpfring_struct_ops *other;
	struct bpf_object *obj = NULL;

	(void)state;
	assert_int_equal(bpfring_struct_ops_open_object(NULL, obj, "my_ops", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_object(&other, obj, "my_ops", NULL), -EINVAL);
	fake.map_type = BPF_MAP_TYPE_ARRAY;
	assert_int_equal(prepare(), 0); /* asked when it was opened */
	fake.map_type = BPF_MAP_TYPE_STRUCT_OPS;
	other = fake_open("my_ops"); /* types that are its own go with it */
	other->types = other->own_types = bpfring_struct_ops_types_new();
	bpfring_struct_ops_close(other);
	assert_int_equal(fake_cannot_open("nothing"), -ENOENT);
	assert_said("has no struct_ops 'nothing'");
	assert_int_equal(fake_cannot_open("no_ops"), -EINVAL);
	assert_said("has no such struct in a section");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_integers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_functions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decided_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_prototype, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_libbpf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes_without_links, setup_without_links,
						teardown),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
