// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * src/task_storage/layout.c: what a value consists of, from types made here and from the caller's
 * words.
 */
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

/* __uptr to @target. On the fall-back the loader made a typedef of the tag. */
static int pointer_to(const struct types *t, int target, bool fallback)
{
	int tag = fallback ? btf__add_typedef(t->btf, "uptr", target)
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
	plain = btf__add_ptr(t.btf, btf__add_const(t.btf, t.cell));
	value = btf__add_struct(t.btf, "value", 24);
	btf__add_field(t.btf, "weight", t.u32, 0, 0);
	btf__add_field(t.btf, "cell", cell, 64, 0);
	btf__add_field(t.btf, "plain", plain, 128, 0);
	assert_int_equal(read_types(&layout, &t, value, fallback), 0);
	assert_int_equal(layout.value_size, 24);
	assert_int_equal(layout.count, 3);
	assert_int_equal(layout.uptr_count, 1);
	assert_int_equal(layout.uptrs[0], 1);
	assert_string_equal(layout.members[1].name, "cell");
	assert_int_equal(layout.members[1].offset, 8);
	assert_int_equal(layout.members[1].size, 24);
	assert_int_equal(layout.members[1].align, 8);
	assert_int_equal(layout.members[1].flags, BPFRING_TASK_MEMBER_SHARED);
	assert_int_equal(layout.members[0].size, 4);
	assert_int_equal(layout.members[0].align, 4);
	assert_int_equal(layout.members[0].flags, 0);
	assert_int_equal(layout.members[2].flags, 0); /* a pointer, but not of ours */
	assert_int_equal(bpfring_task_layout_uptr(&layout, 1), 0);
	assert_int_equal(bpfring_task_layout_uptr(&layout, 0), -EINVAL);
	assert_int_equal(bpfring_task_layout_uptr(&layout, -1), -EINVAL);
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
	table = btf__add_struct(t.btf, "bpfring_names_table", 4096);
	btf__add_field(t.btf, "count", t.u32, 0, 0);
	table = pointer_to(&t, table, false);
	value = btf__add_struct(t.btf, "value", 8);
	btf__add_field(t.btf, "names", table, 0, 0);
	assert_int_equal(read_types(&layout, &t, value, false), 0);
	assert_int_equal(layout.members[0].flags,
			 BPFRING_TASK_MEMBER_SHARED | BPFRING_TASK_MEMBER_PROCESS);
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
	int inner, large, unknown;

	(void)state;
	types_new(&t, false);
	inner = btf__add_struct(t.btf, "inner", 8);
	btf__add_field(t.btf, "cell", t.pointer, 0, 0);
	refused(&t, inner, -EOPNOTSUPP, "'it' contains an __uptr");
	refused(&t, btf__add_array(t.btf, t.u32, t.pointer, 2), -EOPNOTSUPP, "contains an __uptr");
	refused(&t, t.u64, -EINVAL, "no shared member");
	refused(&t, btf__add_ptr(t.btf, btf__add_type_tag(t.btf, "kptr", t.cell)), -EINVAL,
		"no shared member");
	refused(&t, pointer_to(&t, t.u64, false), -EINVAL, "no shared member"); /* no struct */
	refused(&t, 0, -EINVAL, "not a struct");
	unknown = btf__add_fwd(t.btf, "unknown", BTF_FWD_STRUCT);
	refused(&t, unknown, -EINVAL, "is broken");
	inner = btf__add_struct(t.btf, "inner", 8);
	btf__add_field(t.btf, "a", unknown, 0, 0);
	refused(&t, inner, -EINVAL, "is broken");
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

/* Two programs: one with a longer struct, one that says nothing of its length. */
static void members_of_other_sizes(void **state)
{
	struct longer {
		struct bpfring_task_member known;
		uint64_t more;
	} longer[2] = {
		{{.sz = sizeof(struct longer),
		  .name = "cell",
		  .size = 8,
		  .flags = BPFRING_TASK_MEMBER_SHARED},
		 0},
		{{.sz = sizeof(struct longer), .name = "weight", .offset = 8, .size = 4}, 0}};
	struct bpfring_task_member plain[2] = {longer[0].known, longer[1].known};
	struct task_layout layout;

	(void)state;
	assert_int_equal(declare(&layout, &longer[0].known, 2), 0);
	assert_string_equal(layout.members[1].name, "weight");
	assert_int_equal(layout.members[1].sz, sizeof(layout.members[1]));
	bpfring_task_layout_free(&layout);
	longer[1].more = 1;
	assert_int_equal(declare(&layout, &longer[0].known, 2), -E2BIG);
	assert_logged("struct bpfring_task_member", "update the library");
	plain[0].sz = plain[1].sz = 0;
	assert_int_equal(declare(&layout, plain, 2), 0);
	assert_string_equal(layout.members[1].name, "weight");
	bpfring_task_layout_free(&layout);
	plain[1].sz = sizeof(plain[1]);
	assert_int_equal(declare(&layout, plain, 2), -EINVAL);
	assert_logged("of member 1");
}

static void as_the_caller_says(void **state)
{
	static const struct bpfring_task_member good = {
		.name = "it", .offset = 56, .size = PAGE, .flags = BPFRING_TASK_MEMBER_SHARED};
	struct bpfring_task_member bad[12], many[TASK_MAX_UPTRS + 1];
	struct task_layout layout, other;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(declare(&layout, &good, 1), 0);
	assert_int_equal(layout.members[0].align, 8);
	assert_int_equal(layout.uptr_count, 1);

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
	assert_logged("more than 11 shared members");

	bpfring_task_layout_free(&layout);
}

/* Kinds of members that are neither shared nor ordinary, and those without any bytes. */
static void members_of_other_kinds(void **state)
{
	struct task_layout layout;
	struct types t;
	int value, lock, kptr, nested, array, empty, wide;

	(void)state;
	types_new(&t, false);
	lock = btf__add_struct(t.btf, "bpf_spin_lock", 4);
	btf__add_field(t.btf, "val", t.u32, 0, 0);
	kptr = btf__add_ptr(t.btf, btf__add_type_tag(t.btf, "kptr", t.cell));
	array = btf__add_array(t.btf, t.u32, kptr, 2);
	nested = btf__add_struct(t.btf, "nested", 16);
	btf__add_field(t.btf, "array", array, 0, 0);
	empty = btf__add_struct(t.btf, "empty", 0);
	wide = btf__add_int(t.btf, "u128", 16, 0);
	value = btf__add_struct(t.btf, "value", 72);
	btf__add_field(t.btf, "cell", t.pointer, 0, 0);
	btf__add_field(t.btf, "lock", lock, 64, 0);
	btf__add_field(t.btf, "three", t.u32, 96, 3);
	btf__add_field(t.btf, "nine", t.u32, 127 - 8, 9); /* into the next word, and no further */
	btf__add_field(t.btf, "kptr", kptr, 128, 0);
	btf__add_field(t.btf, "nested", nested, 192, 0);
	btf__add_field(t.btf, "empty", empty, 320, 0);
	btf__add_field(t.btf, "wide", wide, 384, 0);
	btf__add_field(t.btf, "last", t.u32, 64 * 8 + 61, 3);
	assert_int_equal(read_types(&layout, &t, value, false), 0);
	assert_int_equal(layout.members[1].flags, BPFRING_TASK_MEMBER_OPAQUE);
	assert_int_equal(layout.members[2].flags, BPFRING_TASK_MEMBER_OPAQUE);
	assert_int_equal(layout.members[2].offset, 12);
	assert_int_equal(layout.members[2].size, 1);
	assert_int_equal(layout.members[3].offset, 14);
	assert_int_equal(layout.members[3].size, 2);
	assert_int_equal(layout.members[4].flags,
			 BPFRING_TASK_MEMBER_OPAQUE | BPFRING_TASK_MEMBER_KPTR);
	assert_int_equal(layout.members[5].flags,
			 BPFRING_TASK_MEMBER_OPAQUE | BPFRING_TASK_MEMBER_KPTR);
	assert_int_equal(layout.members[6].size, 0);
	assert_int_equal(layout.members[7].align, 8);
	assert_int_equal(layout.members[8].offset, 71); /* its type would reach beyond the value */
	assert_true(layout.has_kptr && layout.has_lock);
	bpfring_task_layout_free(&layout);
	btf__free(t.btf);
}

/* Types of an object file or of another process, made to keep us busy. */
static void types_that_are_bombs(void **state)
{
	struct task_layout layout;
	struct types t;
	int value, type, ids[31], loop;

	(void)state;
	types_new(&t, false);
	/* Each contains the one before sixteen times: 16^31 empty structs. */
	type = btf__add_struct(t.btf, "empty", 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = btf__add_struct(t.btf, "more", 0);
		for (int k = 0; k < 16; k++)
			btf__add_field(t.btf, k ? "m" : "n", type, 0, 0);
		type = ids[i];
	}
	value = btf__add_struct(t.btf, "value", 8);
	btf__add_field(t.btf, "cell", t.pointer, 0, 0);
	btf__add_field(t.btf, "bomb", type, 64, 0);
	assert_int_equal(read_types(&layout, &t, value, false), 0);
	bpfring_task_layout_free(&layout);

	/* Behind a pointer that is shared. */
	type = btf__add_struct(t.btf, "shared", 8);
	btf__add_field(t.btf, "word", t.u64, 0, 0);
	btf__add_field(t.btf, "bomb", ids[30], 64, 0);
	type = pointer_to(&t, type, false);
	value = btf__add_struct(t.btf, "value", 8);
	btf__add_field(t.btf, "cell", type, 0, 0);
	assert_int_equal(read_types(&layout, &t, value, false), 0);
	bpfring_task_layout_free(&layout);

	/* Many, without any bytes. */
	type = btf__add_struct(t.btf, "nothing", 0);
	value = btf__add_struct(t.btf, "value", 8);
	btf__add_field(t.btf, "cell", t.pointer, 0, 0);
	for (int i = 0; i < 1024; i++)
		btf__add_field(t.btf, "more", type, 64, 0);
	assert_int_equal(read_types(&layout, &t, value, false), -EINVAL);
	assert_logged("more than 1024 members");

	/* Deeper than any kernel takes. */
	for (int i = 0, inner = t.u32; i < 40; i++, inner = type) {
		type = btf__add_struct(t.btf, "deep", 4);
		btf__add_field(t.btf, "m", inner, 0, 0);
	}
	refused(&t, type, -EINVAL, "broken, or nested too deeply");

	/* In itself; a typedef of itself. */
	type = btf__add_struct(t.btf, "self", 8);
	btf__add_field(t.btf, "a", type, 0, 0);
	btf__add_field(t.btf, "b", type, 0, 0);
	refused(&t, type, -EINVAL, "broken, or nested too deeply");
	loop = (int)btf__type_cnt(t.btf);
	assert_int_equal(btf__add_typedef(t.btf, "loop", loop), loop);
	refused(&t, loop, -EINVAL, "broken, or nested too deeply");
	refused(&t, pointer_to(&t, loop, false), -EINVAL, "no shared member");
	assert_int_equal(read_types(&layout, &t, loop, false), -EINVAL);
	assert_logged("not a struct");
	btf__free(t.btf);
}

static struct task_layout followed(const struct bpfring_task_member *before, uint32_t before_count,
				   const struct bpfring_task_member *next, uint32_t next_count)
{
	struct task_layout a, b, ret = {0};
	int err;

	assert_int_equal(declare(&a, before, before_count), 0);
	assert_int_equal(declare(&b, next, next_count), 0);
	b.value_size = 128;
	err = bpfring_task_layout_follow(&ret, &a, &b, "m");
	if (err)
		assert_int_equal(err, -EINVAL);
	bpfring_task_layout_free(&a);
	bpfring_task_layout_free(&b);
	return ret; /* without members: refused */
}

static const struct bpfring_task_member old_members[] = {
	{.name = "weight", .offset = 0, .size = 4},
	{.name = "cell", .offset = 8, .size = 24, .flags = BPFRING_TASK_MEMBER_SHARED},
	{.name = "class", .offset = 16, .size = 8},
	{.name = "small", .offset = 24, .size = 8, .flags = BPFRING_TASK_MEMBER_SHARED},
};

/* Numbers that callers have stay good, whatever the new map's value looks like. */
static void another_map_is_followed(void **state)
{
	static const struct bpfring_task_member next[] = {
		{.name = "more", .offset = 0, .size = 16},
		{.name = "small", .offset = 16, .size = 8, .flags = BPFRING_TASK_MEMBER_SHARED},
		{.name = "class", .offset = 24, .size = 4}, /* another size: another member */
		{.name = "weight", .offset = 28, .size = 4},
		{.name = "cell",
		 .offset = 32,
		 .size = 24,
		 .align = 4,
		 .flags = BPFRING_TASK_MEMBER_SHARED},
	};
	struct task_layout before, layout, back;
	unsigned char old[64], value[128], zero[16] = {0};

	(void)state;
	layout = followed(old_members, ARRAY_SIZE(old_members), next, ARRAY_SIZE(next));
	assert_non_null(layout.members);
	assert_int_equal(layout.value_size, 128);
	assert_int_equal(layout.count, 6);
	assert_string_equal(layout.members[0].name, "weight");
	assert_int_equal(layout.members[0].offset, 28);
	assert_int_equal(layout.members[1].offset, 32);
	assert_int_equal(layout.members[1].align, 8); /* where the cell is */
	assert_int_equal(layout.members[2].flags, BPFRING_TASK_MEMBER_GONE);
	assert_int_equal(layout.members[3].offset, 16);
	assert_string_equal(layout.members[4].name, "more");
	assert_string_equal(layout.members[5].name, "class");
	assert_int_equal(layout.members[5].size, 4);
	assert_int_equal(layout.uptr_count, 2);
	assert_int_equal(layout.uptrs[0], 1);
	assert_int_equal(layout.uptrs[1], 3);

	assert_int_equal(declare(&before, old_members, ARRAY_SIZE(old_members)), 0);
	memset(old, 0x5a, sizeof(old));
	memset(value, 0xff, sizeof(value));
	bpfring_task_layout_convert(&before, old, &layout, value);
	assert_memory_equal(value + 28, old, 4);
	assert_memory_equal(value, zero, 16);
	assert_memory_equal(value + 24, zero, 4);
	assert_memory_equal(value + 32, zero, 8); /* pointers are filled in by others */

	/* And back: what was gone is there again. */
	assert_int_equal(bpfring_task_layout_follow(&back, &layout, &before, "m"), 0);
	assert_int_equal(back.count, 6);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(back.members[i].offset, old_members[i].offset);
		assert_int_equal(back.members[i].flags, old_members[i].flags);
	}
	assert_int_equal(back.members[4].flags, BPFRING_TASK_MEMBER_GONE);
	bpfring_task_layout_free(&back);
	bpfring_task_layout_free(&before);
	bpfring_task_layout_free(&layout);
}

