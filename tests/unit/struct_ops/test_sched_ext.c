// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Which scheduler runs, and what is done with one that was ejected: on a kernel that is pretended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "struct_ops/sched_ext.h"

/* ---- The kernel: descriptors are numbers that say what they are of ---- */

enum {
	FD_STATE = 1000,
	FD_SCHEDULER = 2000, /* + its number */
	FD_MAP = 3000,	     /* + its id */
	FD_LINK = 4000,	     /* + its id */
	MAPS = 8,
	STATE_OFFSET = 4, /* in values */
	DATA_OFFSET = 8,
	NAME_OFFSET = 8, /* in the struct */
	CGROUP_OFFSET = 136,
	VALUE_SIZE = 160,
};

static struct {
	const char *state;	 /* of sched_ext, NULL: there is none */
	int scheduler;		 /* number of the one that runs, 0: none */
	const char *name;	 /* its name */
	uint32_t links[MAPS];	 /* the map in the link of that id */
	uint32_t types[MAPS];	 /* id of the value's type, of the map of that id */
	uint32_t flags[MAPS];	 /* of the map */
	const char *names[MAPS]; /* in the map's value */
	uint64_t cgroups[MAPS];
	uint32_t states[MAPS], refcnts[MAPS];
	bool without_admin;
	int open;     /* descriptors */
	int detached; /* links, by call */
	int deleted;  /* values */
	int delete_error;
	int closed_links;
} k;

static int new_fd(int fd)
{
	k.open++;
	return fd;
}

int __wrap_bpfring_sys_open(const char *path);
int __wrap_bpfring_sys_open(const char *path)
{
	if (!strcmp(path, "/sys/kernel/sched_ext/state") && k.state)
		return new_fd(FD_STATE);
	if (!strcmp(path, "/sys/kernel/sched_ext/root/ops") && k.scheduler)
		return new_fd(FD_SCHEDULER + k.scheduler);
	return -ENOENT;
}

int __wrap_bpfring_sys_read(int fd, void *buf, size_t size);
int __wrap_bpfring_sys_read(int fd, void *buf, size_t size)
{
	char text[160];

	if (fd != FD_STATE && fd != FD_SCHEDULER + k.scheduler)
		return -ENODEV; /* that scheduler is gone */
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
	return new_fd(fd);
}

int __wrap_bpfring_sys_same_inode(int fd, int other);
int __wrap_bpfring_sys_same_inode(int fd, int other)
{
	return fd == other;
}

int __wrap_bpfring_sys_map_by_id(uint32_t id);
int __wrap_bpfring_sys_map_by_id(uint32_t id)
{
	return k.without_admin ? -EPERM : new_fd(FD_MAP + (int)id);
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
	return k.without_admin ? -EPERM : new_fd(FD_LINK + (int)id);
}

int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret);
int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret)
{
	*ret = (struct sys_link_info){.type = SYS_LINK_STRUCT_OPS,
				      .id = (uint32_t)(fd - FD_LINK),
				      .map_id = k.links[fd - FD_LINK]};
	return 0;
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
	k.links[fd - FD_LINK] = 0;
	k.detached++;
	return 0;
}

int __wrap_bpfring_sys_value_lookup(int fd, void *ret);
int __wrap_bpfring_sys_value_lookup(int fd, void *ret)
{
	char *value = ret;
	int id = fd - FD_MAP;

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
static struct bpfring_struct_ops_types *types;
static uint32_t scx_type, cid_type, tcp_type; /* of values */

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

static char logged[4096];

static void catch_log(enum bpfring_log_level level, const char *fmt, va_list args)
{
	size_t used = strlen(logged);

	if (level <= BPFRING_LOG_WARN)
		vsnprintf(logged + used, sizeof(logged) - used, fmt, args);
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
	assert_int_equal(bpfring_struct_ops_types_count(types), 3);
}

/* Scheduler 1 runs; it is named "mine", in map 1, which is in link 3. */
static void boot(bool newer)
{
	memset(&k, 0, sizeof(k));
	k.state = "enabled";
	k.scheduler = 1;
	k.name = "mine";
	add_types(newer);
	for (int i = 0; i < MAPS; i++) {
		k.types[i] = tcp_type;
		k.names[i] = "tcp";
		k.flags[i] = SYS_BPF_F_LINK;
		k.states[i] = BPFRING_STRUCT_OPS_READY;
		k.refcnts[i] = 1;
	}
	k.types[1] = scx_type;
	k.names[1] = "mine";
	k.links[3] = 1;
	logged[0] = '\0';
	bpfring_set_log(catch_log);
}

static int setup(void **state)
{
	(void)state;
	boot(false);
	return 0;
}

static int setup_newer(void **state)
{
	(void)state;
	boot(true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bpfring_struct_ops_types_free(types);
	btf__free(btf);
	return 0;
}

/* ---- Handles ---- */

static struct bpfring_struct_ops *open_handle(int fd)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = types);
	struct bpfring_struct_ops *ops;

	assert_int_equal(bpfring_struct_ops_open(&ops, fd, &opts), 0);
	return ops;
}

