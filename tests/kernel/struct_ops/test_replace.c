// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Replacing goes by what is in the link now, whoever put it there, and never asks the kernel to
 * replace a map by itself: util.c looks at each call.
 */
#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A step of a deployment that is run twice: nothing is left to be done. */
static void test_twice(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *again;

	rig_begin(&r, *state);
	for (int i = 0; i < 2; i++) { /* the map that has been there from the beginning */
		again = i ? handle(r.f, r.skel, "cc_first") : rig_open_first(&r);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, NULL), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, again), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, r.ops), 0);
		assert_int_equal(map_id_of(r.ops), r.first_id);
		assert_int_equal(map_id_of(again), r.first_id);
		bpfring_struct_ops_close(again);
	}
	assert_int_equal(update_hook.calls, 0);

	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	again = handle(r.f, r.skel, "cc_second");
	assert_return_code(bpfring_struct_ops_replace(r.ops, again, NULL), 0);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(rig_in_link(&r), r.second_id);
	assert_int_equal(map_id_of(r.ops), r.second_id);
	assert_int_equal(map_id_of(again), r.second_id);
	bpfring_struct_ops_close(again);

	/* Itself, of which there is no other handle. */
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.ops, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "itself"));
	rig_end(&r);
}

static void test_two_handles_roll_back(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other, *back[2];

	rig_begin(&r, *state);
	other = rig_open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	for (int i = 0; i < 2; i++)
		back[i] = rig_open_first(&r);
	assert_return_code(bpfring_struct_ops_replace(r.ops, back[0], NULL), 0);
	assert_return_code(bpfring_struct_ops_replace(other, back[1], NULL), 0);
	assert_int_equal(update_hook.calls, 2);
	assert_int_equal(rig_in_link(&r), r.first_id);
	assert_int_equal(map_id_of(r.ops), r.first_id);
	assert_int_equal(map_id_of(other), r.first_id);
	assert_int_equal(map_id_of(back[0]), r.second_id);
	/*
	 * The handle that knew the first all the time, with one of the second that is not there
	 * now.
	 */
	assert_return_code(bpfring_struct_ops_replace(other, back[0], other), 0);
	assert_int_equal(map_id_of(other), r.second_id);
	assert_int_equal(map_id_of(back[0]), r.first_id);
	assert_int_equal(map_id_of(r.ops), r.first_id); /* what it has, not the link */
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(back[0]);
	bpfring_struct_ops_close(back[1]);
	rig_end(&r);
}

/* What comes out is what was in, not what the handle knew. */
static void test_after_another_handle(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;
	struct connection c;

	rig_begin(&r, *state);
	other = rig_open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(other, r.second, NULL), 0);
	assert_return_code(bpfring_struct_ops_wait_released(r.second, 5000000000), 0);
	connect_with(&c, RIG_NAME);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.third, NULL), 0);
	assert_int_equal(map_id_of(r.ops), r.third_id);
	assert_int_equal(map_id_of(r.third), r.second_id);
	assert_int_equal(bpfring_struct_ops_wait_released(r.third, 20000000), -ETIMEDOUT);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(r.third, 5000000000), 0);
	bpfring_struct_ops_close(other);
	rig_end(&r);
}

static void test_unregister_after_another_handle(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;
	struct connection c;

	rig_begin(&r, *state);
	if (!kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		rig_end(&r);
		skip_because("struct_ops links of this kernel do not report that they were "
			     "detached (Linux 6.11)");
	}
	other = rig_open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(other, r.second, NULL), 0);
	connect_with(&c, RIG_NAME);
	assert_return_code(bpfring_struct_ops_unregister(r.ops), 0);
	assert_int_equal(map_id_of(r.ops), r.second_id);
	assert_int_equal(bpfring_struct_ops_wait_released(r.ops, 20000000), -ETIMEDOUT);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(r.ops, 5000000000), 0);
	assert_return_code(bpfring_struct_ops_unregister(r.ops), 0); /* detached */
	assert_int_equal(map_id_of(r.ops), r.second_id);
	bpfring_struct_ops_close(other);
	rig_end(&r);
}

static void test_expected(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *first, *untouched;
	unsigned int fds;

	rig_begin(&r, *state);
	first = rig_open_first(&r);
	untouched = handle(r.f, r.skel, "cc_first"); /* has not looked at its map yet */
	fds = count_fds();
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, r.third), -EPERM);
	assert_non_null(strstr(last_log(), "another map than expected"));
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, r.second), -EPERM);
	assert_int_equal(bpfring_struct_ops_replace(r.ops, first, r.second), -EPERM);
	assert_int_equal(update_hook.calls, 0);
	assert_int_equal(map_id_of(r.ops), r.first_id);
	assert_int_equal(map_id_of(r.second), r.second_id);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, untouched), 0);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(rig_in_link(&r), r.second_id);
	assert_int_equal(map_id_of(r.second), r.first_id);
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(untouched);
	rig_end(&r);
}

