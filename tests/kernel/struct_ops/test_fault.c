// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every system call and allocation failing in turn, in the whole life of a registration; and a
 * kernel between 6.4 and 6.10, made of the running one by refusing what came later.
 */
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/sys.h"
#include "base/sys_struct_ops.h"

#define NAME "bpfring_test"

static struct {
	int fail_at; /* the call with this number fails; 0: none */
	int calls;
	const char *failed;    /* the function whose turn it was */
	const char *fail_name; /* every call of this function fails, with @error */
	int error;
	bool old_kernel; /* no detaching, no event */
} fault;

static void fail_update(void *ctx);

static void new_faults(void)
{
	memset(&fault, 0, sizeof(fault));
	update_hook = (struct update_hook){.before = fail_update};
}

/* 0, or the error of which this call has to fail. */
static int failure(const char *name)
{
	if (fault.fail_name)
		return strcmp(name, fault.fail_name) ? 0 : fault.error;
	if (++fault.calls != fault.fail_at)
		return 0;
	fault.failed = name;
	return -EIO;
}

static void fail_update(void *ctx)
{
	(void)ctx;
	update_hook.error = failure("bpfring_sys_link_update");
}

/* WRAP(name, parameters, arguments): fails when it is its turn. */
#define WRAP(name, parameters, arguments)                             \
	int __real_##name parameters;                                 \
	int __wrap_##name parameters;                                 \
	int __wrap_##name parameters                                  \
	{                                                             \
		int injected = failure(#name);                        \
                                                                      \
		return injected ? injected : __real_##name arguments; \
	}

WRAP(bpfring_sys_value_lookup, (int fd, void *ret), (fd, ret))
WRAP(bpfring_sys_value_update, (int fd, const void *value), (fd, value))
WRAP(bpfring_sys_value_delete, (int fd), (fd))
WRAP(bpfring_sys_link_create, (int fd), (fd))
WRAP(bpfring_sys_link_info, (int fd, struct sys_link_info *ret), (fd, ret))
WRAP(bpfring_sys_link_by_id, (uint32_t id), (id))
WRAP(bpfring_sys_next_link, (uint32_t after, uint32_t *ret), (after, ret))
WRAP(bpfring_sys_prog_by_id, (uint32_t id), (id))
WRAP(bpfring_sys_prog_info, (int fd, struct bpf_prog_info *ret), (fd, ret))
WRAP(bpfring_sys_map_info, (int fd, struct bpf_map_info *ret), (fd, ret))
WRAP(bpfring_sys_map_by_id, (uint32_t id), (id))
WRAP(bpfring_sys_dup, (int fd), (fd))
WRAP(bpfring_sys_timerfd, (void), ())
WRAP(bpfring_sys_timerfd_set, (int fd, int64_t at), (fd, at))
WRAP(bpfring_sys_libbpf_attach, (const struct bpf_map *map, int *ret), (map, ret))
WRAP(bpfring_sys_btf_load, (struct btf * *ret, const char *module, struct btf *base),
     (ret, module, base))

int __real_bpfring_sys_link_detach(int fd);
int __wrap_bpfring_sys_link_detach(int fd);
int __wrap_bpfring_sys_link_detach(int fd)
{
	if (fault.old_kernel)
		return -EOPNOTSUPP;
	return failure("link_detach") ? -EIO : __real_bpfring_sys_link_detach(fd);
}

int __real_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data);
int __wrap_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data);
int __wrap_bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data)
{
	if (fault.old_kernel && !events) /* a link, for EPOLLHUP alone */
		return -EPERM;
	return failure("epoll_add") ? -EIO
				    : __real_bpfring_sys_epoll_add(epoll_fd, fd, events, data);
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	return failure("alloc") ? NULL : __real_bpfring_sys_alloc(size);
}

static int nothing(void *ctx, struct bpfring_struct_ops *ops,
		   const struct bpfring_struct_ops_event *event)
{
	(void)ctx, (void)ops, (void)event;
	return 0;
}

static int watch(struct bpfring_struct_ops *ops)
{
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, opts, .poll_ns = 1); /* it looks at once */
	struct bpfring_loop *l;
	int err = bpfring_loop_new(&l, NULL);

	if (err)
		return err;
	err = bpfring_struct_ops_watch(ops, l, nothing, NULL, &opts);
	if (!err)
		err = bpfring_loop_poll(l, -1);
	bpfring_struct_ops_unwatch(ops);
	bpfring_loop_free(l);
	return err;
}

static int inspect(struct bpfring_struct_ops *ops)
{
	struct bpfring_struct_ops_report *report;
	int err = bpfring_struct_ops_inspect(ops, &report);

	if (!err)
		bpfring_struct_ops_report_free(report);
	return err;
}

/* From the descriptor of a loaded map to its end; the first error ends it. */
static int life(struct ops_bpf *skel, const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops *ops = NULL, *with = NULL, *again = NULL;
	BPFRING_OPTS(bpfring_struct_ops_status, status);
	int err = bpfring_struct_ops_open_object(&ops, skel->obj, "cc_first", opts);

	if (!err)
		err = bpfring_struct_ops_register(ops);
	if (!err)
		err = bpfring_struct_ops_status(ops, &status);
	if (!err)
		err = open_by_link_id(&again, link_id_of(ops), opts);
	if (!err)
		err = inspect(ops);
	if (!err)
		err = watch(ops);
	if (!err)
		err = bpfring_struct_ops_open_object(&with, skel->obj, "cc_second", opts);
	if (!err)
		err = bpfring_struct_ops_replace(ops, with, NULL);
	if (!err)
		err = bpfring_struct_ops_unregister(ops);
	if (!err)
		err = bpfring_struct_ops_wait_released(ops, 1000000000);
	bpfring_struct_ops_close(again);
	bpfring_struct_ops_close(with);
	bpfring_struct_ops_close(ops);
	return err;
}

