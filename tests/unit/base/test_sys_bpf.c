// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The same for the calls of task storage and struct_ops. What libbpf answers is made up here. */
#define _GNU_SOURCE
#include "base/sys_bpf.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "unit.h"

/* What the next calls of an element answer: errors, then 0. */
static struct {
	int error;
	unsigned int times, calls;
} answer;

static int answer_now(void)
{
	answer.calls++;
	errno = answer.error;
	return answer.calls <= answer.times ? -answer.error : 0;
}

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_delete_elem(int fd, const void *key);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size);
int __wrap_bpf_link_update(int fd, int map_fd, const struct bpf_link_update_opts *opts);

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	(void)fd, (void)key, (void)value;
	return answer_now();
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd, (void)key, (void)value, (void)flags;
	return answer_now();
}

int __wrap_bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd, (void)key;
	return answer_now();
}

/* A kernel that knows three words of it. */
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *size)
{
	(void)fd;
	assert_true(*size > 12);
	*size = 12;
	for (unsigned int i = 0; i < 3; i++)
		((uint32_t *)info)[i] = 100 + i;
	return answer_now();
}

static struct bpf_link_update_opts last_update;

int __wrap_bpf_link_update(int fd, int map_fd, const struct bpf_link_update_opts *opts)
{
	assert_int_equal(fd, 3);
	assert_int_equal(map_fd, 4);
	last_update = *opts;
	return answer_now();
}

static struct bpf_prog_load_opts last_program;

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
			 const struct bpf_insn *insns, size_t count,
			 struct bpf_prog_load_opts *opts);
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
			 const struct bpf_insn *insns, size_t count,
			 struct bpf_prog_load_opts *opts)
{
	assert_int_equal(type, BPF_PROG_TYPE_STRUCT_OPS);
	assert_non_null(name);
	assert_string_equal(license, "GPL"); /* struct_ops want it */
	assert_int_equal(count, 2);
	assert_int_equal(insns[1].code, BPF_JMP | BPF_EXIT);
	last_program = *opts;
	return answer_now();
}

static bool no_memory;

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	return no_memory ? NULL : __real_fdopendir(fd);
}

/* Types that are there have the id 5. */
int __wrap_bpf_btf_get_fd_by_id(__u32 id);
int __wrap_bpf_btf_get_fd_by_id(__u32 id)
{
	errno = ENOENT;
	return id == 5 ? dup(STDOUT_FILENO) : -1;
}

static void set_answer(int error, unsigned int times)
{
	answer.error = error;
	answer.times = times;
	answer.calls = 0;
}

/* Two that change an element of one task at the same time: one of them is told to try again. */
static void a_race_for_an_element_is_tried_again(void **state)
{
	static const struct {
		int error;
		bool update, delete; /* whether they try again */
	} cases[] = {
		{EAGAIN, true, true},  {EINTR, true, false},   {ENOENT, false, false},
		{E2BIG, false, false}, {EEXIST, false, false},
	};
	uint64_t key = 1, value = 2;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const int err = -cases[i].error;

		set_answer(cases[i].error, 5);
		assert_int_equal(bpfring_sys_elem_update(0, &key, &value, 0),
				 cases[i].update ? 0 : err);
		assert_int_equal(answer.calls, cases[i].update ? 6 : 1);
		set_answer(cases[i].error, 5);
		assert_int_equal(bpfring_sys_elem_delete(0, &key), cases[i].delete ? 0 : err);
		assert_int_equal(answer.calls, cases[i].delete ? 6 : 1);
		set_answer(cases[i].error, 1);
		assert_int_equal(bpfring_sys_elem_lookup(0, &key, &value), err);
		/* not for ever */
		set_answer(cases[i].error, 1000000);
		assert_int_equal(bpfring_sys_elem_update(0, &key, &value, 0), err);
		assert_in_range(answer.calls, 1, 1000);
		set_answer(cases[i].error, 1000000);
		assert_int_equal(bpfring_sys_elem_delete(0, &key), err);
		assert_in_range(answer.calls, 1, 1000);
	}
	set_answer(0, 0);
	assert_int_equal(bpfring_sys_elem_lookup(0, &key, &value), 0);
	assert_int_equal(bpfring_sys_elem_update(0, &key, &value, 0), 0);
	assert_int_equal(bpfring_sys_elem_delete(0, &key), 0);
}

