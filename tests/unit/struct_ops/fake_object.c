// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "fake_object.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/types.h"

struct fake fake;

static struct btf *own_btf, *kernel_btf;
static uint32_t value_id;
static char object, map, programs[4]; /* whose addresses stand for them */

/* ---- libbpf ---- */

struct bpf_map *__wrap_bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name);
struct bpf_map *__wrap_bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name)
{
	assert_ptr_equal(obj, &object);
	/* the second is not in the BTF */
	return strcmp(name, "my_ops") && strcmp(name, "no_ops") ? NULL : (struct bpf_map *)&map;
}

const char *__wrap_bpf_object__name(const struct bpf_object *obj);
const char *__wrap_bpf_object__name(const struct bpf_object *obj)
{
	assert_ptr_equal(obj, &object);
	return "my_object";
}

struct btf *__wrap_bpf_object__btf(const struct bpf_object *obj);
struct btf *__wrap_bpf_object__btf(const struct bpf_object *obj)
{
	assert_ptr_equal(obj, &object);
	return own_btf;
}

int __wrap_bpf_object__btf_fd(const struct bpf_object *obj);
int __wrap_bpf_object__btf_fd(const struct bpf_object *obj)
{
	assert_ptr_equal(obj, &object);
	return 99;
}

uint32_t __wrap_bpf_map__type(const struct bpf_map *m);
uint32_t __wrap_bpf_map__type(const struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	return fake.map_type;
}

const char *__wrap_bpf_map__name(const struct bpf_map *m);
const char *__wrap_bpf_map__name(const struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	return "my_ops";
}

int __wrap_bpf_map__fd(const struct bpf_map *m);
int __wrap_bpf_map__fd(const struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	return fake.loaded ? MAP_FD : -1;
}

bool __wrap_bpf_map__autocreate(const struct bpf_map *m);
bool __wrap_bpf_map__autocreate(const struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	return !fake.without_map;
}

const void *__wrap_bpf_map__initial_value(const struct bpf_map *m, size_t *size);
const void *__wrap_bpf_map__initial_value(const struct bpf_map *m, size_t *size)
{
	assert_ptr_equal(m, &map);
	if (fake.old)
		return NULL;
	*size = sizeof(fake.data);
	return &fake.data;
}

uint32_t __wrap_bpf_map__map_flags(const struct bpf_map *m);
uint32_t __wrap_bpf_map__map_flags(const struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	return fake.flags;
}

int __wrap_bpf_map__set_map_flags(struct bpf_map *m, uint32_t flags);
int __wrap_bpf_map__set_map_flags(struct bpf_map *m, uint32_t flags)
{
	assert_ptr_equal(m, &map);
	assert_false(fake.loaded);
	fake.flags = flags;
	return 0;
}

static int number_of(const struct bpf_program *prog)
{
	return (int)((const char *)prog - programs);
}

uint32_t __wrap_bpf_program__type(const struct bpf_program *prog);
uint32_t __wrap_bpf_program__type(const struct bpf_program *prog)
{
	assert_in_range(number_of(prog), 0, sizeof(programs) - 1);
	return fake.program_type;
}

const char *__wrap_bpf_program__name(const struct bpf_program *prog);
const char *__wrap_bpf_program__name(const struct bpf_program *prog)
{
	assert_in_range(number_of(prog), 0, sizeof(programs) - 1);
	return "my_program";
}

int __wrap_bpf_program__fd(const struct bpf_program *prog);
int __wrap_bpf_program__fd(const struct bpf_program *prog)
{
	return fake.programs_fd < 0 ? -1 : fake.programs_fd + number_of(prog);
}

int __wrap_bpfring_sys_libbpf_leave(struct bpf_map *m);
int __wrap_bpfring_sys_libbpf_leave(struct bpf_map *m)
{
	assert_ptr_equal(m, &map);
	fake.left++;
	return 0;
}

void *__real_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size);
void *__wrap_bpfring_sys_alloc(size_t size)
{
	fake.blocks++;
	return __real_bpfring_sys_alloc(size);
}

