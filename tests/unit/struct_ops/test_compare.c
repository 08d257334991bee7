// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Members compared through BTF made by hand: the object's on one side, the kernel's on the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "struct_ops/compare.h"

/* Types of one side; the ids differ between the sides. */
struct side {
	struct btf *btf;
	int none, u8, u32, s32, u64, u128, boolean, mode, mode64, chr;
	int sock, sk, skb_p, void_p, u32_p, sk_pp, fwd_p;
};

static struct side object, kernel;

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

static int pointer(struct side *s, int id)
{
	return ok(btf__add_ptr(s->btf, id));
}

static void fill(struct side *s, const char *suffix)
{
	char name[32];

	s->btf = btf__new_empty();
	assert_non_null(s->btf);
	btf__set_pointer_size(s->btf, 8);
	s->none = 0;
	s->u8 = ok(btf__add_int(s->btf, "unsigned char", 1, 0));
	s->u32 = ok(btf__add_int(s->btf, "unsigned int", 4, 0));
	s->s32 = ok(btf__add_int(s->btf, "int", 4, BTF_INT_SIGNED));
	s->u64 = ok(btf__add_int(s->btf, "unsigned long", 8, 0));
	s->u128 = ok(btf__add_int(s->btf, "u128", 16, 0));
	s->boolean = ok(btf__add_int(s->btf, "_Bool", 1, BTF_INT_BOOL));
	s->chr = ok(btf__add_int(s->btf, "char", 1, BTF_INT_SIGNED));
	s->mode = ok(btf__add_enum(s->btf, "mode", 4));
	s->mode64 = ok(btf__add_enum64(s->btf, "mode64", 8, false));
	snprintf(name, sizeof(name), "sock%s", suffix);
	s->sock = ok(btf__add_struct(s->btf, name, 8));
	s->sk = pointer(s, ok(btf__add_const(s->btf, s->sock)));
	s->skb_p = pointer(s, ok(btf__add_struct(s->btf, "sk_buff", 8)));
	s->void_p = pointer(s, 0);
	s->u32_p = pointer(s, s->u32);
	s->sk_pp = pointer(s, s->sk);
	s->fwd_p = pointer(s, ok(btf__add_fwd(s->btf, "sock", BTF_FWD_STRUCT)));
}

static int setup(void **state)
{
	(void)state;
	fill(&object, "___mine");
	ok(btf__add_ptr(object.btf, 0)); /* so that no id is the same by chance */
	fill(&kernel, "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(object.btf);
	btf__free(kernel.btf);
	return 0;
}

/* A struct whose second member, "member", is of that type. */
static int add_ops(struct side *s, int type, unsigned int bits)
{
	int id = ok(btf__add_struct(s->btf, "ops", 64));

	ok(btf__add_field(s->btf, "first", s->u32, 0, 0));
	ok(btf__add_field(s->btf, "member", type, 64, bits));
	return id;
}

/* Its second member; as long as no further type is added. */
static struct member_ref member_of(struct side *s, int ops)
{
	return (struct member_ref){s->btf, btf__type_by_id(s->btf, (uint32_t)ops), 1};
}

static enum member_difference compare_ops(int own, int kernels)
{
	struct member_ref a = member_of(&object, own), b = member_of(&kernel, kernels);

	return bpfring_compare_member(&a, &b);
}

static enum member_difference compare(int own, int kernels)
{
	return compare_ops(add_ops(&object, own, 0), add_ops(&kernel, kernels, 0));
}

/* A pointer to a function with these types, ended by -1, the result first. */
static int function(struct side *s, const int *types)
{
	int proto = ok(btf__add_func_proto(s->btf, types[0]));

	for (int i = 1; types[i] >= 0; i++)
		ok(btf__add_func_param(s->btf, "", types[i]));
	return pointer(s, proto);
}

#define TYPES(...) ((const int[]){__VA_ARGS__, -1})

static enum member_difference compare_functions(const int *own, const int *kernels)
{
	return compare(function(&object, own), function(&kernel, kernels));
}

static void test_data(void **state)
{
	(void)state;
	assert_int_equal(compare(object.u32, kernel.u32), MEMBER_SAME);
	assert_int_equal(compare(object.u32, kernel.s32), MEMBER_SAME);
	assert_int_equal(compare(ok(btf__add_typedef(object.btf, "flags_t", object.u32)),
				 ok(btf__add_const(kernel.btf, kernel.u32))),
			 MEMBER_SAME);
	assert_int_equal(compare(object.u32, kernel.u64), MEMBER_OTHER_DATA);
	assert_int_equal(compare(object.u64, kernel.u32), MEMBER_OTHER_DATA);
	assert_int_equal(compare(object.mode, kernel.mode), MEMBER_SAME);
	assert_int_equal(compare(object.u32, kernel.mode), MEMBER_OTHER_DATA); /* so says libbpf */
	assert_int_equal(compare(ok(btf__add_array(object.btf, object.u32, object.chr, 16)),
				 ok(btf__add_array(kernel.btf, kernel.u32, kernel.chr, 16))),
			 MEMBER_SAME);
	assert_int_equal(compare(ok(btf__add_array(object.btf, object.u32, object.chr, 16)),
				 ok(btf__add_array(kernel.btf, kernel.u32, kernel.chr, 128))),
			 MEMBER_OTHER_DATA);
	assert_int_equal(compare(object.sock, kernel.sock), MEMBER_SAME);
	assert_int_equal(compare(object.sock, kernel.u64), MEMBER_OTHER_DATA);
	assert_int_equal(compare(object.void_p, kernel.u64), MEMBER_OTHER_DATA);
}

static void test_bit_fields(void **state)
{
	int own_bits = add_ops(&object, object.u32, 3), own_whole = add_ops(&object, object.u32, 0);
	int bits = add_ops(&kernel, kernel.u32, 3), whole = add_ops(&kernel, kernel.u32, 0);

	(void)state;
	assert_int_equal(compare_ops(own_bits, bits), MEMBER_OTHER_DATA); /* libbpf has none */
	assert_int_equal(compare_ops(own_bits, whole), MEMBER_OTHER_DATA);
	assert_int_equal(compare_ops(own_whole, bits), MEMBER_OTHER_DATA);
	assert_int_equal(compare_ops(own_whole, whole), MEMBER_SAME);
}

static void test_pointers(void **state)
{
	(void)state;
	assert_int_equal(compare(object.sk, kernel.sk), MEMBER_SAME);
	assert_int_equal(compare(object.sk, kernel.skb_p), MEMBER_SAME); /* nobody can set it */
	assert_int_equal(compare(function(&object, TYPES(0)), kernel.sk), MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare(object.sk, function(&kernel, TYPES(0))), MEMBER_OTHER_FUNCTION);
}

static void test_prototypes(void **state)
{
	const struct side *o = &object, *k = &kernel;

	(void)state;
	assert_int_equal(compare_functions(TYPES(0), TYPES(0)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(o->u32, o->sk), TYPES(k->u32, k->sk)),
			 MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(o->s32, o->sk), TYPES(k->mode, k->fwd_p)),
			 MEMBER_SAME);
	/* the result */
	assert_int_equal(compare_functions(TYPES(0, o->sk), TYPES(k->s32, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(o->s32, o->sk), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(o->u64), TYPES(k->u32)), MEMBER_OTHER_FUNCTION);
	/* how many there are: cong_control before and after Linux 6.10 */
	assert_int_equal(compare_functions(TYPES(0, o->sk, o->void_p),
					   TYPES(0, k->sk, k->u32, k->s32, k->void_p)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->sk, o->u32), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->sk), TYPES(0, k->sk, k->u32)),
			 MEMBER_OTHER_FUNCTION);
	/* each of them */
	assert_int_equal(
		compare_functions(TYPES(0, o->sk, o->u32, o->u64), TYPES(0, k->sk, k->u32, k->u32)),
		MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->u32, o->sk), TYPES(0, k->sk, k->u32)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->boolean), TYPES(0, k->s32)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->boolean), TYPES(0, k->u8)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->u64), TYPES(0, k->mode64)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->u64), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
}

