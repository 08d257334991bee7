// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Registering and unregistering in both modes: every state, and every refusal of the kernel. */
#include "dummy.skel.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NAME "bpfring_test"

static void test_legacy_states(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	struct connection c;

	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	assert_int_equal(bpfring_struct_ops_unregister(ops), -ENOENT);
	assert_false(available(NAME));

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INUSE);
	assert_true(available(NAME));
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -EBUSY);

	connect_with(&c, NAME);
	transfer(&c, 1 << 20);
	assert_true(skel->bss->calls_1 > 0);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_TOBEFREE);
	assert_false(available(NAME));
	assert_int_equal(bpfring_struct_ops_unregister(ops), -EINPROGRESS);
	last_log();
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY); /* for ever */
	assert_non_null(strstr(last_log(), "load another"));
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 20000000), -ETIMEDOUT);
	transfer(&c, 1 << 16); /* the connection keeps it */
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 5000000000), 0);
	assert_int_equal(refcnt_of(ops), 0);

	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_link_states(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	struct connection c;

	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	assert_int_equal(bpfring_struct_ops_unregister(ops), -ENOLINK);
	assert_return_code(bpfring_struct_ops_store(ops), 0);
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_READY);
	assert_return_code(bpfring_struct_ops_store(ops), 0);
	assert_false(available(NAME));

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_true(bpfring_struct_ops_link_fd(ops) >= 0);
	assert_int_not_equal(link_id_of(ops), 0);
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_READY);
	assert_true(refcnt_of(ops) > 0);
	assert_true(available(NAME));
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);

	connect_with(&c, NAME);
	transfer(&c, 1 << 20);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_false(available(NAME));
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 20000000), -ETIMEDOUT);
	disconnect(&c);
	assert_return_code(bpfring_struct_ops_wait_released(ops, 5000000000), 0);
	/*
	 * Once more: nothing to do, or before 6.11, when it took the link away, nothing to do it
	 * with.
	 */
	assert_int_equal(bpfring_struct_ops_unregister(ops),
			 kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH) ? 0 : -ENOLINK);

	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* A link that was detached does not keep the handle from registering the map by another. */
static void test_register_again_by_handle(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	BPFRING_OPTS(bpfring_struct_ops_status, status);
	uint32_t last_link = 0;
	unsigned int fds = 0;

	for (int i = 0; i < 3; i++) {
		assert_return_code(bpfring_struct_ops_register(ops), 0);
		assert_true(available(NAME));
		assert_int_not_equal(link_id_of(ops), last_link);
		last_link = link_id_of(ops);
		assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
		assert_int_equal(status.link_id, last_link);
		assert_int_equal(status.link_map_id, status.map_id);
		if (!fds)
			fds = count_fds();
		assert_int_equal(count_fds(), fds);
		last_log();
		assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
		assert_non_null(strstr(last_log(), "unregister it first"));
		assert_int_equal(count_fds(), fds);
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		assert_false(available(NAME));
		assert_return_code(bpfring_struct_ops_wait_released(ops, 5000000000), 0);
	}
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* The link was detached by somebody else, and the name is taken: what the handle has stays. */
static void test_register_again_refused(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *other, *second;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);

	if (!kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH))
		skip_because("struct_ops links of this kernel do not report that they were "
			     "detached (Linux 6.11)");
	second = handle(f, skel, "cc_second");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_open(&other, bpfring_struct_ops_link_fd(ops), &opts),
			   0);
	assert_return_code(bpfring_struct_ops_unregister(other), 0);
	assert_return_code(bpfring_struct_ops_register(second), 0);
	assert_int_equal(bpfring_struct_ops_register(ops), -EEXIST);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0); /* its own: detached */
	assert_true(available(NAME));
	assert_return_code(bpfring_struct_ops_unregister(second), 0);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_true(available(NAME));
	/* A handle that was opened when the link had its map can do the same. */
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_return_code(bpfring_struct_ops_register(other), 0);
	bpfring_struct_ops_close(ops);
	assert_true(available(NAME));
	bpfring_struct_ops_close(other);
	assert_false(available(NAME));
	bpfring_struct_ops_close(second);
	ops_bpf__destroy(skel);
}

/* Nor does it keep a new handle from that. */
static void test_register_again(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *again;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);

	for (int i = 0; i < 3; i++) {
		assert_return_code(bpfring_struct_ops_register(ops), 0);
		assert_true(available(NAME));
		assert_return_code(
			bpfring_struct_ops_open(&again, bpfring_struct_ops_map_fd(ops), &opts), 0);
		bpfring_struct_ops_close(ops); /* the last of the link */
		assert_false(available(NAME));
		ops = again;
	}
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_auto_mode(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_AUTO, &ops);

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(bpfring_struct_ops_link_fd(ops) >= 0,
			 kernel_can(BPFRING_FEATURE_STRUCT_OPS_LINK));
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_same_name(enum bpfring_struct_ops_mode mode, void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, mode);
	struct bpfring_struct_ops *first = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *second = handle(f, skel, "cc_second");

	assert_return_code(bpfring_struct_ops_register(first), 0);
	last_log();
	assert_int_equal(bpfring_struct_ops_register(second), -EEXIST);
	assert_non_null(strstr(last_log(), "operations of that name"));
	assert_int_equal(bpfring_struct_ops_link_fd(second), -1);
	assert_return_code(bpfring_struct_ops_unregister(first), 0);
	assert_return_code(bpfring_struct_ops_register(second), 0); /* the failure left it usable */
	assert_return_code(bpfring_struct_ops_unregister(second), 0);
	bpfring_struct_ops_close(first);
	bpfring_struct_ops_close(second);
	ops_bpf__destroy(skel);
}

