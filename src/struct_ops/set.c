// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Sets members of a map in a BPF object that is not loaded yet, and marks optional ones. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/btf.h"
#include "struct_ops/struct_ops.h"

static const char *const kind_names[] = {"a function", "a number", "a string", "a pointer to data",
					 "of a kind that cannot be set"};

static int find_member(const struct bpfring_struct_ops *ops, const char *name,
		       struct bpfring_struct_ops_member *ret)
{
	int index = bpfring_source_member(&ops->source, name, ret);

	if (index < 0)
		log_error("struct_ops '%s': the object's struct %s has no member '%s'\n",
			  bpfring_ops_name(ops), bpfring_source_type_name(&ops->source), name);
	return index;
}

/* Where a member of that kind is to be written: its index, and a pointer. */
static int find_slot(struct bpfring_struct_ops *ops, const char *name,
		     enum bpfring_struct_ops_kind kind, struct bpfring_struct_ops_member *ret,
		     unsigned char **slot)
{
	unsigned char *data;
	int err, index;

	if (!ops || !name)
		return -EINVAL;
	err = bpfring_source_check_open(&ops->source);
	if (err < 0)
		return err;
	index = find_member(ops, name, ret);
	if (index < 0)
		return index;
	if (ret->kind != kind) {
		log_error("struct_ops '%s': member '%s' is %s, not %s\n", bpfring_ops_name(ops),
			  name, kind_names[ret->kind], kind_names[kind]);
		return -EINVAL;
	}
	data = bpfring_source_data(&ops->source);
	if (!data) {
		log_error("struct_ops '%s': cannot set '%s': needs libbpf 1.4, this is %s\n",
			  bpfring_ops_name(ops), name, libbpf_version_string());
		return -EOPNOTSUPP;
	}
	*slot = data + ret->offset;
	return index;
}

/* A member that the caller sets is no longer one that prepare() dropped. */
static int was_set(struct bpfring_struct_ops *ops, int index)
{
	ops->source.members[index] &= (unsigned char)~MEMBER_DROPPED;
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

int bpfring_struct_ops_set_int(struct bpfring_struct_ops *ops, const char *name, int64_t value)
{
	struct bpfring_struct_ops_member member;
	unsigned char *slot;
	unsigned int bits;
	int index = find_slot(ops, name, BPFRING_STRUCT_OPS_KIND_INTEGER, &member, &slot);
	int64_t min, max;
	bool with_sign;

	if (index < 0)
		return index;
	if (!member.size || member.size > sizeof(value))
		return -EINVAL;
	with_sign = is_signed(ops, &member, &bits);
	/* A member of 64 bits holds every @value: an unsigned one takes its bits. */
	max = (int64_t)(UINT64_MAX >> (bits == 64 || with_sign ? 65 - bits : 64 - bits));
	min = with_sign || bits == 64 ? -max - 1 : 0;
	if (value < min || value > max) {
		log_error("struct_ops '%s': %lld does not fit '%s' of %u %s bits\n",
			  bpfring_ops_name(ops), (long long)value, name, bits,
			  with_sign ? "signed" : "unsigned");
		return -ERANGE;
	}
	write_integer(slot, member.size, (uint64_t)value);
	return was_set(ops, index);
}

int bpfring_struct_ops_set_string(struct bpfring_struct_ops *ops, const char *member,
				  const char *value)
{
	struct bpfring_struct_ops_member m;
	unsigned char *slot;
	size_t len;
	int index;

	if (!value)
		return -EINVAL;
	index = find_slot(ops, member, BPFRING_STRUCT_OPS_KIND_STRING, &m, &slot);
	if (index < 0)
		return index;
	len = strlen(value);
	if (len >= m.size) {
		log_error(
			"struct_ops '%s': \"%s\" is too long for '%s', which holds %u characters\n",
			bpfring_ops_name(ops), value, member, m.size ? m.size - 1 : 0);
		return -ERANGE;
	}
	memset(slot, 0, m.size);
	memcpy(slot, value, len);
	return was_set(ops, index);
}

int bpfring_struct_ops_set_program(struct bpfring_struct_ops *ops, const char *member,
				   struct bpf_program *prog)
{
	struct bpfring_struct_ops_member m;
	unsigned char *slot;
	int index;

	if (prog && bpf_program__type(prog) != BPF_PROG_TYPE_STRUCT_OPS) {
		log_error("program '%s' is not SEC(\"struct_ops\")\n", bpf_program__name(prog));
		return -EINVAL;
	}
	index = find_slot(ops, member, BPFRING_STRUCT_OPS_KIND_FUNCTION, &m, &slot);
	if (index < 0)
		return index;
	/* libbpf keeps a pointer there, whatever the size of the member */
	memcpy(slot, &prog, sizeof(void *));
	return was_set(ops, index);
}

int bpfring_struct_ops_set_optional(struct bpfring_struct_ops *ops, const char *member,
				    int optional)
{
	struct bpfring_struct_ops_member m;
	int first = 0, last, err;

	if (!ops)
		return -EINVAL;
	err = bpfring_source_check_open(&ops->source);
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
