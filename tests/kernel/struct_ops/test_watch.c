// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Watching registrations: by the link's event, by polling, from inside callbacks. */
#include "util.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

struct seen {
	int count;
	uint32_t kind, map_id;
	int64_t at;
	bool close; /* the handle, from the callback */
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int on_event(void *ctx, struct bpfring_struct_ops *ops,
		    const struct bpfring_struct_ops_event *event)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->kind = event->kind;
	seen->map_id = event->map_id;
	seen->at = now();
	assert_string_equal(event->reason, "");
	if (seen->close)
		bpfring_struct_ops_close(ops);
	return BPFRING_STOP;
}

static struct bpfring_loop *new_loop(void)
{
	struct bpfring_loop *l;

	assert_return_code(bpfring_loop_new(&l, NULL), 0);
	return l;
}

static void test_event(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *other;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct seen seen = {0};
	int64_t start;

	if (!kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH))
		skip_because("struct_ops links of this kernel do not report that they were "
			     "detached (Linux 6.11)");
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), -ENOLINK);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), 0);
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), -EEXIST);
	assert_int_equal(bpfring_loop_poll(l, 20 * MS), 0);
	assert_int_equal(seen.count, 0);

	assert_return_code(open_by_link_id(&other, link_id_of(ops), &opts), 0);
	assert_return_code(bpfring_struct_ops_unregister(other), 0);
	start = now(); /* the call itself waits for the kernel's readers */
	assert_return_code(bpfring_loop_run(l), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	print_message("told after %lld us\n", (long long)(seen.at - start) / 1000);

	/* The watch has ended; a new one tells what was before. */
	assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
	assert_int_equal(bpfring_loop_poll(l, 20 * MS), 0);
	assert_int_equal(seen.count, 1);
	seen.close = true;
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, NULL), 0);
	assert_return_code(bpfring_loop_run(l), 0);
	assert_int_equal(seen.count, 2);

	bpfring_struct_ops_close(other);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

static void test_legacy(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *other;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch, .poll_ns = 2 * MS);
	struct seen seen = {0};
	int64_t start;

	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), -ENOLINK);
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	watch.poll_ns = -1;
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), -EINVAL);
	watch.poll_ns = 2 * MS;
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(bpfring_loop_poll(l, 3 * MS), 0);
	assert_int_equal(seen.count, 0);

	assert_return_code(bpfring_struct_ops_open(&other, bpfring_struct_ops_map_fd(ops), &opts),
			   0);
	assert_return_code(bpfring_struct_ops_unregister(other), 0);
	start = now(); /* the call itself waits for the kernel's readers */
	assert_return_code(bpfring_loop_run(l), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	print_message("told after %lld us\n", (long long)(seen.at - start) / 1000);
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(ops);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

/* What kernels before 6.11 have for links, and the only way to see a replacement. */
static void test_replaced(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *with = handle(f, skel, "cc_second"), *other;
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch, .poll_ns = 2 * MS);
	struct seen seen = {0};

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_open(&other, bpfring_struct_ops_link_fd(ops), &opts),
			   0);
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), 0);
	assert_return_code(bpfring_struct_ops_replace(other, with, NULL), 0);
	assert_return_code(bpfring_loop_run(l), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_REPLACED);
	assert_int_equal(seen.map_id, map_id_of(other));

	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		assert_return_code(bpfring_struct_ops_unregister(other), 0);
		assert_return_code(bpfring_loop_run(l), 0);
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
	}
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(with);
	assert_false(available("bpfring_test"));
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

/* Each replacement is told once, also when it goes back and forth, and the watch goes on. */
static void test_replaced_once(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");
	struct bpfring_struct_ops *with = handle(f, skel, "cc_second"), *other;
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch, .poll_ns = 2 * MS);
	struct seen seen = {0};

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_open(&other, bpfring_struct_ops_link_fd(ops), &opts),
			   0);
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), 0);
	for (int i = 1; i <= 3; i++) {
		assert_return_code(bpfring_struct_ops_replace(other, with, NULL), 0);
		assert_return_code(bpfring_loop_run(l), 0);
		assert_int_equal(seen.count, i);
		assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_REPLACED);
		assert_int_equal(seen.map_id, map_id_of(other));
		for (int j = 0; j < 10; j++)
			assert_int_equal(bpfring_loop_poll(l, 4 * MS), 0);
		assert_int_equal(seen.count, i);
	}
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(other);
	bpfring_struct_ops_close(with);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

/* A watch of a link that the handle itself detaches and registers anew goes on with the new one. */
static void test_registered_anew(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *other;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LINK, &ops);
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch, .poll_ns = 2 * MS);
	struct seen seen = {0};

	/* By the event alone, and before Linux 6.11 by looking. */
	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH))
		watch.poll_ns = 0;
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), 0);
	for (int i = 0; i < 2; i++) {
		assert_return_code(bpfring_struct_ops_unregister(ops), 0);
		assert_return_code(bpfring_struct_ops_register(ops), 0);
		assert_int_equal(bpfring_loop_poll(l, 20 * MS), 0);
		assert_int_equal(seen.count, 0);
	}
	assert_int_equal(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), -EEXIST);
	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_DETACH)) {
		assert_return_code(
			bpfring_struct_ops_open(&other, bpfring_struct_ops_link_fd(ops), &opts), 0);
		assert_return_code(bpfring_struct_ops_unregister(other), 0);
		assert_return_code(bpfring_loop_run(l), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.kind, BPFRING_STRUCT_OPS_EVENT_DETACHED);
		bpfring_struct_ops_close(other);
	}
	bpfring_struct_ops_close(ops);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

/* What is no longer watched is told to nobody, and costs no descriptor. */
static void test_unwatched(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_AUTO, &ops);
	struct bpfring_loop *l = new_loop();
	BPFRING_OPTS(bpfring_struct_ops_watch_opts, watch, .poll_ns = 2 * MS);
	struct seen seen = {0};
	unsigned int fds;

	assert_return_code(bpfring_struct_ops_register(ops), 0);
	fds = count_fds();
	for (int i = 0; i < 3; i++) {
		assert_return_code(bpfring_struct_ops_watch(ops, l, on_event, &seen, &watch), 0);
		assert_return_code(bpfring_struct_ops_unwatch(ops), 0);
		assert_int_equal(bpfring_struct_ops_unwatch(ops), -ENOENT);
		assert_int_equal(count_fds(), fds);
	}
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(bpfring_loop_poll(l, 20 * MS), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(bpfring_struct_ops_unwatch(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_watch(NULL, l, on_event, &seen, &watch), -EINVAL);
	assert_int_equal(bpfring_struct_ops_watch(ops, NULL, on_event, &seen, &watch), -EINVAL);
	assert_int_equal(bpfring_struct_ops_watch(ops, l, NULL, &seen, &watch), -EINVAL);
	bpfring_struct_ops_close(ops);
	bpfring_loop_free(l);
	ops_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event),		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_replaced),	cmocka_unit_test(test_replaced_once),
		cmocka_unit_test(test_registered_anew), cmocka_unit_test(test_unwatched),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
