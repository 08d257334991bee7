// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The probe against trying by hand: as root, without privileges, and beside bpftool. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpfring/probe.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static struct bpfring_probe_result probe(enum bpfring_feature feature)
{
	struct bpfring_probe_result r = {.sz = sizeof(r)};

	assert_int_equal(bpfring_probe(feature, &r), 0);
	return r;
}

static int made(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool grep(const char *command)
{
	return WEXITSTATUS(system(command)) == 0;
}

static bool kernel_has_type(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "bpftool btf dump file /sys/kernel/btf/vmlinux format raw 2>/dev/null | "
		 "grep -q \"STRUCT '%s'\"",
		 name);
	return grep(command);
}

static void by_hand(void **state)
{
	struct bpf_map_create_opts overwrite = {.sz = sizeof(overwrite), .map_flags = 1U << 19};

	(void)state;
	assert_int_equal(probe(BPFRING_FEATURE_RINGBUF).state,
			 made(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "t", 0, 0, 4096, NULL)));
	assert_int_equal(probe(BPFRING_FEATURE_USER_RINGBUF).state,
			 made(bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, "t", 0, 0, 4096, NULL)));
	assert_int_equal(probe(BPFRING_FEATURE_OVERWRITE).state,
			 made(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "t", 0, 0, 4096, &overwrite)));
	assert_int_equal(probe(BPFRING_FEATURE_PIDFD_THREAD).state,
			 made((int)syscall(SYS_pidfd_open, getpid(), O_EXCL)));
	assert_int_equal(probe(BPFRING_FEATURE_SCHED_EXT).state,
			 kernel_has_type("bpf_struct_ops_sched_ext_ops"));
	assert_int_equal(probe(BPFRING_FEATURE_STRUCT_OPS).state,
			 kernel_has_type("bpf_struct_ops_tcp_congestion_ops"));
}

static void beside_bpftool(void **state)
{
	static const struct {
		enum bpfring_feature feature;
		const char *map;
	} kinds[] = {
		{BPFRING_FEATURE_RINGBUF, "ringbuf"},
		{BPFRING_FEATURE_USER_RINGBUF, "user_ringbuf"},
		{BPFRING_FEATURE_TASK_STORAGE, "task_storage"},
	};
	char command[256];

	(void)state;
	if (!grep("bpftool feature probe kernel >/tmp/bpfring_features 2>/dev/null"))
		skip_because("no bpftool");
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(command, sizeof(command),
			 "grep -q 'map_type %s is available' /tmp/bpfring_features", kinds[i].map);
		assert_int_equal(probe(kinds[i].feature).state, grep(command));
	}
	unlink("/tmp/bpfring_features");
}

static void says_why(void **state)
{
	(void)state;
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++) {
		struct bpfring_probe_result r = probe((enum bpfring_feature)i);

		printf("%-20s %d %s\n", bpfring_feature_name((enum bpfring_feature)i), r.state,
		       r.reason);
		assert_int_equal(r.state == BPFRING_PROBE_YES, r.err == 0);
		assert_int_equal(r.state == BPFRING_PROBE_YES, r.reason[0] == '\0');
	}
	assert_null(bpfring_feature_name(BPFRING_FEATURE_COUNT));
	assert_int_equal(bpfring_probe(BPFRING_FEATURE_COUNT, &(struct bpfring_probe_result){0}),
			 -EINVAL);
	assert_int_equal(bpfring_probe(BPFRING_FEATURE_UPTR, NULL), -EINVAL);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		_exit(1);
}

/* Without privileges: what needs CAP_BPF is forbidden, what does not works. */
static void without_privileges(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		become_nobody();
		_exit(probe(BPFRING_FEATURE_TASK_STORAGE).state != BPFRING_PROBE_NOT_PERMITTED ||
		      probe(BPFRING_FEATURE_UPTR).state != BPFRING_PROBE_NOT_PERMITTED ||
		      probe(BPFRING_FEATURE_STRUCT_OPS).state != BPFRING_PROBE_NOT_PERMITTED ||
		      probe(BPFRING_FEATURE_PIDFD_THREAD).state == BPFRING_PROBE_NOT_PERMITTED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void have_only(uint64_t wanted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}};

	for (int i = 0; i < 2; i++)
		caps[i].permitted = caps[i].effective = (uint32_t)(wanted >> 32 * i);
	if (prctl(PR_SET_KEEPCAPS, 1))
		_exit(1);
	become_nobody();
	if (syscall(SYS_capset, &header, caps))
		_exit(1);
}

