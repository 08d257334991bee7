// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The probe on a kernel that is pretended: what it asks for, and what it makes of the answers. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpfring/probe.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/probe.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "unit.h"

enum { FD = 100, PIDFD = 200, MAP_TYPES = 64, F_LINK = 1 << 13, F_RB_OVERWRITE = 1 << 19 };

static struct {
	int map_error[MAP_TYPES]; /* by type */
	uint32_t refused_flags;	  /* -EINVAL */
	int types_error;	  /* of the object's own */
	int prog_error, pidfd_error, update_error, lookup_error, mmap_error, token_error;
	bool shows_pointers; /* takes them for numbers */
	struct privileges privileges;

	int kernel_types_error;
	bool no_sys, no_types_file;
	bool tcp, dummy, scx, poll, uptr; /* types that it has */
	uint32_t tcp_value, tcp_ops, dummy_value;

	/* What was asked for last. */
	uint32_t map_type, key_size, value_size, entries, map_flags, value_id, key_id, kernel_id;
	uint32_t prog_type, prog_ops, prog_member;
	unsigned int programs, deletes, pidfd_flags;
	struct btf *types;
	uint64_t shared;

	int open, mapped; /* and not given back */
} k;

static int opened(int err, int fd)
{
	k.open += !err;
	return err ? err : fd;
}

int __wrap_bpfring_sys_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size,
				  uint32_t max_entries, const struct bpf_map_create_opts *opts);
int __wrap_bpfring_sys_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size,
				  uint32_t max_entries, const struct bpf_map_create_opts *opts)
{
	k.map_type = type;
	k.key_size = key_size;
	k.value_size = value_size;
	k.entries = max_entries;
	k.map_flags = opts->map_flags;
	k.key_id = opts->btf_key_type_id;
	k.value_id = opts->btf_value_type_id;
	k.kernel_id = opts->btf_vmlinux_value_type_id;
	if (type == BPF_MAP_TYPE_STRUCT_OPS || type == BPF_MAP_TYPE_TASK_STORAGE)
		assert_int_equal(opts->btf_fd, FD + 1);
	return opened(opts->map_flags & k.refused_flags ? -EINVAL : k.map_error[type], FD);
}

int __wrap_bpfring_sys_btf_load_raw(const void *data, uint32_t size);
int __wrap_bpfring_sys_btf_load_raw(const void *data, uint32_t size)
{
	btf__free(k.types);
	k.types = btf__new(data, size);
	assert_non_null(k.types);
	return opened(k.types_error, FD + 1);
}

int __wrap_bpfring_sys_prog_load_empty(uint32_t type, uint32_t btf_id, uint32_t member);
int __wrap_bpfring_sys_prog_load_empty(uint32_t type, uint32_t btf_id, uint32_t member)
{
	k.programs++;
	k.prog_type = type;
	k.prog_ops = btf_id;
	k.prog_member = member;
	return opened(k.prog_error, FD + 2);
}

int __wrap_bpfring_sys_pidfd(pid_t tid, unsigned int flags);
int __wrap_bpfring_sys_pidfd(pid_t tid, unsigned int flags)
{
	assert_true(tid > 0);
	k.pidfd_flags = flags;
	return opened(k.pidfd_error, PIDFD);
}

int __wrap_bpfring_sys_elem_update(int fd, const void *key, const void *value, uint64_t flags);
int __wrap_bpfring_sys_elem_update(int fd, const void *key, const void *value, uint64_t flags)
{
	assert_int_equal(fd, FD);
	assert_int_equal(*(const int *)key, PIDFD);
	assert_int_equal(flags, BPF_ANY);
	memcpy(&k.shared, value, sizeof(k.shared));
	assert_int_equal(k.shared % bpfring_sys_page_size(), 0);
	*(volatile char *)(uintptr_t)k.shared = 1; /* it is there */
	return k.update_error;
}

int __wrap_bpfring_sys_elem_lookup(int fd, const void *key, void *value);
int __wrap_bpfring_sys_elem_lookup(int fd, const void *key, void *value)
{
	assert_int_equal(fd, FD);
	assert_int_equal(*(const int *)key, PIDFD);
	memset(value, 0, sizeof(k.shared));
	if (k.shows_pointers)
		memcpy(value, &k.shared, sizeof(k.shared));
	return k.lookup_error;
}

