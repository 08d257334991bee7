// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The value that is built of a BPF object and stored, once, by us or by an old libbpf; and what is
 * said if not.
 */
#include "fake_object.h"

#include <errno.h>
#include <string.h>

#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

static struct bpfring_struct_ops *ops;

static int setup(void **state)
{
	(void)state;
	fake_begin(true, "vmlinux", "array");
	fake.loaded = true;
	fake.flags = SYS_BPF_F_LINK;
	ops = fake_open("my_ops");
	return 0;
}

static int setup_module(void **state)
{
	(void)state;
	fake_begin(true, "a_module", "array");
	fake.loaded = true;
	fake.flags = SYS_BPF_F_LINK;
	ops = fake_open("my_ops");
	return 0;
}

static int setup_legacy(void **state)
{
	setup(state);
	fake.flags = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_struct_ops_close(ops);
	fake_end();
	return 0;
}

static void set_program(uint64_t *slot, unsigned int number)
{
	struct bpf_program *prog = fake_program(number);

	memcpy(slot, &prog, sizeof(void *));
}

static void assert_forgotten(void)
{
	log_forget();
	assert_int_equal(bpfring_struct_ops_set_optional(ops, NULL, 1), -EBUSY);
	assert_said("or whose map is stored");
}

/* Each member where the kernel has it, programs as descriptors, and nothing else. */
static void test_value(void **state)
{
	struct kernel_value expected;

	(void)state;
	set_program(&fake.data.init, 3);
	fake.data.flags = 0x11223344;
	fake.data.mode = 5;
	fake.data.number = -6;
	fake.data.byte = 7;
	fake.data.signed_byte = -8;
	fake.data.boolean = 1;
	fake.data.beside = 11;
	fake.data.array[0] = 9;
	fake.data.array[1] = 10;
	memcpy(fake.data.name, "my_name", 8);
	memset(&expected, 0, sizeof(expected));
	expected.data = (struct kernel_ops){.init = PROGRAM_FD + 3,
					    .flags = 0x11223344,
					    .mode = 5,
					    .number = -6,
					    .byte = 7,
					    .signed_byte = -8,
					    .boolean = 1,
					    .beside = 11,
					    .array = {9, 10},
					    .name = "my_name"};
	assert_int_equal(bpfring_struct_ops_store(ops), 0);
	assert_memory_equal(&fake.stored, &expected, sizeof(expected));
	assert_int_equal(fake.links, 0);
	assert_int_equal(fake.left, 1);
	assert_forgotten();
	assert_int_equal(bpfring_struct_ops_store(ops), 0);
	assert_int_equal(fake.updates, 1);
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(fake.updates, 1);
	assert_int_equal(fake.links, 1);
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_int_equal(fake.links, 1);
}

/* The type is a module's: the kernel says which BTF has it, and the BTF whose it is. */
static void test_module(void **state)
{
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	(void)state;
	fake.name_error = -EPERM;
	assert_int_equal(bpfring_struct_ops_status(ops, &status), -EPERM);
	fake.name_error = 0;
	assert_int_equal(bpfring_struct_ops_status(ops, &status), 0);
	assert_int_equal(status.map_id, 7);
	fake.culprit = offsetof(struct kernel_value, data.flags);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	fake.culprit += 3;
#endif
	fake.data.flags = 1;
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("or it sets a member that BPF may not set");
	assert_int_equal(fake.trials, 0); /* maps of modules take more to create */
	fake.data.flags = 0;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
}

static void test_register(void **state)
{
	(void)state;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(fake.updates, 1);
	assert_int_equal(fake.links, 1);
	assert_true(ops->owns_link);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), LINK_FD);
	assert_int_equal(ops->link_id, 9);
	assert_int_equal(ops->map.id, 7);
	assert_forgotten();
}

static void test_register_legacy(void **state)
{
	(void)state;
	assert_int_equal(bpfring_struct_ops_store(ops), -EOPNOTSUPP);
	assert_said("cannot be stored without being registered");
	assert_int_equal(fake.updates, 0);
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(fake.updates, 1);
	assert_int_equal(fake.links, 0);
	assert_forgotten();
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_said("is inuse");
	fake.state = BPFRING_STRUCT_OPS_STATE_TOBEFREE;
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_said("load another");
	assert_int_equal(fake.updates, 1);
}

