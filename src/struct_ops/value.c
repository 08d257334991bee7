// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The value of a struct_ops map: built from the BPF object and stored, once; read from the kernel. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
#include "struct_ops/btf.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

static uint32_t word_at(const void *value, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, (const char *)value + offset, sizeof(word));
	return word;
}

uint32_t bpfring_ops_value_state(const struct bpfring_struct_ops *ops, const void *value)
{
	return word_at(value, ops_type(ops->type)->state_offset);
}

uint32_t bpfring_ops_value_refcnt(const struct bpfring_struct_ops *ops, const void *value)
{
	return word_at(value, ops_type(ops->type)->refcnt_offset);
}

int bpfring_ops_read_value(struct bpfring_struct_ops *ops, void **ret)
{
	void *value;
	int err = bpfring_ops_need_type(ops);

	if (err)
		return err;
	value = bpfring_sys_alloc(ops->type->value_size);
	if (!value)
		return -ENOMEM;
	err = bpfring_sys_value_lookup(ops->map.fd, value);
	if (err) {
		log_error("struct_ops '%s': cannot read the value: %s\n", ops_name(ops),
			  bpfring_errname(err));
		bpfring_sys_free(value);
		return err;
	}
	*ret = value;
	return 0;
}

int bpfring_ops_read_state(struct bpfring_struct_ops *ops, uint32_t *state, uint32_t *refcnt)
{
	void *value;
	int err = bpfring_ops_read_value(ops, &value);

	if (err)
		return err;
	*state = bpfring_ops_value_state(ops, value);
	*refcnt = bpfring_ops_value_refcnt(ops, value);
	bpfring_sys_free(value);
	return 0;
}

/* The kernel keeps a program as a word of its own size: its descriptor in what we store. */
static int write_program(void *slot, uint32_t size, const struct bpf_program *prog)
{
	int fd = bpf_program__fd(prog);
	uint64_t wide = (uint64_t)fd;
	uint32_t narrow = (uint32_t)fd;

	if (fd < 0)
		return -EINVAL;
	memcpy(slot, size == sizeof(wide) ? (void *)&wide : (void *)&narrow, size);
	return 0;
}

static int copy_member(struct bpfring_struct_ops *ops, unsigned char *to,
		       const struct bpfring_struct_ops_member *member, const unsigned char *data)
{
	struct bpfring_struct_ops_member own;
	struct bpf_program *prog;

	if (bpfring_ops_source_member(ops, member->name, &own) < 0)
		return 0;
	if (member->kind != BPFRING_STRUCT_OPS_FUNCTION) {
		if (own.size != member->size || own.kind != member->kind) {
			log_error("struct_ops '%s': '%s' is declared unlike the kernel's\n",
				  ops_name(ops), member->name);
			return -EINVAL;
		}
		memcpy(to, data + own.offset, own.size);
		return 0;
	}
	memcpy(&prog, data + own.offset, sizeof(void *));
	if (!prog)
		return 0;
	if (write_program(to, member->size, prog)) {
		log_error("struct_ops '%s': program '%s' of '%s' was not loaded\n", ops_name(ops),
			  bpf_program__name(prog), member->name);
		return -EINVAL;
	}
	return 0;
}

/* Builds the value as the kernel wants it stored. @data: the object's struct. */
static int build_value(struct bpfring_struct_ops *ops, const unsigned char *data, void **ret)
{
	const struct bpfring_struct_ops_type *type = ops->type;
	unsigned char *value = bpfring_sys_alloc(type->value_size);
	int err = value ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < type->member_count; i++) {
		const struct bpfring_struct_ops_member *member = &ops_type(type)->members[i];

		err = copy_member(ops, value + type->data_offset + member->offset, member, data);
	}
	if (err)
		bpfring_sys_free(value);
	else
		*ret = value;
	return err;
}

/*
 * libbpf has the value too, but since 1.2 does not store it without registering it, which is wrong
 * for a map that is to be pinned or to replace another.
 */
