// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A handle and its BPF object: who attaches, what is found in it, and when it may be closed. */
#include "util.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "static_a.skel.h"
#include "static_b.skel.h"

#define NAME "bpfring_test"

/* As bpftool makes them for libbpf 1.5; the headers may know less. */
struct new_map_skeleton {
	const char *name;
	struct bpf_map **map;
	void **mapped;
	struct bpf_link **link;
};

/*
 * What the attach function of a skeleton does, from libbpf 1.5 on, for the map of that name: 1 if
 * it was attached, and then it is detached again.
 */
static int attach_skeleton(struct ops_bpf *skel, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, name);
	struct bpf_link *link = NULL;
	struct new_map_skeleton maps = {.name = name, .map = &map, .link = &link};
	struct bpf_object_skeleton s = {
		.sz = sizeof(s),
		.obj = &skel->obj,
		.map_cnt = 1,
		.map_skel_sz = sizeof(maps),
		.maps = (struct bpf_map_skeleton *)&maps,
	};
	int err = bpf_object__attach_skeleton(&s);

	if (!err && link)
		err = 1;
	bpf_link__destroy(link);
	return err;
}

static void test_attach_after_register(enum bpfring_struct_ops_mode mode, void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops;
	struct ops_bpf *skel = load(f, "cc_first", mode, &ops);

	/* prepare() alone: the map is ours from then on. */
	assert_int_equal(attach_skeleton(skel, "cc_first"), 0);
	assert_false(available(NAME));
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(attach_skeleton(skel, "cc_first"), 0);
	assert_true(available(NAME));
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

static void test_attach_after_register_link(void **state)
{
	test_attach_after_register(BPFRING_STRUCT_OPS_MODE_LINK, state);
}

static void test_attach_after_register_legacy(void **state)
{
	test_attach_after_register(BPFRING_STRUCT_OPS_MODE_LEGACY, state);
}

/* Somebody who does not prepare. */
static void test_attach_unprepared(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = ops_bpf__open_and_load();
	struct bpfring_struct_ops *ops;

	assert_non_null(skel);
	ops = handle(f, skel, "cc_first");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(attach_skeleton(skel, "cc_first"), 0);
	assert_return_code(bpfring_struct_ops_unregister(ops), 0);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* A prepare() that fails leaves libbpf what was libbpf's. */
static void test_attach_after_failure(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = ops_bpf__open();
	struct bpfring_struct_ops *ops = handle(f, skel, "cc_first");

	assert_int_equal(bpfring_struct_ops_prepare(ops, 99), -EINVAL);
	assert_return_code(ops_bpf__load(skel), errno);
	assert_int_equal(attach_skeleton(skel, "cc_first"),
			 libbpf_major_version() > 1 || libbpf_minor_version() >= 5);
	bpfring_struct_ops_close(ops);
	ops_bpf__destroy(skel);
}

/* The handle has no use for the object any more: it may be closed. */
static void assert_forgotten(struct bpfring_struct_ops *ops)
{
	last_log();
	assert_int_equal(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO), -EBUSY);
	assert_non_null(strstr(last_log(), "or whose map is stored"));
	assert_int_equal(bpfring_struct_ops_set_optional(ops, NULL, 1), -EBUSY);
}

/* Every way in which a map that has its value already comes to be used. */
static void test_object_closed(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	struct bpfring_struct_ops *storing[3], *ops, *with, *stored;
	struct bpfring_struct_ops_report *report;

	storing[0] = handle(f, skel, "cc_first");
	storing[1] = handle(f, skel, "cc_second");
	storing[2] = handle(f, skel, "cc_third");
	for (int i = 0; i < 3; i++) {
		assert_return_code(bpfring_struct_ops_store(storing[i]), 0);
		assert_forgotten(storing[i]);
	}
	ops = handle(f, skel, "cc_first");
	with = handle(f, skel, "cc_second");
	stored = handle(f, skel, "cc_third");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_return_code(bpfring_struct_ops_replace(ops, with, NULL), 0);
	assert_return_code(bpfring_struct_ops_store(stored), 0);
	assert_forgotten(ops);
	assert_forgotten(with);
	assert_forgotten(stored);
	ops_bpf__destroy(skel);

	assert_return_code(bpfring_struct_ops_inspect(with, &report), 0);
	assert_string_equal(report->map_name, "cc_first");
	bpfring_struct_ops_report_free(report);
	assert_int_equal(bpfring_struct_ops_register(ops), -EBUSY);
	assert_non_null(strstr(last_log(), "'cc_second'"));
	assert_int_equal(bpfring_struct_ops_unregister(stored), -ENOLINK);
	assert_non_null(strstr(last_log(), "'cc_third'"));
	assert_return_code(bpfring_struct_ops_replace(ops, stored, NULL), 0);
	for (int i = 0; i < 3; i++)
		bpfring_struct_ops_close(storing[i]);
	bpfring_struct_ops_close(stored);
	bpfring_struct_ops_close(with);
	bpfring_struct_ops_close(ops);
}

static void test_legacy_object_closed(void **state)
{
	struct fixture *f = *state;
	struct bpfring_struct_ops *ops, *late;
	struct ops_bpf *skel = load(f, "cc_first", BPFRING_STRUCT_OPS_MODE_LEGACY, &ops);

	late = handle(f, skel, "cc_first");
	assert_return_code(bpfring_struct_ops_register(ops), 0);
	assert_int_equal(bpfring_struct_ops_register(late), -EBUSY);
	assert_forgotten(ops);
	assert_forgotten(late);
	ops_bpf__destroy(skel);
	assert_int_equal(bpfring_struct_ops_register(late), -EBUSY);
	assert_non_null(strstr(last_log(), "'cc_first'"));
	assert_return_code(bpfring_struct_ops_unregister(late), 0);
	bpfring_struct_ops_close(late);
	bpfring_struct_ops_close(ops);
}

/* SEC("?.struct_ops"), or bpf_map__set_autocreate(): loaded without the map. */
static void test_not_created(void **state)
{
	struct fixture *f = *state;
	struct ops_bpf *skel = ops_bpf__open();
	BPFRING_OPTS(bpfring_struct_ops_status, status);
	struct bpfring_struct_ops *ops, *with;

	assert_non_null(skel);
	assert_return_code(bpf_map__set_autocreate(skel->maps.cc_first, false), 0);
	ops = handle(f, skel, "cc_first");
	with = handle(f, skel, "cc_second");
	assert_return_code(ops_bpf__load(skel), errno);
	last_log();
	assert_int_equal(bpfring_struct_ops_register(ops), -EINVAL);
	assert_non_null(strstr(last_log(), "bpf_map__set_autocreate()"));
	assert_int_equal(bpfring_struct_ops_status(ops, &status), -EINVAL);
	assert_non_null(strstr(last_log(), "bpf_map__set_autocreate()"));
	assert_int_equal(bpfring_struct_ops_map_fd(ops), -1);
	assert_state(with, BPFRING_STRUCT_OPS_STATE_INIT); /* the others are there */
	bpfring_struct_ops_close(ops);
	bpfring_struct_ops_close(with);
	ops_bpf__destroy(skel);
}

static void write_object(char *path, const void *bytes, size_t size)
{
	int fd = mkstemps(path, 2);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

/* Of two objects that were linked together, the other has static variables of the same names. */
static void test_linked_object(void **state)
{
	struct fixture *f = *state;
	char a[] = "/tmp/bpfring-XXXXXX.o", b[] = "/tmp/bpfring-XXXXXX.o",
	     out[] = "/tmp/bpfring-XXXXXX.o";
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	static const char *const maps[] = {"cc_linked", "cc_linked_2"};
	struct bpf_linker *linker;
	struct bpf_object *obj;
	size_t size;
	const void *bytes = static_a_bpf__elf_bytes(&size);

	write_object(a, bytes, size);
	bytes = static_b_bpf__elf_bytes(&size);
	write_object(b, bytes, size);
	write_object(out, "", 0);
	linker = bpf_linker__new(out, NULL);
	assert_non_null(linker);
	assert_return_code(bpf_linker__add_file(linker, a, NULL), 0);
	assert_return_code(bpf_linker__add_file(linker, b, NULL), 0);
	assert_return_code(bpf_linker__finalize(linker), 0);
	bpf_linker__free(linker);
	obj = bpf_object__open(out);
	assert_non_null(obj);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct bpfring_struct_ops *ops;

		assert_return_code(bpfring_struct_ops_open_object(&ops, obj, maps[i], &opts), 0);
		assert_return_code(bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO),
				   0);
		bpfring_struct_ops_close(ops);
	}
	bpf_object__close(obj);
	unlink(a);
	unlink(b);
	unlink(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach_after_register_link),
		cmocka_unit_test(test_attach_after_register_legacy),
		cmocka_unit_test(test_attach_unprepared),
		cmocka_unit_test(test_attach_after_failure),
		cmocka_unit_test(test_object_closed),
		cmocka_unit_test(test_legacy_object_closed),
		cmocka_unit_test(test_not_created),
		cmocka_unit_test(test_linked_object),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
