// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reports on a map that is made up: every line and every word of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "struct_ops/report.h"
#include "struct_ops/types.h"

/* A kernel's struct and the value of its map, in the byte order of this machine. */
struct ops {
	uint64_t fn, unset;
	uint32_t flags, zero;
	char name[8];
	int32_t pair[2];
};

struct value {
	uint32_t refcnt, state;
	struct ops data;
};

static struct btf *btf;
static struct bpfring_struct_ops_types *types;
static struct value value;
static uint32_t link_ids[2] = {31, 32};
static struct report_value values[6];
static struct report report;

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

static void add_field(const char *name, int type, size_t offset)
{
	ok(btf__add_field(btf, name, type, (uint32_t)offset * 8, 0));
}

static void make_types(void)
{
	int u32, s32, chr, fn, str, pair, ops;

	btf = btf__new_empty();
	assert_non_null(btf);
	btf__set_pointer_size(btf, 8);
	u32 = ok(btf__add_int(btf, "unsigned int", 4, 0));
	s32 = ok(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	chr = ok(btf__add_int(btf, "char", 1, BTF_INT_SIGNED));
	fn = ok(btf__add_ptr(btf, ok(btf__add_func_proto(btf, 0))));
	str = ok(btf__add_array(btf, u32, chr, 8));
	pair = ok(btf__add_array(btf, u32, s32, 2));
	ops = ok(btf__add_struct(btf, "my_ops", sizeof(struct ops)));
	add_field("fn", fn, offsetof(struct ops, fn));
	add_field("unset", fn, offsetof(struct ops, unset));
	add_field("flags", u32, offsetof(struct ops, flags));
	add_field("zero", u32, offsetof(struct ops, zero));
	add_field("name", str, offsetof(struct ops, name));
	add_field("pair", pair, offsetof(struct ops, pair));
	ok(btf__add_struct(btf, "bpf_struct_ops_my_ops", sizeof(struct value)));
	add_field("refcnt", u32, offsetof(struct value, refcnt));
	add_field("state", u32, offsetof(struct value, state));
	add_field("data", ops, offsetof(struct value, data));
	types = bpfring_struct_ops_types_new();
	assert_non_null(types);
	assert_int_equal(bpfring_struct_ops_types_add(types, btf, "a_module"), 0);
}

static int setup(void **state)
{
	const struct bpfring_struct_ops_type *type;

	(void)state;
	make_types();
	assert_int_equal(bpfring_struct_ops_types_find(types, "my_ops", &type), 0);
	value = (struct value){2,
			       BPFRING_STRUCT_OPS_STATE_READY,
			       {.fn = 55, .flags = 0x80000001, .name = "a\"b", .pair = {-1, 2}}};
	memset(&report, 0, sizeof(report));
	memset(values, 0, sizeof(values));
	strcpy(report.map_name, "my\\map");
	report.value = &value;
	report.link_ids = link_ids;
	report.values = values;
	report.pub = (struct bpfring_struct_ops_report){.map_id = 12,
							.map_name = report.map_name,
							.map_flags = 8192,
							.link_mode = 1,
							.state = value.state,
							.refcnt = value.refcnt,
							.type = type,
							.link_count = 2,
							.link_ids = link_ids};
	for (uint32_t i = 0; i < type->member_count; i++) {
		struct bpfring_struct_ops_value *v = &values[i].pub;

		assert_int_equal(bpfring_struct_ops_type_get_member(type, i, &v->member), 0);
		v->data = (const char *)&value.data + v->member->offset;
		v->prog_name = values[i].prog_name;
		v->prog_tag = values[i].prog_tag;
	}
	values[0].pub.prog_id = 55;
	strcpy(values[0].prog_name, "my_prog");
	strcpy(values[0].prog_tag, "0123456789abcdef");
	values[0].pub.run_count = 7;
	values[0].pub.run_time_ns = 7000;
	values[0].pub.recursion_misses = 3;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_struct_ops_types_free(types);
	btf__free(btf);
	return 0;
}

static void expect(int (*fn)(const struct bpfring_struct_ops_report *, FILE *), const char *text)
{
	char *printed;
	size_t size;
	FILE *stream = open_memstream(&printed, &size);

	assert_non_null(stream);
	assert_int_equal(fn(&report.pub, stream), 0);
	fclose(stream);
	assert_string_equal(printed, text);
	free(printed);
}

static void test_text(void **state)
{
	(void)state;
	expect(bpfring_struct_ops_report_text,
	       "map 12 'my\\map': my_ops of a_module, link mode\n"
	       "  state ready, refcnt 2, links: 31, 32\n"
	       "  fn               program 55 'my_prog' tag 0123456789abcdef, 7 calls, 7000 ns\n"
	       "  flags            2147483649\n"
	       "  name             \"a\\\"b\"\n"
	       "  pair             [-1,2]\n");
}

static void test_json(void **state)
{
	(void)state;
	expect(bpfring_struct_ops_report_json,
	       "{\"map\":{\"id\":12,\"name\":\"my\\\\map\",\"flags\":8192,\"mode\":\"link\"},"
	       "\"type\":\"my_ops\",\"module\":\"a_module\",\"state\":\"ready\",\"refcnt\":2,"
	       "\"links\":[31,32],\"members\":{"
	       "\"fn\":{\"prog\":{\"id\":55,\"name\":\"my_prog\",\"tag\":\"0123456789abcdef\","
	       "\"run_count\":7,\"run_time_ns\":7000,\"recursion_misses\":3}},"
	       "\"unset\":null,\"flags\":2147483649,\"zero\":0,\"name\":\"a\\\"b\","
	       "\"pair\":[-1,2]}}");
}

/* A legacy map, seen by somebody who may see little. */
static void make_poor(void)
{
	report.pub.link_mode = 0;
	report.pub.map_flags = 0;
	report.pub.state = BPFRING_STRUCT_OPS_STATE_TOBEFREE;
	report.pub.link_count = -EPERM;
	values[0].prog_name[0] = values[0].prog_tag[0] = '\0';
	values[0].pub.run_count = values[0].pub.run_time_ns = values[0].pub.recursion_misses = 0;
	memset(&value.data.flags, 0, sizeof(value.data) - offsetof(struct ops, flags));
}

static void test_poor_text(void **state)
{
	(void)state;
	make_poor();
	expect(bpfring_struct_ops_report_text,
	       "map 12 'my\\map': my_ops of a_module, legacy mode\n"
	       "  state tobefree, refcnt 2, links: unknown (needs CAP_SYS_ADMIN)\n"
	       "  fn               program 55\n");
	report.pub.link_count = 0;
	expect(bpfring_struct_ops_report_text, "map 12 'my\\map': my_ops of a_module, legacy mode\n"
					       "  state tobefree, refcnt 2, links: none\n"
					       "  fn               program 55\n");
}

static void test_poor_json(void **state)
{
	static const char head[] = "{\"map\":{\"id\":12,\"name\":\"my\\\\map\",\"flags\":0,"
				   "\"mode\":\"legacy\"},\"type\":\"my_ops\","
				   "\"module\":\"a_module\",\"state\":\"tobefree\",\"refcnt\":2,";
	static const char tail[] = "\"members\":{\"fn\":{\"prog\":{\"id\":55,\"name\":\"\","
				   "\"tag\":\"\",\"run_count\":0,\"run_time_ns\":0,"
				   "\"recursion_misses\":0}},\"unset\":null,\"flags\":0,"
				   "\"zero\":0,\"name\":\"\",\"pair\":[0,0]}}";
	char text[1024];

	(void)state;
	make_poor();
	snprintf(text, sizeof(text), "%s\"links\":null,%s", head, tail);
	expect(bpfring_struct_ops_report_json, text);
	report.pub.link_count = 0;
	snprintf(text, sizeof(text), "%s\"links\":[],%s", head, tail);
	expect(bpfring_struct_ops_report_json, text);
}

/* A member counts as set if any byte of it is. */
static void test_last_byte(void **state)
{
	(void)state;
	make_poor();
	value.data.fn = values[0].pub.prog_id = 0;
	value.data.name[7] = 'x';
	report.pub.link_count = 1;
	expect(bpfring_struct_ops_report_text, "map 12 'my\\map': my_ops of a_module, legacy mode\n"
					       "  state tobefree, refcnt 2, links: 31\n"
					       "  name             \"\"\n");
}

static void test_errors(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	const struct bpfring_struct_ops_value *v;

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(bpfring_struct_ops_report_text(&report.pub, full), -EIO);
	assert_int_equal(bpfring_struct_ops_report_json(&report.pub, full), -EIO);
	fclose(full);
	assert_int_equal(bpfring_struct_ops_report_text(NULL, stderr), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_text(&report.pub, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_json(NULL, stderr), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_json(&report.pub, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_get_value(&report.pub, 5, &v), 0);
	assert_string_equal(v->member->name, "pair");
	assert_int_equal(bpfring_struct_ops_report_get_value(&report.pub, 6, &v), -ENOENT);
	assert_int_equal(bpfring_struct_ops_report_get_value(NULL, 0, &v), -EINVAL);
	assert_int_equal(bpfring_struct_ops_report_get_value(&report.pub, 0, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poor_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poor_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