void __real_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem);
void __wrap_bpfring_sys_free(void *mem)
{
	fake.blocks -= mem != NULL;
	__real_bpfring_sys_free(mem);
}

static int new_fd(int fd)
{
	fake.open++;
	return fd;
}

int __wrap_bpfring_sys_libbpf_attach(const struct bpf_map *m, int *ret);
int __wrap_bpfring_sys_libbpf_attach(const struct bpf_map *m, int *ret)
{
	assert_ptr_equal(m, &map);
	fake.state = fake.attach_state;
	if (fake.attach_error)
		return fake.attach_error;
	*ret = fake.attach_link < 0 ? -1 : new_fd(fake.attach_link);
	return 0;
}

/* ---- The kernel ---- */

int __wrap_bpfring_sys_open(const char *path);
int __wrap_bpfring_sys_open(const char *path)
{
	(void)path;
	return -ENOENT; /* neither /proc nor sched_ext */
}

bool __wrap_bpfring_sys_is_map(int fd);
bool __wrap_bpfring_sys_is_map(int fd)
{
	return fd == MAP_FD;
}

int __wrap_bpfring_sys_dup(int fd);
int __wrap_bpfring_sys_dup(int fd)
{
	return new_fd(fd);
}

void __wrap_bpfring_sys_close(int fd);
void __wrap_bpfring_sys_close(int fd)
{
	fake.open -= fd >= 0;
}

int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret);
int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret)
{
	const uint32_t btf_id = 77;

	assert_true(fd == MAP_FD || fd == OTHER_MAP_FD);
	memset(ret, 0, sizeof(*ret));
	ret->type = BPF_MAP_TYPE_STRUCT_OPS;
	ret->id = 7;
	ret->map_flags = fake.flags;
	ret->btf_vmlinux_value_type_id = fd == MAP_FD ? value_id : value_id + 1;
	/* Newer headers only have a name for it. */
	memcpy((char *)ret + offsetof(struct bpf_map_info, map_extra) - 4, &btf_id, 4);
	strcpy(ret->name, "my_ops");
	return 0;
}

int __wrap_bpfring_sys_btf_name(uint32_t id, char *ret, size_t size);
int __wrap_bpfring_sys_btf_name(uint32_t id, char *ret, size_t size)
{
	assert_int_equal(id, 77);
	assert_true(size >= 9);
	strcpy(ret, "a_module");
	return fake.name_error;
}

int __wrap_bpfring_sys_value_lookup(int fd, void *ret);
int __wrap_bpfring_sys_value_lookup(int fd, void *ret)
{
	struct kernel_value *value = ret;

	assert_int_equal(fd, MAP_FD);
	memset(value, 0, sizeof(*value));
	value->state = fake.state;
	value->refcnt = fake.refcnt;
	return 0;
}

int __wrap_bpfring_sys_value_update(int fd, const void *value);
int __wrap_bpfring_sys_value_update(int fd, const void *value)
{
	if (fd == TRIAL_FD)
		fake.trials++;
	else
		fake.updates++;
	if (fake.culprit && ((const char *)value)[fake.culprit])
		return -EINVAL;
	if (fd == TRIAL_FD)
		return 0;
	if (fake.update_error)
		return fake.update_error;
	memcpy(&fake.stored, value, sizeof(fake.stored));
	fake.state = fake.flags & SYS_BPF_F_LINK ? BPFRING_STRUCT_OPS_STATE_READY
						 : BPFRING_STRUCT_OPS_STATE_INUSE;
	return 0;
}

int __wrap_bpfring_sys_struct_ops_map(uint32_t type, uint32_t size, uint32_t flags, int btf_fd);
int __wrap_bpfring_sys_struct_ops_map(uint32_t type, uint32_t size, uint32_t flags, int btf_fd)
{
	assert_int_equal(type, value_id);
	assert_int_equal(size, sizeof(struct kernel_value));
	assert_int_equal(flags, SYS_BPF_F_LINK);
	assert_int_equal(btf_fd, 99);
	return new_fd(TRIAL_FD);
}

