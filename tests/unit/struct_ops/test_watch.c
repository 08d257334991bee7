// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What a watch puts into its loop, when it looks, and what it calls back: with a link that is the
 * end of a pipe, which hangs up like one, or a plain file, which nobody can wait for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_common.h"

#include <bpfring/struct_ops_watch.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "struct_ops/struct_ops.h"

#define MS 1000000LL

static struct {
	uint32_t map_id; /* in the link */
	int info_error, timer_error, arm_error, add_error;
	bool no_memory;
	int timer_fd, timers, armed;
	int64_t armed_at, now;
} k;

int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret);
int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret)
{
	(void)fd;
	*ret = (struct sys_link_info){.map_id = k.map_id};
	return k.info_error;
}

int __real_bpfring_sys_timerfd(void);
int __wrap_bpfring_sys_timerfd(void);
int __wrap_bpfring_sys_timerfd(void)
{
	if (k.timer_error)
		return k.timer_error;
	k.timers++;
	k.timer_fd = __real_bpfring_sys_timerfd();
	return k.timer_fd;
}

/* Is over at once, or never. */
int __real_bpfring_sys_timerfd_set(int fd, int64_t at);
int __wrap_bpfring_sys_timerfd_set(int fd, int64_t at);
int __wrap_bpfring_sys_timerfd_set(int fd, int64_t at)
{
	if (fd != k.timer_fd)
		return __real_bpfring_sys_timerfd_set(fd, at); /* the loop's own */
	k.armed++;
	k.armed_at = at;
	return k.arm_error ? k.arm_error : __real_bpfring_sys_timerfd_set(fd, INT64_MAX / 2);
}

int __real_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data);
int __wrap_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data);
int __wrap_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data)
{
	return k.add_error ? k.add_error : __real_bpfring_sys_epoll_add(epoll_fd, fd, events, data);
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	return k.no_memory ? NULL : __real_bpfring_sys_alloc(size);
}

static struct bpfring_struct_ops *ops;
static struct bpfring_loop *l;
static int far_end; /* of the pipe; -1: the link is a file */

static struct {
	int count;
	uint32_t kind, map_id;
	char reason[64];
	int verdict;
} seen;

static int on_event(void *ctx, struct bpfring_struct_ops *o,
		    const struct bpfring_struct_ops_event *event)
{
	assert_ptr_equal(ctx, &seen);
	assert_ptr_equal(o, ops);
	seen.count++;
	seen.kind = event->kind;
	seen.map_id = event->map_id;
	snprintf(seen.reason, sizeof(seen.reason), "%s", event->reason);
	return seen.verdict;
}

static void begin(bool pipes)
{
	FILE *file;
	int fds[2];

	memset(&k, 0, sizeof(k));
	memset(&seen, 0, sizeof(seen));
	k.timer_fd = -1;
	k.map_id = 5;
	log_catch();
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	k.timers = 0; /* the loop has one of its own */
	k.timer_fd = -1;
	ops = bpfring_sys_alloc(sizeof(*ops));
	assert_non_null(ops);
	ops->map.fd = ops->scx_fd = -1;
	if (pipes) {
		assert_int_equal(pipe(fds), 0);
		ops->link_fd = fds[0];
		far_end = fds[1];
	} else {
		file = tmpfile();
		assert_non_null(file);
		ops->link_fd = dup(fileno(file));
		fclose(file);
		far_end = -1;
	}
}

static int setup(void **state)
{
	(void)state;
	begin(true);
	return 0;
}

static int setup_old_kernel(void **state)
{
	(void)state;
	begin(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	bpfring_struct_ops_close(ops);
	bpfring_loop_free(l);
	if (far_end >= 0)
		close(far_end);
	return 0;
}

static int watch(int64_t poll_ns)
{
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, opts, .poll_ns = poll_ns);

	return bpfring_struct_ops_watch(ops, l, on_event, &seen, &opts);
}

/* The watch's time is over: what it does then. */
static int timer(void)
{
	assert_int_equal(__real_bpfring_sys_timerfd_set(k.timer_fd, 1), 0);
	return bpfring_loop_poll(l, 0);
}

static void detach(void)
{
	close(far_end);
	far_end = -1;
}

static void assert_not_in_loop(int fd)
{
	assert_int_equal(bpfring_loop_remove_fd(l, fd), -ENOENT);
}

static void test_event_alone(void **state)
{
	const int link = ops->link_fd;

	(void)state;
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), 0);
	assert_int_equal(k.timers, 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 0);
	detach();
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	assert_int_equal(seen.map_id, 0);
	assert_string_equal(seen.reason, "");
	assert_not_in_loop(link);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 1);
}

/* With an event and a time both are there, and both go. */
static void test_event_and_timer(void **state)
{
	(void)state;
	assert_int_equal(watch(3 * MS), 0);
	assert_int_equal(k.timers, 1);
	assert_int_equal(k.armed, 1);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), 0);
	assert_not_in_loop(k.timer_fd);
	assert_not_in_loop(ops->link_fd);
	assert_int_equal(watch(3 * MS), 0);
	detach();
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 1);
	assert_not_in_loop(k.timer_fd);
	assert_not_in_loop(ops->link_fd);
}

