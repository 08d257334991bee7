// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* How each feature is tried: mostly by making a map that needs it. */
#include "base/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "base/sys_bpf.h"

/* Younger than the headers of Linux 6.1. */
#define F_LINK		  (1U << 13)
#define F_RB_OVERWRITE	  (1U << 19)
#define TOKEN_CREATE	  36
#define TOKEN_CREATE_SIZE 8

static int made(int fd)
{
	if (fd < 0)
		return fd;
	bpfring_sys_close(fd);
	return 0;
}

static int ring(enum bpf_map_type type, uint32_t flags, enum probe_step *at)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = flags};

	*at = STEP_BPF;
	return made(bpfring_sys_map_create(type, 0, 0, (uint32_t)bpfring_sys_page_size(), &opts));
}

int bpfring_attempt_ringbuf(enum probe_step *at)
{
	return ring(BPF_MAP_TYPE_RINGBUF, 0, at);
}

int bpfring_attempt_user_ringbuf(enum probe_step *at)
{
	return ring(BPF_MAP_TYPE_USER_RINGBUF, 0, at);
}

int bpfring_attempt_overwrite(enum probe_step *at)
{
	return ring(BPF_MAP_TYPE_RINGBUF, F_RB_OVERWRITE, at);
}

/*
 * Types of a value { struct { u64 word; } __uptr *p; }, or { u64 p; }. The id of the value, or < 0.
 */
static int value_types(struct btf *btf, bool uptr)
{
	int word = btf__add_int(btf, "u64", 8, 0), type = word;

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED); /* 2: the key */
	if (uptr) {
		type = btf__add_struct(btf, "shared", 8);
		btf__add_field(btf, "word", word, 0, 0);
		type = btf__add_type_tag(btf, "uptr", type);
		type = btf__add_ptr(btf, type);
	}
	type = type < 0 ? type : btf__add_struct(btf, "value", 8);
	if (type > 0)
		btf__add_field(btf, "p", uptr ? type - 1 : word, 0, 0);
	return type;
}

/* These types in the kernel: a descriptor. */
static int load_types(bool uptr, uint32_t *ret_value)
{
	struct btf *btf = btf__new_empty();
	const void *raw;
	uint32_t size;
	int fd, type;

	if (!btf)
		return -ENOMEM;
	type = value_types(btf, uptr);
	raw = type < 0 ? NULL : btf__raw_data(btf, &size);
	fd = raw ? bpfring_sys_btf_load_raw(raw, size) : -ENOMEM;
	btf__free(btf);
	*ret_value = (uint32_t)type;
	return fd;
}

/*
 * May programs be loaded that use it? Some capabilities are asked for only then, before the kernel
 * looks at the program itself. Whatever else is wrong with it does not matter.
 */
static int program(uint32_t type, uint32_t btf_id, uint32_t member, enum probe_step *at)
{
	int err = made(bpfring_sys_prog_load_empty(type, btf_id, member));

	if (err != -EPERM)
		return 0;
	*at = STEP_PROGRAM;
	return err;
}

/*
 * Operations whose value is the struct @value: their type, and the number of one that is a
 * function.
 */
static uint32_t operations(const struct btf *btf, uint32_t value, uint32_t *ret_member)
{
	const struct btf_type *t = btf__type_by_id(btf, value), *member;
	uint32_t id = btf_vlen(t) ? btf_members(t)[btf_vlen(t) - 1].type : 0; /* "data" */

	t = btf__type_by_id(btf, id);
	for (uint32_t i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++) {
		member = btf__type_by_id(btf, btf_members(t)[i].type);
		if (!btf_is_ptr(member) || !btf_is_func_proto(btf__type_by_id(btf, member->type)))
			continue;
		*ret_member = i;
		return id;
	}
	return 0;
}

/*
 * Makes a struct_ops map of the first of these types that the kernel has. The kernel wants types of
 * the program besides its own, any will do.
 */
static int struct_ops(const struct btf *btf, const char *const *types, uint32_t flags,
		      enum probe_step *at)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = flags};
	uint32_t unused, ops, member;
	int id = -ENOENT, fd;

	for (; *types && id < 0; types++)
		id = btf__find_by_name_kind(btf, *types, BTF_KIND_STRUCT);
	if (id < 0)
		return -ENOENT;
	fd = load_types(false, &unused);
	if (fd < 0)
		return fd;
	opts.btf_fd = (uint32_t)fd;
	opts.btf_vmlinux_value_type_id = (uint32_t)id;
	ops = operations(btf, (uint32_t)id, &member);
	id = made(bpfring_sys_map_create(BPF_MAP_TYPE_STRUCT_OPS, sizeof(int),
					 btf__type_by_id(btf, (uint32_t)id)->size, 1, &opts));
	bpfring_sys_close(fd);
	return id || !ops ? id : program(BPF_PROG_TYPE_STRUCT_OPS, ops, member, at);
}

static const char *const any_struct_ops[] = {
	"bpf_struct_ops_tcp_congestion_ops",
	"bpf_struct_ops_bpf_dummy_ops",
	"bpf_struct_ops_sched_ext_ops",
	NULL,
};

/*
 * What libbpf says when there are none does not tell a kernel without from one whose /sys is not
 * there.
 */
