// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Replacing goes by what is in the link now, whoever put it there, and never asks the kernel to replace a
 * map by itself: util.c looks at each call.
 */
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys_struct_ops.h"

#define NAME "bpfring_test"

/* A link with the first map in it, and handles of all maps that can take its place. */
struct rig {
	struct fixture *f;
	struct ops_bpf *skel;
	struct bpfring_struct_ops *ops; /* has the link */
	struct bpfring_struct_ops *second, *third;
	uint32_t first_id, second_id, third_id;
};

static struct bpfring_struct_ops *open_fd(struct rig *r, int fd)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = r->f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open(&ops, fd, &opts), 0);
	return ops;
}

static struct bpfring_struct_ops *open_link(struct rig *r)
{
	return open_fd(r, bpfring_struct_ops_link_fd(r->ops));
}

static struct bpfring_struct_ops *open_first(struct rig *r)
{
	return open_fd(r, bpf_map__fd(r->skel->maps.cc_first));
}

static void begin(struct rig *r, struct fixture *f)
{
	r->f = f;
	r->skel = load_all(f, BPFRING_STRUCT_OPS_LINK);
	r->ops = handle(f, r->skel, "cc_first");
	r->second = handle(f, r->skel, "cc_second");
	r->third = handle(f, r->skel, "cc_third");
	assert_return_code(bpfring_struct_ops_register(r->ops), 0);
	assert_return_code(bpfring_struct_ops_store(r->second), 0);
	assert_return_code(bpfring_struct_ops_store(r->third), 0);
	r->first_id = bpfring_struct_ops_map_id(r->ops);
	r->second_id = bpfring_struct_ops_map_id(r->second);
	r->third_id = bpfring_struct_ops_map_id(r->third);
	update_hook = (struct update_hook){0};
	last_log();
}

static void end(struct rig *r)
{
	update_hook = (struct update_hook){0};
	bpfring_struct_ops_close(r->ops);
	bpfring_struct_ops_close(r->second);
	bpfring_struct_ops_close(r->third);
	ops_bpf__destroy(r->skel);
	assert_false(available(NAME));
}

static uint32_t in_link(struct rig *r)
{
	struct sys_link_info info;

	assert_return_code(bpfring_sys_link_info(bpfring_struct_ops_link_fd(r->ops), &info), 0);
	return info.map_id;
}

/* A step of a deployment that is run twice: nothing is left to be done. */
static void test_twice(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *again;

	begin(&r, *state);
	for (int i = 0; i < 2; i++) { /* the map that has been there from the beginning */
		again = i ? handle(r.f, r.skel, "cc_first") : open_first(&r);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, NULL), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, again), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, again, r.ops), 0);
		assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.first_id);
		assert_int_equal(bpfring_struct_ops_map_id(again), r.first_id);
		bpfring_struct_ops_close(again);
	}
	assert_int_equal(update_hook.calls, 0);

	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	again = handle(r.f, r.skel, "cc_second");
	assert_return_code(bpfring_struct_ops_replace(r.ops, again, NULL), 0);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(in_link(&r), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(again), r.second_id);
	bpfring_struct_ops_close(again);

	/* Itself, of which there is no other handle. */
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.ops, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "itself"));
	end(&r);
}

static void test_two_handles_roll_back(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other, *back[2];

	begin(&r, *state);
	other = open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	for (int i = 0; i < 2; i++)
		back[i] = open_first(&r);
	assert_return_code(bpfring_struct_ops_replace(r.ops, back[0], NULL), 0);
	assert_return_code(bpfring_struct_ops_replace(other, back[1], NULL), 0);
	assert_int_equal(update_hook.calls, 2);
	assert_int_equal(in_link(&r), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(other), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(back[0]), r.second_id);
	/* The handle that knew the first all the time, with one of the second that is not there now. */
	assert_return_code(bpfring_struct_ops_replace(other, back[0], other), 0);
	assert_int_equal(bpfring_struct_ops_map_id(other), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(back[0]), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops),
			 r.first_id); /* what it has, not the link */
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(back[0]);
	bpfring_struct_ops_close(back[1]);
	end(&r);
}

