// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a handle has: its map, the types, the type of its map; and what is in its link. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"
#include "struct_ops/struct_ops.h"

const char *bpfring_ops_name(const struct bpfring_struct_ops *ops)
{
	return ops->source.obj ? bpf_map__name(ops->source.map) : ops->map.name;
}

int bpfring_ops_set_map(struct bpfring_struct_ops *ops, struct map *map)
{
	char type[32];

	if (map->type != BPF_MAP_TYPE_STRUCT_OPS) {
		log_error("map '%s' id %u has type %s, not struct_ops\n", map->name, map->id,
			  bpfring_map_type_name(map->type, type, sizeof(type)));
		bpfring_map_close(map);
		return -EINVAL;
	}
	bpfring_map_close(&ops->map);
	ops->map = *map;
	return 0;
}

int bpfring_ops_need_types(struct bpfring_struct_ops *ops)
{
	int err;

	if (ops->types)
		return 0;
	err = bpfring_struct_ops_types_load(&ops->own_types);
	if (!err)
		ops->types = ops->own_types;
	return err;
}

int bpfring_ops_need_map(struct bpfring_struct_ops *ops)
{
	struct map map;
	int fd, err;

	if (ops->map.fd >= 0)
		return 0;
	if (!ops->source.obj)
		return -ENOENT;
	if (!bpf_map__autocreate(ops->source.map)) { /* its descriptor would be that of no map */
		log_error("struct_ops '%s': the object was loaded without this map; call "
			  "bpf_map__set_autocreate() before loading\n",
			  bpfring_ops_name(ops));
		return -EINVAL;
	}
	fd = bpf_map__fd(ops->source.map);
	if (fd < 0) {
		log_error("struct_ops '%s': load the object first\n", bpfring_ops_name(ops));
		return -EINVAL;
	}
	err = bpfring_map_open(&map, fd);
	return err ? err : bpfring_ops_set_map(ops, &map);
}

int bpfring_ops_read_type_ids(const struct bpfring_struct_ops *ops, uint32_t *value_id,
			      uint32_t *btf_id)
{
	struct bpf_map_info info;
	int err = bpfring_sys_map_info(ops->map.fd, &info);

	if (err) {
		log_error("struct_ops '%s': cannot read the info of the map: %s%s\n",
			  bpfring_ops_name(ops), bpfring_errname(err), bpfring_fd_refusal(err));
		return err;
	}
	*value_id = info.btf_vmlinux_value_type_id;
	/* The word before map_extra is padding in headers before 6.9, then btf_vmlinux_id. */
	memcpy(btf_id,
	       (const char *)&info + offsetof(struct bpf_map_info, map_extra) - sizeof(*btf_id),
	       sizeof(*btf_id));
	return 0;
}

int bpfring_ops_need_type(struct bpfring_struct_ops *ops)
{
	char module[64] = "vmlinux";
	uint32_t value_id, btf_id;
	int err;

	if (ops->map.fd >= 0 && ops->type)
		return 0;
	err = bpfring_ops_need_map(ops);
	if (!err)
		err = bpfring_ops_need_types(ops);
	if (!err)
		err = bpfring_ops_read_type_ids(ops, &value_id, &btf_id);
	if (err)
		return err;
	/* Ids of modules begin where the kernel's own end: only modules can share them. */
	ops->type = bpfring_struct_ops_types_of_value(ops->types, value_id, module);
	if (!ops->type && btf_id) {
		err = bpfring_sys_btf_name(btf_id, module, sizeof(module));
		if (err)
			return err;
		ops->type = bpfring_struct_ops_types_of_value(ops->types, value_id, module);
	}
	if (ops->type)
		return 0;
	log_error("struct_ops '%s': no type with BTF id %u of %s; was a module loaded after the "
		  "types were read?\n",
		  bpfring_ops_name(ops), value_id, module);
	return -ENOENT;
}

/* The descriptor of the map with that id among these; -1: none of them has it. */
static int find_known(const struct map *const *known, uint32_t id)
{
	for (; *known; known++)
		if ((*known)->fd >= 0 && (*known)->id == id)
			return (*known)->fd;
	return -1;
}

int bpfring_ops_open_linked(const struct bpfring_struct_ops *ops, const struct map *const *known,
			    struct map *ret)
{
	const struct map *const own[] = {&ops->map, NULL};
	uint32_t missing = 0;

	for (;;) {
		struct sys_link_info info;
		int err = bpfring_sys_link_info(ops->link_fd, &info), fd;

		if (err)
			return err;
		if (!info.map_id)
			return -ENOLINK;
		fd = find_known(own, info.map_id);
		if (fd < 0)
			fd = find_known(known, info.map_id);
		if (fd >= 0)
			return bpfring_map_open(ret, fd);
		fd = bpfring_sys_map_by_id(info.map_id);
		if (fd == -ENOENT && info.map_id != missing) { /* replaced since, and freed */
			missing = info.map_id;
			continue;
		}
		if (fd < 0)
			return fd;
		err = bpfring_map_open(ret, fd);
		bpfring_sys_close(fd);
		return err;
	}
}