/* As one that comes from the link's pin: of the scheduler it knows what the kernel says. */
static struct bpfring_struct_ops *open_mine(void)
{
	struct bpfring_struct_ops *ops = open_handle(FD_MAP + 1);

	ops->link_fd = new_fd(FD_LINK + 3);
	ops->link_id = 3;
	assert_int_equal(bpfring_ops_need_type(ops), 0);
	return ops;
}

static void close_all(struct bpfring_struct_ops *ops)
{
	bpfring_struct_ops_close(ops);
	assert_int_equal(k.open, 0);
}

/* Another scheduler in its place. */
static void supersede(const char *name)
{
	k.scheduler = 2;
	k.name = name;
}

static void test_running(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "enabling";
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = NULL; /* the kernel has no sched_ext, or no sysfs */
	k.scheduler = 0;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

static void test_no_scheduler(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.types[1] = tcp_type;
	ops = open_mine();
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	assert_false(bpfring_scx_is_scheduler(ops));
	close_all(ops);
}

static void test_both_types(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.types[1] = cid_type;
	ops = open_mine();
	assert_true(bpfring_scx_is_scheduler(ops));
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

static void test_ejected(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

/* Who was there when it began to run knows it, also from one of the same name. */
static void test_known_from_registration(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	bpfring_scx_registered(ops);
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("mine");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	bpfring_scx_registered(ops); /* anew */
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

/* So does who was there at any time while it ran. */
static void test_known_from_a_look(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("mine");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	close_all(ops);
}

static void test_known_by_name(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.without_admin = true;
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	supersede("mine, too");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	close_all(ops);
}

/* Of the same name: the one whose link is newer, whatever else has links. */
static void test_known_by_link(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	supersede("mine");
	k.types[2] = scx_type;
	k.links[2] = 2; /* older */
	k.links[5] = 4; /* of another type */
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_struct_ops_close(ops);

	for (int i = 0; i < 2; i++) {
		k.types[2] = i ? cid_type : scx_type;
		k.links[6] = 2; /* newer */
		ops = open_mine();
		assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
		k.links[6] = 0; /* detached */
		assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
		bpfring_struct_ops_close(ops);
	}
	k.links[6] = 2;
	k.without_admin = true; /* nobody says */
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	close_all(ops);
}

/* Schedulers of cgroups are beneath another one, and newer than that. */
static void test_cgroups(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	k.types[2] = scx_type;
	k.links[6] = 2;
	k.cgroups[2] = 77;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_struct_ops_close(ops);

	k.cgroups[2] = 0;
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	bpfring_struct_ops_close(ops);

	k.cgroups[1] = 78; /* mine is one: the name is that of the one above */
	supersede("above");
	ops = open_mine();
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	bpfring_scx_registered(ops);
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	supersede("above");
	k.scheduler = 3;
	assert_int_equal(bpfring_scx_standing(ops), SCX_RUNNING);
	k.state = "disabled";
	assert_int_equal(bpfring_scx_standing(ops), SCX_EJECTED);
	close_all(ops);
}

/* Of a state that is longer than any the room is used, and no more. */
static void test_long_state(void **state)
{
	struct {
		char text[20], behind[4];
	} buf;

	(void)state;
	memset(&buf, 'x', sizeof(buf));
	k.state = "abcdefghijklmnopqrstuvwxyz";
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "sched_ext is abcdef");
	assert_memory_equal(buf.behind, "xxxx", 4);
	k.state = "ab";
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "sched_ext is ab");
	k.state = NULL;
	assert_string_equal(bpfring_scx_state(buf.text, sizeof(buf.text)), "");
	assert_int_equal(k.open, 0);
}

/* ---- What is done about it ---- */

static void test_unregister(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	bpfring_struct_ops_close(ops);
	k.links[3] = 1;
	ops = open_mine();
	k.state = "disabled"; /* ejected, and there is no other */
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 2);
	assert_string_equal(logged, "");
	close_all(ops);
}

static void test_unregister_superseded(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 0);
	assert_non_null(strstr(logged, "another scheduler runs"));
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	/* When that has ended, nothing is in the way. */
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
}