static void test_when_it_looks(void **state)
{
	int64_t before = bpfring_sys_now();

	(void)state;
	assert_int_equal(watch(0), 0); /* such a link has no event */
	assert_int_equal(k.timers, 1);
	assert_in_range(k.armed_at - before, BPFRING_STRUCT_OPS_POLL_NS,
			BPFRING_STRUCT_OPS_POLL_NS + 60000 * MS);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), 0);
	before = bpfring_sys_now();
	assert_int_equal(watch(7 * MS), 0);
	assert_in_range(k.armed_at - before, 7 * MS, 60007 * MS);
	k.armed = 0;
	for (int i = 1; i <= 3; i++) {
		before = bpfring_sys_now();
		assert_int_equal(timer(), 0);
		assert_int_equal(k.armed, i);
		assert_in_range(k.armed_at - before, 7 * MS, 60007 * MS);
	}
	assert_int_equal(seen.count, 0);
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), -EEXIST);
}

static void test_replaced(void **state)
{
	(void)state;
	assert_int_equal(watch(MS), 0);
	for (uint32_t id = 6; id < 8; id++) {
		k.map_id = id;
		seen.count = 0;
		for (int i = 0; i < 3; i++)
			assert_int_equal(timer(), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_REPLACED);
		assert_int_equal(seen.map_id, id);
		assert_string_equal(seen.reason, "");
	}
	k.map_id = 0;
	assert_int_equal(timer(), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	assert_int_equal(seen.map_id, 0);
	assert_not_in_loop(k.timer_fd);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
}

/* It was detached before. */
static void test_too_late(void **state)
{
	(void)state;
	k.map_id = 0;
	assert_int_equal(watch(MS), 0);
	assert_int_equal(timer(), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
}

/* What the callback returns is the loop's. */
static void test_verdicts(void **state)
{
	(void)state;
	assert_int_equal(watch(MS), 0);
	k.map_id = 6;
	seen.verdict = -EXDEV;
	assert_int_equal(timer(), -EXDEV);
	k.map_id = 7;
	seen.verdict = BPFRING_STOP;
	assert_int_equal(__real_bpfring_sys_timerfd_set(k.timer_fd, 1), 0);
	assert_int_equal(bpfring_loop_run(l), 0);
	k.map_id = 0;
	seen.verdict = -EXDEV;
	assert_int_equal(timer(), -EXDEV);
	assert_int_equal(seen.count, 3);
}

/* Whatever fails, nothing is left in the loop, and no watch. */
static void assert_cannot_watch(int err)
{
	assert_int_equal(watch(MS), err);
	assert_not_in_loop(ops->link_fd);
	if (k.timer_fd >= 0)
		assert_not_in_loop(k.timer_fd);
	k.no_memory = false;
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
	k.info_error = k.timer_error = k.arm_error = k.add_error = 0;
	assert_int_equal(watch(MS), 0);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), 0);
}

static void test_cannot_watch(void **state)
{
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, opts);

	(void)state;
	k.info_error = -EIO;
	assert_cannot_watch(-EIO);
	k.timer_error = -EMFILE;
	assert_cannot_watch(-EMFILE);
	k.arm_error = -EINVAL;
	assert_cannot_watch(-EINVAL);
	k.add_error = -ENOSPC;
	assert_cannot_watch(-ENOSPC);
	k.no_memory = true;
	assert_cannot_watch(-ENOMEM);
	opts.sz = 1;
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, &opts), -EINVAL);
	assert_int_equal(watch(-1), -EINVAL);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
}

/* What fails later ends the watch, and the loop hears of it. */
static void test_cannot_look(void **state)
{
	(void)state;
	assert_int_equal(watch(MS), 0);
	k.info_error = -EIO;
	assert_int_equal(timer(), -EIO);
	assert_non_null(strstr(log_text(), "cannot watch it any longer: -EIO"));
	assert_not_in_loop(k.timer_fd);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);

	k.info_error = 0;
	assert_int_equal(watch(MS), 0);
	k.arm_error = -EBADF;
	assert_int_equal(timer(), -EBADF);
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
	assert_int_equal(seen.count, 0);
}

static void test_moves(void **state)
{
	const int old = ops->link_fd;
	int fds[2];

	(void)state;
	assert_int_equal(bpfring_ops_move_watch(ops, 12345), 0); /* there is none */
	assert_int_equal(watch(0), 0);
	assert_int_equal(pipe(fds), 0);
	k.add_error = -ENOSPC;
	assert_int_equal(bpfring_ops_move_watch(ops, fds[0]), -ENOSPC);
	k.add_error = 0;
	assert_int_equal(bpfring_ops_move_watch(ops, fds[0]), 0);
	assert_not_in_loop(old);
	detach(); /* of the old one, of which nobody hears */
	ops->link_fd = fds[0];
	close(old);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 0);
	far_end = fds[1];
	detach();
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(seen.count, 1);
	assert_not_in_loop(ops->link_fd);
}

static void test_moves_without_event(void **state)
{
	(void)state;
	assert_int_equal(watch(0), 0);
	assert_int_equal(bpfring_ops_move_watch(ops, 12345),
			 0); /* it is looked at, not waited for */
	assert_int_equal(timer(), 0);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_event_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_and_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_when_it_looks, setup_old_kernel, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup_old_kernel, teardown),
		cmocka_unit_test_setup_teardown(test_too_late, setup_old_kernel, teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, setup_old_kernel, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_look, setup_old_kernel, teardown),
		cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves_without_event, setup_old_kernel,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
