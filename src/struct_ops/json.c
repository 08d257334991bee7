// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Writes data as JSON, by what BTF says about its type. */
#include "struct_ops/json.h"

#include <inttypes.h>
#include <string.h>

#include "struct_ops/btf.h"

void bpfring_json_string(FILE *stream, const char *text, size_t max)
{
	fputc('"', stream);
	for (size_t i = 0; i < max && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			fprintf(stream, "\\%c", c);
		else if (c < ' ' || c > '~') /* bytes of no known encoding: as Latin-1 */
			fprintf(stream, "\\u%04x", c);
		else
			fputc(c, stream);
	}
	fputc('"', stream);
}

/* Of up to 8 bytes, extended to 64 bits. */
static uint64_t load(const void *data, uint32_t size, bool sign)
{
	uint64_t value = 0;
	unsigned int unused = 64 - 8 * size;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	memcpy((char *)&value + sizeof(value) - size, data, size);
#else
	memcpy(&value, data, size);
#endif
	if (sign)
		value = (uint64_t)((int64_t)(value << unused) >> unused);
	return value;
}

static void print_number(FILE *stream, uint64_t value, bool sign)
{
	if (sign)
		fprintf(stream, "%" PRId64, (int64_t)value);
	else
		fprintf(stream, "%" PRIu64, value);
}

static void print_int(FILE *stream, const struct btf_type *type, const void *data)
{
	bool sign = btf_int_encoding(type) & BTF_INT_SIGNED;

	if (!type->size || type->size > sizeof(uint64_t)) {
		fputs("null", stream);
		return;
	}
	if (btf_int_encoding(type) & BTF_INT_BOOL)
		fputs(load(data, type->size, false) ? "true" : "false", stream);
	else
		print_number(stream, load(data, type->size, sign), sign);
}

static uint64_t enumerator(const struct btf_type *type, int index, uint32_t *name)
{
	const struct btf_enum *small = &btf_enum(type)[index];

	if (!btf_is_enum(type)) {
		*name = btf_enum64(type)[index].name_off;
		return (uint64_t)btf_enum64_value(&btf_enum64(type)[index]);
	}
	*name = small->name_off;
	return btf_kflag(type) ? (uint64_t)(int64_t)small->val : (uint32_t)small->val;
}

static void print_enum(FILE *stream, const struct btf *btf, const struct btf_type *type,
		       const void *data)
{
	uint64_t value = load(data, type->size, btf_kflag(type));
	uint32_t name;

	for (int i = 0; i < btf_vlen(type); i++) {
		if (enumerator(type, i, &name) != value)
			continue;
		bpfring_json_string(stream, btf__name_by_offset(btf, name), SIZE_MAX);
		return;
	}
	print_number(stream, value, btf_kflag(type)); /* flags, perhaps */
}

static void print_array(FILE *stream, const struct btf *btf, const struct btf_type *type,
			const void *data)
{
	const struct btf_array *array = btf_array(type);
	int64_t step = btf__resolve_size(btf, array->type);

	if (bpfring_btf_is_char(btf, array->type)) {
		bpfring_json_string(stream, data, array->nelems);
		return;
	}
	fputc('[', stream);
	for (uint32_t i = 0; step >= 0 && i < array->nelems; i++) {
		if (i)
			fputc(',', stream);
		bpfring_json_btf(stream, btf, array->type, (const char *)data + i * step);
	}
	fputc(']', stream);
}

/* Bit fields lie in units of their type, counted from the low bit on little-endian machines. */
static uint64_t load_bits(const void *data, uint32_t offset, uint32_t bits, bool sign)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < bits; i++) {
		uint32_t at = offset + i;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		uint64_t bit = ((const unsigned char *)data)[at / 8] >> (7 - at % 8) & 1;

		value = value << 1 | bit;
#else
		uint64_t bit = ((const unsigned char *)data)[at / 8] >> at % 8 & 1;

		value |= bit << i;
#endif
	}
	if (sign && bits && value >> (bits - 1) & 1)
		value |= bits < 64 ? ~UINT64_C(0) << bits : 0;
	return value;
}

static void print_struct(FILE *stream, const struct btf *btf, const struct btf_type *type,
			 const void *data)
{
	fputc('{', stream);
	for (unsigned int i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const char *name = btf__name_by_offset(btf, member->name_off);
		uint32_t offset = btf_member_bit_offset(type, i);
		uint32_t bits = btf_member_bitfield_size(type, i);
		uint32_t id = member->type;
		const struct btf_type *member_type = bpfring_btf_skip(btf, &id);
		bool sign = member_type && btf_is_int(member_type) &&
			    (btf_int_encoding(member_type) & BTF_INT_SIGNED);

		if (i)
			fputc(',', stream);
		if (*name)
			bpfring_json_string(stream, name, SIZE_MAX);
		else /* anonymous struct or union */
			fprintf(stream, "\"%u\"", i);
		fputc(':', stream);
		if (bits)
			print_number(stream, load_bits(data, offset, bits, sign), sign);
		else
			bpfring_json_btf(stream, btf, member->type,
					 (const char *)data + offset / 8);
	}
	fputc('}', stream);
}

void bpfring_json_btf(FILE *stream, const struct btf *btf, uint32_t type_id, const void *data)
{
	const struct btf_type *type = bpfring_btf_skip(btf, &type_id);

	if (!type) /* no such id: as void */
		type = btf__type_by_id(btf, 0);
	if (btf_is_int(type))
		print_int(stream, type, data);
	else if (btf_is_any_enum(type))
		print_enum(stream, btf, type, data);
	else if (btf_is_ptr(type))
		print_number(stream, load(data, (uint32_t)btf__pointer_size(btf), false), false);
	else if (btf_is_array(type))
		print_array(stream, btf, type, data);
	else if (btf_is_composite(type))
		print_struct(stream, btf, type, data);
	else
		fputs("null", stream);
}