static void test_same_name_link(void **state)
{
	test_same_name(BPFRING_STRUCT_OPS_MODE_LINK, state);
}

static void test_same_name_legacy(void **state)
{
	test_same_name(BPFRING_STRUCT_OPS_MODE_LEGACY, state);
}

static void test_refused_members(enum bpfring_struct_ops_mode mode, void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, mode);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_incomplete");

	last_log();
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_non_null(strstr(last_log(), "undo_cwnd"));
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	bpfring_struct_ops_close(ops);

	ops = handle(f, skel, "cc_bad_flags");
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	if (libbpf_is_new() && kernel_can(BPFRING_FEATURE_STRUCT_OPS_LINK))
		assert_non_null(strstr(last_log(), "refuses member 'flags'"));
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_refused_members_link(void **state)
{
	test_refused_members(BPFRING_STRUCT_OPS_MODE_LINK, state);
}

static void test_refused_members_legacy(void **state)
{
	test_refused_members(BPFRING_STRUCT_OPS_MODE_LEGACY, state);
}

static struct dummy_bpf *load_dummy(struct fixture *f, enum bpfring_struct_ops_mode mode,
				    struct bpfring_struct_ops **ret)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct dummy_bpf *skel = dummy_bpf__open();

	assert_non_null(skel);
	assert_return_code(bpfring_struct_ops_open_object(ret, skel->obj, "dummy", &opts), 0);
	assert_return_code(bpfring_struct_ops_prepare(*ret, mode), 0);
	assert_return_code(dummy_bpf__load(skel), errno);
	return skel;
}

/* bpf_dummy_ops is made for running programs by hand; it lets nobody register. */
static void test_dummy(void **state)
{
	struct fixture *f = *state;
	const struct bpfring_struct_ops_type *type;
	struct bpfring_struct_ops *ops;
	struct dummy_bpf *skel;

	if (bpfring_struct_ops_types_find(f->types, "bpf_dummy_ops", &type))
		skip_because("this kernel has no bpf_dummy_ops (Linux 5.16)");
	skel = load_dummy(f, BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	last_log();
	assert_int_equal(bpfring_struct_ops_register(ops), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "cannot be registered"));
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	bpfring_struct_ops_close(ops);
	dummy_bpf__destroy(skel);

	need_links();
	skel = load_dummy(f, BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	assert_int_equal(bpfring_struct_ops_register(ops), -EOPNOTSUPP);
	assert_non_null(strstr(last_log(), "cannot be registered"));
	assert_int_equal(bpfring_struct_ops_link_fd(ops), -1);
	bpfring_struct_ops_close(ops);
	dummy_bpf__destroy(skel);
}

/* The rules of the map itself, which the library relies on. */
static void test_map_rules(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	const uint32_t zero = 0, one = 1;
	static char value[4096];
	int fd;

	assert_return_code(bpfring_struct_ops_store(ops), 0);
	fd = bpfring_struct_ops_map_fd(ops);
	assert_int_equal(bpf_map_update_elem(fd, &one, value, BPF_ANY), -E2BIG);
	assert_int_equal(bpf_map_update_elem(fd, &zero, value, BPF_NOEXIST), -EINVAL);
	assert_int_equal(bpf_map_update_elem(fd, &zero, value, BPF_ANY), -EBUSY);
	assert_int_equal(bpf_map_delete_elem(fd, &zero), -EOPNOTSUPP);
	assert_int_equal(bpf_map_lookup_elem(fd, &one, value), -ENOENT);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_store_errors(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *bare;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);

	assert_int_equal(bpfring_struct_ops_store(ops), -EOPNOTSUPP);
	assert_state(ops, BPFRING_STRUCT_OPS_STATE_INIT);
	assert_return_code(bpfring_struct_ops_open(&bare, bpfring_struct_ops_map_fd(ops), &opts),
			   0);
	assert_int_equal(bpfring_struct_ops_register(bare), -ENODATA);
	bpfring_struct_ops_close(bare);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);

	skel = ops_bpf__open();
	ops = handle(f, skel, "cc_first");
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_int_equal(bpfring_struct_ops_store(ops), -EINVAL);
	assert_int_equal(bpfring_struct_ops_map_fd(ops), -1);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legacy_states),
		cmocka_unit_test(test_link_states),
		cmocka_unit_test(test_register_again_by_handle),
		cmocka_unit_test(test_register_again_refused),
		cmocka_unit_test(test_register_again),
		cmocka_unit_test(test_auto_mode),
		cmocka_unit_test(test_same_name_link),
		cmocka_unit_test(test_same_name_legacy),
		cmocka_unit_test(test_refused_members_link),
		cmocka_unit_test(test_refused_members_legacy),
		cmocka_unit_test(test_dummy),
		cmocka_unit_test(test_map_rules),
		cmocka_unit_test(test_store_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
