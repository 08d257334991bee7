// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Maps a ring for looking only. */
#include <bpfring/view.h>

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mapping.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

#ifndef BPF_F_RB_OVERWRITE
#define BPF_F_RB_OVERWRITE (1U << 19) /* Linux 6.19 */
#endif

struct bpfring_view {
	struct map map;
	struct mapping mapping;
	size_t overwrite_offset; /* in the page of the producer position */
};

/* Bit offset of a member of struct bpf_ringbuf; -1: it has none of that name. */
static int64_t member_bits(const struct btf *btf, const struct btf_type *ringbuf, const char *name)
{
	const struct btf_member *member = btf_members(ringbuf);

	for (uint32_t i = 0; i < btf_vlen(ringbuf); i++) {
		const char *its = btf__name_by_offset(btf, member[i].name_off);

		if (its && !strcmp(its, name))
			return btf_member_bit_offset(ringbuf, i);
	}
	return -1;
}

/*
 * overwrite_pos is no part of the kernel's interface: its place in the page is read off the types
 * of the running kernel. Where they cannot be read it is taken to be where Linux 6.19 has it, the
 * third word.
 */
static size_t find_overwrite(const struct map *map)
{
	const size_t usual = 2 * (size_t)bpfring_sys_kernel_word_size();
	int64_t prod = -1, over = -1;
	struct btf *btf;
	int id, err = bpfring_sys_btf_load(&btf, NULL, NULL);

	if (err) {
		log_debug("map '%s' id %u: the kernel's types cannot be read (%s): overwrite_pos "
			  "is taken to be at %zu\n",
			  map->name, map->id, bpfring_errname(err), usual);
		return usual;
	}
	id = btf__find_by_name_kind(btf, "bpf_ringbuf", BTF_KIND_STRUCT);
	if (id > 0) {
		const struct btf_type *ringbuf = btf__type_by_id(btf, (uint32_t)id);

		prod = member_bits(btf, ringbuf, "producer_pos");
		over = member_bits(btf, ringbuf, "overwrite_pos");
	}
	btf__free(btf);
	if (prod < 0 || over <= prod || (uint64_t)(over - prod) / 8 > bpfring_sys_page_size() - 8)
		return usual;
	return (size_t)(over - prod) / 8;
}

/* On an open map, which it takes over, also on failure. */
static int view_new(struct bpfring_view **ret, struct map *map)
{
	struct bpfring_view *v = NULL;
	char buf[24];
	int err = -EINVAL;

	if (map->type != BPF_MAP_TYPE_RINGBUF && map->type != BPF_MAP_TYPE_USER_RINGBUF) {
		log_error("map '%s' id %u has type %s, but a view needs a ring buffer\n", map->name,
			  map->id, bpfring_map_type_name(map->type, buf, sizeof(buf)));
		goto close_map;
	}
	err = -ENOMEM;
	v = bpfring_sys_alloc(sizeof(*v));
	if (!v)
		goto close_map;
	err = bpfring_mapping_view(&v->mapping, map);
	if (err) {
		bpfring_sys_free(v);
		goto close_map;
	}
	if (map->flags & BPF_F_RB_OVERWRITE)
		v->overwrite_offset = find_overwrite(map);
	v->map = *map;
	*ret = v;
	return 0;

close_map:
	bpfring_map_close(map);
	return err;
}

int bpfring_view_open(struct bpfring_view **ret, int map_fd)
{
	struct map map;
	int err = ret ? bpfring_map_open(&map, map_fd) : -EINVAL;

	return err ? err : view_new(ret, &map);
}

int bpfring_view_open_pinned(struct bpfring_view **ret, const char *path)
{
	struct map map;
	int err = ret && path ? bpfring_map_open_pinned(&map, path) : -EINVAL;

	return err ? err : view_new(ret, &map);
}

int bpfring_view_open_id(struct bpfring_view **ret, uint32_t map_id)
{
	struct map map;
	int err = ret ? bpfring_map_open_id(&map, map_id) : -EINVAL;

	return err ? err : view_new(ret, &map);
}

void bpfring_view_close(struct bpfring_view *v)
{
	if (!v)
		return;
	bpfring_mapping_view_free(&v->mapping);
	bpfring_map_close(&v->map);
	bpfring_sys_free(v);
}

int bpfring_view_info(const struct bpfring_view *v, struct bpfring_view_info *ret)
{
	struct bpfring_view_info info = {0};

	if (!v)
		return -EINVAL;
	info.cons_word = v->mapping.cons;
	info.prod_word = v->mapping.prod;
	if (v->overwrite_offset)
		info.overwrite_word = (const char *)v->mapping.prod + v->overwrite_offset;
	info.data = bpfring_mapping_data(&v->mapping);
	info.ring_size = v->mapping.size;
	info.word_size = bpfring_sys_kernel_word_size();
	info.map_type = v->map.type;
	info.map_id = v->map.id;
	info.map_flags = v->map.flags;
	info.map_fd = v->map.fd;
	memcpy(info.map_name, v->map.name, sizeof(info.map_name));
	return bpfring_options_write(ret, &info, sizeof(info),
				     offsetof(struct bpfring_view_info, prod_word));
}