int __wrap_bpfring_sys_link_create(int fd);
int __wrap_bpfring_sys_link_create(int fd)
{
	assert_int_equal(fd, MAP_FD);
	if (fake.link_error)
		return fake.link_error;
	fake.links++;
	return new_fd(LINK_FD);
}

int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret);
int __wrap_bpfring_sys_link_info(int fd, struct sys_link_info *ret)
{
	assert_int_equal(fd, LINK_FD);
	*ret = (struct sys_link_info){.type = SYS_LINK_STRUCT_OPS, .id = 9, .map_id = 7};
	return 0;
}

/* ---- Types ---- */

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

static void field(struct btf *btf, const char *name, int type, size_t offset)
{
	ok(btf__add_field(btf, name, type, (uint32_t)offset * 8, 0));
}

/* What both sides have. */
struct basics {
	int u32, s32, u8, s8, boolean, u64, u128, mode, step, name, array, pointer, function,
		changed;
};

static void add_basics(struct btf *btf, struct basics *b, const char *of_changed)
{
	int chr, proto;

	btf__set_pointer_size(btf, 8);
	b->u32 = ok(btf__add_int(btf, "unsigned int", 4, 0));
	b->s32 = ok(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	b->u8 = ok(btf__add_int(btf, "unsigned char", 1, 0));
	b->s8 = ok(btf__add_int(btf, "signed char", 1, BTF_INT_SIGNED));
	b->boolean = ok(btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL));
	b->u64 = ok(btf__add_int(btf, "unsigned long", 8, 0));
	b->u128 = ok(btf__add_int(btf, "unsigned __int128", 16, 0));
	b->mode = ok(btf__add_enum(btf, "mode", 4));
	b->step = ok(btf__add_enum(btf, "step", 4));
	ok(btf__add_enum_value(btf, "BACK", -1));
	chr = ok(btf__add_int(btf, "char", 1, BTF_INT_SIGNED));
	b->name = ok(btf__add_array(btf, b->u32, chr, 8));
	b->array = ok(btf__add_array(btf, b->u32, b->s32, 2));
	b->pointer = ok(btf__add_ptr(btf, b->u32));
	b->function = ok(btf__add_ptr(btf, ok(btf__add_func_proto(btf, 0))));
	proto = ok(btf__add_func_proto(btf, 0));
	ok(btf__add_func_param(btf, of_changed, b->u32));
	if (*of_changed == 'n') /* in the kernel */
		ok(btf__add_func_param(btf, "more", b->u32));
	b->changed = ok(btf__add_ptr(btf, proto));
}

#define OWN(member, type) field(own_btf, #member, b.type, offsetof(struct own_ops, member))

static void make_own(void)
{
	struct basics b;
	int ops, var, stray;

	own_btf = btf__new_empty();
	assert_non_null(own_btf);
	add_basics(own_btf, &b, "old");
	/* of another object that it was linked with */
	stray = ok(btf__add_var(own_btf, "my_ops", BTF_VAR_STATIC, b.u32));
	ok(btf__add_datasec(own_btf, ".bss", 4));
	ok(btf__add_datasec_var_info(own_btf, stray, 0, 4));
	ops = ok(btf__add_struct(own_btf, "test_ops___v2", sizeof(struct own_ops)));
	OWN(init, function);
	OWN(changed, changed);
	OWN(future, function);
	OWN(byte, u8);
	OWN(signed_byte, s8);
	OWN(boolean, boolean);
	OWN(mode, mode);
	OWN(flags, u32);
	OWN(number, s32);
	OWN(big, u64);
	OWN(small, u32);
	OWN(beside, u32);
	OWN(wide, u128);
	OWN(pointer, pointer);
	OWN(name, name);
	OWN(array, array);
	OWN(step, step);
	var = ok(btf__add_var(own_btf, "other_ops", BTF_VAR_GLOBAL_ALLOCATED, b.u32));
	ok(btf__add_datasec(own_btf, ".struct_ops", 4));
	ok(btf__add_datasec_var_info(own_btf, var, 0, 4));
	var = ok(btf__add_var(own_btf, "my_ops", BTF_VAR_GLOBAL_ALLOCATED, ops));
	ok(btf__add_datasec(own_btf, "?.struct_ops.link", sizeof(struct own_ops)));
	ok(btf__add_datasec_var_info(own_btf, var, 0, sizeof(struct own_ops)));
	var = ok(btf__add_var(own_btf, "third_ops", BTF_VAR_GLOBAL_ALLOCATED, b.u32));
	ok(btf__add_datasec(own_btf, ".struct_ops.link", 4));
	ok(btf__add_datasec_var_info(own_btf, var, 0, 4));
}