static int store_ourselves(struct bpfring_struct_ops *ops, const unsigned char *data)
{
	void *value;
	int err = build_value(ops, data, &value);

	if (err)
		return err;
	err = bpfring_sys_value_update(ops->map.fd, value);
	if (err)
		bpfring_ops_explain_store(ops, value, err);
	bpfring_sys_free(value);
	return err;
}

/* Before 1.4 libbpf does not show its value. */
static int store_by_libbpf(struct bpfring_struct_ops *ops)
{
	struct sys_link_info info;
	int link_fd, err = bpfring_sys_libbpf_attach(ops->source.map, &link_fd);
	uint32_t state, refcnt;

	if (err) {
		/* Of storing and registering the second can have failed; that will be tried again. */
		if (!bpfring_ops_read_state(ops, &state, &refcnt) &&
		    state != BPFRING_STRUCT_OPS_INIT)
			return 0;
		bpfring_ops_explain_store(ops, NULL, err);
		return err;
	}
	if (link_fd < 0)
		return 0;
	err = bpfring_sys_link_info(link_fd, &info);
	if (err) {
		bpfring_sys_close(link_fd);
		return err;
	}
	ops->link_fd = link_fd;
	ops->link_id = info.id;
	return 0;
}

int bpfring_ops_store_value(struct bpfring_struct_ops *ops)
{
	const unsigned char *data;
	size_t size;
	int err;

	if (!ops->source.obj) {
		log_error("struct_ops '%s' id %u has no value; the process that loaded it has to "
			  "store it first\n",
			  ops_name(ops), ops->map.id);
		return -ENODATA;
	}
	data = bpf_map__initial_value(ops->source.map, &size);
	err = data ? store_ourselves(ops, data) : store_by_libbpf(ops);
	if (!err)
		bpfring_ops_source_fini(&ops->source);
	return err;
}

int bpfring_struct_ops_store(struct bpfring_struct_ops *ops)
{
	uint32_t state, refcnt;
	int err;

	if (!ops)
		return -EINVAL;
	err = bpfring_ops_read_state(ops, &state, &refcnt);
	if (err)
		return err;
	if (!ops_in_link_mode(ops)) {
		log_error("struct_ops '%s': without links, storing the value is registering\n",
			  ops_name(ops));
		return -EOPNOTSUPP;
	}
	return state == BPFRING_STRUCT_OPS_INIT ? bpfring_ops_store_value(ops) : 0;
}

int bpfring_struct_ops_status(struct bpfring_struct_ops *ops, struct bpfring_struct_ops_status *ret)
{
	struct bpfring_struct_ops_status status = {0};
	struct sys_link_info info = {0};
	int err;

	if (!ops || !ret)
		return -EINVAL;
	err = bpfring_ops_read_state(ops, &status.state, &status.refcnt);
	if (!err && ops->link_fd >= 0)
		err = bpfring_sys_link_info(ops->link_fd, &info);
	if (err)
		return err;
	status.map_id = ops->map.id;
	status.link_id = ops->link_id;
	status.link_map_id = info.map_id;
	return bpfring_options_write(ret, &status, sizeof(status),
				     offsetof(struct bpfring_struct_ops_status, refcnt));
}

const char *bpfring_struct_ops_state_name(uint32_t state)
{
	static const char *const names[] = {"init", "inuse", "tobefree", "ready"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

int bpfring_struct_ops_next_id(uint32_t after, uint32_t *ret)
{
	struct bpf_map_info info;
	uint32_t id = after;
	int err, fd;

	if (!ret)
		return -EINVAL;
	for (;;) {
		err = bpfring_sys_next_map(id, &id);
		if (err)
			return err;
		fd = bpfring_sys_map_by_id(id);
		if (fd == -ENOENT) /* gone since */
			continue;
		if (fd < 0)
			return fd;
		err = bpfring_sys_map_info(fd, &info);
		bpfring_sys_close(fd);
		if (err || info.type != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		*ret = id;
		return 0;
	}
}
