// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What links add: replacing, detaching, outliving a process, acting from a second process. */
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "static_a.skel.h"

#define NAME "bpfring_test"

static struct bpfring_struct_ops *reopen(struct fixture *f, int fd)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open(&ops, fd, &opts), 0);
	return ops;
}

static struct bpfring_struct_ops *open_pin(struct fixture *f, const char *name)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;
	char path[128];

	snprintf(path, sizeof(path), BPFFS "/%s", name);
	assert_return_code(bpfring_struct_ops_open_pinned(&ops, path, &opts), 0);
	return ops;
}

static void pin(struct bpfring_struct_ops *ops, const char *name, bool link)
{
	char path[128];

	snprintf(path, sizeof(path), BPFFS "/%s", name);
	assert_return_code(
		bpf_obj_pin(link ? bpfring_struct_ops_link_fd(ops) : bpfring_struct_ops_map_fd(ops),
			    path),
		errno);
}

static void unpin(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), BPFFS "/%s", name);
	assert_return_code(unlink(path), errno);
}

static void test_replace(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *with = handle(f, skel, "cc_second");
	struct connection c, d;
	uint32_t first_id, second_id;
	uint64_t calls_1;

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	first_id = map_id_of(ops);
	connect_with(&c, NAME);
	transfer(&c, 1 << 20);
	assert_true(skel->bss->calls_1 > 0);
	assert_int_equal(skel->bss->calls_2, 0);

	assert_return_code(bpfring_struct_ops_replace(ops, with, NULL), 0);
	assert_int_equal(map_id_of(with), first_id);
	assert_int_equal(bpfring_struct_ops_link_fd(with), -1);
	second_id = map_id_of(ops);
	assert_int_not_equal(second_id, first_id);
	assert_true(available(NAME));

	/* Connections of before go on with the first, new ones have the second. */
	calls_1 = skel->bss->calls_1;
	transfer(&c, 1 << 20);
	assert_true(skel->bss->calls_1 > calls_1);
	assert_int_equal(bpfring_struct_ops_wait_released(with, 0), -ETIMEDOUT);
	connect_with(&d, NAME);
	transfer(&d, 1 << 20);
	assert_true(skel->bss->calls_2 > 0);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(with, 5000000000), 0);
	disconnect(&d);

	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 5000000000), 0);
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	ops_bpf__destroy(skel);
}

static void test_compare_and_replace(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *with = handle(f, skel, "cc_second");
	struct bpfring_struct_ops *first;

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	first = reopen(f, bpfring_struct_ops_map_fd(ops));
	last_log();
	assert_return_code(bpfring_struct_ops_store(with), 0);
	assert_int_equal(bpfring_struct_ops_replace(ops, with, with), -EPERM);
	assert_non_null(strstr(last_log(), "another map than expected"));
	assert_int_equal(map_id_of(ops), map_id_of(first));

	assert_return_code(bpfring_struct_ops_replace(ops, with, first), 0);
	assert_int_equal(bpfring_struct_ops_replace(ops, first, first), -EPERM);
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	bpfring_struct_ops_close(first);
	ops_bpf__destroy(skel);
}

static void test_replace_refused(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct ops_bpf *legacy = load_all(f, BPFRING_STRUCT_OPS_MODE_LEGACY);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *other = handle(f, skel, "cc_other_name");
	struct bpfring_struct_ops *second = handle(f, skel, "cc_second");
	struct bpfring_struct_ops *no_link = handle(f, legacy, "cc_second");
	struct bpfring_struct_ops *bare;

	assert_int_equal(bpfring_struct_ops_replace(ops, other, NULL), -ENOENT);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(bpfring_struct_ops_replace(ops, ops, NULL), -EINVAL);
	last_log();
	assert_int_equal(bpfring_struct_ops_replace(ops, other, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "keep its name"));
	assert_int_equal(bpfring_struct_ops_replace(ops, no_link, NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "not made for links"));

	/* A map without its value, of which nobody here knows the value. */
	assert_true(bpf_map__fd(skel->maps.cc_second) >= 0);
	bare = reopen(f, bpf_map__fd(skel->maps.cc_second));
	assert_int_equal(bpfring_struct_ops_replace(ops, bare, NULL), -ENODATA);
	bpfring_struct_ops_close(bare);

	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		assert_int_equal(bpfring_struct_ops_replace(ops, second, NULL), -ENOLINK);
		assert_non_null(strstr(last_log(), "was detached"));
	}
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(second);
	bpfring_struct_ops_close(no_link);
	ops_bpf__destroy(skel);
	ops_bpf__destroy(legacy);
}