int __wrap_bpfring_sys_elem_delete(int fd, const void *key);
int __wrap_bpfring_sys_elem_delete(int fd, const void *key)
{
	assert_int_equal(fd, FD);
	assert_int_equal(*(const int *)key, PIDFD);
	assert_int_equal(k.mapped, 1); /* still, as the kernel looks at it */
	k.deletes++;
	return 0;
}

int __wrap_bpfring_sys_bpf(int cmd, union bpf_attr *attr, uint32_t size);
int __wrap_bpfring_sys_bpf(int cmd, union bpf_attr *attr, uint32_t size)
{
	int32_t words[2];

	assert_int_equal(cmd, 36); /* BPF_TOKEN_CREATE */
	assert_int_equal(size, sizeof(words));
	memcpy(words, attr, sizeof(words));
	assert_int_equal(words[0], 0);
	assert_int_equal(words[1], -1);
	return k.token_error;
}

struct privileges __wrap_bpfring_sys_privileges(void);
struct privileges __wrap_bpfring_sys_privileges(void)
{
	return k.privileges;
}

int __wrap_bpfring_sys_open(const char *path);
int __wrap_bpfring_sys_open(const char *path)
{
	if (!strcmp(path, "/sys/kernel"))
		return opened(k.no_sys ? -ENOENT : 0, FD + 3);
	assert_string_equal(path, "/sys/kernel/btf/vmlinux");
	return opened(k.no_sys || k.no_types_file ? -ENOENT : 0, FD + 4);
}

void __wrap_bpfring_sys_close(int fd);
void __wrap_bpfring_sys_close(int fd)
{
	k.open -= fd >= 0;
}

int __real_bpfring_sys_mmap(void **ret, size_t size, int prot, int flags, int fd, uint64_t offset);
int __wrap_bpfring_sys_mmap(void **ret, size_t size, int prot, int flags, int fd, uint64_t offset);
int __wrap_bpfring_sys_mmap(void **ret, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	if (k.mmap_error)
		return k.mmap_error;
	k.mapped++;
	return __real_bpfring_sys_mmap(ret, size, prot, flags, fd, offset);
}

void __real_bpfring_sys_munmap(void *addr, size_t size);
void __wrap_bpfring_sys_munmap(void *addr, size_t size);
void __wrap_bpfring_sys_munmap(void *addr, size_t size)
{
	k.mapped--;
	__real_bpfring_sys_munmap(addr, size);
}

/* ---- The types that it has ---- */

static int id(int type)
{
	assert_true(type > 0);
	return type;
}

/* A value with operations, of which the third is the first function. */
static uint32_t add_ops(struct btf *btf, const char *name, uint32_t size)
{
	int u32 = id(btf__add_int(btf, "unsigned int", 4, 0));
	int fn = id(btf__add_ptr(btf, id(btf__add_func_proto(btf, 0)))), ops, value;
	int data = id(btf__add_ptr(btf, u32));
	char value_name[64];

	ops = id(btf__add_struct(btf, name, 32));
	assert_int_equal(btf__add_field(btf, "flags", u32, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "table", data, 64, 0), 0);
	assert_int_equal(btf__add_field(btf, "first", fn, 128, 0), 0);
	assert_int_equal(btf__add_field(btf, "second", fn, 192, 0), 0);
	snprintf(value_name, sizeof(value_name), "bpf_struct_ops_%s", name);
	value = id(btf__add_struct(btf, value_name, size));
	assert_int_equal(btf__add_field(btf, "common", u32, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "data", ops, 64, 0), 0);
	if (!strcmp(name, "tcp_congestion_ops"))
		k.tcp_ops = (uint32_t)ops;
	return (uint32_t)value;
}

