// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens and closes handles of struct_ops, and pins what they hold. */
#include <bpfring/struct_ops_watch.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "struct_ops/struct_ops.h"
#include "struct_ops/btf.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

static int new_handle(struct bpfring_struct_ops **ret, const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops_opts o = {0};
	struct bpfring_struct_ops *ops;
	int err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_struct_ops_opts");

	if (err)
		return err;
	ops = bpfring_sys_alloc(sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	ops->map.fd = -1;
	ops->link_fd = -1;
	ops->types = o.types;
	*ret = ops;
	return 0;
}

/* What struct map does not hold. */
static int read_type_ids(struct bpfring_struct_ops *ops)
{
	struct bpf_map_info info;
	int err = bpfring_sys_map_info(ops->map.fd, &info);

	if (err) {
		log_error("struct_ops '%s': cannot read the info of the map: %s%s\n", ops->map.name,
			  bpfring_errname(err), bpfring_fd_refusal(err));
		return err;
	}
	ops->value_type_id = info.btf_vmlinux_value_type_id;
	/* The word before map_extra is padding in headers before 6.9, then btf_vmlinux_id. */
	memcpy(&ops->btf_id,
	       (const char *)&info + offsetof(struct bpf_map_info, map_extra) - sizeof(ops->btf_id),
	       sizeof(ops->btf_id));
	return 0;
}

/* Takes over what was opened, if it is a struct_ops map. */
static int take_map(struct bpfring_struct_ops *ops, struct map *map)
{
	char type[32];
	int err;

	if (map->type != BPF_MAP_TYPE_STRUCT_OPS) {
		log_error("map '%s' id %u is a %s map, not struct_ops\n", map->name, map->id,
			  bpfring_map_type_name(map->type, type, sizeof(type)));
		bpfring_map_close(map);
		return -EINVAL;
	}
	ops->map = *map;
	err = read_type_ids(ops);
	if (err)
		bpfring_map_close(&ops->map);
	return err;
}

/* Takes over the descriptor of a link, also on failure. */
static int take_link(struct bpfring_struct_ops *ops, int fd)
{
	struct sys_link_info info;
	struct map map;
	int err = bpfring_sys_link_info(fd, &info);

	ops->link_fd = fd;
	if (err) {
		log_error("fd %d: cannot read the info of the link: %s%s\n", fd,
			  bpfring_errname(err), bpfring_fd_refusal(err));
		return err;
	}
	if (info.type != SYS_LINK_STRUCT_OPS) {
		log_error("link id %u is of type %u, not struct_ops\n", info.id, info.type);
		return -EINVAL;
	}
	ops->link_id = info.id;
	if (!info.map_id)
		return 0; /* detached */
	err = bpfring_sys_map_by_id(info.map_id);
	if (err == -EPERM || err == -ENOENT) /* no CAP_SYS_ADMIN; or detached just now */
		return 0;
	if (err < 0)
		return err;
	fd = err;
	err = bpfring_map_open(&map, fd);
	bpfring_sys_close(fd);
	return err ? err : take_map(ops, &map);
}

/* Takes over the descriptor, also on failure. */
static int take_fd(struct bpfring_struct_ops **ret, int fd,
		   const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops *ops;
	struct map map;
	int err = new_handle(&ops, opts);

	if (err) {
		bpfring_sys_close(fd);
		return err;
	}
	if (bpfring_fd_is_link(fd)) {
		err = take_link(ops, fd);
	} else {
		err = bpfring_map_open(&map, fd);
		bpfring_sys_close(fd);
		if (!err)
			err = take_map(ops, &map);
	}
	if (err)
		bpfring_struct_ops_close(ops);
	else
		*ret = ops;
	return err;
}

int bpfring_struct_ops_open(struct bpfring_struct_ops **ret, int fd,
			    const struct bpfring_struct_ops_opts *opts)
{
	int own;

	if (!ret)
		return -EINVAL;
	own = bpfring_fd_dup(fd);
	return own < 0 ? own : take_fd(ret, own, opts);
}

int bpfring_struct_ops_open_pinned(struct bpfring_struct_ops **ret, const char *path,
				   const struct bpfring_struct_ops_opts *opts)
{
	int fd;

	if (!ret || !path)
		return -EINVAL;
	fd = bpfring_fd_by_path(path);
	return fd < 0 ? fd : take_fd(ret, fd, opts);
}

int bpfring_struct_ops_open_id(struct bpfring_struct_ops **ret, uint32_t map_id,
			       const struct bpfring_struct_ops_opts *opts)
{
	int fd;

	if (!ret)
		return -EINVAL;
	fd = bpfring_fd_by_id("map", map_id, bpfring_sys_map_by_id);
	return fd < 0 ? fd : take_fd(ret, fd, opts);
}

int bpfring_struct_ops_open_link_id(struct bpfring_struct_ops **ret, uint32_t link_id,
				    const struct bpfring_struct_ops_opts *opts)
{
	int fd;

	if (!ret)
		return -EINVAL;
	fd = bpfring_fd_by_id("link", link_id, bpfring_sys_link_by_id);
	return fd < 0 ? fd : take_fd(ret, fd, opts);
}

/* The struct of the variable @name in the object's BTF. */
static int find_struct(struct ops_source *source, const char *name)
{
	int32_t var = btf__find_by_name_kind(source->btf, name, BTF_KIND_VAR);
	uint32_t id;

	if (var < 0)
		return -ENOENT;
	id = btf__type_by_id(source->btf, (uint32_t)var)->type;
	source->type = bpfring_btf_skip(source->btf, &id);
	if (!source->type || !btf_is_struct(source->type))
		return -EINVAL;
	source->type_name = btf__name_by_offset(source->btf, source->type->name_off);
	source->member_count = btf_vlen(source->type);
	source->members = bpfring_sys_alloc(source->member_count + 1U);
	return source->members ? 0 : -ENOMEM;
}

int bpfring_struct_ops_open_object(struct bpfring_struct_ops **ret, struct bpf_object *obj,
				   const char *name, const struct bpfring_struct_ops_opts *opts)
{
	struct bpfring_struct_ops *ops;
	struct bpf_map *map;
	int err;

	if (!ret || !obj || !name)
		return -EINVAL;
	map = bpf_object__find_map_by_name(obj, name);
	if (!map) {
		log_error("object '%s' has no struct_ops '%s' that libbpf %s knows; before 1.2 it "
			  "sees SEC(\".struct_ops\") only\n",
			  bpf_object__name(obj), name, libbpf_version_string());
		return -ENOENT;
	}
	if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS) {
		log_error("map '%s' of object '%s' is not struct_ops\n", name,
			  bpf_object__name(obj));
		return -EINVAL;
	}
	err = new_handle(&ops, opts);
	if (err)
		return err;
	ops->source.obj = obj;
	ops->source.map = map;
	ops->source.btf = bpf_object__btf(obj);
	err = find_struct(&ops->source, name);
	if (err)
		bpfring_struct_ops_close(ops);
	else
		*ret = ops;
	return err;
}

