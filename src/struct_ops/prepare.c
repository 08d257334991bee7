// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Changes a map of a BPF object before it is loaded: members, programs, what is optional, mode. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/struct_ops.h"
#include "struct_ops/btf.h"
#include "base/sys_struct_ops.h"

static const char *const kind_names[] = {"a function", "a number", "a string", "a pointer to data",
					 "of no kind that can be set"};

static bool is_zero(const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

/* The map's struct in libbpf's hands, as the object's BTF lays it out; NULL before libbpf 1.4. */
static unsigned char *initial_data(const struct ops_source *source)
{
	size_t size;

	return (unsigned char *)bpf_map__initial_value(source->map, &size); /* const before 1.4 */
}

/* May the object still be changed? */
static int check_open(const struct bpfring_struct_ops *ops)
{
	if (!ops->source.obj)
		return -EBUSY;
	if (bpf_map__fd(ops->source.map) < 0)
		return 0;
	log_error("struct_ops '%s': its object is loaded already\n", ops_name(ops));
	return -EBUSY;
}

int bpfring_ops_source_member(const struct bpfring_struct_ops *ops, const char *name,
			      struct bpfring_struct_ops_member *ret)
{
	const struct ops_source *source = &ops->source;

	for (unsigned int i = 0; i < source->member_count; i++) {
		bpfring_btf_read_member(ret, source->btf, source->type, i);
		if (!strcmp(ret->name, name))
			return (int)i;
	}
	return -ENOENT;
}

static int find_member(const struct bpfring_struct_ops *ops, const char *name,
		       struct bpfring_struct_ops_member *ret)
{
	int index = bpfring_ops_source_member(ops, name, ret);

	if (index < 0)
		log_error("struct_ops '%s': the object's struct %s has no member '%s'\n",
			  ops_name(ops), ops->source.type_name, name);
	return index;
}

/* Where a member of that kind is to be written. */
static int find_slot(struct bpfring_struct_ops *ops, const char *name,
		     enum bpfring_struct_ops_kind kind, struct bpfring_struct_ops_member *ret,
		     unsigned char **slot)
{
	unsigned char *data;
	int err;

	if (!ops || !name)
		return -EINVAL;
	err = check_open(ops);
	if (err)
		return err;
	err = find_member(ops, name, ret);
	if (err < 0)
		return err;
	if (ret->kind != kind) {
		log_error("struct_ops '%s': member '%s' is %s, not %s\n", ops_name(ops), name,
			  kind_names[ret->kind], kind_names[kind]);
		return -EINVAL;
	}
	data = initial_data(&ops->source);
	if (!data) {
		log_error("struct_ops '%s': cannot set '%s': needs libbpf 1.4, this is %s\n",
			  ops_name(ops), name, libbpf_version_string());
		return -EOPNOTSUPP;
	}
	*slot = data + ret->offset;
	return 0;
}

/* Are the values of this type signed? @bits: of its values, 1 for booleans. */
static bool is_signed(const struct bpfring_struct_ops *ops,
		      const struct bpfring_struct_ops_member *member, unsigned int *bits)
{
	uint32_t id = member->type_id;
	const struct btf_type *type = bpfring_btf_skip(ops->source.btf, &id);

	*bits = member->size * 8;
	if (btf_is_any_enum(type))
		return btf_kflag(type);
	if (btf_int_encoding(type) & BTF_INT_BOOL) {
		*bits = 1;
		return false;
	}
	return btf_int_encoding(type) & BTF_INT_SIGNED;
}

static void write_integer(unsigned char *slot, uint32_t size, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	memcpy(slot, (const unsigned char *)&value + sizeof(value) - size, size);
#else
	memcpy(slot, &value, size);
#endif
}

/* @negative: @value is two's complement of a negative number. */
static int set_integer(struct bpfring_struct_ops *ops, const char *name, uint64_t value,
		       bool negative)
{
	struct bpfring_struct_ops_member member;
	unsigned char *slot;
	unsigned int bits;
	uint64_t limit; /* of the magnitude */
	int err = find_slot(ops, name, BPFRING_STRUCT_OPS_INTEGER, &member, &slot);
	bool with_sign, fits;

	if (err)
		return err;
	if (!member.size || member.size > sizeof(value))
		return -EINVAL;
	with_sign = is_signed(ops, &member, &bits);
	limit = UINT64_MAX >> (64 - (with_sign ? bits - 1 : bits));
	fits = negative ? with_sign && ~value <= limit : value <= limit;
	if (!fits) {
		log_error("struct_ops '%s': %s%llu does not fit '%s' of %u %s bits\n",
			  ops_name(ops), negative ? "-" : "",
			  (unsigned long long)(negative ? ~value + 1 : value), name, bits,
			  with_sign ? "signed" : "unsigned");
		return -ERANGE;
	}
	write_integer(slot, member.size, value);
	return 0;
}

int bpfring_struct_ops_set_int(struct bpfring_struct_ops *ops, const char *member, int64_t value)
{
	return set_integer(ops, member, (uint64_t)value, value < 0);
}

int bpfring_struct_ops_set_uint(struct bpfring_struct_ops *ops, const char *member, uint64_t value)
{
	return set_integer(ops, member, value, false);
}

int bpfring_struct_ops_set_string(struct bpfring_struct_ops *ops, const char *member,
				  const char *value)
{
	struct bpfring_struct_ops_member m;
	unsigned char *slot;
	size_t len;
	int err;

	if (!value)
		return -EINVAL;
	err = find_slot(ops, member, BPFRING_STRUCT_OPS_STRING, &m, &slot);
	if (err)
		return err;
	len = strlen(value);
	if (len >= m.size) {
		log_error(
			"struct_ops '%s': \"%s\" is too long for '%s', which holds %u characters\n",
			ops_name(ops), value, member, m.size ? m.size - 1 : 0);
		return -ERANGE;
	}
	memset(slot, 0, m.size);
	memcpy(slot, value, len);
	return 0;
}

int bpfring_struct_ops_set_program(struct bpfring_struct_ops *ops, const char *member,
				   struct bpf_program *prog)
{
	struct bpfring_struct_ops_member m;
	unsigned char *slot;
	int err;

	if (prog && bpf_program__type(prog) != BPF_PROG_TYPE_STRUCT_OPS) {
		log_error("program '%s' is not SEC(\"struct_ops\")\n", bpf_program__name(prog));
		return -EINVAL;
	}
	err = find_slot(ops, member, BPFRING_STRUCT_OPS_FUNCTION, &m, &slot);
	if (!err) /* libbpf keeps a pointer there, whatever the size of the member */
		memcpy(slot, &prog, sizeof(void *));
	return err;
}

int bpfring_struct_ops_set_optional(struct bpfring_struct_ops *ops, const char *member,
				    int optional)
{
	struct bpfring_struct_ops_member m;
	int first = 0, last, err;

	if (!ops)
		return -EINVAL;
	err = check_open(ops);
	if (err)
		return err;
	last = (int)ops->source.member_count - 1;
	if (member) {
		first = last = find_member(ops, member, &m);
		if (first < 0)
			return first;
	}
	for (int i = first; i <= last; i++) {
		if (optional)
			ops->source.members[i] |= MEMBER_OPTIONAL;
		else
			ops->source.members[i] &= (unsigned char)~MEMBER_OPTIONAL;
	}
	return 0;
}

/* A member of the object that the kernel lacks: 1 dropped, 0 nothing to drop, or an error. */
static int drop_member(struct bpfring_struct_ops *ops, unsigned int index,
		       const struct bpfring_struct_ops_member *member)
{
	unsigned char *data = initial_data(&ops->source);
	/* In a function member libbpf keeps a pointer of this process. */
	size_t size = member->kind == BPFRING_STRUCT_OPS_FUNCTION ? sizeof(void *) : member->size;

	if (!data) {
		log_error("struct_ops '%s': this kernel's %s has no '%s', and libbpf %s loads no "
			  "such object; needs libbpf 1.4\n",
			  ops_name(ops), ops->source.type_name, member->name,
			  libbpf_version_string());
		return -EOPNOTSUPP;
	}
	if (is_zero(data + member->offset, size))
		return 0;
	if (!(ops->source.members[index] & MEMBER_OPTIONAL)) {
		log_error("struct_ops '%s': this kernel's %s has no '%s', which is set and not "
			  "optional\n",
			  ops_name(ops), ops->source.type_name, member->name);
		return -ENOENT;
	}
	memset(data + member->offset, 0, size);
	ops->source.members[index] |= MEMBER_DROPPED;
	log_info("struct_ops '%s': dropped '%s', which this kernel's %s does not have\n",
		 ops_name(ops), member->name, ops->source.type_name);
	return 1;
}

/* Number of members dropped; looks at all before it fails, so that the log names each. */
static int drop_missing(struct bpfring_struct_ops *ops, const struct bpfring_struct_ops_type *type)
{
	int dropped = 0, err = 0;

	for (unsigned int i = 0; i < ops->source.member_count; i++) {
		const struct bpfring_struct_ops_member *in_kernel;
		struct bpfring_struct_ops_member member;
		int ret;

		bpfring_btf_read_member(&member, ops->source.btf, ops->source.type, i);
		if (!bpfring_struct_ops_type_find_member(type, member.name, &in_kernel))
			continue;
		ret = drop_member(ops, i, &member);
		if (ret < 0)
			err = ret;
		else
			dropped += ret;
	}
	return err ? err : dropped;
}

static int choose_mode(struct bpfring_struct_ops *ops, const struct bpfring_struct_ops_type *type,
		       enum bpfring_struct_ops_mode mode)
{
	unsigned int features = bpfring_struct_ops_types_features(ops->types);
	uint32_t flags = bpf_map__map_flags(ops->source.map) & ~SYS_BPF_F_LINK;
	bool can = features & BPFRING_STRUCT_OPS_CAN_LINK;

	if (mode == BPFRING_STRUCT_OPS_LINK && !can) {
		log_error("struct_ops '%s': links need Linux 6.4\n", ops_name(ops));
		return -EOPNOTSUPP;
	}
	/* The one type of the kernel that takes no links at all; BTF does not tell. */
	if (mode == BPFRING_STRUCT_OPS_AUTO && !strcmp(type->name, "smc_hs_ctrl"))
		can = false;
	if (mode != BPFRING_STRUCT_OPS_LEGACY && can)
		flags |= SYS_BPF_F_LINK;
	return bpf_map__set_map_flags(ops->source.map, flags);
}

int bpfring_struct_ops_prepare(struct bpfring_struct_ops *ops, enum bpfring_struct_ops_mode mode)
{
	const struct bpfring_struct_ops_type *type;
	int dropped, err;

	if (!ops || mode > BPFRING_STRUCT_OPS_LEGACY)
		return -EINVAL;
	err = check_open(ops);
	if (!err)
		err = bpfring_ops_need_types(ops);
	if (err)
		return err;
	err = bpfring_struct_ops_types_find(ops->types, ops->source.type_name, &type);
	if (err) {
		log_error("struct_ops '%s': this kernel has no %s\n", ops_name(ops),
			  ops->source.type_name);
		return err;
	}
	dropped = drop_missing(ops, type);
	if (dropped < 0)
		return dropped;
	err = choose_mode(ops, type, mode);
	return err ? err : dropped;
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
		bpfring_btf_read_member(&member, ops->source.btf, ops->source.type, i);
		*ret = member.name;
		return 0;
	}
	return -ENOENT;
}