static int read_kernel_types(struct btf **ret)
{
	int err = bpfring_sys_btf_of_kernel(ret);
	int fd = err ? bpfring_sys_open("/sys/kernel/btf/vmlinux") : -1;

	bpfring_sys_close(fd);
	return err && fd < 0 ? fd : err;
}

static int with_kernel_types(int (*attempt)(const struct btf *btf, enum probe_step *at),
			     enum probe_step *at)
{
	struct btf *btf;
	int err;

	*at = STEP_KERNEL_TYPES;
	err = read_kernel_types(&btf);
	if (err)
		return err;
	*at = STEP_BPF;
	err = attempt(btf, at);
	btf__free(btf);
	return err;
}

int bpfring_kernel_knows_uptr(void)
{
	const struct btf_type *t;
	struct btf *btf;
	int id, err = read_kernel_types(&btf), found = 0;

	if (err)
		return err;
	id = btf__find_by_name_kind(btf, "btf_field_type", BTF_KIND_ENUM);
	t = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		found |= !strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), "BPF_UPTR");
	btf__free(btf);
	return found;
}

static int try_struct_ops(const struct btf *btf, enum probe_step *at)
{
	return struct_ops(btf, any_struct_ops, 0, at);
}

int bpfring_attempt_struct_ops(enum probe_step *at)
{
	return with_kernel_types(try_struct_ops, at);
}

static int try_struct_ops_link(const struct btf *btf, enum probe_step *at)
{
	return struct_ops(btf, any_struct_ops, F_LINK, at);
}

int bpfring_attempt_struct_ops_link(enum probe_step *at)
{
	return with_kernel_types(try_struct_ops_link, at);
}

/*
 * To try it, a scheduler or congestion control would have to be registered: ask the types instead.
 */
static int try_struct_ops_detach(const struct btf *btf, enum probe_step *at)
{
	int id = btf__find_by_name_kind(btf, "bpf_link_ops", BTF_KIND_STRUCT);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);

	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), "poll"))
			return try_struct_ops_link(btf, at);
	return -ENOENT;
}

int bpfring_attempt_struct_ops_detach(enum probe_step *at)
{
	return with_kernel_types(try_struct_ops_detach, at);
}

static int try_sched_ext(const struct btf *btf, enum probe_step *at)
{
	static const char *const types[] = {"bpf_struct_ops_sched_ext_ops", NULL};

	return struct_ops(btf, types, F_LINK, at);
}

int bpfring_attempt_sched_ext(enum probe_step *at)
{
	return with_kernel_types(try_sched_ext, at);
}

/* A task storage map, or why not. */
static int task_storage(bool uptr)
{
	struct bpf_map_create_opts opts = {
		.sz = sizeof(opts), .map_flags = BPF_F_NO_PREALLOC, .btf_key_type_id = 2};
	int map_fd, fd = load_types(uptr, &opts.btf_value_type_id);

	if (fd < 0)
		return fd;
	opts.btf_fd = (uint32_t)fd;
	map_fd = bpfring_sys_map_create(BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, &opts);
	bpfring_sys_close(fd);
	return map_fd;
}

int bpfring_attempt_task_storage(enum probe_step *at)
{
	int err;

	*at = STEP_BPF;
	err = made(task_storage(false));
	return err ? err : program(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, at);
}

/* Shares a word of a page: a kernel that knows what it is does not show the address again. */
static int share_word(int map_fd, int pidfd)
{
	uint64_t value;
	void *page;
	int err = bpfring_sys_mmap(&page, bpfring_sys_page_size(), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (err)
		return err;
	value = (uintptr_t)page;
	err = bpfring_sys_elem_update(map_fd, &pidfd, &value, BPF_ANY);
	if (!err)
		err = bpfring_sys_elem_lookup(map_fd, &pidfd, &value);
	if (!err && value)
		err = -EOPNOTSUPP;
	bpfring_sys_elem_delete(map_fd, &pidfd);
	bpfring_sys_munmap(page, bpfring_sys_page_size());
	return err;
}

int bpfring_attempt_uptr(enum probe_step *at)
{
	int map_fd = task_storage(true), pidfd, err;

	*at = STEP_BPF;
	if (map_fd < 0)
		return map_fd;
	pidfd = bpfring_sys_pidfd(bpfring_sys_getpid(), 0);
	if (pidfd < 0)
		*at = STEP_PIDFD;
	err = pidfd < 0 ? pidfd : share_word(map_fd, pidfd);
	bpfring_sys_close(pidfd);
	bpfring_sys_close(map_fd);
	return err ? err : program(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, at);
}

int bpfring_attempt_pidfd_thread(enum probe_step *at)
{
	*at = STEP_PIDFD;
	return made(bpfring_sys_pidfd(bpfring_sys_gettid(), SYS_PIDFD_THREAD));
}

/* The kernel looks at the descriptor of a bpffs before anything else, if it knows the command. */
int bpfring_attempt_token(enum probe_step *at)
{
	union bpf_attr attr;
	const int32_t no_fd = -1;
	int err;

	*at = STEP_BPF;
	memset(&attr, 0, sizeof(attr));
	memcpy((char *)&attr + sizeof(uint32_t), &no_fd, sizeof(no_fd)); /* flags, bpffs_fd */
	err = bpfring_sys_bpf(TOKEN_CREATE, &attr, TOKEN_CREATE_SIZE);
	return err == -EBADF ? 0 : err;
}