static void test_not_stored(void **state)
{
	(void)state;
	fake.loaded = false;
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("load the object first");
	fake.without_map = true;
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("bpf_map__set_autocreate()");
	fake.loaded = true;
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_said("bpf_map__set_autocreate()");
	fake.without_map = false;
	set_program(&fake.data.init, 1);
	fake.programs_fd = -1;
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("program 'my_program' of 'init' was not loaded");
	fake.programs_fd = PROGRAM_FD;
	set_program(&fake.data.changed, 2);
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("declares 'changed'");
	fake.data.changed = 0;
	assert_int_equal(fake.updates, 0);
	assert_int_equal(fake.left, 0);
	assert_int_equal(bpfring_struct_ops_store(ops), 0); /* no failure took anything away */
	assert_int_equal(fake.updates, 1);
}

/* A handle that is not of an object. */
static void test_no_object(void **state)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = fake.types);
	struct bpfring_struct_ops *bare;

	(void)state;
	assert_int_equal(bpfring_struct_ops_open(&bare, MAP_FD, &opts), 0);
	assert_int_equal(bpfring_struct_ops_store(bare), -ENODATA);
	assert_int_equal(bpfring_struct_ops_register(bare), -ENODATA);
	assert_said("must store it first");
	fake.state = BPFRING_STRUCT_OPS_STATE_READY;
	assert_int_equal(bpfring_struct_ops_store(bare), 0);
	assert_int_equal(bpfring_struct_ops_register(bare), 0);
	assert_int_equal(fake.updates, 0);
	assert_int_equal(fake.links, 1);
	bpfring_struct_ops_close(bare);
}

/* ---- An old libbpf, which stores by itself ---- */

static void test_by_libbpf(void **state)
{
	(void)state;
	fake.old = true;
	fake.attach_state = BPFRING_STRUCT_OPS_STATE_READY;
	assert_int_equal(bpfring_struct_ops_store(ops), 0);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
	assert_int_equal(fake.updates, 0);
	assert_int_equal(fake.left, 1);
	assert_forgotten();
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(fake.links, 1);
}

/* 1.2 and 1.3 register as well. */
static void test_by_libbpf_with_link(void **state)
{
	(void)state;
	fake.old = true;
	fake.attach_state = BPFRING_STRUCT_OPS_STATE_READY;
	fake.attach_link = LINK_FD;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), LINK_FD);
	assert_int_equal(ops->link_id, 9);
	assert_int_equal(fake.links, 0);
}

/* Of what they do in one the second half failed: it is done by us, or fails again with a reason. */
static void test_by_libbpf_half(void **state)
{
	(void)state;
	fake.old = true;
	fake.attach_state = BPFRING_STRUCT_OPS_STATE_READY;
	fake.attach_error = -EEXIST;
	fake.link_error = -EEXIST;
	assert_int_equal(bpfring_struct_ops_register(ops), -EEXIST);
	assert_said("cannot register: -EEXIST");
	fake.link_error = 0;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(fake.links, 1);
}

static void test_by_libbpf_not(void **state)
{
	(void)state;
	fake.old = true;
	fake.attach_error = -EINVAL;
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_said("refuses this test_ops");
	assert_int_equal(fake.left, 0);
	fake.attach_error = 0;
	fake.attach_state = BPFRING_STRUCT_OPS_STATE_READY;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
}

/* ---- Explanations ---- */

/* The member without which it is accepted, found on maps for trial. */
static void test_culprit(void **state)
{
	(void)state;
	fake.data.flags = 1;
	fake.data.number = 2;
	fake.culprit = offsetof(struct kernel_value, data.number);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	fake.culprit += 3;
#endif
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("refuses member 'number' of its test_ops");
	assert_int_equal(fake.trials, 2); /* of the members that are set, as many as it took */
	fake.data.number = 0;
	assert_int_equal(bpfring_struct_ops_store(ops), 0);
}

