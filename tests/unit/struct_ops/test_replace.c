// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Links: replacing in them, registering and detaching them, on a kernel that is pretended. */
#include "fake_kernel.h"

#include <errno.h>
#include <string.h>

#include "struct_ops/struct_ops.h"

/* Map 1 is in link 3; handles of that, and of map 2. */
static struct bpfring_struct_ops *ops, *with;

static int setup(void **state)
{
	(void)state;
	fake_boot(true);
	k.links[3] = 1;
	k.new_link = 4;
	ops = fake_registered(1, 3);
	with = fake_handle(FD_MAP + 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	assert_int_equal(k.open, 0);
	fake_shutdown();
	return 0;
}

static int replace(struct bpfring_struct_ops *expected)
{
	log_forget();
	return bpfring_struct_ops_replace(ops, with, expected);
}

static void assert_maps(uint32_t of_ops, uint32_t of_with, uint32_t in_link)
{
	assert_int_equal(ops->map.id, of_ops);
	assert_int_equal(with->map.id, of_with);
	assert_int_equal(k.links[3], in_link);
}

static void test_replace(void **state)
{
	(void)state;
	assert_int_equal(replace(NULL), 0);
	assert_maps(2, 1, 2);
	assert_int_equal(k.by_id, 0); /* the handle has it */
	assert_int_equal(replace(ops), 0);
	assert_maps(1, 2, 1);
	assert_int_equal(k.updates, 2);
}

static void test_by_itself(void **state)
{
	(void)state;
	k.links[3] = 2; /* put there by somebody else */
	assert_int_equal(replace(NULL), 0);
	assert_maps(2, 2, 2);
	assert_int_equal(replace(NULL), 0);
	assert_int_equal(replace(ops), 0);
	assert_int_equal(replace(with), 0);
	assert_int_equal(k.updates, 0);
	assert_string_equal(log_text(), "");
	assert_int_equal(bpfring_struct_ops_replace(ops, ops, NULL), -EINVAL);
}

/* What is in it is opened by its id if no handle has it. */
static void test_unknown(void **state)
{
	struct bpfring_struct_ops *expected = fake_handle(FD_MAP + 5);

	(void)state;
	k.links[3] = 5;
	assert_int_equal(replace(NULL), 0);
	assert_maps(2, 5, 2);
	assert_int_equal(k.by_id, 1);
	k.links[3] = 6;
	k.without_admin = true;
	assert_int_equal(replace(NULL), -EPERM);
	assert_non_null(strstr(log_text(), "CAP_SYS_ADMIN"));
	assert_maps(2, 5, 6);
	k.without_admin = false;
	k.by_id_error = -EMFILE;
	assert_int_equal(replace(NULL), -EMFILE);
	k.by_id_error = 0;
	k.links[3] = 2;
	assert_int_equal(replace(expected), -EPERM); /* not what was expected */
	assert_non_null(strstr(log_text(), "id 2, not id 5"));
	assert_maps(2, 5, 2);
	bpfring_struct_ops_close(expected);
}

/*
 * The link has a map that is gone when it is to be opened: another one by then, or nothing to wait
 * for.
 */
static void test_freed(void **state)
{
	(void)state;
	k.links[3] = k.freed = 6;
	assert_int_equal(replace(NULL), -ENOENT);
	assert_int_equal(k.by_id, 2);
	assert_maps(1, 2, 6);
}

static void put_4(void)
{
	k.links[3] = 4;
}

static void put_2(void)
{
	k.links[3] = 2;
}

static void put_4_and_fail(void)
{
	k.links[3] = 4;
	k.info_error = -EIO;
}

static void test_overtaken(void **state)
{
	(void)state;
	k.before = put_4;
	assert_int_equal(replace(NULL), 0);
	assert_int_equal(k.updates, 2);
	assert_maps(2, 4, 2);
}

static void test_overtaken_by_the_same(void **state)
{
	(void)state;
	k.before = put_2;
	assert_int_equal(replace(NULL), 0);
	assert_int_equal(k.updates, 1);
	assert_maps(2, 2, 2);
}

static void test_overtaken_and_failed(void **state)
{
	(void)state;
	k.before = put_4_and_fail;
	assert_int_equal(replace(NULL), -EIO);
	assert_int_equal(k.updates, 1);
	assert_maps(1, 2, 4);
}

static void test_overtaken_with_condition(void **state)
{
	(void)state;
	k.before = put_4;
	assert_int_equal(replace(ops), -EPERM);
	assert_int_equal(k.updates, 1);
	assert_maps(1, 2, 4);
}

static void test_refused(void **state)
{
	(void)state;
	k.update_error = -EPERM;
	assert_int_equal(replace(NULL), -EPERM);
	assert_int_equal(k.updates, 1000);
	k.update_error = -EINVAL;
	assert_int_equal(replace(NULL), -EINVAL);
	assert_int_equal(k.updates, 1001);
	assert_non_null(strstr(log_text(), "cannot put map"));
	assert_maps(1, 2, 1);
}

/* A map without its value, of which nobody here knows it; and one that is not made for links. */
static void test_not_ready(void **state)
{
	(void)state;
	k.states[2] = BPFRING_STRUCT_OPS_STATE_INIT;
	assert_int_equal(replace(NULL), -ENODATA);
	assert_int_equal(k.updates, 0);
	bpfring_struct_ops_close(with);
	k.flags[2] = 0;
	with = fake_handle(FD_MAP + 2);
	k.update_error = -EINVAL; /* says the kernel */
	assert_int_equal(replace(NULL), -EINVAL);
	assert_non_null(strstr(log_text(), "not made for links"));
	assert_int_equal(k.updates, 1);
}

static void test_detached(void **state)
{
	(void)state;
	k.links[3] = 0;
	assert_int_equal(replace(NULL), -ENOLINK);
	assert_non_null(strstr(log_text(), "was detached"));
	assert_int_equal(k.updates, 0);
	k.info_error = -EIO;
	assert_int_equal(replace(NULL), -EIO);
}

/* ---- Registering and detaching ---- */

static void test_register_again(void **state)
{
	(void)state;
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_non_null(strstr(log_text(), "link id 3 already, with map id 1"));
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	k.create_error = -EEXIST;
	assert_int_equal(bpfring_struct_ops_register(ops), -EEXIST);
	assert_int_equal(ops->link_id, 3);
	k.create_error = 0;
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(ops->link_id, 4);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), FD_LINK + 4);
	assert_int_equal(k.links[4], 1);
	assert_int_equal(k.closed_links, 1); /* the old one */
	assert_true(ops->owns_link);
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.links[4], 0);
	assert_int_equal(k.detached, 2);
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0); /* it is */
	assert_int_equal(k.detached, 2);
}