int __wrap_bpfring_sys_btf_of_kernel(struct btf **ret);
int __wrap_bpfring_sys_btf_of_kernel(struct btf **ret)
{
	struct btf *btf;

	if (k.kernel_types_error)
		return k.kernel_types_error;
	btf = btf__new_empty();
	assert_non_null(btf);
	k.tcp_value = k.tcp ? add_ops(btf, "tcp_congestion_ops", 40) : 0;
	k.dummy_value = k.dummy ? add_ops(btf, "bpf_dummy_ops", 48) : 0;
	if (k.scx)
		add_ops(btf, "sched_ext_ops", 56);
	id(btf__add_struct(btf, "bpf_link_ops", 8));
	assert_int_equal(btf__add_field(btf, "release", 1, 0, 0), 0);
	if (k.poll)
		assert_int_equal(btf__add_field(btf, "poll", 1, 0, 0), 0);
	id(btf__add_enum(btf, "btf_field_type", 4));
	assert_int_equal(btf__add_enum_value(btf, "BPF_KPTR", 1), 0);
	if (k.uptr)
		assert_int_equal(btf__add_enum_value(btf, "BPF_UPTR", 2), 0);
	assert_int_equal(btf__add_enum_value(btf, "BPF_TIMER", 4), 0);
	*ret = btf;
	return 0;
}

/* The newest kernel, and all privileges. */
static int setup(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	k.tcp = k.dummy = k.scx = k.poll = k.uptr = true;
	k.token_error = -EBADF;
	k.privileges = (struct privileges){.bpf = true, .perfmon = true};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(k.types);
	return 0;
}

/* Whatever comes out, nothing stays open. */
static struct bpfring_probe_result probe(enum bpfring_feature feature)
{
	struct bpfring_probe_result r = {.sz = sizeof(r)};

	assert_int_equal(bpfring_probe(feature, &r), 0);
	assert_int_equal(k.open, 0);
	assert_int_equal(k.mapped, 0);
	return r;
}

static void expect(enum bpfring_feature feature, enum bpfring_probe_state state, int err,
		   const char *words)
{
	const struct bpfring_probe_result r = probe(feature);

	if (r.state != state || r.err != err || !strstr(r.reason, words))
		fail_msg("%s: state %d, error %d, not %d, %d: no '%s' in '%s'",
			 bpfring_feature_name(feature), r.state, r.err, state, err, words,
			 r.reason);
	assert_int_equal(state == BPFRING_PROBE_YES, r.reason[0] == '\0');
}

static void expect_yes(enum bpfring_feature feature)
{
	expect(feature, BPFRING_PROBE_YES, 0, "");
}

/* ---- Tests ---- */

static void all_of_it(void **state)
{
	(void)state;
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++)
		expect_yes((enum bpfring_feature)i);
	assert_int_equal(bpfring_kernel_knows_uptr(), 1);
	k.uptr = false;
	assert_int_equal(bpfring_kernel_knows_uptr(), 0);
	k.kernel_types_error = -ENOENT;
	assert_true(bpfring_kernel_knows_uptr() < 0);
}

static void names_and_nonsense(void **state)
{
	struct bpfring_probe_result r = {.sz = sizeof(r)};

	(void)state;
	assert_string_equal(bpfring_feature_name(BPFRING_FEATURE_RINGBUF), "ringbuf");
	assert_string_equal(bpfring_feature_name(BPFRING_FEATURE_SCHED_EXT), "sched_ext");
	assert_null(bpfring_feature_name(BPFRING_FEATURE_COUNT));
	assert_null(bpfring_feature_name((enum bpfring_feature) - 1));
	assert_int_equal(bpfring_probe(BPFRING_FEATURE_COUNT, &r), -EINVAL);
	assert_int_equal(bpfring_probe((enum bpfring_feature) - 1, &r), -EINVAL);
	assert_int_equal(bpfring_probe(BPFRING_FEATURE_RINGBUF, NULL), -EINVAL);
	r.sz = 3;
	assert_int_equal(bpfring_probe(BPFRING_FEATURE_RINGBUF, &r), -EINVAL);
}