static void run_child(void (*fn)(struct fixture *f), struct fixture *f)
{
	int status;
	pid_t pid = fork();

	assert_return_code(pid, errno);
	if (!pid) {
		fn(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void register_and_die(struct fixture *f)
{
	struct bpfring_struct_ops *ops;

	load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	if (bpfring_struct_ops_register(ops) || !available(NAME))
		_exit(1);
}

static void register_pin_and_die(struct fixture *f)
{
	struct bpfring_struct_ops *ops;

	load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	if (bpfring_struct_ops_register(ops))
		_exit(1);
	pin(ops, "link", true);
}

static void register_legacy_and_die(struct fixture *f)
{
	struct bpfring_struct_ops *ops;

	load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	if (bpfring_struct_ops_register(ops))
		_exit(1);
}

static void load_pin_and_die(struct fixture *f)
{
	struct bpfring_struct_ops *ops;

	load(f, "cc_second", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	if (bpfring_struct_ops_store(ops))
		_exit(1);
	pin(ops, "map", false);
}

/* Links are put by a work queue when a process dies. */
static bool gone_soon(const char *name)
{
	for (int i = 0; i < 200 && available(name); i++)
		usleep(10000);
	return !available(name);
}

static void test_death_with_link(void **state)
{
	need_links();
	run_child(register_and_die, *state);
	assert_true(gone_soon(NAME));
}

static void test_death_without_link(void **state)
{
	struct fixture *f = *state;
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops = NULL;
	uint32_t id = 0;

	run_child(register_legacy_and_die, f);
	usleep(50000);
	assert_true(available(NAME)); /* it stays: find it and take it out */
	while (next_struct_ops(&id)) {
		struct bpfring_struct_ops_report *report;

		if (open_by_id(&ops, id, &opts))
			continue;
		assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
		if (!strcmp(report->map_name, "cc_first") &&
		    report->state == BPFRING_STRUCT_OPS_STATE_INUSE) {
			bpfring_struct_ops_report_free(report);
			break;
		}
		bpfring_struct_ops_report_free(report);
		bpfring_struct_ops_close(ops);
		ops = NULL;
	}
	assert_non_null(ops);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 1000000000), 0);
	assert_false(available(NAME));
	bpfring_struct_ops_close(ops);
}

/* Everything from pins alone: inspect, register, replace and detach what others loaded. */
static void test_second_process(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *with;
	struct bpfring_struct_ops_report *report;
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	need_links();
	run_child(register_pin_and_die, f);
	run_child(load_pin_and_die, f);
	usleep(50000);
	assert_true(available(NAME));
	ops = open_pin(f, "link");
	with = open_pin(f, "map");
	assert_true(bpfring_struct_ops_link_fd(ops) >= 0);
	assert_true(bpfring_struct_ops_map_fd(ops) >= 0);
	assert_int_equal(bpfring_struct_ops_link_fd(with), -1);
	assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
	assert_int_equal(status.state, BPFRING_STRUCT_OPS_STATE_READY);
	assert_int_equal(status.link_map_id, status.map_id);
	assert_return_code(bpfring_struct_ops_inspect(ops, &report), 0);
	assert_string_equal(report->map_name, "cc_first");
	assert_int_equal(report->link_count, 1);
	assert_int_equal(report->link_ids[0], link_id_of(ops));
	bpfring_struct_ops_report_free(report);
	assert_int_equal(bpfring_struct_ops_register(with), -EEXIST);
	assert_return_code(bpfring_struct_ops_replace(ops, with, NULL), 0);
	assert_true(available(NAME));
	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		assert_false(available(NAME));
		assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
		assert_int_equal(status.link_map_id, 0);
		unpin("link");
	} else {
		last_log();
		assert_int_equal(bpfring_struct_ops_unregister(ops), -EBUSY);
		assert_non_null(strstr(last_log(), "keeps link id"));
		unpin("link");
		assert_true(gone_soon(NAME));
	}
	bpfring_struct_ops_close(ops);
	/* The map is still there, and can be registered from its pin. */
	ops = open_pin(f, "map");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_true(available(NAME));
	bpfring_struct_ops_close(ops);
	assert_false(available(NAME));
	unpin("map");
	bpfring_struct_ops_close(with);
}

static void test_open_other_link(void **state)
{
	struct static_a_bpf *skel = static_a_bpf__open_and_load();
	struct bpfring_struct_ops *ops;
	struct bpf_link *link;

	(void)state;
	assert_non_null(skel);
	link = bpf_program__attach(skel->progs.at_sys_enter);
	assert_non_null(link);
	last_log();
	assert_int_equal(bpfring_struct_ops_open(&ops, bpf_link__fd(link), NULL), -EINVAL);
	assert_non_null(strstr(last_log(), "not struct_ops"));
	bpf_link__destroy(link);
	static_a_bpf__destroy(skel);
}

static void test_open_errors(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LEGACY);
	struct bpfring_struct_ops *ops;
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);

	assert_int_equal(bpfring_struct_ops_open(NULL, 0, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_pinned(NULL, BPFFS "/x", NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_pinned(&ops, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_object(&ops, skel->obj, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open(&ops, -1, NULL), -EBADF);
	assert_int_equal(bpfring_struct_ops_open(&ops, STDERR_FILENO, NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open(&ops, bpf_map__fd(skel->maps.bss), NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_object(&ops, skel->obj, "nothing", NULL), -ENOENT);
	assert_int_equal(bpfring_struct_ops_open_object(&ops, skel->obj,
							bpf_map__name(skel->maps.bss), NULL),
			 -EINVAL);
	assert_int_equal(bpfring_struct_ops_open_pinned(&ops, BPFFS "/nothing", NULL), -ENOENT);

	opts.sz = 1;
	assert_int_equal(bpfring_struct_ops_open(&ops, bpf_map__fd(skel->maps.cc_first), &opts),
			 -EINVAL);
	bpfring_struct_ops_close(NULL);
	ops_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_compare_and_replace),
		cmocka_unit_test(test_replace_refused),
		cmocka_unit_test(test_death_with_link),
		cmocka_unit_test(test_death_without_link),
		cmocka_unit_test(test_second_process),
		cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_open_other_link),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