/* What is taken out is what was in, and that is what the handle has then. */
static void test_unregister_after_others(void **state)
{
	(void)state;
	k.links[3] = 5;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_maps(5, 2, 0);
	k.refcnts[5] = 1; /* a socket */
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.refcnts[5] = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	assert_string_equal(log_text(), "");
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(bpfring_struct_ops_register(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_unregister(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_replace(NULL, with, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_replace(ops, NULL, NULL), -EINVAL);
	assert_int_equal(k.updates, 0);
}

/* What is expected has to be known: a handle without a map is no condition, and none is meant. */
static void test_expected_nothing(void **state)
{
	struct bpfring_struct_ops *expected = fake_handle(FD_MAP + 5);

	(void)state;
	bpfring_map_close(&expected->map);
	assert_int_equal(replace(expected), -ENOENT);
	assert_non_null(strstr(log_text(), "has no map"));
	assert_int_equal(k.updates, 0);
	assert_maps(1, 2, 1);
	bpfring_struct_ops_close(expected);
}

static void test_unregister_unknown(void **state)
{
	(void)state;
	k.links[3] = 5;
	k.without_admin = true;
	k.detach_error = -EIO;
	assert_int_equal(bpfring_struct_ops_unregister(ops), -EIO);
	assert_int_equal(ops->map.id, 1); /* nothing has happened */
	assert_true(bpfring_struct_ops_map_fd(ops) >= 0);
	k.detach_error = 0;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_non_null(strstr(log_text(), "map id 5"));
	assert_int_equal(bpfring_struct_ops_map_fd(ops), -1); /* no wrong one to wait for */
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ENOENT);
}

/* Before 6.11: the link can only be given up. */
static void test_no_detach(void **state)
{
	(void)state;
	k.detach_error = -EOPNOTSUPP;
	assert_int_equal(bpfring_struct_ops_unregister(ops), -EBUSY); /* link 3 is still there */
	assert_non_null(strstr(log_text(), "keeps link id 3"));
	assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
	assert_int_equal(bpfring_struct_ops_unregister(ops), -ENOLINK);
	assert_int_equal(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(ops->link_id, 4);
	k.without_admin = true; /* nobody says whether it is gone */
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
}

static void test_value_unreadable(void **state)
{
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	(void)state;
	k.value_error = -EIO;
	assert_int_equal(bpfring_struct_ops_status(ops, &status), -EIO);
	assert_non_null(strstr(log_text(), "cannot read the value"));
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -EIO);
	k.value_error = 0;
	assert_int_equal(bpfring_struct_ops_status(ops, &status), 0);
	assert_int_equal(status.link_map_id, 1);
}

static void let_go_later(void)
{
	if (k.sleeps == 20)
		k.refcnts[1] = 0;
}

/* It looks often at first, then more rarely; never for longer than there is time. */
static void test_wait_released(void **state)
{
	(void)state;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.refcnts[1], 1);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	assert_int_equal(k.sleeps, 0);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 100000000), -ETIMEDOUT);
	assert_true(k.now == 100000000);
	assert_in_range(k.sleeps, 7, 100);
	assert_in_range(k.longest_sleep, 2000000, 20000000);

	k.sleeps = 0;
	k.at_sleep = let_go_later;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, -1), 0);
	assert_int_equal(k.sleeps, 20);
	assert_in_range(k.longest_sleep, 2000000, 20000000);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, -2), -EINVAL);
	assert_int_equal(bpfring_struct_ops_wait_released(NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_null, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expected_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overtaken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overtaken_by_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overtaken_and_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overtaken_with_condition, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_register_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_after_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_detach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_value_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_released, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
