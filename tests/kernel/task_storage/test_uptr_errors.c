// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What the kernel itself answers, which the library stands on. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define PAGE 4096UL

static char in_bss[2 * PAGE] __attribute__((aligned(4096)));

static int update_with(const struct fixture *f, int key, uint64_t address, uint64_t flags)
{
	struct {
		uint64_t before, cell;
		uint32_t weight, pad;
		uint64_t small;
	} value = {.cell = address};

	return bpf_map_update_elem(bpf_map__fd(f->skel->maps.store), &key, &value, flags);
}

static int update(const struct fixture *f, int key, const void *mem, uint64_t flags)
{
	return update_with(f, key, (uintptr_t)mem, flags);
}

static void errors_of_the_kernel(void **state)
{
	struct fixture *f = *state;
	int fd = bpf_map__fd(f->skel->maps.store), key = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int bad = -1, zero = open("/dev/zero", O_RDONLY);
	uint64_t value[4] = {1, 1, 1, 1};

	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), -ENOENT);
	assert_int_equal(bpf_map_delete_elem(fd, &key), -ENOENT);
	assert_int_equal(update(f, key, in_bss, BPF_EXIST), -ENOENT);
	assert_int_equal(update(f, key, in_bss + PAGE - 8, BPF_ANY), -EOPNOTSUPP);
	assert_int_equal(update_with(f, key, UINT64_MAX, BPF_ANY), -EFAULT);
	assert_int_equal(update(f, key, in_bss, BPF_F_LOCK), -EINVAL);
	assert_int_equal(update(f, key, in_bss, 8), -EINVAL);
	assert_int_equal(update(f, bad, in_bss, BPF_ANY), -EBADF);
	assert_int_equal(update(f, zero, in_bss, BPF_ANY), -EBADF);
	assert_int_equal(update(f, key, in_bss, BPF_NOEXIST), 0);
	assert_int_equal(update(f, key, in_bss, BPF_NOEXIST), -EEXIST);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	assert_int_equal(value[1], 0); /* pointers are not shown */
	assert_int_equal(bpf_map_get_next_key(fd, &key, &bad), -524);
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	close(zero);
	close(key);
}

/* A map whose value is one __uptr to a struct of so many bytes. */
static int create(enum bpf_map_type type, uint32_t size, uint32_t flags)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = flags};
	struct btf *btf = btf__new_empty();
	int byte = btf__add_int(btf, "char", 1, 0),
	    index = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int bytes = btf__add_array(btf, index, byte, size);
	int shared = btf__add_struct(btf, "shared", size), pointer, fd, btf_fd;
	uint32_t raw_size;
	const void *raw;

	btf__add_field(btf, "bytes", bytes, 0, 0);
	pointer = btf__add_ptr(btf, btf__add_type_tag(btf, "uptr", shared));
	opts.btf_key_type_id = (uint32_t)index;
	opts.btf_value_type_id = (uint32_t)btf__add_struct(btf, "value", 8);
	btf__add_field(btf, "p", pointer, 0, 0);
	raw = btf__raw_data(btf, &raw_size);
	btf_fd = bpf_btf_load(raw, raw_size, NULL);
	assert_true(btf_fd >= 0);
	opts.btf_fd = (uint32_t)btf_fd;
	fd = bpf_map_create(type, "test", 4, 8, type == BPF_MAP_TYPE_TASK_STORAGE ? 0 : 1, &opts);
	close(btf_fd);
	btf__free(btf);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void errors_of_map_creation(void **state)
{
	(void)state;
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 1, BPF_F_NO_PREALLOC), 0);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, PAGE, BPF_F_NO_PREALLOC), 0);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, PAGE + 1, BPF_F_NO_PREALLOC), -E2BIG);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 0, BPF_F_NO_PREALLOC), -EINVAL);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 8, 0), -EINVAL);
	assert_int_equal(
		create(BPF_MAP_TYPE_TASK_STORAGE, 8, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG),
		-EINVAL);
	assert_int_equal(create(BPF_MAP_TYPE_ARRAY, 8, 0), -EOPNOTSUPP);
	assert_int_equal(create(BPF_MAP_TYPE_HASH, 8, 0), -EOPNOTSUPP);
}

/* A zombie still has its element; a reaped task has none, and none can be made. */
static void errors_of_dead_tasks(void **state)
{
	struct fixture *f = *state;
	int fd = bpf_map__fd(f->skel->maps.store), key;
	uint64_t value[4];
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	key = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(update(f, key, in_bss, BPF_ANY), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	join_child(pid);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), -ENOENT);
	assert_int_equal(update(f, key, in_bss, BPF_ANY), -ENOENT);
	assert_int_equal(bpf_map_delete_elem(fd, &key), -ENOENT);
	close(key);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(errors_of_the_kernel),
		TEST(errors_of_map_creation),
		TEST(errors_of_dead_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	(void)argc;
	return fixture_main(1, argv, run);
}