static void child_is_content(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_because("no namespaces here");
	assert_int_equal(status, 0);
}

/* What BPF programs use that look at tasks or take the place of kernel functions. */
static bool needs_perfmon(enum bpfring_feature feature)
{
	return feature == BPFRING_FEATURE_STRUCT_OPS ||
	       feature == BPFRING_FEATURE_STRUCT_OPS_LINK ||
	       feature == BPFRING_FEATURE_STRUCT_OPS_DETACH ||
	       feature == BPFRING_FEATURE_SCHED_EXT || feature == BPFRING_FEATURE_TASK_STORAGE ||
	       feature == BPFRING_FEATURE_UPTR;
}

/* With CAP_BPF alone maps can be made, but their programs are refused. */
static void with_cap_bpf(void **state)
{
	enum bpfring_probe_state as_root[BPFRING_FEATURE_COUNT];
	pid_t pid;

	(void)state;
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++)
		as_root[i] = probe((enum bpfring_feature)i).state;
	pid = fork();
	if (!pid) {
		have_only(1ULL << CAP_BPF);
		for (int i = 0; i < BPFRING_FEATURE_COUNT; i++) {
			struct bpfring_probe_result r = probe((enum bpfring_feature)i);
			bool refused = as_root[i] == BPFRING_PROBE_YES &&
				       needs_perfmon((enum bpfring_feature)i);

			if (r.state != (refused ? BPFRING_PROBE_NOT_PERMITTED : as_root[i]))
				_exit(2 + i);
			if (refused && !strstr(r.reason, "CAP_PERFMON"))
				_exit(50 + i);
		}
		_exit(0);
	}
	child_is_content(pid);
	pid = fork();
	if (!pid) {
		have_only(1ULL << CAP_BPF | 1ULL << CAP_PERFMON);
		for (int i = 0; i < BPFRING_FEATURE_COUNT; i++)
			if (probe((enum bpfring_feature)i).state != as_root[i])
				_exit(2 + i);
		_exit(0);
	}
	child_is_content(pid);
}

/* In a user namespace there are capabilities, but none that the kernel asks for. */
static void in_a_user_namespace(void **state)
{
	static const enum bpfring_feature features[] = {
		BPFRING_FEATURE_TASK_STORAGE, BPFRING_FEATURE_UPTR, BPFRING_FEATURE_STRUCT_OPS};
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		become_nobody();
		if (unshare(CLONE_NEWUSER))
			_exit(77);
		for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
			struct bpfring_probe_result r = probe(features[i]);

			if (r.state != BPFRING_PROBE_NOT_PERMITTED)
				_exit(1);
			if (!strstr(r.reason, "user namespace"))
				_exit(2);
		}
		_exit(0);
	}
	child_is_content(pid);
}

/* A process whose /sys or /proc is not there. */
static void without(const char *mount_point)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    umount2(mount_point, MNT_DETACH))
		_exit(77);
}

/* It cannot be told then, and that is not the kernel's fault; all else is as before. */
static void without_sys(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		struct bpfring_probe_result r;

		without("/sys");
		r = probe(BPFRING_FEATURE_STRUCT_OPS);
		if (r.state != BPFRING_PROBE_NOT_PERMITTED ||
		    !strstr(r.reason, "/sys is not mounted"))
			_exit(1);
		r = probe(BPFRING_FEATURE_SCHED_EXT);
		if (r.state != BPFRING_PROBE_NOT_PERMITTED ||
		    !strstr(r.reason, "/sys is not mounted"))
			_exit(2);
		_exit(probe(BPFRING_FEATURE_RINGBUF).state == BPFRING_PROBE_NOT_PERMITTED);
	}
	child_is_content(pid);
}

static void without_proc(void **state)
{
	enum bpfring_probe_state as_root[BPFRING_FEATURE_COUNT];
	pid_t pid;

	(void)state;
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++)
		as_root[i] = probe((enum bpfring_feature)i).state;
	pid = fork();
	if (!pid) {
		without("/proc");
		for (int i = 0; i < BPFRING_FEATURE_COUNT; i++)
			if (probe((enum bpfring_feature)i).state != as_root[i])
				_exit(2 + i);
		_exit(0);
	}
	child_is_content(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),	cmocka_unit_test(beside_bpftool),
		cmocka_unit_test(says_why),	cmocka_unit_test(without_privileges),
		cmocka_unit_test(with_cap_bpf), cmocka_unit_test(in_a_user_namespace),
		cmocka_unit_test(without_sys),	cmocka_unit_test(without_proc),
	};

	if (getuid()) {
		puts("skipped: needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