/* Older kernels fill in less. The rest is not what was there before. */
static void what_the_kernel_does_not_say_is_zero(void **state)
{
	static const unsigned char zero[sizeof(struct bpf_prog_info) + sizeof(struct bpf_map_info)];
	struct sys_link_info link;
	struct bpf_prog_info prog;
	struct bpf_map_info map;

	(void)state;
	memset(&link, 0xee, sizeof(link));
	memset(&prog, 0xee, sizeof(prog));
	memset(&map, 0xee, sizeof(map));
	set_answer(0, 0);
	assert_int_equal(bpfring_sys_link_info(0, &link), 0);
	assert_int_equal(link.id, 101);
	assert_int_equal(link.map_id, 0);
	assert_int_equal(bpfring_sys_prog_info(0, &prog), 0);
	assert_int_equal(prog.id, 101);
	assert_memory_equal((char *)&prog + 12, zero, sizeof(prog) - 12);
	assert_int_equal(bpfring_sys_map_info(0, &map), 0);
	assert_int_equal(map.id, 101);
	assert_memory_equal((char *)&map + 12, zero, sizeof(map) - 12);
	set_answer(EPERM, 3);
	assert_int_equal(bpfring_sys_link_info(0, &link), -EPERM);
	assert_int_equal(bpfring_sys_prog_info(0, &prog), -EPERM);
	assert_int_equal(bpfring_sys_map_info(0, &map), -EPERM);
}

static void a_link_is_updated_only_if_it_has_what_is_expected(void **state)
{
	(void)state;
	set_answer(0, 0);
	assert_int_equal(bpfring_sys_link_update(3, 4, 5), 0);
	assert_int_equal(last_update.flags, BPF_F_REPLACE);
	assert_int_equal(last_update.old_prog_fd, 5);
	assert_int_equal(bpfring_sys_link_update(3, 4, 0), 0);
	assert_int_equal(last_update.flags, BPF_F_REPLACE);
	assert_int_equal(bpfring_sys_link_update(3, 4, -1), 0);
	assert_int_equal(last_update.flags, 0);
	assert_int_equal(last_update.old_prog_fd, 0);
	set_answer(EPERM, 1);
	assert_int_equal(bpfring_sys_link_update(3, 4, 5), -EPERM);
}

static void an_operation_is_named_by_its_type_and_number(void **state)
{
	(void)state;
	set_answer(EPERM, 1);
	assert_int_equal(bpfring_sys_prog_load_empty(BPF_PROG_TYPE_STRUCT_OPS, 77, 5), -EPERM);
	assert_int_equal(last_program.attach_btf_id, 77);
	assert_int_equal(last_program.expected_attach_type, 5);
}

static int keep_only(uint64_t caps)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(caps >> 32 * i);
	return (int)syscall(SYS_capset, &header, data);
}

#define CAP(name) (1ULL << (name))

/* CAP_SYS_ADMIN includes the two that were taken out of it. */
static void capabilities(void **state)
{
	static const struct {
		uint64_t caps;
		bool bpf, perfmon;
	} cases[] = {
		{0, false, false},
		{CAP(CAP_BPF), true, false},
		{CAP(CAP_PERFMON), false, true},
		{CAP(CAP_BPF) | CAP(CAP_PERFMON), true, true},
		{CAP(CAP_SYS_ADMIN), true, true},
		{~(CAP(CAP_SYS_ADMIN) | CAP(CAP_BPF) | CAP(CAP_PERFMON)) & 0x1ffffffffffULL, false,
		 false},
	};
	char path[64] = "";
	const bool first = readlink("/proc/self/ns/user", path, sizeof(path) - 1) > 0 &&
			   !strcmp(path, "user:[4026531837]");

	(void)state;
	if (*path)
		assert_int_equal(bpfring_sys_privileges().user_namespace, !first);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		int status;
		pid_t child = fork();

		if (!child) {
			struct privileges p;

			if (keep_only(cases[i].caps))
				_exit(77); /* has not got them */
			p = bpfring_sys_privileges();
			_exit(p.bpf != cases[i].bpf || p.perfmon != cases[i].perfmon);
		}
		waitpid(child, &status, 0);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77 && cases[i].caps)
			print_message("case %u: not without these capabilities\n", i);
		else if (status)
			fail_msg("case %u", i);
	}
}

static void *end_at_once(void *tid)
{
	*(pid_t *)tid = bpfring_sys_gettid();
	return NULL;
}

static bool ends(bool (*still)(pid_t), pid_t tid) /* pthread_join() returns a moment before */
{
	for (int i = 0; i < 1000 && still(tid); i++)
		usleep(1000);
	return !still(tid);
}