/* What comes out is what was in, not what the handle knew. */
static void test_after_another_handle(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;
	struct connection c;

	begin(&r, *state);
	other = open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(other, r.second, NULL), 0);
	assert_return_code(bpfring_struct_ops_wait_released(r.second, 5000000000), 0);
	connect_with(&c, NAME);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.third, NULL), 0);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.third_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.third), r.second_id);
	assert_int_equal(bpfring_struct_ops_wait_released(r.third, 20000000), -ETIMEDOUT);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(r.third, 5000000000), 0);
	bpfring_struct_ops_close(other);
	end(&r);
}

static void test_unregister_after_another_handle(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;
	struct connection c;

	begin(&r, *state);
	if (!kernel_can(r.f, BPFRING_STRUCT_OPS_CAN_DETACH)) {
		end(&r);
		skip_because("links of this kernel do not tell of their detachment (Linux 6.11)");
	}
	other = open_link(&r);
	assert_return_code(bpfring_struct_ops_replace(other, r.second, NULL), 0);
	connect_with(&c, NAME);
	assert_return_code(bpfring_struct_ops_unregister(r.ops), 0);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.second_id);
	assert_int_equal(bpfring_struct_ops_wait_released(r.ops, 20000000), -ETIMEDOUT);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(r.ops, 5000000000), 0);
	assert_return_code(bpfring_struct_ops_unregister(r.ops), 0); /* detached */
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.second_id);
	bpfring_struct_ops_close(other);
	end(&r);
}

static void test_expected(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *first, *untouched;

	begin(&r, *state);
	first = open_first(&r);
	untouched = handle(r.f, r.skel, "cc_first"); /* has not looked at its map yet */
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, r.third), -EPERM);
	assert_non_null(strstr(last_log(), "another map than expected"));
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, r.second), -EPERM);
	assert_int_equal(bpfring_struct_ops_replace(r.ops, first, r.second), -EPERM);
	assert_int_equal(update_hook.calls, 0);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.second_id);
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, untouched), 0);
	assert_int_equal(in_link(&r), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.first_id);
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(untouched);
	end(&r);
}

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

	begin(&r, *state);
	update_hook.before = put_third;
	update_hook.ctx = &r;
	assert_return_code(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	assert_int_equal(update_hook.calls, 2);
	assert_int_equal(in_link(&r), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.third_id);
	end(&r);
}

/* And puts in what was to be put in: the kernel must not be asked again. */
static void test_race_to_the_same(void **state)
{
	struct rig r;

	begin(&r, *state);
	update_hook.before = put_second;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), 0);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(in_link(&r), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.second_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.second_id);
	end(&r);
}

/* A condition is one that holds when the kernel acts. */
static void test_race_of_expected(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *first;

	begin(&r, *state);
	first = open_first(&r);
	update_hook.before = put_third;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, first), -EPERM);
	assert_int_equal(update_hook.calls, 1);
	assert_int_equal(in_link(&r), r.third_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.second_id);
	bpfring_struct_ops_close(first);
	end(&r);
}

static void test_race_with_detach(void **state)
{
	struct rig r;

	begin(&r, *state);
	if (!kernel_can(r.f, BPFRING_STRUCT_OPS_CAN_DETACH)) {
		end(&r);
		skip_because("links of this kernel do not tell of their detachment (Linux 6.11)");
	}
	update_hook.before = detach;
	update_hook.ctx = &r;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), -ENOLINK);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.second_id);
	end(&r);
}