static void test_close_superseded(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	close_all(ops); /* who only looked does not have the last descriptor */
	assert_int_equal(k.closed_links, 1);
	assert_string_equal(logged, "");

	for (int i = 0; i < 2; i++) {
		ops = open_mine();
		if (i)
			ops->owns_link = true; /* it registered it */
		else
			assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
		logged[0] = '\0';
		bpfring_struct_ops_close(ops);
		assert_int_equal(k.closed_links, 1);
		assert_int_equal(k.open, 1);
		assert_non_null(strstr(logged, "fd 4003 stays open"));
		k.open = 0;
	}

	logged[0] = '\0';
	ops = open_mine();
	ops->owns_link = true;
	ops->scx_fd = new_fd(FD_SCHEDULER + 2); /* the one that runs */
	close_all(ops);
	assert_int_equal(k.closed_links, 2);
	assert_string_equal(logged, "");
}

/* A kernel that has schedulers for cgroups ends only the one that is meant. */
static void test_newer_kernel(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	supersede("other");
	assert_int_equal(bpfring_scx_standing(ops), SCX_SUPERSEDED);
	assert_false(bpfring_scx_ends_another(ops));
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
	assert_int_equal(k.closed_links, 1);
	assert_string_equal(logged, "");
}

static void test_legacy(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.flags[1] = 0;
	k.states[1] = BPFRING_STRUCT_OPS_INUSE;
	k.links[3] = 0;
	ops = open_handle(FD_MAP + 1);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -EBUSY);
	supersede("other");
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.deleted, 0);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	k.refcnts[1] = 2;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	supersede("mine");
	k.scheduler = 1;
	logged[0] = '\0';
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.deleted, 1);
	assert_string_equal(logged, "");
	close_all(ops);
}

/* What the kernel says of deleting a value. */
static void test_legacy_refused(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{-ENOENT, "was never registered"},
		{-EINPROGRESS, ""},
		{-EXDEV, "cannot unregister"},
	};
	struct bpfring_struct_ops *ops;

	(void)state;
	k.flags[1] = 0;
	ops = open_handle(FD_MAP + 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		logged[0] = '\0';
		k.delete_error = cases[i].error;
		assert_int_equal(bpfring_struct_ops_unregister(ops), cases[i].error);
		assert_non_null(strstr(logged, cases[i].text));
		assert_int_equal(!*logged, !*cases[i].text);
	}
	assert_int_equal(bpfring_struct_ops_unregister(NULL), -EINVAL);
	assert_int_equal(bpfring_struct_ops_wait_released(NULL, 0), -EINVAL);
	assert_int_equal(bpfring_struct_ops_wait_released(ops, -2), -EINVAL);
	close_all(ops);
}

static void test_wait_released(void **state)
{
	struct bpfring_struct_ops *ops = open_mine();

	(void)state;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0); /* the link is idle */
	k.refcnts[1] = 2;					       /* there is more than it */
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.refcnts[1] = 1; /* another link than the handle's */
	k.links[3] = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), -ETIMEDOUT);
	k.refcnts[1] = 0;
	assert_int_equal(bpfring_struct_ops_wait_released(ops, 0), 0);
	close_all(ops);
}

/* Nothing runs: no types are needed to know that nothing can be ended. */
static void test_types_not_needed(void **state)
{
	struct bpfring_struct_ops *ops;

	(void)state;
	k.state = "disabled";
	k.scheduler = 0;
	assert_int_equal(bpfring_struct_ops_open(&ops, FD_MAP + 1, NULL), 0);
	ops->link_fd = new_fd(FD_LINK + 3);
	assert_int_equal(bpfring_struct_ops_unregister(ops), 0);
	assert_int_equal(k.detached, 1);
	close_all(ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_running, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_scheduler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ejected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_from_registration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_from_a_look, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_by_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cgroups, setup_newer, teardown),
		cmocka_unit_test_setup_teardown(test_long_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_superseded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_superseded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer_kernel, setup_newer, teardown),
		cmocka_unit_test_setup_teardown(test_legacy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legacy_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_released, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types_not_needed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