#define KERNEL(member, type)                                         \
	{                                                            \
#member, b.type, offsetof(struct kernel_ops, member) \
	}

static void make_kernel(bool links, const char *module, const char *first)
{
	struct basics b;
	int ops;

	kernel_btf = btf__new_empty();
	assert_non_null(kernel_btf);
	add_basics(kernel_btf, &b, "new");
	const struct {
		const char *name;
		int type;
		size_t offset;
	} members[] = {
		KERNEL(array, array),	  KERNEL(name, name),	   KERNEL(changed, changed),
		KERNEL(init, function),	  KERNEL(extra, function), KERNEL(flags, u32),
		KERNEL(mode, mode),	  KERNEL(beside, u32),	   KERNEL(number, s32),
		KERNEL(boolean, boolean), KERNEL(byte, u8),	   KERNEL(signed_byte, s8),
		KERNEL(pointer, pointer), KERNEL(step, step),
	};
	const size_t count = sizeof(members) / sizeof(members[0]);

	if (links)
		ok(btf__add_struct(kernel_btf, "bpf_struct_ops_link", 8));
	ops = ok(btf__add_struct(kernel_btf, "test_ops", sizeof(struct kernel_ops)));
	for (size_t i = 0; i < count; i++) /* in BTF their order is free */
		if (!strcmp(members[i].name, first))
			field(kernel_btf, first, members[i].type, members[i].offset);
	for (size_t i = 0; i < count; i++)
		if (strcmp(members[i].name, first) != 0)
			field(kernel_btf, members[i].name, members[i].type, members[i].offset);
	value_id = (uint32_t)ok(btf__add_struct(kernel_btf, "bpf_struct_ops_test_ops",
						sizeof(struct kernel_value)));
	field(kernel_btf, "refcnt", b.u32, offsetof(struct kernel_value, refcnt));
	field(kernel_btf, "state", b.u32, offsetof(struct kernel_value, state));
	field(kernel_btf, "data", ops, offsetof(struct kernel_value, data));
	fake.types = bpfring_struct_ops_types_new();
	assert_non_null(fake.types);
	assert_int_equal(bpfring_struct_ops_types_add(fake.types, kernel_btf, module), 0);
}

void fake_begin(bool links, const char *module, const char *first)
{
	memset(&fake, 0, sizeof(fake));
	fake.map_type = BPF_MAP_TYPE_STRUCT_OPS;
	fake.program_type = BPF_PROG_TYPE_STRUCT_OPS;
	fake.programs_fd = PROGRAM_FD;
	fake.attach_link = -1;
	make_own();
	make_kernel(links, module, first);
	log_catch();
}

void fake_end(void)
{
	assert_int_equal(fake.open, 0);
	bpfring_struct_ops_types_free(fake.types);
	assert_int_equal(fake.blocks, 0);
	btf__free(own_btf);
	btf__free(kernel_btf);
}

struct bpfring_struct_ops *fake_open(const char *name)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = fake.types);
	struct bpfring_struct_ops *ops = NULL;
	int err = bpfring_struct_ops_open_object(&ops, (struct bpf_object *)&object, name, &opts);

	assert_int_equal(err, 0);
	return ops;
}

int fake_cannot_open(const char *name)
{
	struct bpfring_struct_ops *ops = NULL;
	int err = bpfring_struct_ops_open_object(&ops, (struct bpf_object *)&object, name, NULL);

	assert_null(ops);
	return err;
}

struct bpf_program *fake_program(unsigned int number)
{
	return (struct bpf_program *)&programs[number];
}

void assert_said(const char *text)
{
	if (!strstr(log_text(), text))
		fail_msg("no word of '%s' in: %s", text, log_text());
	log_forget();
}