/* It may be the kernel's first. */
static void test_first_culprit(void **state)
{
	(void)state;
	fake.data.array[0] = -1;
	fake.culprit = offsetof(struct kernel_value, data.array);
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("refuses member 'array' of its test_ops");
}

static void test_no_culprit(void **state)
{
	(void)state;
	fake.data.flags = 1;
	fake.data.number = 2;
	fake.update_error = -EINVAL; /* and all trials succeed: each is one too many */
	fake.culprit = offsetof(struct kernel_value, state);
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("refuses member 'flags'");
	fake.data.flags = 0;
	fake.data.number = 0; /* something is missing */
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_said("it may lack members that it needs");
}

static void test_reasons(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{-E2BIG, "trampoline"},
		{-EBUSY, "it has its value already"},
		{-EEXIST, "operations of that name"},
		{-EPERM, "does not allow writing"},
		{-EOPNOTSUPP, "cannot be registered"},
		{-524, "cannot be registered"},
		{-EXDEV, "the subsystem refuses it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.update_error = cases[i].error;
		assert_int_equal(bpfring_struct_ops_store(ops), cases[i].error);
		if (!strstr(log_text(), "cannot store the value"))
			fail_msg("%s", log_text());
		assert_said(cases[i].text);
	}
	fake.flags = 0;
	bpfring_struct_ops_close(ops);
	ops = fake_open("my_ops");
	fake.update_error = -EBUSY;
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_said("cannot register: -EBUSY; registered already");
}

static void test_link_reasons(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{-EBUSY, "there can be only one"},
		{-EEXIST, "operations of that name"},
		{-EOPNOTSUPP, "BPFRING_STRUCT_OPS_MODE_LEGACY"},
		{-524, "BPFRING_STRUCT_OPS_MODE_LEGACY"},
		{-EINVAL, "the map has no value"},
		{-EXDEV, "the subsystem refuses it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.link_error = cases[i].error;
		assert_int_equal(bpfring_struct_ops_register(ops), cases[i].error);
		if (!strstr(log_text(), "'my_ops' id 7: cannot register"))
			fail_msg("%s", log_text());
		assert_said(cases[i].text);
		assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
	}
}

/* What the kernel says of BPF_LINK_UPDATE, and what it means depends on the maps. */
static void test_replace_reasons(void **state)
{
	static const struct {
		int error;
		bool link_mode, same_type;
		const char *text;
	} cases[] = {
		{-EPERM, true, true, "others keep replacing"},
		{-ENOLINK, true, true, "was detached"},
		{-EOPNOTSUPP, true, true, "its type cannot be replaced"},
		{-524, true, true, "its type cannot be replaced"},
		{-EOPNOTSUPP, true, false, "the new map is of another type"},
		{-EINVAL, true, true, "has to keep its name"},
		{-EINVAL, true, false, "the new map is of another type"},
		{-EINVAL, false, false, "was not made for links"},
		{-EXDEV, true, true, "the subsystem refuses it"},
	};
	struct bpfring_struct_ops with = {.map = {.fd = MAP_FD, .id = 7, .name = "new"}};
	struct map old = {.fd = MAP_FD, .id = 6};

	(void)state;
	ops->link_id = 9;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		with.map.flags = cases[i].link_mode ? SYS_BPF_F_LINK : 0;
		with.map.fd = cases[i].same_type ? MAP_FD : OTHER_MAP_FD;
		bpfring_ops_explain_replace(ops, &with, &old, cases[i].error);
		if (!strstr(log_text(), "link id 9: cannot put map 'new' id 7 in: "))
			fail_msg("%s", log_text());
		assert_said(cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_value, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module, setup_module, teardown),
		cmocka_unit_test_setup_teardown(test_register, setup, teardown),
		cmocka_unit_test_setup_teardown(test_register_legacy, setup_legacy, teardown),
		cmocka_unit_test_setup_teardown(test_not_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_object, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_libbpf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_libbpf_with_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_libbpf_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_libbpf_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_culprit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_culprit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_culprit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_reasons, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
