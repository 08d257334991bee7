// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reads the value of a struct_ops map from the kernel. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
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
		log_error("struct_ops '%s': cannot read the value: %s\n", bpfring_ops_name(ops),
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