static void what_is_shared_has_to_agree(void **state)
{
	const uint32_t count = ARRAY_SIZE(old_members);
	struct bpfring_task_member next[5];
	struct task_layout layout;

	(void)state;
	for (unsigned int kind = 0; kind < 6; kind++) {
		memcpy(next, old_members, sizeof(old_members));
		next[4] = (struct bpfring_task_member){.name = "third",
						       .offset = 32,
						       .size = 8,
						       .flags = BPFRING_TASK_MEMBER_SHARED};
		switch (kind) {
		case 0:
			next[1].size = 16;
			break;
		case 1:
			next[1].align = 16;
			break;
		case 2:
			next[1].flags |= BPFRING_TASK_MEMBER_PROCESS;
			break;
		case 3:
			next[1].flags = 0, next[1].size = 8;
			break;
		case 4:
			strcpy(next[1].name, "other");
			break;
		}
		layout = followed(old_members, count, next, kind == 5 ? count + 1 : count);
		assert_null(layout.members);
		assert_logged("map 'm'", kind == 5 ? "'third'" : "'cell'",
			      "close the old map and open the new one");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(from_types),
		rig_test(names_are_of_the_process),
		rig_test(types_that_are_refused),
		rig_test(as_the_caller_says),
		rig_test(members_of_other_sizes),
		rig_test(members_of_other_kinds),
		rig_test(types_that_are_bombs),
		rig_test(another_map_is_followed),
		rig_test(what_is_shared_has_to_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
