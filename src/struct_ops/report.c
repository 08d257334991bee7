// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Collects what the kernel says about a struct_ops map. */
#include <bpfring/struct_ops_report.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "struct_ops/struct_ops.h"
#include "struct_ops/report.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

static uint32_t program_id(const void *slot, uint32_t size)
{
	uint64_t wide;
	uint32_t narrow;

	memcpy(&narrow, slot, sizeof(narrow));
	if (size != sizeof(wide))
		return narrow;
	memcpy(&wide, slot, sizeof(wide));
	return (uint32_t)wide;
}

/* What is not permitted to be seen stays empty: the id alone is known. */
static int read_program(struct report_value *v)
{
	struct bpf_prog_info info;
	int fd = bpfring_sys_prog_by_id(v->pub.prog_id);
	int err;

	if (fd < 0)
		return fd == -EPERM || fd == -ENOENT ? 0 : fd;
	err = bpfring_sys_prog_info(fd, &info);
	bpfring_sys_close(fd);
	if (err)
		return err;
	snprintf(v->prog_name, sizeof(v->prog_name), "%s", info.name);
	for (size_t i = 0; i < sizeof(info.tag); i++)
		snprintf(v->prog_tag + 2 * i, 3, "%02x", info.tag[i]);
	v->pub.run_count = info.run_cnt;
	v->pub.run_time_ns = info.run_time_ns;
	v->pub.recursion_misses = info.recursion_misses;
	return 0;
}

static int add_link(struct report *r, uint32_t id, unsigned int *capacity)
{
	uint32_t *grown;

	if ((unsigned int)r->pub.link_count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 4;
		grown = bpfring_sys_alloc(*capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		if (r->link_ids)
			memcpy(grown, r->link_ids, (size_t)r->pub.link_count * sizeof(*grown));
		bpfring_sys_free(r->link_ids);
		r->link_ids = grown;
		r->pub.link_ids = grown;
	}
	r->link_ids[r->pub.link_count++] = id;
	return 0;
}

/* Adds the link if the map is in it. */
static int look_at_link(struct report *r, uint32_t id, unsigned int *capacity)
{
	struct sys_link_info info;
	int fd = bpfring_sys_link_by_id(id), err;

	if (fd < 0) /* gone since, or about to be made */
		return fd == -ENOENT || fd == -EAGAIN ? 0 : fd;
	err = bpfring_sys_link_info(fd, &info);
	bpfring_sys_close(fd);
	if (err || info.type != SYS_LINK_STRUCT_OPS || info.map_id != r->pub.map_id)
		return err;
	return add_link(r, id, capacity);
}

/* Asks every link of the system, for a map does not know its own. */
static int read_links(struct report *r)
{
	unsigned int capacity = 0;
	uint32_t id = 0;
	int err = 0;

	while (!err) {
		err = bpfring_sys_next_link(id, &id);
		if (err == -ENOENT) /* that was the last one */
			return 0;
		if (!err)
			err = look_at_link(r, id, &capacity);
	}
	if (err != -EPERM)
		return err;
	r->pub.link_count = -EPERM;
	return 0;
}

static int read_members(struct report *r)
{
	const struct bpfring_struct_ops_type *type = r->pub.type;
	int err = 0;

	r->values = bpfring_sys_alloc((type->member_count + 1U) * sizeof(*r->values));
	if (!r->values)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < type->member_count; i++) {
		const struct bpfring_struct_ops_member *member = &ops_type(type)->members[i];
		struct report_value *v = &r->values[i];

		v->pub.member = member;
		v->pub.data = (const char *)r->value + type->data_offset + member->offset;
		v->pub.prog_name = v->prog_name;
		v->pub.prog_tag = v->prog_tag;
		if (member->kind == BPFRING_STRUCT_OPS_KIND_FUNCTION)
			v->pub.prog_id = program_id(v->pub.data, member->size);
		if (v->pub.prog_id)
			err = read_program(v);
	}
	return err;
}

int bpfring_struct_ops_inspect(struct bpfring_struct_ops *ops,
			       struct bpfring_struct_ops_report **ret)
{
	struct report *r;
	int err;

	if (!ops || !ret)
		return -EINVAL;
	r = bpfring_sys_alloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	err = bpfring_ops_read_value(ops, &r->value);
	if (err)
		goto fail;
	memcpy(r->map_name, ops->map.name, sizeof(r->map_name));
	r->pub.map_id = ops->map.id;
	r->pub.map_name = r->map_name;
	r->pub.map_flags = ops->map.flags;
	r->pub.link_mode = ops_in_link_mode(ops);
	r->pub.type = ops->type;
	r->pub.state = bpfring_ops_value_state(ops, r->value);
	r->pub.refcnt = bpfring_ops_value_refcnt(ops, r->value);
	err = read_members(r);
	if (!err)
		err = read_links(r);
	if (err)
		goto fail;
	*ret = &r->pub;
	return 0;
fail:
	bpfring_struct_ops_report_free(&r->pub);
	return err;
}

void bpfring_struct_ops_report_free(struct bpfring_struct_ops_report *report)
{
	struct report *r = (struct report *)report;

	if (!r)
		return;
	bpfring_sys_free(r->link_ids);
	bpfring_sys_free(r->values);
	bpfring_sys_free(r->value);
	bpfring_sys_free(r);
}

int bpfring_struct_ops_report_get_value(const struct bpfring_struct_ops_report *report,
					unsigned int index,
					const struct bpfring_struct_ops_value **ret)
{
	if (!report || !ret)
		return -EINVAL;
	if (index >= report->type->member_count)
		return -ENOENT;
	*ret = &((const struct report *)report)->values[index].pub;
	return 0;
}