/* It gives up in the end: the kernel may say -EPERM for reasons of its own. */
static void test_refused_again_and_again(void **state)
{
	struct rig r;
	unsigned int fds;

	begin(&r, *state);
	fds = count_fds();
	update_hook.error = -EPERM;
	assert_int_equal(bpfring_struct_ops_replace(r.ops, r.second, NULL), -EPERM);
	assert_true(update_hook.calls > 1);
	assert_non_null(strstr(last_log(), "others keep replacing"));
	assert_int_equal(count_fds(), fds);
	assert_int_equal(bpfring_struct_ops_map_id(r.ops), r.first_id);
	assert_int_equal(bpfring_struct_ops_map_id(r.second), r.second_id);
	end(&r);
}

/* What cannot be done is found out before the new map gets its value, which is for ever. */
static void test_failure_stores_nothing(void **state)
{
	struct rig r;
	struct bpfring_struct_ops *other;

	begin(&r, *state);
	other = handle(r.f, r.skel, "cc_other_name");
	assert_int_equal(bpfring_struct_ops_replace(r.ops, other, r.second), -EPERM);
	assert_state(other, BPFRING_STRUCT_OPS_INIT);
	if (kernel_can(r.f, BPFRING_STRUCT_OPS_CAN_DETACH)) {
		assert_return_code(bpfring_struct_ops_unregister(r.ops), 0);
		assert_int_equal(bpfring_struct_ops_replace(r.ops, other, NULL), -ENOLINK);
		assert_non_null(strstr(last_log(), "was detached"));
		assert_state(other, BPFRING_STRUCT_OPS_INIT);
	}
	bpfring_struct_ops_close(other);
	end(&r);
}

/* Without CAP_SYS_ADMIN nobody says which map is in the link, unless the caller has it. */
static int as_nobody(struct rig *r)
{
	struct bpfring_struct_ops *ops, *first;

	if (setuid(65534))
		return 1;
	ops = open_link(r);
	first = open_first(r);
	if (bpfring_struct_ops_map_fd(ops) >= 0 ||
	    bpfring_struct_ops_replace(ops, r->second, NULL) != -EPERM ||
	    !strstr(last_log(), "CAP_SYS_ADMIN"))
		return 2;
	if (update_hook.calls || in_link(r) != r->first_id)
		return 3;
	if (bpfring_struct_ops_replace(ops, r->second, r->third) != -EPERM)
		return 4;
	if (bpfring_struct_ops_replace(ops, r->second, first) || in_link(r) != r->second_id)
		return 5;
	if (bpfring_struct_ops_map_id(ops) != r->second_id ||
	    bpfring_struct_ops_map_id(r->second) != r->first_id)
		return 6;
	return 0;
}

static void test_without_privileges(void **state)
{
	struct rig r;
	int status;
	pid_t pid;

	begin(&r, *state);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid)
		_exit(as_nobody(&r));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	end(&r);
}

/* Two processes put the same two maps in by turns, each without knowing of the other. */
static void test_two_processes(void **state)
{
	const int rounds = 30;
	struct rig r;
	int status = 0;
	pid_t pid;

	begin(&r, *state);
	pid = fork();
	assert_return_code(pid, errno);
	for (int i = 0; i < rounds; i++) {
		struct bpfring_struct_ops *again = open_fd(
			&r, bpf_map__fd(i % 2 ? r.skel->maps.cc_first : r.skel->maps.cc_second));

		status |= bpfring_struct_ops_replace(r.ops, again, NULL);
		bpfring_struct_ops_close(again);
	}
	if (!pid)
		_exit(!!status);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	end(&r);
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

	begin(&r, *state);
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
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_two_handles_roll_back),
		cmocka_unit_test(test_after_another_handle),
		cmocka_unit_test(test_unregister_after_another_handle),
		cmocka_unit_test(test_expected),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_to_the_same),
		cmocka_unit_test(test_race_of_expected),
		cmocka_unit_test(test_race_with_detach),
		cmocka_unit_test(test_refused_again_and_again),
		cmocka_unit_test(test_failure_stores_nothing),
		cmocka_unit_test(test_without_privileges),
		cmocka_unit_test(test_two_processes),
		cmocka_unit_test(test_types_stay),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
