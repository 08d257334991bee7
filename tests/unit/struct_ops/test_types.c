// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Finding types in BTF made by hand: as kernels of both layouts have it, and what only looks like
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "struct_ops/btf.h"
#include "struct_ops/types.h"
#include "base/sys.h"

struct world {
	struct btf *btf;
	int u32, chr, str, fn_ptr, data_ptr, state, refcnt;
};

static int fail_alloc; /* so many allocations succeed before one fails; -1: all do */
static int blocks;     /* of memory, of the library */

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	if (!fail_alloc)
		return NULL;
	if (fail_alloc > 0)
		fail_alloc--;
	blocks++;
	return __real_bpfring_sys_alloc(size);
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	blocks -= mem != NULL;
	__real_bpfring_sys_free(mem);
}

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

/* The BTF of a kernel with three modules, in place of the running one's. */
static struct btf *kernel, *modules[2];
static int vmlinux_error;
static int loaded; /* BTF that was loaded and not freed */

void __real_btf__free(struct btf *btf);
void __wrap_btf__free(struct btf *btf);
void __wrap_btf__free(struct btf *btf)
{
	if (btf && (btf == kernel || btf == modules[0] || btf == modules[1])) {
		loaded--;
		return; /* the test does that */
	}
	__real_btf__free(btf);
}

int __wrap_bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base);
int __wrap_bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base)
{
	if (!module) {
		if (vmlinux_error)
			return vmlinux_error;
		loaded++;
		*ret = kernel;
		return 0;
	}
	assert_ptr_equal(base, kernel);
	if (!strcmp(module, "unloaded"))
		return -ENOENT;
	loaded++;
	*ret = modules[!strcmp(module, "without")];
	return 0;
}

int __wrap_bpfring_sys_btf_modules(int (*fn)(void *ctx, const char *module), void *ctx);
int __wrap_bpfring_sys_btf_modules(int (*fn)(void *ctx, const char *module), void *ctx)
{
	int err = fn(ctx, "with");

	if (!err)
		err = fn(ctx, "unloaded");
	return err ? err : fn(ctx, "without");
}

static int setup(void **state)
{
	static struct world w;
	int proto;

	fail_alloc = -1;
	w.btf = btf__new_empty();
	assert_non_null(w.btf);
	btf__set_pointer_size(w.btf, 8);
	w.u32 = ok(btf__add_int(w.btf, "unsigned int", 4, 0));
	w.chr = ok(btf__add_int(w.btf, "char", 1, BTF_INT_SIGNED));
	w.str = ok(btf__add_array(w.btf, w.u32, w.chr, 16));
	proto = ok(btf__add_func_proto(w.btf, 0));
	w.fn_ptr = ok(btf__add_ptr(w.btf, proto));
	w.data_ptr = ok(btf__add_ptr(w.btf, w.u32));
	w.state = ok(btf__add_enum(w.btf, "bpf_struct_ops_state", 4));
	ok(btf__add_enum_value(w.btf, "INIT", 0));
	w.refcnt = ok(btf__add_struct(w.btf, "refcount", 4));
	ok(btf__add_field(w.btf, "counter", w.u32, 0, 0));
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	__real_btf__free(modules[0]);
	__real_btf__free(modules[1]);
	modules[0] = modules[1] = kernel = NULL;
	__real_btf__free(w->btf);
	assert_int_equal(loaded, 0);
	assert_int_equal(blocks, 0);
	return 0;
}

/*
 * struct @name { int (*fn)(); const u32 flags:; char name[16]; u32 *ptr; u32 bits:3; struct
 * refcount }
 */
static int add_ops(struct world *w, const char *name)
{
	int constant = ok(btf__add_const(w->btf, w->u32));
	int flags_t = ok(btf__add_typedef(w->btf, "flags_t", constant));
	int id = ok(btf__add_struct(w->btf, name, 56));

	ok(btf__add_field(w->btf, "fn", w->fn_ptr, 0, 0));
	ok(btf__add_field(w->btf, "flags", flags_t, 64, 0));
	ok(btf__add_field(w->btf, "name", w->str, 96, 0));
	ok(btf__add_field(w->btf, "ptr", w->data_ptr, 256, 0));
	ok(btf__add_field(w->btf, "bits", w->u32, 320, 3));
	ok(btf__add_field(w->btf, "count", w->refcnt, 352, 0));
	ok(btf__add_field(w->btf, "when", w->state, 384, 0));
	return id;
}

/* As before 6.9: the words lie in the value itself. */
static int add_old_value(struct world *w, const char *name, int data)
{
	int id = ok(btf__add_struct(w->btf, name, 128));

	ok(btf__add_field(w->btf, "refcnt", w->refcnt, 0, 0));
	ok(btf__add_field(w->btf, "state", w->state, 32, 0));
	ok(btf__add_field(w->btf, "data", data, 512, 0));
	return id;
}

