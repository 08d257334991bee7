// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Which scheduler runs, and what is done with one that was ejected: on a kernel that is pretended.
 */
#include "fake_kernel.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "struct_ops/sched_ext.h"

/* Scheduler 1 runs; it is named "mine", in map 1, which is in link 3. */
static void boot(bool newer)
{
	fake_boot(newer);
	k.state = "enabled";
	k.scheduler = 1;
	k.name = "mine";
	k.types[1] = scx_type;
	k.names[1] = "mine";
	k.links[3] = 1;
}

static int setup(void **state)
{
	(void)state;
	boot(false);
	return 0;
}

static int setup_newer(void **state)
{
	(void)state;
	boot(true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_shutdown();
	return 0;
}

/* ---- Handles ---- */

/* As one that comes from the link's pin: of the scheduler it knows what the kernel says. */
static struct bpfring_struct_ops *open_mine(void)
{
	return fake_registered(1, 3);
}

static void close_all(struct bpfring_struct_ops *ops)
{
	bpfring_struct_ops_close(ops);
	assert_int_equal(k.open, 0);
}

/* Another scheduler in its place. */
static void supersede(const char *name)
{
	k.scheduler = 2;
	k.name = name;
}

static void test_running(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "enabling";
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = NULL; /* the kernel has no sched_ext, or no sysfs */
	k.scheduler = 0;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

static void test_no_scheduler(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.types[1] = tcp_type;
	ops = open_mine();
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	assert_false(bpfring_scx_is_scheduler(ops));
	close_all(ops);
}

static void test_both_types(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.types[1] = cid_type;
	ops = open_mine();
	assert_true(bpfring_scx_is_scheduler(ops));
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

static void test_ejected(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

/* Who was there when it began to run knows it, also from one of the same name. */
static void test_known_from_registration(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	bpfring_scx_registered(ops);
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("mine");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	bpfring_scx_registered(ops); /* anew */
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

/* So does who was there at any time while it ran. */
static void test_known_from_a_look(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("mine");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	close_all(ops);
}

static void test_known_by_name(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	supersede("mine, too");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	close_all(ops);
}

/* Of the same name: the one whose link is newer, whatever else has links. */
static void test_known_by_link(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	supersede("mine");
	k.types[2] = scx_type;
	k.links[2] = 2; /* older */
	k.links[5] = 4; /* of another type */
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_struct_ops_close(ops);

	for (int i = 0; i < 2; i++) {
		k.types[2] = i ? cid_type : scx_type;
		k.links[6] = 2; /* newer */
		ops = open_mine();
		assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
		k.links[6] = 0; /* detached */
		assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
		bpfring_struct_ops_close(ops);
	}
	k.links[6] = 2;
	k.without_admin = true; /* nobody says */
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

/* Schedulers of cgroups are beneath another one, and newer than that. */
static void test_cgroups(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.types[2] = scx_type;
	k.links[6] = 2;
	k.cgroups[2] = 77;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_struct_ops_close(ops);

	k.cgroups[2] = 0;
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	bpfring_struct_ops_close(ops);

	k.cgroups[1] = 78; /* mine is one: the name is that of the one above */
	supersede("above");
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_scx_registered(ops);
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("above");
	k.scheduler = 3;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

/* Of a state that is longer than any the room is used, and no more. */
static void test_long_state(void **state)
{
	struct {
		char text[20], behind[4];
	} buf;

	(void)state;
	memset(&buf, 'x', sizeof(buf));
	k.state = "abcdefghijklmnopqrstuvwxyz";
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "sched_ext is abcdef");
	assert_memory_equal(buf.behind, "xxxx", 4);
	k.state = "ab";
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "sched_ext is ab");
	k.state_error = -EIO;
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "");
	k.state = NULL;
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "");
	assert_int_equal(k.open, 0);
}

/* ---- What is done about it ---- */

static void test_unregister(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	bpfring_struct_ops_close(ops);
	k.links[3] = 1;
	ops = open_mine();
	k.state = "disabled"; /* ejected, and there is no other */
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 2);
	assert_string_equal(log_text(), "");
	close_all(ops);
}

static void test_unregister_superseded(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 0);
	assert_non_null(strstr(log_text(), "another scheduler runs"));
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	/* When that has ended, nothing is in the way. */
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
}

static void test_close_superseded(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	close_all(ops); /* who only looked does not have the last descriptor */
	assert_int_equal(k.closed_links, 1);
	assert_string_equal(log_text(), "");

	for (int i = 0; i < 2; i++) {
		ops = open_mine();
		if (i)
			ops->owns_link = true; /* it registered it */
		else
			assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
		log_forget();
		bpfring_struct_ops_close(ops);
		assert_int_equal(k.closed_links, 1);
		assert_int_equal(k.open, 1);
		assert_non_null(strstr(log_text(), "fd 4003 stays open"));
		k.open = 0;
	}

	log_forget();
	ops = open_mine();
	ops->owns_link = true;
	ops->scx_fd = fake_fd(FD_SCHEDULER + 2); /* the one that runs */
	close_all(ops);
	assert_int_equal(k.closed_links, 2);
	assert_string_equal(log_text(), "");
}

/* A kernel that has schedulers for cgroups ends only the one that is meant. */
static void test_newer_kernel(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	assert_false(bpfring_scx_ends_another(ops));
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
	assert_int_equal(k.closed_links, 1);
	assert_string_equal(log_text(), "");
}

static void test_legacy(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.flags[1] = 0;
	k.states[1] = BPFRING_STRUCT_OPS_STATE_INUSE;
	k.links[3] = 0;
	ops = fake_handle(FD_MAP + 1);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -EBUSY);
	supersede("other");
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.deleted, 0);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	k.refcnts[1] = 2;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	supersede("mine");
	k.scheduler = 1;
	log_forget();
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.deleted, 1);
	assert_string_equal(log_text(), "");
	close_all(ops);
}

/* What the kernel says of deleting a value. */
static void test_legacy_refused(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{-ENOENT, "was never registered"},
		{-EINPROGRESS, ""},
		{-EXDEV, "cannot unregister"},
	};
	struct bpfring_struct_ops *ops;

	(void)state;
	k.flags[1] = 0;
	ops = fake_handle(FD_MAP + 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_forget();
		k.delete_error = cases[i].error;
		assert_int_equal(bpfring_struct_ops_unregister(ops), cases[i].error);
		assert_non_null(strstr(log_text(), cases[i].text));
		assert_int_equal(!*log_text(), !*cases[i].text);
	}
	assert_int_equal(bpfring_struct_ops_unregister(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_wait_released(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, -2), -EINVAL);
	close_all(ops);
}

static void test_wait_released(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0); /* the link is idle */
	k.refcnts[1] = 2;					       /* there is more than it */
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.refcnts[1] = 1; /* another link than the handle's */
	k.links[3] = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.refcnts[1] = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	close_all(ops);
}

/* Nothing runs: no types are needed to know that nothing can be ended. */
static void test_types_not_needed(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_open(&ops, FD_MAP + 1, NULL), 0);
	ops->link_fd = fake_fd(FD_LINK + 3);
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_running, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_scheduler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ejected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_from_registration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_from_a_look, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_by_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cgroups, setup_newer, teardown),
		cmocka_unit_test_setup_teardown(test_long_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_superseded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_superseded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer_kernel, setup_newer, teardown),
		cmocka_unit_test_setup_teardown(test_legacy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legacy_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_released, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types_not_needed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
