// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* src/task_storage/layout.c: what a value consists of, from types made here and from the caller's words. */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "rig.h"
#include "task_storage/task_storage.h"

/* Types of a value, which each test completes. */
struct types {
	struct btf *btf;
	int u32, u64;
	int cell;    /* struct of 24 bytes */
	int pointer; /* to it, tagged */
};

/* __uptr to @target. On the fall-back the loader made a const of the tag. */
static int pointer_to(const struct types *t, int target, bool fallback)
{
	int tag = fallback ? btf__add_const(t->btf, target)
			   : btf__add_type_tag(t->btf, "uptr", target);

	return btf__add_ptr(t->btf, tag);
}

static void types_new(struct types *t, bool fallback)
{
	t->btf = btf__new_empty();
	assert_non_null(t->btf);
	assert_int_equal(btf__set_pointer_size(t->btf, 8), 0); /* as in BPF, whatever ours are */
	t->u32 = btf__add_int(t->btf, "u32", 4, 0);
	t->u64 = btf__add_int(t->btf, "u64", 8, 0);
	t->cell = btf__add_struct(t->btf, "cell", 24);
	for (unsigned int i = 0; i < 3; i++)
		btf__add_field(t->btf, i ? i == 1 ? "b" : "c" : "a", t->u64, i * 64, 0);
	t->pointer = pointer_to(t, t->cell, fallback);
}

static int read_types(struct task_layout *ret, const struct types *t, int value, bool fallback)
{
	return bpfring_task_layout_from_btf(ret, t->btf, (uint32_t)value, fallback, "m");
}

static void members_from_types(bool fallback)
{
	struct task_layout layout;
	struct types t;
	int value, cell, plain;

	types_new(&t, fallback);
	cell = btf__add_typedef(t.btf, "cell_p", t.pointer);
	plain = btf__add_ptr(t.btf, t.cell);
	value = btf__add_struct(t.btf, "value", 24);
	btf__add_field(t.btf, "weight", t.u32, 0, 0);
	btf__add_field(t.btf, "cell", cell, 64, 0);
	btf__add_field(t.btf, "plain", plain, 128, 0);
	assert_int_equal(read_types(&layout, &t, value, fallback), 0);
	assert_int_equal(layout.value_size, 24);
	assert_int_equal(layout.count, 3);
	assert_int_equal(layout.shared_count, 1);
	assert_int_equal(layout.shared[0], 1);
	assert_string_equal(layout.members[1].name, "cell");
	assert_int_equal(layout.members[1].offset, 8);
	assert_int_equal(layout.members[1].size, 24);
	assert_int_equal(layout.members[1].align, 8);
	assert_int_equal(layout.members[1].flags, BPFRING_TASK_MEMBER_UPTR);
	assert_int_equal(layout.members[0].size, 4);
	assert_int_equal(layout.members[0].align, 4);
	assert_int_equal(layout.members[0].flags, 0);
	assert_int_equal(layout.members[2].flags, 0); /* a pointer, but not of ours */
	assert_int_equal(bpfring_task_layout_shared(&layout, 1), 0);
	assert_int_equal(bpfring_task_layout_shared(&layout, 0), -EINVAL);
	assert_int_equal(bpfring_task_layout_shared(&layout, -1), -EINVAL);
	bpfring_task_layout_free(&layout);
	btf__free(t.btf);
}

static void from_types(void **state)
{
	(void)state;
	members_from_types(false);
	members_from_types(true);
}

/* A table of names is one for all threads. */
static void names_are_of_the_process(void **state)
{
	struct task_layout layout;
	struct types t;
	int table, value;

	(void)state;
	types_new(&t, false);
	table = btf__add_struct(t.btf, "bpfring_names", 4096);
	btf__add_field(t.btf, "count", t.u32, 0, 0);
	table = pointer_to(&t, table, false);
	value = btf__add_struct(t.btf, "value", 8);
	btf__add_field(t.btf, "names", table, 0, 0);
	assert_int_equal(read_types(&layout, &t, value, false), 0);
	assert_int_equal(layout.members[0].flags,
			 BPFRING_TASK_MEMBER_UPTR | BPFRING_TASK_MEMBER_PROCESS);
	bpfring_task_layout_free(&layout);
	btf__free(t.btf);
}

