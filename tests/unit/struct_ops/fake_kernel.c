// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "fake_kernel.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

struct fake_kernel k;

int fake_fd(int fd)
{
	k.open++;
	return fd;
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	k.blocks++;
	return __real_bpfring_sys_alloc(size);
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	k.blocks -= mem != NULL;
	__real_bpfring_sys_free(mem);
}

int64_t __wrap_bpfring_sys_now(void);
int64_t __wrap_bpfring_sys_now(void)
{
	return k.now;
}

void __wrap_bpfring_sys_sleep(int64_t ns);
void __wrap_bpfring_sys_sleep(int64_t ns)
{
	assert_true(ns > 0);
	k.now += ns;
	k.sleeps++;
	if (ns > k.longest_sleep)
		k.longest_sleep = ns;
	if (k.at_sleep)
		k.at_sleep();
}

int __wrap_bpfring_sys_open(const char *path);
int __wrap_bpfring_sys_open(const char *path)
{
	if (!strcmp(path, "/sys/kernel/sched_ext/state") && k.state)
		return fake_fd(FD_STATE);
	if (!strcmp(path, "/sys/kernel/sched_ext/root/ops") && k.scheduler)
		return fake_fd(FD_SCHEDULER + k.scheduler);
	return -ENOENT;
}

int __wrap_bpfring_sys_read(int fd, void *buf, size_t size);
int __wrap_bpfring_sys_read(int fd, void *buf, size_t size)
{
	char text[160];

	if (fd != FD_STATE && fd != FD_SCHEDULER + k.scheduler)
		return -ENODEV; /* that scheduler is gone */
	if (fd == FD_STATE && k.state_error)
		return k.state_error;
	snprintf(text, sizeof(text), "%s\n", fd == FD_STATE ? k.state : k.name);
	if (size > strlen(text))
		size = strlen(text);
	memcpy(buf, text, size);
	return (int)size;
}

void __wrap_bpfring_sys_close(int fd);
void __wrap_bpfring_sys_close(int fd)
{
	if (fd < 0)
		return;
	k.open--;
	k.closed_links += fd >= FD_LINK;
}

int __wrap_bpfring_sys_dup(int fd);
int __wrap_bpfring_sys_dup(int fd)
{
	return fake_fd(fd);
}

int __wrap_bpfring_sys_same_inode(int fd, int other);
int __wrap_bpfring_sys_same_inode(int fd, int other)
{
	return fd == other;
}

int __wrap_bpfring_sys_map_by_id(uint32_t id);
int __wrap_bpfring_sys_map_by_id(uint32_t id)
{
	k.by_id++;
	if (k.without_admin || k.by_id_error)
		return k.without_admin ? -EPERM : k.by_id_error;
	return id == k.freed ? -ENOENT : fake_fd(FD_MAP + (int)id);
}

bool __wrap_bpfring_sys_is_map(int fd);
bool __wrap_bpfring_sys_is_map(int fd)
{
	return fd >= FD_MAP && fd < FD_LINK;
}

int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret);
int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret)
{
	int id = fd - FD_MAP;

	memset(ret, 0, sizeof(*ret));
	ret->type = BPF_MAP_TYPE_STRUCT_OPS;
	ret->id = (uint32_t)id;
	ret->map_flags = k.flags[id];
	ret->btf_vmlinux_value_type_id = k.types[id];
	return 0;
}

int __wrap_bpfring_sys_link_by_id(uint32_t id);
int __wrap_bpfring_sys_link_by_id(uint32_t id)
{
	return k.without_admin ? -EPERM : fake_fd(FD_LINK + (int)id);
}

int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret);
int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret)
{
	*ret = (struct sys_link_info){.type = SYS_LINK_STRUCT_OPS,
				      .id = (uint32_t)(fd - FD_LINK),
				      .map_id = k.links[fd - FD_LINK]};
	return k.info_error;
}

int __wrap_bpfring_sys_next_link(uint32_t after, uint32_t *ret);
int __wrap_bpfring_sys_next_link(uint32_t after, uint32_t *ret)
{
	if (k.without_admin)
		return -EPERM;
	if (after + 1 >= MAPS)
		return -ENOENT;
	*ret = after + 1;
	return 0;
}

int __wrap_bpfring_sys_link_detach(int fd);
int __wrap_bpfring_sys_link_detach(int fd)
{
	if (k.detach_error)
		return k.detach_error;
	k.links[fd - FD_LINK] = 0;
	k.detached++;
	return 0;
}

int __wrap_bpfring_sys_link_create(int map_fd);
int __wrap_bpfring_sys_link_create(int map_fd)
{
	if (k.create_error)
		return k.create_error;
	k.links[k.new_link] = (uint32_t)(map_fd - FD_MAP);
	return fake_fd(FD_LINK + (int)k.new_link);
}