static void rings(void **state)
{
	static const struct {
		enum bpfring_feature feature;
		uint32_t type, flags;
		const char *since;
	} kinds[] = {
		{BPFRING_FEATURE_RINGBUF, BPF_MAP_TYPE_RINGBUF, 0, "5.8"},
		{BPFRING_FEATURE_USER_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF, 0, "6.1"},
		{BPFRING_FEATURE_OVERWRITE, BPF_MAP_TYPE_RINGBUF, F_RB_OVERWRITE, "6.19"},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		expect_yes(kinds[i].feature);
		assert_int_equal(k.map_type, kinds[i].type);
		assert_int_equal(k.map_flags, kinds[i].flags);
		assert_int_equal(k.key_size, 0);
		assert_int_equal(k.value_size, 0);
		assert_int_equal(k.entries, bpfring_sys_page_size());
		k.map_error[kinds[i].type] = -EINVAL;
		expect(kinds[i].feature, BPFRING_PROBE_NO, -EINVAL, kinds[i].since);
		k.map_error[kinds[i].type] = 0;
	}
	k.refused_flags = F_RB_OVERWRITE;
	expect_yes(BPFRING_FEATURE_RINGBUF);
	expect(BPFRING_FEATURE_OVERWRITE, BPFRING_PROBE_NO, -EINVAL, "6.19");
	assert_int_equal(k.programs, 0);
}

static void struct_ops(void **state)
{
	(void)state;
	expect_yes(BPFRING_FEATURE_STRUCT_OPS);
	assert_int_equal(k.map_type, BPF_MAP_TYPE_STRUCT_OPS);
	assert_int_equal(k.kernel_id, k.tcp_value);
	assert_int_equal(k.key_size, 4);
	assert_int_equal(k.value_size, 40);
	assert_int_equal(k.entries, 1);
	assert_int_equal(k.map_flags, 0);
	assert_int_equal(k.prog_type, BPF_PROG_TYPE_STRUCT_OPS);
	assert_int_equal(k.prog_ops, k.tcp_ops);
	assert_int_equal(k.prog_member, 2);
	k.tcp = false;
	expect_yes(BPFRING_FEATURE_STRUCT_OPS);
	assert_int_equal(k.kernel_id, k.dummy_value);
	assert_int_equal(k.value_size, 48);
	k.refused_flags = F_LINK;
	expect_yes(BPFRING_FEATURE_STRUCT_OPS);
	expect(BPFRING_FEATURE_STRUCT_OPS_LINK, BPFRING_PROBE_NO, -EINVAL, "6.4");
	expect(BPFRING_FEATURE_STRUCT_OPS_DETACH, BPFRING_PROBE_NO, -EINVAL, "6.11");
	expect(BPFRING_FEATURE_SCHED_EXT, BPFRING_PROBE_NO, -EINVAL, "6.12");
	k.refused_flags = 0;
	expect_yes(BPFRING_FEATURE_STRUCT_OPS_LINK);
	assert_int_equal(k.map_flags, F_LINK);
	k.poll = false;
	expect(BPFRING_FEATURE_STRUCT_OPS_DETACH, BPFRING_PROBE_NO, -ENOENT, "6.11");
	k.dummy = false;
	expect_yes(BPFRING_FEATURE_STRUCT_OPS);
	assert_int_equal(k.value_size, 56);
	expect_yes(BPFRING_FEATURE_SCHED_EXT);
	k.scx = false;
	expect(BPFRING_FEATURE_SCHED_EXT, BPFRING_PROBE_NO, -ENOENT, "6.12");
	expect(BPFRING_FEATURE_STRUCT_OPS, BPFRING_PROBE_NO, -ENOENT, "5.6");
	k.tcp = true;
	expect(BPFRING_FEATURE_SCHED_EXT, BPFRING_PROBE_NO, -ENOENT, "6.12");
	k.types_error = -EINVAL;
	expect(BPFRING_FEATURE_STRUCT_OPS, BPFRING_PROBE_NO, -EINVAL, "5.6");
}