static void threads_and_processes(void **state)
{
	pid_t child, tid = 0;
	pthread_t thread;
	int pidfd;

	(void)state;
	assert_int_equal(bpfring_sys_gettid(), syscall(SYS_gettid));
	assert_int_equal(bpfring_sys_getpid(), getpid());
	assert_true(bpfring_sys_is_our_thread(bpfring_sys_gettid()));
	assert_false(bpfring_sys_is_our_thread(0));
	assert_false(bpfring_sys_is_our_thread(-1));
	assert_int_equal(pthread_create(&thread, NULL, end_at_once, &tid), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(tid, getpid());
	assert_true(ends(bpfring_sys_is_our_thread, tid));
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_false(bpfring_sys_is_our_thread(child));
	pidfd = bpfring_sys_pidfd(child, 0);
	if (pidfd == -ENOSYS || pidfd == -EPERM) {
		print_message("no pidfds here\n");
	} else {
		assert_true(pidfd > 2);
		assert_false(bpfring_sys_pidfd_ended(pidfd));
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (pidfd >= 0) {
		assert_true(bpfring_sys_pidfd_ended(pidfd));
		bpfring_sys_close(pidfd);
		assert_int_equal(bpfring_sys_pidfd(-1, 0), -EINVAL);
	}
	assert_false(bpfring_sys_pidfd_ended(-1));
}

static void memory_is_put_and_moved(void **state)
{
	const size_t size = bpfring_sys_page_size();
	char *a, *b;

	(void)state;
	a = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(a, MAP_FAILED);
	b = a + size;
	memset(a, 'a', 2 * size);
	assert_int_equal(bpfring_sys_mmap_at(b, size, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 0);
	assert_int_equal(*b, 0);
	assert_int_equal(*a, 'a');
	assert_int_equal(bpfring_sys_move_mapping(a, size, b), 0);
	assert_int_equal(*b, 'a');
	assert_int_equal(msync(a, size, MS_ASYNC), -1); /* gone from there */
	assert_int_equal(bpfring_sys_madvise(b, size, MADV_DONTNEED), 0);
	assert_int_equal(*b, 0);
	assert_int_equal(bpfring_sys_madvise(b + 1, size, MADV_DONTNEED), -EINVAL);
	assert_int_equal(bpfring_sys_mmap_at(b, size, PROT_READ, MAP_SHARED, -1, 0), -EBADF);
	assert_int_equal(bpfring_sys_move_mapping(b + 1, size, a), -EINVAL);
	munmap(b, size);
}

static void the_rest(void **state)
{
	unsigned char random[2][300];
	char path[] = "/tmp/bpfring-unit-XXXXXX";
	int64_t start = bpfring_sys_now();
	size_t same = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(random[i], 0, sizeof(random[i]));
		assert_int_equal(bpfring_sys_urandom(random[i], sizeof(random[i]) - 8), 0);
	}
	for (size_t i = 0; i < sizeof(random[0]) - 8; i++)
		same += random[0][i] == random[1][i];
	assert_in_range(same, 0, 50);
	for (size_t i = sizeof(random[0]) - 8; i < sizeof(random[0]); i++)
		assert_int_equal(random[0][i], 0);
	assert_int_equal(bpfring_sys_urandom(NULL, 8), -EFAULT);
	close(mkstemp(path));
	bpfring_sys_unlink(path);
	assert_int_equal(access(path, F_OK), -1);
	bpfring_sys_sleep(3 * MSEC);
	assert_true(bpfring_sys_now() - start >= 3 * MSEC);
}

struct modules {
	unsigned int count, stop_at;
};

static int lowest_free_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

static int count_module(void *ctx, const char *module)
{
	struct modules *modules = ctx;

	assert_string_not_equal(module, "vmlinux");
	assert_int_not_equal(module[0], '.');
	return ++modules->count == modules->stop_at ? -ECANCELED : 0;
}

static void modules_with_types(void **state)
{
	struct modules all = {0}, first = {.stop_at = 1};
	int before = lowest_free_fd(), err = bpfring_sys_btf_modules(count_module, &all);

	(void)state;
	if (access("/sys/kernel/btf", F_OK)) {
		assert_int_equal(err, -ENOENT);
		return;
	}
	assert_int_equal(err, 0);
	err = bpfring_sys_btf_modules(count_module, &first);
	assert_int_equal(err, all.count ? -ECANCELED : 0);
	assert_int_equal(first.count, all.count ? 1 : 0);
	assert_int_equal(lowest_free_fd(), before);
	no_memory = true;
	assert_int_equal(bpfring_sys_btf_modules(count_module, &all), -ENOMEM);
	assert_int_equal(lowest_free_fd(), before);
	no_memory = false;
}

static void the_name_of_types(void **state)
{
	int before = lowest_free_fd();
	char name[64];

	(void)state;
	assert_int_equal(bpfring_sys_btf_name(4, name, sizeof(name)), -ENOENT);
	set_answer(EPERM, 1);
	assert_int_equal(bpfring_sys_btf_name(5, name, sizeof(name)), -EPERM);
	assert_int_equal(answer.calls, 1);
	assert_int_equal(bpfring_sys_btf_name(5, name, sizeof(name)), 0);
	assert_int_equal(lowest_free_fd(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_race_for_an_element_is_tried_again),
		cmocka_unit_test(what_the_kernel_does_not_say_is_zero),
		cmocka_unit_test(a_link_is_updated_only_if_it_has_what_is_expected),
		cmocka_unit_test(an_operation_is_named_by_its_type_and_number),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(threads_and_processes),
		cmocka_unit_test(memory_is_put_and_moved),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(modules_with_types),
		cmocka_unit_test(the_name_of_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