/* As since 6.9, here with the words in the other order. */
static int add_new_value(struct world *w, const char *name, int data)
{
	int common = ok(btf__add_struct(w->btf, "bpf_struct_ops_common_value", 8)), id;

	ok(btf__add_field(w->btf, "state", w->state, 0, 0));
	ok(btf__add_field(w->btf, "refcnt", w->refcnt, 32, 0));
	id = ok(btf__add_struct(w->btf, name, 192));
	ok(btf__add_field(w->btf, "common", common, 64, 0));
	ok(btf__add_field(w->btf, "data", data, 1024, 0));
	return id;
}

static int count(const struct bpfring_struct_ops_types *types)
{
	const struct bpfring_struct_ops_type *type;
	int n = 0;

	while (!bpfring_struct_ops_types_get(types, (unsigned int)n, &type))
		n++;
	return n;
}

static void check_layout(struct world *w, int value, uint32_t size, uint32_t data, uint32_t state,
			 uint32_t refcnt)
{
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new();
	const struct bpfring_struct_ops_type *type;

	assert_non_null(types);
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), 0);
	assert_int_equal(count(types), 1);
	assert_int_equal(bpfring_struct_ops_types_get(types, 0, &type), 0);
	assert_string_equal(type->name, "my_ops");
	assert_string_equal(type->module, "vmlinux");
	assert_int_equal(type->value_type_id, value);
	assert_int_equal(type->value_size, size);
	assert_int_equal(type->data_offset, data);
	assert_int_equal(type->data_size, 56);
	assert_int_equal(ops_type(type)->state_offset, state);
	assert_int_equal(ops_type(type)->refcnt_offset, refcnt);
	assert_ptr_equal(bpfring_struct_ops_types_of_value(types, (uint32_t)value, "vmlinux"),
			 type);
	assert_null(bpfring_struct_ops_types_of_value(types, (uint32_t)value, "a_module"));
	assert_null(bpfring_struct_ops_types_of_value(types, (uint32_t)value + 1, "vmlinux"));
	bpfring_struct_ops_types_free(types);
}

static void test_old_layout(void **state)
{
	struct world *w = *state;

	check_layout(w, add_old_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops")), 128, 64, 4,
		     0);
}

static void test_new_layout(void **state)
{
	struct world *w = *state;

	check_layout(w, add_new_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops")), 192, 128,
		     8, 12);
}

static void test_members(void **state)
{
	struct world *w = *state;
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new();
	const struct bpfring_struct_ops_type *type;
	const struct bpfring_struct_ops_member *m;
	static const struct {
		const char *name;
		uint32_t kind, offset, size;
	} expected[] = {
		{"fn", BPFRING_STRUCT_OPS_KIND_FUNCTION, 0, 8},
		{"flags", BPFRING_STRUCT_OPS_KIND_INTEGER, 8, 4},
		{"name", BPFRING_STRUCT_OPS_KIND_STRING, 12, 16},
		{"ptr", BPFRING_STRUCT_OPS_KIND_POINTER, 32, 8},
		{"bits", BPFRING_STRUCT_OPS_KIND_OTHER, 40, 4},
		{"count", BPFRING_STRUCT_OPS_KIND_OTHER, 44, 4},
		{"when", BPFRING_STRUCT_OPS_KIND_INTEGER, 48, 4},
	};

	add_old_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops"));
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), 0);
	assert_int_equal(bpfring_struct_ops_types_find(types, "my_ops___v7", &type), 0);
	assert_int_equal(type->member_count, 7);
	for (unsigned int i = 0; i < 7; i++) {
		assert_int_equal(bpfring_struct_ops_type_get_member(type, i, &m), 0);
		assert_string_equal(m->name, expected[i].name);
		assert_int_equal(m->kind, expected[i].kind);
		assert_int_equal(m->offset, expected[i].offset);
		assert_int_equal(m->size, expected[i].size);
	}
	assert_int_equal(bpfring_struct_ops_type_get_member(type, 7, &m), -ENOENT);
	assert_int_equal(bpfring_struct_ops_type_find_member(type, "count", &m), 0);
	assert_int_equal(bpfring_struct_ops_type_find_member(type, "coun", &m), -ENOENT);
	bpfring_struct_ops_types_free(types);
}

/* Names that begin alike are not enough. */
static void test_not_types(void **state)
{
	struct world *w = *state;
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new();
	int ops = add_ops(w, "my_ops"), id;

	add_old_value(w, "bpf_struct_ops_other", ops);	  /* of another name than its data */
	add_old_value(w, "bpf_struct_opsmy_ops", ops);	  /* prefix */
	add_old_value(w, "bpf_struct_ops_value", w->str); /* data is no struct */
	id = ok(btf__add_struct(w->btf, "bpf_struct_ops_my_ops", 64)); /* no state */
	ok(btf__add_field(w->btf, "data", ops, 0, 0));
	ok(btf__add_struct(w->btf, "bpf_struct_ops_my_ops", 0));
	ok(btf__add_union(w->btf, "bpf_struct_ops_my_ops", 8));
	(void)id;
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), 0);
	assert_int_equal(count(types), 0);
	assert_false(bpfring_struct_ops_types_have_links(types));
	bpfring_struct_ops_types_free(types);
}

