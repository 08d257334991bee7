// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* sched_ext: one scheduler at a time, no replacing, and a kernel that ejects. Needs Linux 6.12. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scx.skel.h"

static struct bpfring_struct_ops *open_map(struct fixture *f, struct scx_bpf *skel, const char *map)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open_object(&ops, skel->obj, map, &opts), 0);
	return ops;
}

static struct scx_bpf *load_scx(struct fixture *f, struct bpfring_struct_ops **first,
				struct bpfring_struct_ops **second)
{
	static const char *const maps[] = {"scx_first", "scx_second", "scx_namesake"};
	struct scx_bpf *skel = scx_bpf__open();

	assert_non_null(skel);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct bpfring_struct_ops *ops = open_map(f, skel, maps[i]);

		assert_return_code(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_LINK),
				   0);
		bpfring_struct_ops_close(ops);
	}
	assert_return_code(scx_bpf__load(skel), errno);
	*first = open_map(f, skel, "scx_first");
	*second = open_map(f, skel, "scx_second");
	return skel;
}

static void assert_scx(const char *expected)
{
	char state[32] = "";
	int fd;

	for (int i = 0; i < 500 && strncmp(state, expected, strlen(expected)); i++) {
		if (i)
			usleep(10000);
		fd = open("/sys/kernel/sched_ext/state", O_RDONLY | O_CLOEXEC);
		assert_return_code(fd, errno);
		assert_return_code(read(fd, state, sizeof(state) - 1), errno);
		close(fd);
	}
	assert_memory_equal(state, expected, strlen(expected));
}

static void test_register(void **state)
{
	struct bpfring_struct_ops *first, *second;
	struct scx_bpf *skel = load_scx(*state, &first, &second);

	assert_return_code(bpfring_struct_ops_register(first), 0);
	assert_scx("enabled");
	assert_true(skel->bss->enabled > 0);
	last_log();
	assert_int_equal(bpfring_struct_ops_register(second), -EBUSY);
	assert_non_null(strstr(last_log(), "there can be only one"));
	assert_return_code(bpfring_struct_ops_unregister(first), 0);
	assert_scx("disabled");
	assert_return_code(bpfring_struct_ops_wait_released(first, 5000000000), 0);
	assert_return_code(bpfring_struct_ops_register(second), 0);
	assert_scx("enabled");
	bpfring_struct_ops_close(second);
	assert_scx("disabled");
	bpfring_struct_ops_close(first);
	scx_bpf__destroy(skel);
}

static void test_replace(void **state)
{
	struct bpfring_struct_ops *first, *second;
	struct scx_bpf *skel = load_scx(*state, &first, &second);

	assert_return_code(bpfring_struct_ops_register(first), 0);
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(first, second, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "cannot be replaced"));
	assert_scx("enabled");
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(second);
	scx_bpf__destroy(skel);
}

static int on_event(void *ctx, struct bpfring_struct_ops *ops,
		    const struct bpfring_struct_ops_event *event)
{
	char *reason = ctx;

	(void)ops;
	assert_int_equal(event->kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	snprintf(reason, 64, "%s", event->reason);
	return BPFRING_STOP;
}

/* SysRq-S throws the scheduler out as a failing one would be; the link does not notice. */
static void eject(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip_because("no SysRq");
	assert_int_equal(write(fd, "S", 1), 1);
	close(fd);
}

static void assert_told(struct bpfring_loop *l, const char *reason, const char *expected)
{
	for (int i = 0; i < 100 && !*reason; i++)
		assert_return_code(bpfring_loop_poll(l, 100000000), 0);
	assert_string_equal(reason, expected);
}

static void watch_ejection(struct fixture *f, bool another, const char *expected)
{
	struct bpfring_struct_ops *first, *second;
	struct scx_bpf *skel = load_scx(f, &first, &second);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, opts, .poll_ns = 20000000);
	struct bpfring_loop *l;
	char reason[64] = "";

	assert_return_code(bpfring_struct_ops_register(first), 0);
	assert_scx("enabled");
	assert_return_code(bpfring_loop_new(&l, NULL), 0);
	assert_return_code(bpfring_struct_ops_watch(first, l, on_event, reason, &opts), 0);
	assert_int_equal(bpfring_loop_poll(l, 50000000), 0);
	assert_string_equal(reason, "");
	eject();
	if (another) {
		assert_scx("disabled");
		assert_return_code(bpfring_struct_ops_register(second), 0);
		assert_scx("enabled");
	}
	assert_told(l, reason, expected);
	bpfring_struct_ops_close(first);
	if (another)
		assert_scx("enabled");
	bpfring_struct_ops_close(second);
	assert_scx("disabled");
	bpfring_loop_free(l);
	scx_bpf__destroy(skel);
}

