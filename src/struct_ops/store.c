// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Builds the value of a struct_ops map from its BPF object, and stores it, once. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

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

/* @index: of the member in the kernel's struct; @data: the object's struct */
static int copy_member(struct bpfring_struct_ops *ops, unsigned char *to, unsigned int index,
		       const unsigned char *data)
{
	const struct bpfring_struct_ops_member *member = &ops_type(ops->type)->members[index];
	struct bpfring_struct_ops_member own;
	struct bpf_program *prog;
	int own_index = bpfring_source_member(&ops->source, member->name, &own);

	if (own_index < 0 || !bpfring_source_is_set(&own, data))
		return 0;
	if (bpfring_source_compare(&ops->source, (unsigned int)own_index, ops->type, index)) {
		bpfring_source_log_difference(&ops->source, BPFRING_LOG_ERROR,
					      (unsigned int)own_index, ops->type, index,
					      "declare it as the kernel does");
		return -EINVAL;
	}
	if (member->kind != BPFRING_STRUCT_OPS_KIND_FUNCTION) {
		memcpy(to, data + own.offset, member->size); /* and not another size */
		return 0;
	}
	memcpy(&prog, data + own.offset, sizeof(void *));
	if (write_program(to, member->size, prog)) {
		log_error("struct_ops '%s': program '%s' of '%s' was not loaded\n",
			  bpfring_ops_name(ops), bpf_program__name(prog), member->name);
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

		err = copy_member(ops, value + type->data_offset + member->offset, i, data);
	}
	if (err)
		bpfring_sys_free(value);
	else
		*ret = value;
	return err;
}

/*
 * libbpf has the value too. But since 1.2 it cannot store the value without registering it, which
 * would be wrong for a map that is to be pinned or to replace another one.
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
		/*
		 * If only registering failed after storing, register() tries it again.
		 */
		if (!bpfring_ops_read_state(ops, &state, &refcnt) &&
		    state != BPFRING_STRUCT_OPS_STATE_INIT)
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
	ops->owns_link = true;
	return 0;
}

static int store_value(struct bpfring_struct_ops *ops)
{
	const unsigned char *data;

	if (!ops->source.obj) {
		log_error("struct_ops '%s' id %u has no value; the process that loaded the map "
			  "must store it first\n",
			  bpfring_ops_name(ops), ops->map.id);
		return -ENODATA;
	}
	data = bpfring_source_data(&ops->source);
	return data ? store_ourselves(ops, data) : store_by_libbpf(ops);
}

int bpfring_ops_need_value(struct bpfring_struct_ops *ops, uint32_t *state)
{
	uint32_t refcnt;
	int err = bpfring_ops_read_state(ops, state, &refcnt);

	if (!err && *state == BPFRING_STRUCT_OPS_STATE_INIT)
		err = store_value(ops);
	if (err || !ops->source.obj)
		return err;
	bpfring_sys_libbpf_leave(ops->source.map);
	bpfring_source_fini(&ops->source);
	return 0;
}

int bpfring_struct_ops_store(struct bpfring_struct_ops *ops)
{
	uint32_t state;
	int err;

	if (!ops)
		return -EINVAL;
	err = bpfring_ops_need_map(ops);
	if (err)
		return err;
	if (!ops_in_link_mode(ops)) {
		log_error(
			"struct_ops '%s': a legacy map cannot be stored without being registered\n",
			bpfring_ops_name(ops));
		return -EOPNOTSUPP;
	}
	return bpfring_ops_need_value(ops, &state);
}