static void test_links(void **state)
{
	struct world *w = *state;
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new();

	ok(btf__add_struct(w->btf, "bpf_struct_ops_link", 16));
	ok(btf__add_field(w->btf, "map", w->data_ptr, 0, 0));
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), 0);
	assert_true(bpfring_struct_ops_types_have_links(types));
	bpfring_struct_ops_types_free(types);
}

static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new(), *none;

	add_old_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops"));
	fail_alloc = 0;
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), -ENOMEM);
	assert_int_equal(bpfring_struct_ops_types_load(&none), -ENOMEM);
	fail_alloc = -1;
	assert_int_equal(count(types), 0);
	bpfring_struct_ops_types_free(types);
}

static void make_modules(struct world *w)
{
	struct world module = *w;

	add_old_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops"));
	kernel = w->btf;
	modules[0] = module.btf = btf__new_empty_split(kernel);
	modules[1] = btf__new_empty_split(kernel);
	assert_non_null(modules[0]);
	assert_non_null(modules[1]);
	add_new_value(&module, "bpf_struct_ops_mod_ops", add_ops(&module, "mod_ops"));
}

/* At any point, and nothing is left. */
static void test_no_memory_later(void **state)
{
	struct bpfring_struct_ops_types *types;
	bpfring_log_fn log = bpfring_set_log(NULL);
	int err, n = 0;

	make_modules(*state);
	do {
		fail_alloc = n++;
		err = bpfring_struct_ops_types_load(&types);
		assert_true(!err || err == -ENOMEM);
		if (!err)
			bpfring_struct_ops_types_free(types);
		assert_int_equal(loaded, 0);
		assert_int_equal(blocks, 0);
	} while (err);
	assert_true(n > 6); /* the list, two types and their members, three modules */
	fail_alloc = -1;
	bpfring_set_log(log);
}

static void test_modules(void **state)
{
	struct bpfring_struct_ops_types *types;
	const struct bpfring_struct_ops_type *type;
	bpfring_log_fn log = bpfring_set_log(NULL);

	make_modules(*state);
	assert_int_equal(bpfring_struct_ops_types_load(&types), 0);
	assert_int_equal(loaded, 2); /* not that of the module that has no types */
	assert_int_equal(count(types), 2);
	assert_int_equal(bpfring_struct_ops_types_find(types, "my_ops", &type), 0);
	assert_string_equal(type->module, "vmlinux");
	assert_int_equal(bpfring_struct_ops_types_find(types, "mod_ops", &type), 0);
	assert_string_equal(type->module, "with");
	assert_ptr_equal(ops_type(type)->btf, modules[0]);
	assert_ptr_equal(bpfring_struct_ops_types_of_value(types, type->value_type_id, "with"),
			 type);
	bpfring_struct_ops_types_free(types);
	assert_int_equal(loaded, 0);

	vmlinux_error = -ENOENT;
	assert_int_equal(bpfring_struct_ops_types_load(&types), -ENOENT);
	vmlinux_error = 0;
	bpfring_set_log(log);
}

static void test_null(void **state)
{
	struct world *w = *state;
	struct bpfring_struct_ops_types *types = bpfring_struct_ops_types_new();
	const struct bpfring_struct_ops_type *type;
	const struct bpfring_struct_ops_member *m;

	add_old_value(w, "bpf_struct_ops_my_ops", add_ops(w, "my_ops"));
	assert_int_equal(bpfring_struct_ops_types_add(types, w->btf, "vmlinux"), 0);
	assert_int_equal(bpfring_struct_ops_types_get(types, 0, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_types_find(types, NULL, &type), -EINVAL);
	assert_int_equal(bpfring_struct_ops_types_find(types, "my_ops", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_types_get(types, 0, &type), 0);
	assert_int_equal(bpfring_struct_ops_types_get(types, 1, &type), -ENOENT);
	assert_int_equal(bpfring_struct_ops_type_get_member(type, 0, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_type_find_member(type, NULL, &m), -EINVAL);
	assert_int_equal(bpfring_struct_ops_type_find_member(type, "fn", NULL), -EINVAL);
	bpfring_struct_ops_types_free(types);
	assert_int_equal(bpfring_struct_ops_types_load(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_types_get(NULL, 0, &type), -EINVAL);
	assert_int_equal(bpfring_struct_ops_types_find(NULL, "x", &type), -EINVAL);
	assert_int_equal(bpfring_struct_ops_type_get_member(NULL, 0, &m), -EINVAL);
	assert_int_equal(bpfring_struct_ops_type_find_member(NULL, "x", &m), -EINVAL);
	bpfring_struct_ops_types_free(NULL);
	assert_int_equal(bpfring_btf_essential_len("tcp___x"), 3);
	assert_int_equal(bpfring_btf_essential_len("tcp__x"), 6);
	assert_int_equal(bpfring_btf_essential_len("___x"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_old_layout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_layout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_members, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_null, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