static void run_all_faults(struct fixture *f, bool share_types)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = share_types ? f->types : NULL);
	int at = 0, err = -1;

	do {
		struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
		unsigned int fds = count_fds();

		new_faults();
		fault.fail_at = ++at;
		err = life(skel, &opts);
		if (fault.calls < at)
			fault.fail_at = 0; /* all have had their turn */
		/* When a map is opened, /proc stands in for bpf(). */
		else if (err ? err != -EIO && err != -ENOMEM
			     : strcmp(fault.failed, "bpfring_sys_map_info") != 0)
			fail_msg("call %d, %s: %s; %s", at, fault.failed, bpfring_errname(err),
				 last_log());
		at = fault.fail_at;
		new_faults();
		assert_int_equal(count_fds(), fds);
		assert_false(available(NAME));
		ops_bpf__destroy(skel);
	} while (at);
	assert_int_equal(err, 0);
}

static void test_faults(void **state)
{
	run_all_faults(*state, true);
}

/* Each handle loads its own. */
static void test_faults_of_types(void **state)
{
	run_all_faults(*state, false);
}

static int on_detached(void *ctx, struct bpfring_struct_ops *ops,
		       const struct bpfring_struct_ops_event *event)
{
	int *count = ctx;

	(void)ops;
	assert_int_equal(event->kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	++*count;
	return BPFRING_STOP;
}

static void test_before_detach(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *other;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch_opts, .poll_ns = 1000000);
	struct bpfring_loop *l;
	int count = 0;

	new_faults();
	fault.old_kernel = true;
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_open(&other, bpfring_struct_ops_link_fd(ops), &opts),
			   0);
	assert_return_code(bpfring_loop_new(&l, NULL), 0);
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_detached, &count, &watch_opts), 0);
	assert_int_equal(bpfring_loop_poll(l, 5000000), 0);
	assert_int_equal(count, 0);

	last_log();
	assert_int_equal(bpfring_struct_ops_unregister(other), -EBUSY);
	assert_non_null(strstr(last_log(), "keeps link id"));
	assert_int_equal(bpfring_struct_ops_link_fd(other), -1);
	assert_true(available(NAME));
	assert_return_code(bpfring_struct_ops_unregister(ops), 0); /* the last one */
	assert_false(available(NAME));
	assert_int_equal(bpfring_struct_ops_unregister(ops), -ENOLINK);
	assert_return_code(bpfring_loop_run(l), 0);
	assert_int_equal(count, 1);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 1000000000), 0);

	fault.old_kernel = false;
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(ops);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

/* What the kernel can say, and what the log makes of it. */
static void test_explanations(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *function;
		int error;
		const char *text;
	} cases[] = {
		{"bpfring_sys_value_update", -E2BIG, "trampoline"},
		{"bpfring_sys_value_update", -EBUSY, "has its value already"},
		{"bpfring_sys_value_update", -EPERM, "does not allow writing"},
		{"bpfring_sys_value_update", -EOPNOTSUPP, "cannot be registered"},
		{"bpfring_sys_value_update", -EXDEV, "subsystem refuses"},
		{"bpfring_sys_link_create", -EBUSY, "only one"},
		{"bpfring_sys_link_create", -EOPNOTSUPP, "BPFRING_STRUCT_OPS_MODE_LEGACY"},
		{"bpfring_sys_link_create", -EINVAL, "subsystem refuses"},
		{"bpfring_sys_link_create", -EXDEV, "subsystem refuses"},
		{"bpfring_sys_link_update", -EOPNOTSUPP, "cannot be replaced"},
		{"bpfring_sys_link_update", -EXDEV, "subsystem refuses"},
		{"bpfring_sys_value_lookup", -EPERM, "cannot read the value"},
	};
	bool by_libbpf = !libbpf_is_new(); /* which then stores by itself */

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
		struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
		struct bpfring_struct_ops *with = handle(f, skel, "cc_second");
		int err;

		new_faults();
		fault.fail_name = cases[i].function;
		fault.error = cases[i].error;
		if (by_libbpf && !strcmp(fault.fail_name, "bpfring_sys_value_update"))
			fault.fail_name = "bpfring_sys_libbpf_attach";
		last_log();
		err = bpfring_struct_ops_register(ops);
		if (!err)
			err = bpfring_struct_ops_replace(ops, with, NULL);
		new_faults();
		assert_int_equal(err, cases[i].error);
		if (!strstr(last_log(), cases[i].text))
			fail_msg("%s failed with %s: no word of '%s'", cases[i].function,
				 bpfring_errname(err), cases[i].text);
		bpfring_struct_ops_close(ops);
		bpfring_struct_ops_close(with);
		ops_bpf__destroy(skel);
	}
}

/* Of a link that cannot be asked nobody knows whether it is detached. */
static void test_link_unknown(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	uint32_t id;

	new_faults();
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	id = link_id_of(ops);
	fault.fail_name = "bpfring_sys_link_info";
	fault.error = -EIO;
	assert_int_equal(bpfring_struct_ops_register(ops), -EIO);
	assert_int_equal(bpfring_struct_ops_unregister(ops), -EIO);
	new_faults();
	assert_int_equal(link_id_of(ops), id);
	assert_true(available(NAME));
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),	      cmocka_unit_test(test_faults_of_types),
		cmocka_unit_test(test_before_detach), cmocka_unit_test(test_explanations),
		cmocka_unit_test(test_link_unknown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
