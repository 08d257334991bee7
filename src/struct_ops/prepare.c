// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Fits a map of a BPF object to the running kernel before it is loaded. It decides about all
 * members before it changes any, so a map that cannot be fitted stays as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

/* A member of the object, and what the kernel has of that name. */
struct candidate {
	unsigned int index;
	struct bpfring_struct_ops_member member;
	const struct bpfring_struct_ops_type *type;
	int kernel_index; /* -ENOENT: no such member */
	enum member_difference difference;
};

/* Logs why the member does not fit, and the consequence. */
static void log_misfit(const struct ops_source *source, enum bpfring_log_level level,
		       const struct candidate *c, const char *so)
{
	if (c->kernel_index < 0)
		bpfring_log(level,
			    "libbpfring: struct_ops '%s': this kernel's %s has no '%s': %s\n",
			    bpf_map__name(source->map), c->type->name, c->member.name, so);
	else
		bpfring_source_log_difference(source, level, c->index, c->type,
					      (unsigned int)c->kernel_index, so);
}

/* Marks a member that does not fit to be dropped, if it may be. */
static int decide(struct ops_source *source, const struct candidate *c)
{
	const unsigned char *data = bpfring_source_data(source);
	char so[128];

	if (c->difference == MEMBER_OTHER_DATA) {
		log_misfit(source, BPFRING_LOG_ERROR, c,
			   "libbpf loads no such object; declare it as the kernel does");
		return -EINVAL;
	}
	if (!data) {
		snprintf(so, sizeof(so), "libbpf %s %s; needs libbpf 1.4", libbpf_version_string(),
			 c->kernel_index < 0 ? "loads no such object"
					     : "does not show whether it is set");
		log_misfit(source, BPFRING_LOG_ERROR, c, so);
		return -EOPNOTSUPP;
	}
	/* A member that an earlier call dropped was set. */
	if (!(source->members[c->index] & MEMBER_DROPPED) &&
	    !bpfring_source_is_set(&c->member, data))
		return 0;
	if (!(source->members[c->index] & MEMBER_OPTIONAL)) {
		log_misfit(source, BPFRING_LOG_ERROR, c, "it is set and not optional");
		return c->kernel_index < 0 ? -ENOENT : -EINVAL;
	}
	source->members[c->index] |= MEMBER_TO_DROP;
	log_misfit(source, BPFRING_LOG_INFO, c, "it is set, but optional");
	return 0;
}

/* Looks at all members before it fails, so that the log names each. The first error counts. */
static int decide_all(struct bpfring_struct_ops *ops, const struct bpfring_struct_ops_type *type)
{
	struct ops_source *source = &ops->source;
	int err = 0;

	for (unsigned int i = 0; i < source->member_count; i++) {
		struct candidate c = {.index = i, .type = type};
		int ret = 0;

		source->members[i] &= (unsigned char)~MEMBER_TO_DROP;
		bpfring_source_read_member(source, i, &c.member);
		c.kernel_index = bpfring_type_member_index(type, c.member.name);
		if (c.kernel_index >= 0)
			c.difference = bpfring_source_compare(source, i, type,
							      (unsigned int)c.kernel_index);
		if (c.kernel_index < 0 || c.difference)
			ret = decide(source, &c);
		if (!err)
			err = ret;
	}
	return err;
}

/* Returns how many members the map now lacks. */
static int drop(struct ops_source *source)
{
	unsigned char *data = bpfring_source_data(source);
	int dropped = 0;

	for (unsigned int i = 0; i < source->member_count; i++) {
		struct bpfring_struct_ops_member member;

		if (source->members[i] & MEMBER_TO_DROP) {
			bpfring_source_read_member(source, i, &member);
			memset(data + member.offset, 0, bpfring_source_member_size(&member));
			source->members[i] |= MEMBER_DROPPED;
		}
		dropped += !!(source->members[i] & MEMBER_DROPPED);
	}
	return dropped;
}

/* The flags that the map is to be created with. */
static int choose_flags(const struct bpfring_struct_ops *ops,
			const struct bpfring_struct_ops_type *type,
			enum bpfring_struct_ops_mode mode, uint32_t *ret)
{
	bool can = bpfring_struct_ops_types_have_links(ops->types);

	if (mode == BPFRING_STRUCT_OPS_MODE_LINK && !can) {
		log_error("struct_ops '%s': this kernel has no struct_ops links (Linux 6.4)\n",
			  bpfring_ops_name(ops));
		return -EOPNOTSUPP;
	}
	/* The one type of the kernel that takes no links at all; BTF does not say so. */
	if (mode == BPFRING_STRUCT_OPS_MODE_AUTO && !strcmp(type->name, "smc_hs_ctrl"))
		can = false;
	*ret = bpf_map__map_flags(ops->source.map) & ~SYS_BPF_F_LINK;
	if (mode != BPFRING_STRUCT_OPS_MODE_LEGACY && can)
		*ret |= SYS_BPF_F_LINK;
	return 0;
}

int bpfring_struct_ops_prepare(struct bpfring_struct_ops *ops, enum bpfring_struct_ops_mode mode)
{
	const struct bpfring_struct_ops_type *type;
	uint32_t flags;
	int err;

	if (!ops || mode > BPFRING_STRUCT_OPS_MODE_LEGACY)
		return -EINVAL;
	err = bpfring_source_check_open(&ops->source);
	if (!err)
		err = bpfring_ops_need_types(ops);
	if (err)
		return err;
	err = bpfring_struct_ops_types_find(ops->types, bpfring_source_type_name(&ops->source),
					    &type);
	if (err) {
		log_error("struct_ops '%s': this kernel has no %s\n", bpfring_ops_name(ops),
			  bpfring_source_type_name(&ops->source));
		return err;
	}
	err = choose_flags(ops, type, mode, &flags);
	if (!err)
		err = decide_all(ops, type);
	if (!err)
		err = bpf_map__set_map_flags(ops->source.map, flags);
	if (err)
		return err;
	bpfring_sys_libbpf_leave(ops->source.map);
	return drop(&ops->source);
}

int bpfring_struct_ops_dropped(const struct bpfring_struct_ops *ops, unsigned int index,
			       const char **ret)
{
	if (!ops || !ret)
		return -EINVAL;
	for (unsigned int i = 0; i < ops->source.member_count; i++) {
		struct bpfring_struct_ops_member member;

		if (!(ops->source.members[i] & MEMBER_DROPPED) || index--)
			continue;
		bpfring_source_read_member(&ops->source, i, &member);
		*ret = member.name;
		return 0;
	}
	return -ENOENT;
}