void bpfring_ops_source_fini(struct ops_source *source)
{
	bpfring_sys_free(source->members);
	memset(source, 0, sizeof(*source));
}

void bpfring_struct_ops_close(struct bpfring_struct_ops *ops)
{
	if (!ops)
		return;
	bpfring_struct_ops_unwatch(ops);
	bpfring_ops_source_fini(&ops->source);
	bpfring_map_close(&ops->map);
	bpfring_sys_close(ops->link_fd);
	bpfring_struct_ops_types_free(ops->own_types);
	bpfring_sys_free(ops);
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
	fd = bpf_map__fd(ops->source.map);
	if (fd < 0) {
		log_error("struct_ops '%s': load the object first\n", ops_name(ops));
		return -EINVAL;
	}
	err = bpfring_map_open(&map, fd);
	return err ? err : take_map(ops, &map);
}

int bpfring_ops_need_type(struct bpfring_struct_ops *ops)
{
	char module[64] = "vmlinux";
	int err;

	if (ops->map.fd >= 0 && ops->type)
		return 0;
	err = bpfring_ops_need_map(ops);
	if (!err)
		err = bpfring_ops_need_types(ops);
	if (err)
		return err;
	/* Ids of modules begin where the kernel's own end: only these have to be told apart. */
	ops->type = bpfring_struct_ops_types_of_value(ops->types, ops->value_type_id, module);
	if (!ops->type && ops->btf_id) {
		err = bpfring_sys_btf_name(ops->btf_id, module, sizeof(module));
		if (err)
			return err;
		ops->type =
			bpfring_struct_ops_types_of_value(ops->types, ops->value_type_id, module);
	}
	if (ops->type)
		return 0;
	log_error("struct_ops '%s': no type with BTF id %u of %s; was a module loaded after the "
		  "types were read?\n",
		  ops_name(ops), ops->value_type_id, module);
	return -ENOENT;
}

int bpfring_struct_ops_map_fd(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->map.fd : -EINVAL;
}

int bpfring_struct_ops_link_fd(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->link_fd : -EINVAL;
}

uint32_t bpfring_struct_ops_map_id(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->map.id : 0;
}

uint32_t bpfring_struct_ops_link_id(const struct bpfring_struct_ops *ops)
{
	return ops ? ops->link_id : 0;
}

static int pin(const struct bpfring_struct_ops *ops, int fd, const char *path)
{
	int err;

	if (fd < 0)
		return -ENOENT;
	err = bpfring_sys_pin(fd, path);
	if (err)
		log_error("struct_ops '%s': cannot pin to %s: %s\n", ops_name(ops), path,
			  bpfring_errname(err));
	return err;
}

int bpfring_struct_ops_pin_link(struct bpfring_struct_ops *ops, const char *path)
{
	return ops && path ? pin(ops, ops->link_fd, path) : -EINVAL;
}

int bpfring_struct_ops_pin_map(struct bpfring_struct_ops *ops, const char *path)
{
	int err;

	if (!ops || !path)
		return -EINVAL;
	err = bpfring_ops_need_map(ops);
	return err ? err : pin(ops, ops->map.fd, path);
}