static void refused(const struct types *t, int type, int err, const char *cause)
{
	struct task_layout layout;
	int value = btf__add_struct(t->btf, "value", 64);

	if (type)
		btf__add_field(t->btf, "it", type, 0, 0);
	assert_int_equal(read_types(&layout, t, value, false), err);
	assert_logged("map 'm'", cause);
}

static void types_that_are_refused(void **state)
{
	struct task_layout layout;
	struct types t;
	int inner, large;

	(void)state;
	types_new(&t, false);
	inner = btf__add_struct(t.btf, "inner", 8);
	btf__add_field(t.btf, "cell", t.pointer, 0, 0);
	refused(&t, inner, -EOPNOTSUPP, "'it' has an __uptr inside");
	refused(&t, btf__add_array(t.btf, t.u32, t.pointer, 2), -EOPNOTSUPP, "an __uptr inside");
	refused(&t, t.u64, -EINVAL, "no __uptr member");
	refused(&t, btf__add_ptr(t.btf, btf__add_type_tag(t.btf, "kptr", t.cell)), -EINVAL,
		"no __uptr member");
	refused(&t, pointer_to(&t, t.u64, false), -EINVAL, "no __uptr member"); /* no struct */
	refused(&t, 0, -EINVAL, "not a struct");
	large = btf__add_struct(t.btf, "large", PAGE + 8);
	btf__add_field(t.btf, "a", t.u64, 0, 0);
	refused(&t, pointer_to(&t, large, false), -EINVAL, "does not fit");
	assert_int_equal(read_types(&layout, &t, t.u64, false), -EINVAL);
	assert_logged("not a struct");
	assert_int_equal(read_types(&layout, &t, 100000, false), -EINVAL);
	assert_logged("not a struct");
	btf__free(t.btf);
}

static int declare(struct task_layout *ret, const struct bpfring_task_member *members,
		   uint32_t count)
{
	const struct bpfring_task_storage_opts opts = {
		.sz = sizeof(opts), .members = members, .member_count = count};

	return bpfring_task_layout_from_opts(ret, &opts, 64, "m");
}

static void as_the_caller_says(void **state)
{
	static const struct bpfring_task_member good = {
		.name = "it", .offset = 56, .size = PAGE, .flags = BPFRING_TASK_MEMBER_UPTR};
	struct bpfring_task_member bad[12], many[TASK_MAX_SHARED + 1];
	struct task_layout layout, other;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(declare(&layout, &good, 1), 0);
	assert_int_equal(layout.members[0].align, 8);
	assert_int_equal(layout.shared_count, 1);

	bad[n] = good, bad[n++].offset = 57; /* beyond the value */
	bad[n] = good, bad[n++].offset = UINT32_MAX;
	bad[n] = good, bad[n++].size = 0;
	bad[n] = good, bad[n++].size = PAGE + 1;
	bad[n] = good, bad[n++].size = UINT32_MAX;
	bad[n] = good, bad[n++].align = 24;
	bad[n] = good, bad[n++].align = 2 * PAGE; /* more than memory has */
	bad[n] = good, bad[n].flags = 0, bad[n++].size = 9;
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(declare(&other, &bad[i], 1), -EINVAL);
		assert_logged("member 'it'", "does not fit");
	}
	assert_int_equal(declare(&other, &good, 0), -EINVAL);
	assert_int_equal(declare(&other, &good, 1025), -EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = good;
	assert_int_equal(declare(&other, many, ARRAY_SIZE(many)), -EINVAL);
	assert_logged("more than 11 __uptr members");

	/* Another map must have the same. */
	assert_int_equal(declare(&other, &good, 1), 0);
	assert_true(bpfring_task_layout_equal(&layout, &other, "m"));
	other.members[0].size--;
	assert_false(bpfring_task_layout_equal(&layout, &other, "m"));
	assert_logged("differs", "member 0 'it'");
	bpfring_task_layout_free(&other);
	assert_int_equal(declare(&other, many, 2), 0);
	assert_false(bpfring_task_layout_equal(&layout, &other, "m"));
	assert_logged("differs", "member 1 'it'");
	bpfring_task_layout_free(&other);
	bpfring_task_layout_free(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(from_types),
		rig_test(names_are_of_the_process),
		rig_test(types_that_are_refused),
		rig_test(as_the_caller_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