/* What a word of the value is in the types that came along. */
static bool is_uptr(void)
{
	const struct btf_type *t = btf__type_by_id(k.types, k.value_id);

	assert_true(btf_is_struct(t));
	assert_int_equal(t->size, 8);
	assert_int_equal(btf_vlen(t), 1);
	assert_int_equal(btf__type_by_id(k.types, k.key_id)->size, 4);
	assert_true(btf_is_int(btf__type_by_id(k.types, k.key_id)));
	t = btf__type_by_id(k.types, btf_members(t)->type);
	if (btf_is_int(t)) {
		assert_int_equal(t->size, 8);
		return false;
	}
	assert_true(btf_is_ptr(t));
	t = btf__type_by_id(k.types, t->type);
	assert_true(btf_is_type_tag(t));
	assert_string_equal(btf__name_by_offset(k.types, t->name_off), "uptr");
	t = btf__type_by_id(k.types, t->type);
	assert_true(btf_is_struct(t));
	assert_int_equal(t->size, 8);
	assert_int_equal(btf_vlen(t), 1);
	return true;
}

static void task_storage(void **state)
{
	(void)state;
	expect_yes(BPFRING_FEATURE_TASK_STORAGE);
	assert_false(is_uptr());
	assert_int_equal(k.prog_type, BPF_PROG_TYPE_RAW_TRACEPOINT);
	expect_yes(BPFRING_FEATURE_UPTR);
	assert_true(is_uptr());
	assert_int_equal(k.pidfd_flags, 0);
	assert_int_equal(k.deletes, 1);
	assert_int_equal(k.map_type, BPF_MAP_TYPE_TASK_STORAGE);
	assert_int_equal(k.map_flags, BPF_F_NO_PREALLOC);
	assert_int_equal(k.key_size, 4);
	assert_int_equal(k.value_size, 8);
	assert_int_equal(k.entries, 0);
	assert_int_equal(k.prog_type, BPF_PROG_TYPE_RAW_TRACEPOINT);
	k.shows_pointers = true; /* before 6.13 a pointer is a number */
	expect(BPFRING_FEATURE_UPTR, BPFRING_PROBE_NO, -EOPNOTSUPP, "6.13");
	assert_int_equal(k.deletes, 2);
	k.shows_pointers = false;
	k.lookup_error = -EIO;
	expect(BPFRING_FEATURE_UPTR, BPFRING_PROBE_NO, -EIO, "6.13");
	k.update_error = -EINVAL;
	expect(BPFRING_FEATURE_UPTR, BPFRING_PROBE_NO, -EINVAL, "6.13");
	k.map_error[BPF_MAP_TYPE_TASK_STORAGE] = -EOPNOTSUPP;
	expect(BPFRING_FEATURE_UPTR, BPFRING_PROBE_NO, -EOPNOTSUPP, "6.13");
	expect(BPFRING_FEATURE_TASK_STORAGE, BPFRING_PROBE_NO, -EOPNOTSUPP, "5.11");
	k.types_error = -EPERM;
	expect(BPFRING_FEATURE_TASK_STORAGE, BPFRING_PROBE_NOT_PERMITTED, -EPERM, "");
}

static void threads_and_tokens(void **state)
{
	(void)state;
	expect_yes(BPFRING_FEATURE_PIDFD_THREAD);
	assert_int_equal(k.pidfd_flags, O_EXCL);
	k.pidfd_error = -EINVAL;
	expect(BPFRING_FEATURE_PIDFD_THREAD, BPFRING_PROBE_NO, -EINVAL, "6.9");
	k.pidfd_error = -EPERM;
	expect(BPFRING_FEATURE_PIDFD_THREAD, BPFRING_PROBE_NOT_PERMITTED, -EPERM, "pidfd_open()");
	expect(BPFRING_FEATURE_UPTR, BPFRING_PROBE_NOT_PERMITTED, -EPERM, "pidfd_open()");
	expect_yes(BPFRING_FEATURE_TOKEN);
	k.token_error = -EINVAL;
	expect(BPFRING_FEATURE_TOKEN, BPFRING_PROBE_NO, -EINVAL, "6.9");
	k.privileges.bpf = false;
	k.token_error = -EPERM;
	expect(BPFRING_FEATURE_TOKEN, BPFRING_PROBE_NOT_PERMITTED, -EPERM, "forbidden here");
}

