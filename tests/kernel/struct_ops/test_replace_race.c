// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Replacing while others replace, between the look at the link and the kernel's turn. */
#include "rig.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys_struct_ops.h"

static void put_third(void *ctx)
{
	struct rig *r = ctx;

	update_link(bpfring_struct_ops_link_fd(r->ops), bpfring_struct_ops_map_fd(r->third));
}

static void put_second(void *ctx)
{
	struct rig *r = ctx;

	update_link(bpfring_struct_ops_link_fd(r->ops), bpf_map__fd(r->skel->maps.cc_second));
}

static void detach(void *ctx)
{
	struct rig *r = ctx;

	assert_return_code(bpfring_sys_link_detach(bpfring_struct_ops_link_fd(r->ops)), 0);
}

/* Somebody else replaces it between the look and the call. */
static void test_race(void **state)
{
	struct rig r;

	rig_begin(&r, *state);
	update_hook.before = put_third;
	update_hook.ctx = &r;
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	assert_int_equal(update_hook.calls, 2);
	assert_int_equal(rig_in_link(&r), r.second_id);
	assert_int_equal(map_id_of(r.ops), r.second_id);
	assert_int_equal(map_id_of(r.second), r.third_id);
	rig_end(&r);
}

/* And puts in what was to be put in: the kernel must not be asked again. */
static void test_race_to_the_same(void **state)
{
	struct rig r;

	rig_begin(&r, *state);
	update_hook.before = put_second;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(rig_in_link(&r), r.second_id);
	assert_int_equal(map_id_of(r.ops), r.second_id);
	assert_int_equal(map_id_of(r.second), r.second_id);
	rig_end(&r);
}

/* A condition is one that holds when the kernel acts. */
static void test_race_of_expected(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *first;

	rig_begin(&r, *state);
	first = rig_open_first(&r);
	update_hook.before = put_third;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, first), -EPERM);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(rig_in_link(&r), r.third_id);
	assert_int_equal(map_id_of(r.ops), r.first_id);
	assert_int_equal(map_id_of(r.second), r.second_id);
	bpfring_struct_ops_close(first);
	rig_end(&r);
}

static void test_race_with_detach(void **state)
{
	struct rig r;

	rig_begin(&r, *state);
	if (!kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		rig_end(&r);
		skip_because("struct_ops links of this kernel do not report that they were "
			     "detached (Linux 6.11)");
	}
	update_hook.before = detach;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), -ENOLINK);
	assert_int_equal(map_id_of(r.second), r.second_id);
	rig_end(&r);
}

/* Detached after it was overtaken, before it is tried again. */
static void test_race_lost(void **state)
{
	struct rig r;
	unsigned int fds;

	rig_begin(&r, *state);
	if (!kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		rig_end(&r);
		skip_because("struct_ops links of this kernel do not report that they were "
			     "detached (Linux 6.11)");
	}
	fds = count_fds();
	update_hook.before = detach;
	update_hook.ctx = &r;
	update_hook.error = -EPERM;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), -ENOLINK);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(map_id_of(r.ops), r.first_id);
	assert_int_equal(map_id_of(r.second), r.second_id);
	assert_int_equal(count_fds(), fds);
	rig_end(&r);
}

/* It gives up in the end: the kernel may say -EPERM for reasons of its own. */
static void test_refused_again_and_again(void **state)
{
	struct rig r;
	unsigned int fds;

	rig_begin(&r, *state);
	fds = count_fds();
	update_hook.error = -EPERM;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), -EPERM);
	assert_true(update_hook.calls > 1);
	assert_non_null(strstr(last_log(), "others keep replacing"));
	assert_int_equal(count_fds(), fds);
	assert_int_equal(map_id_of(r.ops), r.first_id);
	assert_int_equal(map_id_of(r.second), r.second_id);
	rig_end(&r);
}

/* Two processes put the same two maps in by turns, each without knowing of the other. */
static void test_two_processes(void **state)
{
	const int rounds = 30;
	struct rig r;
	int status = 0;
	pid_t pid;

	rig_begin(&r, *state);
	pid = fork();
	assert_return_code(pid, errno);
	for (int i = 0; i < rounds; i++) {
		struct bpfring_struct_ops *again = rig_open_fd(
			&r, bpf_map__fd(i % 2 ? r.skel->maps.cc_first : r.skel->maps.cc_second));

		status |= bpfring_struct_ops_replace(r.ops, again, NULL);
		bpfring_struct_ops_close(again);
	}
	if (!pid)
		_exit(!!status);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_to_the_same),
		cmocka_unit_test(test_race_of_expected),
		cmocka_unit_test(test_race_with_detach),
		cmocka_unit_test(test_race_lost),
		cmocka_unit_test(test_refused_again_and_again),
		cmocka_unit_test(test_two_processes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
