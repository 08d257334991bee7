// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* JSON of every kind of BTF type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "struct_ops/json.h"

static struct btf *btf;

static uint32_t ok(int id)
{
	assert_true(id >= 0);
	return (uint32_t)id;
}

static int setup(void **state)
{
	(void)state;
	btf = btf__new_empty();
	assert_non_null(btf);
	btf__set_pointer_size(btf, 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(btf);
	return 0;
}

static void expect(uint32_t type, const void *data, const char *json)
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	bpfring_json_btf(stream, btf, type, data);
	fclose(stream);
	assert_string_equal(text, json);
	free(text);
}

static uint32_t integer(const char *name, size_t size, int encoding)
{
	return ok(btf__add_int(btf, name, size, encoding));
}

static void test_integers(void **state)
{
	const struct {
		unsigned char misaligned;
		unsigned char bytes[8];
	} data = {0, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	(void)state;
	expect(integer("u8", 1, 0), data.bytes, "255");
	expect(integer("s8", 1, BTF_INT_SIGNED), data.bytes, "-1");
	expect(integer("u16", 2, 0), data.bytes, "65535");
	expect(integer("s32", 4, BTF_INT_SIGNED), data.bytes, "-1");
	expect(integer("u64", 8, 0), data.bytes, "18446744073709551615");
	expect(integer("s64", 8, BTF_INT_SIGNED), data.bytes, "-1");
	expect(integer("_Bool", 1, BTF_INT_BOOL), data.bytes, "true");
	expect(integer("_Bool", 1, BTF_INT_BOOL), &data, "false");
	expect(integer("u128", 16, 0), data.bytes, "null");
	expect(ok(btf__add_float(btf, "double", 8)), data.bytes, "null");
}

static void test_strings(void **state)
{
	uint32_t index = integer("int", 4, BTF_INT_SIGNED);
	uint32_t chr = integer("char", 1, BTF_INT_SIGNED);
	uint32_t array = ok(btf__add_array(btf, (int)index, (int)chr, 6));

	(void)state;
	expect(array, "abc\0x", "\"abc\"");
	expect(array, "\0xxxx", "\"\"");
	expect(array, "abcdefg", "\"abcdef\""); /* without a NUL it ends with the array */
	expect(array, "a\"\\\n\x7f", "\"a\\\"\\\\\\u000a\\u007f\"");
	expect(array, "\xff", "\"\\u00ff\"");
	/* Bytes that are no characters. */
	expect(ok(btf__add_array(btf, (int)index, (int)integer("u8", 1, 0), 3)), "\1\2\3",
	       "[1,2,3]");
	expect(ok(btf__add_array(btf, (int)index, (int)chr, 0)), "x", "\"\"");
	expect(ok(btf__add_array(btf, (int)index, (int)index, 0)), "x", "[]");
}

static void test_enums(void **state)
{
	uint32_t plain = ok(btf__add_enum(btf, "plain", 4)), wide, negative, few;
	const uint32_t pointer_kind = BTF_KIND_PTR << 24;
	const int32_t minus = -1;
	const uint32_t one = 1, other = 77, high = 0xffffffff;
	const uint64_t huge = UINT64_C(1) << 40;

	(void)state;
	ok(btf__add_enum_value(btf, "ZERO", 0));
	ok(btf__add_enum_value(btf, "ONE", 1));
	expect(plain, &one, "\"ONE\"");
	expect(plain, &other, "77");
	expect(plain, &high, "4294967295");
	/* what lies behind its values in BTF is none of them */
	few = ok(btf__add_enum(btf, "few", 4));
	ok(btf__add_enum_value(btf, "ZERO", 0));
	ok(btf__add_ptr(btf, 0));
	expect(few, &pointer_kind, "33554432");
	negative = ok(btf__add_enum(btf, "negative", 4));
	ok(btf__add_enum_value(btf, "MINUS", -1));
	expect(negative, &minus, "\"MINUS\"");
	wide = ok(btf__add_enum64(btf, "wide", 8, false));
	ok(btf__add_enum64_value(btf, "HUGE", huge));
	expect(wide, &huge, "\"HUGE\"");
}

static void test_structs(void **state)
{
	uint32_t u8 = integer("u8", 1, 0), s32 = integer("int", 4, BTF_INT_SIGNED), id, outer,
		 pointer;
	uint32_t typedef_id =
		ok(btf__add_typedef(btf, "byte", (int)ok(btf__add_const(btf, (int)u8))));
	/* As the compiler of this machine lays it out, in its byte order. */
	const struct {
		unsigned char a;
		int32_t b;
		uint64_t p;
	} data = {7, -3, UINT64_C(578437695752307201)};

	(void)state;
	id = ok(btf__add_struct(btf, "inner", 8));
	ok(btf__add_field(btf, "a", (int)typedef_id, 0, 0));
	ok(btf__add_field(btf, "b", (int)s32, 32, 0));
	expect(id, &data, "{\"a\":7,\"b\":-3}");
	pointer = ok(btf__add_ptr(btf, 0)); /* fields go to the last type */
	outer = ok(btf__add_struct(btf, "outer", 16));
	ok(btf__add_field(btf, "", (int)id, 0, 0));
	ok(btf__add_field(btf, "p", (int)pointer, 64, 0));
	expect(outer, &data, "{\"0\":{\"a\":7,\"b\":-3},\"p\":578437695752307201}");
	expect(ok(btf__add_struct(btf, "empty", 0)), &data, "{}");
	expect(ok(btf__add_fwd(btf, "unknown", BTF_FWD_STRUCT)), &data, "null");
	expect(0, &data, "null");
}

static void test_bit_fields(void **state)
{
	uint32_t u32 = integer("unsigned int", 4, 0);
	uint32_t s32 = integer("int", 4, BTF_INT_SIGNED);
	uint32_t id = ok(btf__add_struct(btf, "bits", 4));
	const struct {
		unsigned int low : 3, middle : 7;
		int sign : 4;
		unsigned int rest : 18;
	} bits = {5, 100, -3, 0x2aaaa};

	(void)state;
	ok(btf__add_field(btf, "low", (int)u32, 0, 3));
	ok(btf__add_field(btf, "middle", (int)u32, 3, 7));
	ok(btf__add_field(btf, "sign", (int)s32, 10, 4));
	ok(btf__add_field(btf, "rest", (int)u32, 14, 18));
	expect(id, &bits, "{\"low\":5,\"middle\":100,\"sign\":-3,\"rest\":174762}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_integers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enums, setup, teardown),
		cmocka_unit_test_setup_teardown(test_structs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bit_fields, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
