// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Logs why the kernel refused a call, because it has one error for many causes. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

#define KERNEL_ENOTSUPP 524

/* What subsystems check when a value is stored. */
static const char *requirements(const struct bpfring_struct_ops_type *type)
{
	static const struct {
		const char *type, *text;
	} known[] = {
		{"tcp_congestion_ops", "it needs a name, ssthresh, undo_cwnd, and cong_avoid or "
				       "cong_control"},
		{"sched_ext_ops", "it needs a name"},
		{"hid_bpf_ops", "it needs the hid_id of a device that is there"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(type->name, known[i].type))
			return known[i].text;
	return "it may lack members that it needs";
}

/* Would the kernel take this value? A link-mode map stores without registering. */
static bool accepted(const struct bpfring_struct_ops *ops, const void *value)
{
	int fd = bpfring_sys_struct_ops_map(ops->type->value_type_id, ops->type->value_size,
					    SYS_BPF_F_LINK, bpf_object__btf_fd(ops->source.obj));
	int err;

	if (fd < 0)
		return false;
	err = bpfring_sys_value_update(fd, value);
	bpfring_sys_close(fd);
	return !err;
}

/*
 * The member without which the kernel would have taken the value; NULL if no single member is at
 * fault. The kernel does not name it, so try each on a map of its own.
 */
static const char *find_culprit(const struct bpfring_struct_ops *ops, const void *value)
{
	const struct bpfring_struct_ops_type *type = ops->type;
	unsigned char *trial = bpfring_sys_alloc(type->value_size);
	const char *culprit = NULL;

	for (uint32_t i = 0; trial && !culprit && i < type->member_count; i++) {
		const struct bpfring_struct_ops_member *member = &ops_type(type)->members[i];
		unsigned char *slot = trial + type->data_offset + member->offset;

		memcpy(trial, value, type->value_size);
		memset(slot, 0, member->size);
		if (memcmp(trial, value, type->value_size) && accepted(ops, trial))
			culprit = member->name;
	}
	bpfring_sys_free(trial);
	return culprit;
}

static void explain_invalid(struct bpfring_struct_ops *ops, const void *value)
{
	/* Maps of module types need more to be created, so their values are not tried. */
	bool can_try = value && !strcmp(ops->type->module, "vmlinux") &&
		       bpfring_struct_ops_types_have_links(ops->types);
	const char *culprit = can_try ? find_culprit(ops, value) : NULL;

	if (culprit)
		log_error("struct_ops '%s': the kernel refuses member '%s' of its %s: -EINVAL\n",
			  bpfring_ops_name(ops), culprit, ops->type->name);
	else
		log_error("struct_ops '%s': the kernel refuses this %s: -EINVAL; %s, or it sets a "
			  "member that BPF may not set\n",
			  bpfring_ops_name(ops), ops->type->name, requirements(ops->type));
}

void bpfring_ops_explain_store(struct bpfring_struct_ops *ops, const void *value, int err)
{
	const char *why;

	switch (err) {
	case -EINVAL:
		explain_invalid(ops, value);
		return;
	case -E2BIG:
		why = "its programs need more trampoline code than the kernel has room for (one "
		      "page "
		      "before Linux 6.9, then eight)";
		break;
	case -EBUSY:
		why = ops_in_link_mode(ops)
			      ? "it has its value already"
			      : "registered already, or another one of which there can "
				"be only one";
		break;
	case -EEXIST:
		why = "the kernel has operations of that name";
		break;
	case -EPERM:
		why = "the descriptor does not allow writing, or CAP_BPF is missing";
		break;
	case -EOPNOTSUPP:
	case -KERNEL_ENOTSUPP:
		why = "this type cannot be registered, or not without a link";
		break;
	default:
		why = "the subsystem refuses it";
	}
	log_error("struct_ops '%s': cannot %s: %s; %s\n", bpfring_ops_name(ops),
		  ops_in_link_mode(ops) ? "store the value" : "register", bpfring_errname(err),
		  why);
}

void bpfring_ops_explain_register(const struct bpfring_struct_ops *ops, int err)
{
	const char *why;

	switch (err) {
	case -EEXIST:
		why = "the kernel has operations of that name";
		break;
	case -EBUSY:
		why = "another one is in use, and there can be only one";
		break;
	case -EOPNOTSUPP:
	case -KERNEL_ENOTSUPP:
		why = "this type cannot be registered, or not by a link: try "
		      "BPFRING_STRUCT_OPS_MODE_LEGACY";
		break;
	case -EINVAL:
		why = "the map has no value, or the subsystem refuses it";
		break;
	default:
		why = "the subsystem refuses it";
	}
	log_error("struct_ops '%s' id %u: cannot register: %s; %s\n", bpfring_ops_name(ops),
		  ops->map.id, bpfring_errname(err), why);
}

static bool is_of_other_type(const struct map *a, const struct map *b)
{
	struct bpf_map_info info[2];

	return !bpfring_sys_map_info(a->fd, &info[0]) && !bpfring_sys_map_info(b->fd, &info[1]) &&
	       info[0].btf_vmlinux_value_type_id != info[1].btf_vmlinux_value_type_id;
}

void bpfring_ops_explain_replace(const struct bpfring_struct_ops *ops,
				 const struct bpfring_struct_ops *with, const struct map *old,
				 int err)
{
	const bool other_type = is_of_other_type(old, &with->map);
	const char *why;

	switch (err) {
	case -EPERM:
		why = "others keep replacing the map in it, or the kernel's policy refuses it";
		break;
	case -ENOLINK:
		why = "the link was detached";
		break;
	case -EOPNOTSUPP:
	case -KERNEL_ENOTSUPP:
		/* The kernel asks the new map's type whether it can be replaced, then compares. */
		why = other_type ? "the new map is of another type"
				 : "its type cannot be replaced; unregister it and register the "
				   "other";
		break;
	case -EINVAL:
		if (!ops_in_link_mode(with))
			why = "the new map was not made for links";
		else if (other_type)
			why = "the new map is of another type";
		else
			why = "the subsystem refuses it; a congestion control has to keep its name";
		break;
	default:
		why = "the subsystem refuses it";
	}
	log_error("struct_ops '%s' link id %u: cannot put map '%s' id %u in: %s; %s\n",
		  bpfring_ops_name(ops), ops->link_id, bpfring_ops_name(with), with->map.id,
		  bpfring_errname(err), why);
}