/* As Linux up to 7.3: it panics if a map is to be replaced by itself. */
int __wrap_bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd);
int __wrap_bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd)
{
	uint32_t *in_link = &k.links[link_fd - FD_LINK];
	uint32_t new = (uint32_t)(map_fd - FD_MAP), old = (uint32_t)(old_map_fd - FD_MAP);
	void (*before)(void) = k.before;

	k.updates++;
	k.before = NULL;
	if (before)
		before();
	if (k.update_error)
		return k.update_error;
	assert_true(old_map_fd >= FD_MAP);
	if (old == new)
		fail_msg("map %u by itself", new);
	if (!*in_link)
		return -ENOLINK;
	if (*in_link != old)
		return -EPERM;
	*in_link = new;
	return 0;
}

int __wrap_bpfring_sys_value_lookup(int fd, void *ret);
int __wrap_bpfring_sys_value_lookup(int fd, void *ret)
{
	char *value = ret;
	int id = fd - FD_MAP;

	if (k.value_error)
		return k.value_error;
	memset(value, 0, VALUE_SIZE);
	memcpy(value, &k.refcnts[id], sizeof(k.refcnts[id]));
	memcpy(value + STATE_OFFSET, &k.states[id], sizeof(k.states[id]));
	if (k.names[id])
		snprintf(value + DATA_OFFSET + NAME_OFFSET, 128, "%s", k.names[id]);
	memcpy(value + DATA_OFFSET + CGROUP_OFFSET, &k.cgroups[id], sizeof(k.cgroups[id]));
	return 0;
}

int __wrap_bpfring_sys_value_delete(int fd);
int __wrap_bpfring_sys_value_delete(int fd)
{
	(void)fd;
	k.deleted++;
	return k.delete_error;
}

/* Whoever has no types must not need any: reading those of a kernel takes long. */
int __wrap_bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base);
int __wrap_bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base)
{
	(void)ret, (void)module, (void)base;
	fail_msg("types were loaded");
	return -ENOENT;
}

/* ---- Types ---- */

static struct btf *btf;
struct bpfring_struct_ops_types *types;
uint32_t scx_type, cid_type, tcp_type; /* of values */

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

/* @newer: of a kernel that has schedulers for cgroups */
static uint32_t add_type(const char *name, bool newer)
{
	int chr = ok(btf__add_int(btf, "char", 1, BTF_INT_SIGNED));
	int u32 = ok(btf__add_int(btf, "unsigned int", 4, 0));
	int u64 = ok(btf__add_int(btf, "unsigned long", 8, 0));
	int text = ok(btf__add_array(btf, u32, chr, 128));
	int fn = ok(btf__add_ptr(btf, ok(btf__add_func_proto(btf, 0)))), id, value;
	char value_name[64];

	id = ok(btf__add_struct(btf, name, VALUE_SIZE - DATA_OFFSET));
	ok(btf__add_field(btf, newer ? "sub_attach" : "enable", fn, 0, 0));
	ok(btf__add_field(btf, "name", text, NAME_OFFSET * 8, 0));
	if (newer)
		ok(btf__add_field(btf, "sub_cgroup_id", u64, CGROUP_OFFSET * 8, 0));
	snprintf(value_name, sizeof(value_name), "bpf_struct_ops_%s", name);
	value = ok(btf__add_struct(btf, value_name, VALUE_SIZE));
	ok(btf__add_field(btf, "refcnt", u32, 0, 0));
	ok(btf__add_field(btf, "state", u32, STATE_OFFSET * 8, 0));
	ok(btf__add_field(btf, "data", id, DATA_OFFSET * 8, 0));
	return (uint32_t)value;
}

static void add_types(bool newer)
{
	btf = btf__new_empty();
	assert_non_null(btf);
	btf__set_pointer_size(btf, 8);
	scx_type = add_type("sched_ext_ops", newer);
	tcp_type = add_type("tcp_congestion_ops", newer);
	cid_type = add_type("sched_ext_ops_cid", newer);
	types = bpfring_struct_ops_types_new();
	assert_non_null(types);
	assert_int_equal(bpfring_struct_ops_types_add(types, btf, "vmlinux"), 0);
}

void fake_boot(bool newer)
{
	memset(&k, 0, sizeof(k));
	add_types(newer);
	for (int i = 0; i < MAPS; i++) {
		k.types[i] = tcp_type;
		k.names[i] = "tcp";
		k.flags[i] = SYS_BPF_F_LINK;
		k.states[i] = BPFRING_STRUCT_OPS_STATE_READY;
		k.refcnts[i] = 1;
	}
	log_catch();
}

void fake_shutdown(void)
{
	bpfring_struct_ops_types_free(types);
	btf__free(btf);
	assert_int_equal(k.open, 0);
	assert_int_equal(k.blocks, 0);
}

struct bpfring_struct_ops *fake_handle(int fd)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = types);
	struct bpfring_struct_ops *ops;

	assert_int_equal(bpfring_struct_ops_open(&ops, fd, &opts), 0);
	return ops;
}

struct bpfring_struct_ops *fake_registered(uint32_t map, uint32_t link)
{
	struct bpfring_struct_ops *ops = fake_handle(FD_MAP + (int)map);

	ops->link_fd = fake_fd(FD_LINK + (int)link);
	ops->link_id = link;
	assert_int_equal(bpfring_ops_need_type(ops), 0);
	return ops;
}