static void test_pointer_arguments(void **state)
{
	const struct side *o = &object, *k = &kernel;

	(void)state;
	assert_int_equal(compare_functions(TYPES(0, o->fwd_p), TYPES(0, k->sk)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->skb_p), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->void_p), TYPES(0, k->sk)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->sk), TYPES(0, k->void_p)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->u32_p), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->u32_p), TYPES(0, pointer(&kernel, k->u64))),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->sk_pp), TYPES(0, k->sk_pp)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, o->sk_pp), TYPES(0, k->sk)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(
		compare_functions(TYPES(0, o->sk_pp), TYPES(0, pointer(&kernel, k->skb_p))),
		MEMBER_OTHER_FUNCTION);
	/* of names that begin alike */
	assert_int_equal(
		compare_functions(
			TYPES(0, o->sk),
			TYPES(0, pointer(&kernel, ok(btf__add_struct(kernel.btf, "socket", 8))))),
		MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, o->sock), TYPES(0, k->sock)), MEMBER_SAME);
}

/* Wrong BTF is no reason to hang. */
static void test_circles(void **state)
{
	int own = pointer(&object, (int)btf__type_cnt(object.btf)); /* to itself */
	int kernels = pointer(&kernel, (int)btf__type_cnt(kernel.btf));
	int typedef_id = ok(btf__add_typedef(object.btf, "t", (int)btf__type_cnt(object.btf)));

	(void)state;
	assert_int_equal(compare_functions(TYPES(0, own), TYPES(0, kernels)), MEMBER_SAME);
	assert_int_equal(compare_functions(TYPES(0, typedef_id), TYPES(0, kernel.u32)),
			 MEMBER_OTHER_FUNCTION);
	assert_int_equal(compare_functions(TYPES(0, 100000), TYPES(0, kernel.u32)),
			 MEMBER_OTHER_FUNCTION);
}

static void test_declaration(void **state)
{
	int fn = function(&kernel, TYPES(kernel.u32, kernel.sk, kernel.sk_pp, kernel.u64));
	int fn_ops = add_ops(&kernel, fn, 0);
	int name = ok(btf__add_array(kernel.btf, kernel.u32, kernel.chr, 16));
	int name_ops = add_ops(&kernel, name, 0);
	struct member_ref member = member_of(&kernel, fn_ops);
	struct {
		char text[16], behind[8];
	} little;
	char text[128];

	(void)state;
	assert_string_equal(bpfring_declaration(&member, text, sizeof(text)),
			    "unsigned int (*member)(const struct sock *, const struct sock **, "
			    "unsigned long)");
	memset(&little, 'x', sizeof(little));
	bpfring_declaration(&member, little.text, sizeof(little.text));
	assert_string_equal(little.text, "unsigned int (*");
	assert_memory_equal(little.behind, "xxxxxxxx", 8);
	member = member_of(&kernel, name_ops);
	assert_string_equal(bpfring_declaration(&member, text, sizeof(text)), "char member[16]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bit_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pointers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prototypes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pointer_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_circles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_declaration, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