static void test_ejected(void **state)
{
	watch_ejection(*state, false, "sched_ext is disabled");
}

/* Another scheduler is loaded between two looks: the state alone does not tell. */
static void test_superseded(void **state)
{
	watch_ejection(*state, true, "sched_ext has another scheduler");
}

static struct bpfring_struct_ops *open_link(struct fixture *f, uint32_t id)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(open_by_link_id(&ops, id, &opts), 0);
	return ops;
}

static void assert_still_enabled(void)
{
	usleep(200000); /* ending one takes a while */
	assert_scx("enabled");
}

/*
 * Whoever comes when the first was ejected and another one runs finds that out: by a handle that
 * registered it, and by one that was opened afterwards. And takes nothing from the other.
 */
static void leave_another_alone(struct fixture *f, const char *another)
{
	struct bpfring_struct_ops *first, *second, *handles[2], *other;
	struct scx_bpf *skel = load_scx(f, &first, &second);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, opts, .poll_ns = 20000000);
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	other = open_map(f, skel, another);
	assert_return_code(bpfring_struct_ops_register(first), 0);
	assert_scx("enabled");
	eject();
	assert_scx("disabled");
	assert_return_code(bpfring_struct_ops_register(other), 0);
	assert_scx("enabled");

	handles[0] = first;
	handles[1] = open_link(f, link_id_of(first));
	for (int i = 0; i < 2; i++) {
		struct bpfring_loop *l;
		char reason[64] = "";

		assert_return_code(bpfring_loop_new(&l, NULL), 0);
		assert_return_code(bpfring_struct_ops_watch(handles[i], l, on_event, reason, &opts),
				   0);
		assert_told(l, reason, "sched_ext has another scheduler");
		bpfring_loop_free(l);
	}
	for (int i = 0; i < 2; i++) {
		assert_return_code(bpfring_struct_ops_unregister(handles[i]), 0);
		assert_still_enabled();
		assert_return_code(bpfring_struct_ops_wait_released(handles[i], 5000000000), 0);
		bpfring_struct_ops_close(handles[i]);
		assert_still_enabled();
	}
	assert_return_code(bpfring_struct_ops_status(other, &status), 0);
	assert_int_equal(status.link_map_id, status.map_id);
	assert_return_code(bpfring_struct_ops_unregister(other), 0);
	assert_scx("disabled");
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(second);
	scx_bpf__destroy(skel);
}

static void test_leave_another_alone(void **state)
{
	leave_another_alone(*state, "scx_second");
}

static void test_leave_namesake_alone(void **state)
{
	leave_another_alone(*state, "scx_namesake");
}

/* An ejected one can be registered again, by the same handle. */
static void test_register_again(void **state)
{
	struct bpfring_struct_ops *first, *second;
	struct scx_bpf *skel = load_scx(*state, &first, &second);

	for (int i = 0; i < 2; i++) {
		assert_return_code(bpfring_struct_ops_register(first), 0);
		assert_scx("enabled");
		eject();
		assert_scx("disabled");
		assert_return_code(bpfring_struct_ops_wait_released(first, 5000000000), 0);
		assert_int_equal(bpfring_struct_ops_register(first), -EBUSY); /* it has a link */
		assert_return_code(bpfring_struct_ops_unregister(first), 0);
		assert_return_code(bpfring_struct_ops_wait_released(first, 5000000000), 0);
	}
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(second);
	scx_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_ejected),
		cmocka_unit_test(test_superseded),
		cmocka_unit_test(test_leave_another_alone),
		cmocka_unit_test(test_leave_namesake_alone),
		cmocka_unit_test(test_register_again),
	};

	if (!kernel_has_type("sched_ext_ops", "sched_ext"))
		return 77;
	return cmocka_run_group_tests(tests, setup, teardown);
}