/* Maps are refused: why? */
static void refused(void **state)
{
	static const int errors[] = {-EPERM, -EACCES};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		k.privileges = (struct privileges){0};
		for (int type = 0; type < MAP_TYPES; type++)
			k.map_error[type] = errors[i];
		for (int f = 0; f <= BPFRING_FEATURE_UPTR; f++)
			expect((enum bpfring_feature)f, BPFRING_PROBE_NOT_PERMITTED, errors[i],
			       "CAP_BPF");
		k.privileges.bpf = true;
		expect(BPFRING_FEATURE_RINGBUF, BPFRING_PROBE_NOT_PERMITTED, errors[i],
		       "RLIMIT_MEMLOCK");
		k.privileges.user_namespace = 1;
		expect(BPFRING_FEATURE_RINGBUF, BPFRING_PROBE_NOT_PERMITTED, errors[i],
		       "CAP_BPF does not count in a user namespace");
		k.privileges.user_namespace = -1;
		expect(BPFRING_FEATURE_RINGBUF, BPFRING_PROBE_NOT_PERMITTED, errors[i],
		       "/proc, which would show it, is missing");
	}
	assert_int_equal(k.programs, 0);
	k.map_error[BPF_MAP_TYPE_RINGBUF] = -ENOSYS;
	expect(BPFRING_FEATURE_RINGBUF, BPFRING_PROBE_NO, -ENOSYS, "lacks the system call");
}

/* Maps can be made, but no program that uses them. */
static void programs_refused(void **state)
{
	static const enum bpfring_feature with_programs[] = {
		BPFRING_FEATURE_STRUCT_OPS, BPFRING_FEATURE_TASK_STORAGE, BPFRING_FEATURE_UPTR,
		BPFRING_FEATURE_SCHED_EXT};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(with_programs); i++) {
		k.prog_error = -EPERM;
		k.privileges.perfmon = false;
		expect(with_programs[i], BPFRING_PROBE_NOT_PERMITTED, -EPERM, "CAP_PERFMON");
		k.privileges.perfmon = true;
		expect(with_programs[i], BPFRING_PROBE_NOT_PERMITTED, -EPERM, "security module");
		k.prog_error = -EINVAL; /* something is wrong with it, but it was looked at */
		expect_yes(with_programs[i]);
	}
}

/* The kernel's types cannot be read. */
static void without_types(void **state)
{
	static const enum bpfring_feature by_types[] = {
		BPFRING_FEATURE_STRUCT_OPS, BPFRING_FEATURE_STRUCT_OPS_LINK,
		BPFRING_FEATURE_STRUCT_OPS_DETACH, BPFRING_FEATURE_SCHED_EXT};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(by_types); i++) {
		k.kernel_types_error = -ESRCH;
		k.no_types_file = true;
		expect(by_types[i], BPFRING_PROBE_NO, -ENOENT, "CONFIG_DEBUG_INFO_BTF");
		k.no_sys = true;
		expect(by_types[i], BPFRING_PROBE_NOT_PERMITTED, -ENOENT, "/sys is not mounted");
		k.no_sys = k.no_types_file = false;
		k.kernel_types_error = -EACCES;
		expect(by_types[i], BPFRING_PROBE_NOT_PERMITTED, -EACCES, "cannot be read");
	}
	expect_yes(BPFRING_FEATURE_RINGBUF);
}

static void what_cannot_be_tried(void **state)
{
	static const int errors[] = {-ENOMEM, -EMFILE, -ENFILE};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		struct bpfring_probe_result r = {.sz = sizeof(r), .err = 77};

		k.map_error[BPF_MAP_TYPE_RINGBUF] = errors[i];
		assert_int_equal(bpfring_probe(BPFRING_FEATURE_RINGBUF, &r), errors[i]);
		assert_int_equal(r.err, 77);
		k.mmap_error = errors[i];
		assert_int_equal(bpfring_probe(BPFRING_FEATURE_UPTR, &r), errors[i]);
		assert_int_equal(k.open, 0);
		k.mmap_error = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(all_of_it),     TEST(names_and_nonsense),
		TEST(rings),	     TEST(struct_ops),
		TEST(task_storage),  TEST(threads_and_tokens),
		TEST(refused),	     TEST(programs_refused),
		TEST(without_types), TEST(what_cannot_be_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