/* Handles that have not what it takes. */
static void test_wrong_use(void **state)
{
	struct rig r;
	struct ops_bpf *unloaded = ops_bpf__open();
	struct bpfring_struct_ops *no_map, *no_link;
	unsigned int fds;

	assert_non_null(unloaded);
	rig_begin(&r, *state);
	no_map = handle(r.f, unloaded, "cc_first");
	no_link = rig_open_first(&r);
	fds = count_fds();
	assert_int_equal(bpfring_struct_ops_replace(NULL, r.second, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_replace(r.ops, NULL, NULL), -EINVAL);
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(no_link, r.second, NULL), -ENOENT);
	assert_non_null(strstr(last_log(), "no link, so no map"));
	assert_int_equal(bpfring_struct_ops_replace(r.ops, no_map, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "load the object first"));
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, no_map), -ENOENT);
	assert_non_null(strstr(last_log(), "has no map"));
	assert_int_equal(rig_in_link(&r), r.first_id);
	assert_int_equal(count_fds(), fds);
	bpfring_struct_ops_close(no_map);
	bpfring_struct_ops_close(no_link);
	ops_bpf__destroy(unloaded);
	rig_end(&r);
}

/* What cannot be done is found out before the new map gets its value, which is for ever. */
static void test_failure_stores_nothing(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;

	rig_begin(&r, *state);
	other = handle(r.f, r.skel, "cc_other_name");
	assert_int_equal(bpfring_struct_ops_replace(r.ops, other, r.second), -EPERM);
	assert_state(other, BPFRING_STRUCT_OPS_STATE_INIT);
	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		assert_return_code(bpfring_struct_ops_unregister(r.ops), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, other, NULL), -ENOLINK);
		assert_non_null(strstr(last_log(), "was detached"));
		assert_state(other, BPFRING_STRUCT_OPS_STATE_INIT);
	}
	bpfring_struct_ops_close(other);
	rig_end(&r);
}

/* Without CAP_SYS_ADMIN nobody says which map is in the link, unless the caller has it. */
static int as_nobody(struct rig *r)
{
	struct bpfring_struct_ops *ops, *first, *again;

	if (setuid(65534))
		return 1;
	ops = rig_open_link(r);
	first = rig_open_first(r);
	if (bpfring_struct_ops_map_fd(ops) >= 0 ||
	    bpfring_struct_ops_replace(ops, r->second, NULL) != -EPERM ||
	    !strstr(last_log(), "CAP_SYS_ADMIN"))
		return 2;
	if (update_hook.calls || rig_in_link(r) != r->first_id)
		return 3;
	if (bpfring_struct_ops_replace(ops, r->second, r->third) != -EPERM)
		return 4;
	if (bpfring_struct_ops_replace(ops, r->second, first) || rig_in_link(r) != r->second_id)
		return 5;
	if (map_id_of(ops) != r->second_id || map_id_of(r->second) != r->first_id)
		return 6;
	/* That it is there already can be seen without. */
	ops = rig_open_link(r);
	again = rig_open_fd(r, bpf_map__fd(r->skel->maps.cc_second));
	if (bpfring_struct_ops_replace(ops, again, NULL) || update_hook.calls != 1)
		return 7;
	return map_id_of(ops) == r->second_id ? 0 : 8;
}

static void test_without_privileges(void **state)
{
	struct rig r;
	int status;
	pid_t pid;

	rig_begin(&r, *state);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid)
		_exit(as_nobody(&r));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	rig_end(&r);
}

/* Each handle has types of its own: what it gets from the other, it looks up in those. */
static void test_types_stay(void **state)
{
	struct rig r;
	struct bpfring_struct_ops_types *types;
	const struct bpfring_struct_ops_type *type;
	BPFRING_OPTS(bpfring_struct_ops_opts, opts);
	struct bpfring_struct_ops_report *report;
	struct bpfring_struct_ops *with;

	rig_begin(&r, *state);
	assert_return_code(bpfring_struct_ops_types_load(&types), 0);
	opts.types = types;
	assert_return_code(
		bpfring_struct_ops_open(&with, bpfring_struct_ops_map_fd(r.second), &opts), 0);
	assert_return_code(bpfring_struct_ops_replace(r.ops, with, NULL), 0);

	assert_return_code(bpfring_struct_ops_inspect(r.ops, &report), 0);
	assert_return_code(bpfring_struct_ops_types_find(r.f->types, "tcp_congestion_ops", &type),
			   0);
	assert_ptr_equal(report->type, type);
	assert_int_equal(report->map_id, r.second_id);
	bpfring_struct_ops_report_free(report);
	assert_return_code(bpfring_struct_ops_inspect(with, &report), 0);
	assert_return_code(bpfring_struct_ops_types_find(types, "tcp_congestion_ops", &type), 0);
	assert_ptr_equal(report->type, type);
	assert_int_equal(report->map_id, r.first_id);
	bpfring_struct_ops_report_free(report);

	/* The same when there was nothing to replace. */
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	assert_return_code(bpfring_struct_ops_inspect(r.ops, &report), 0);
	assert_return_code(bpfring_struct_ops_types_find(r.f->types, "tcp_congestion_ops", &type),
			   0);
	assert_ptr_equal(report->type, type);
	bpfring_struct_ops_report_free(report);
	bpfring_struct_ops_close(with);
	bpfring_struct_ops_types_free(types);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_two_handles_roll_back),
		cmocka_unit_test(test_after_another_handle),
		cmocka_unit_test(test_unregister_after_another_handle),
		cmocka_unit_test(test_expected),
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_failure_stores_nothing),
		cmocka_unit_test(test_without_privileges),
		cmocka_unit_test(test_types_stay),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
