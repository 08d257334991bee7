// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * src/task_storage/names.c: names, their places and the table that BPF reads, on a handle without a
 * kernel.
 */
#include <bpfring/names.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "task_storage/names_abi.h"
#include "rig.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

/* A handle on the path UPTR as far as declarations look at it. */
struct names_rig {
	struct bpfring_task_storage ts;
	struct bpfring_task_member members[2];
	uint32_t guard;
	struct bpfring_names *names;
};

static void start(struct names_rig *r, uint32_t value_bytes)
{
	memset(r, 0, sizeof(*r));
	r->guard = 1;
	r->ts.guard = &r->guard;
	r->ts.path = &bpfring_task_slab;
	r->members[0] = (struct bpfring_task_member){.name = "names",
						     .size = sizeof(struct names_table),
						     .align = 8,
						     .flags = BPFRING_TASK_MEMBER_SHARED |
							      BPFRING_TASK_MEMBER_PROCESS};
	r->members[1] = (struct bpfring_task_member){.name = "values",
						     .size = value_bytes,
						     .align = 8,
						     .flags = BPFRING_TASK_MEMBER_SHARED};
	r->ts.layout.members = r->members;
	r->ts.layout.count = r->ts.layout.uptr_count = 2;
	r->ts.layout.uptrs[1] = 1;
	assert_int_equal(bpfring_task_slab.init(&r->ts), 0);
	assert_int_equal(bpfring_names_open(&r->names, &r->ts), 0);
}

static void stop(struct names_rig *r)
{
	bpfring_names_close(r->names);
	bpfring_task_slab.fini(&r->ts);
	bpfring_sys_free(r->ts.process_copy[0]);
}

static const struct names_table *table(const struct names_rig *r)
{
	return r->ts.process.mem[0]; /* what BPF sees */
}

static void places(void **state)
{
	static const struct {
		const char *name;
		uint32_t size, offset;
	} values[] = {{"a", 1, 0}, {"b", 8, 8}, {"c", 9, 16}, {"d", 64, 32}, {"e", 4, 96}};
	struct names_rig r;

	(void)state;
	start(&r, 256);
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(bpfring_names_declare(r.names, values[i].name, values[i].size), i);
		assert_int_equal(table(&r)->count, i + 1);
		assert_string_equal(table(&r)->entries[i].name, values[i].name);
		assert_int_equal(table(&r)->entries[i].size, values[i].size);
		assert_int_equal(table(&r)->entries[i].offset, values[i].offset);
	}
	assert_int_not_equal(table(&r)->generation, 0); /* of caches that have seen none */
	assert_int_equal(bpfring_names_declare(r.names, "b", 8), 1); /* again */
	assert_int_equal(table(&r)->count, 5);
	assert_int_equal(bpfring_names_declare(r.names, "b", 4), -EEXIST);
	assert_logged("'b'", "8 bytes already", "with 4");
	stop(&r);
}

static void room(void **state)
{
	struct names_rig r;
	char name[64];

	(void)state;
	start(&r, 24);
	assert_int_equal(bpfring_names_declare(r.names, "large", 25), -ENOSPC);
	assert_logged("'large'", "0 names", "0 of 24 bytes");
	assert_int_equal(bpfring_names_declare(r.names, "one", 17), 0);
	assert_int_equal(bpfring_names_declare(r.names, "two", 1), -ENOSPC);
	assert_logged("1 names", "24 of 24 bytes");
	stop(&r);

	start(&r, PAGE);
	for (int i = 0; i < NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "value.%d", i);
		assert_int_equal(bpfring_names_declare(r.names, name, 8), i);
	}
	assert_int_equal(bpfring_names_declare(r.names, "more", 8), -ENOSPC);
	assert_logged("63 names");
	assert_int_equal(bpfring_names_declare(r.names, "value.62", 8), 62);
	stop(&r);
}

static void bad_names(void **state)
{
	struct bpfring_names *names;
	struct names_rig r;
	char name[NAMES_LENGTH + 1];

	(void)state;
	start(&r, 256);
	memset(name, 'x', NAMES_LENGTH);
	name[NAMES_LENGTH] = '\0';
	assert_int_equal(bpfring_names_declare(r.names, name, 8), -ENAMETOOLONG);
	assert_int_equal(bpfring_names_declare(r.names, name + 1, 8), 0);
	assert_string_equal(table(&r)->entries[0].name, name + 1);
	assert_int_equal(bpfring_names_declare(r.names, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_names_declare(r.names, "", 8), -EINVAL);
	assert_int_equal(bpfring_names_declare(r.names, "x", 0), -EINVAL);
	assert_int_equal(bpfring_names_declare(r.names, "x", 1 << 16), -EINVAL);
	assert_int_equal(bpfring_names_open(NULL, &r.ts), -EINVAL);
	assert_int_equal(bpfring_names_open(&names, NULL), -EINVAL);
	r.members[0].flags =
		BPFRING_TASK_MEMBER_SHARED; /* a member that happens to have the name */
	assert_int_equal(bpfring_names_open(&names, &r.ts), -ENOENT);
	assert_logged("BPFRING_NAMED_MEMBERS");
	r.members[0].flags |= BPFRING_TASK_MEMBER_PROCESS;
	stop(&r);
}

/* Two libraries: one table, whoever opened it first. */
static void two_libraries(void **state)
{
	struct bpfring_names *second;
	struct names_rig r;

	(void)state;
	start(&r, 256);
	assert_int_equal(bpfring_names_open(&second, &r.ts), 0);
	assert_int_equal(bpfring_names_declare(r.names, "a", 8), 0);
	assert_int_equal(bpfring_names_declare(second, "b", 8), 1);
	assert_int_equal(bpfring_names_declare(second, "a", 8), 0);
	bpfring_names_close(second);
	assert_int_equal(bpfring_names_declare(r.names, "b", 8), 1);
	stop(&r);
}

/* Whoever holds the arrays of the fall-back can write into the table that BPF reads. */
static void a_table_that_others_write(void **state)
{
	static const uint32_t counts[] = {0, NAMES_MAX, NAMES_MAX + 1, 1U << 24, UINT32_MAX};
	struct names_table *shared;
	struct names_rig r;
	char name[16];
	void *mem;

	(void)state;
	start(&r, 256);
	assert_int_equal(bpfring_names_declare(r.names, "first", 8), 0);
	shared = r.ts.process.mem[0];
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		memset(shared, 0xff, sizeof(*shared));
		shared->count = counts[i];
		snprintf(name, sizeof(name), "value.%u", i);
		assert_int_equal(bpfring_names_declare(r.names, name, 8), i + 1);
		assert_int_equal(shared->count, i + 2);
		assert_string_equal(shared->entries[i + 1].name, name);
		assert_int_equal(shared->entries[i + 1].offset, (i + 1) * 8);
		assert_int_equal(bpfring_names_declare(r.names, "first", 8), 0);
		assert_int_equal(bpfring_names_bind(r.names, (int)counts[i] | 64, &mem), -EINVAL);
	}
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(places),
		rig_test(room),
		rig_test(bad_names),
		rig_test(two_libraries),
		rig_test(a_table_that_others_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
