// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Chooses the path of an object before it is loaded, and pins it afterwards. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <bpfring/probe.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/probe.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"
#include "task_storage/value_types.h"

#define DEFAULT_THREADS 16384

/* Holds one constant of bpf/task_storage.bpf.h: an enum bpfring_task_path. */
#define PATH_MAP ".rodata.bpfring"

/* What the object is loaded for; 0: it does not know paths. */
static uint32_t path_of(const struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, PATH_MAP);
	size_t size;
	const uint32_t *path = map ? bpf_map__initial_value(map, &size) : NULL;

	return path && size == sizeof(*path) ? *path : 0;
}

static int set_path(const struct bpf_object *obj, uint32_t path)
{
	return bpf_map__set_initial_value(bpf_object__find_map_by_name(obj, PATH_MAP), &path,
					  sizeof(path));
}

bool bpfring_task_object_is_fallback(const struct bpf_object *obj)
{
	return path_of(obj) == BPFRING_TASK_PATH_FALLBACK;
}

static struct bpf_program *bind_of(const struct bpf_object *obj, const char *name)
{
	char full[TASK_PATH_MAX];

	if (bpfring_task_part_path(full, name, "bind"))
		return NULL;
	return bpf_object__find_program_by_name(obj, full);
}

static struct bpf_map *part_of(const struct bpf_object *obj, const char *name, const char *part)
{
	char full[TASK_PATH_MAX];

	if (bpfring_task_part_path(full, name, part))
		return NULL;
	return bpf_object__find_map_by_name(obj, full);
}

/* The members that @map is declared with. */
static int declared(struct task_layout *ret, const struct bpf_object *obj,
		    const struct bpf_map *map)
{
	return bpfring_task_layout_from_btf(
		ret, bpf_object__btf(obj), bpf_map__btf_value_type_id(map),
		bpfring_task_object_is_fallback(obj), bpf_map__name(map));
}

static int no_part(const char *name, const char *part)
{
	log_error("map '%s': the object has no '%s_%s'; declare the map with "
		  "BPFRING_TASK_STORAGE() and its members with BPFRING_TASK_MEMBER() of this "
		  "library\n",
		  name, name, part);
	return -ENOENT;
}

static int size_part(const struct bpf_object *obj, const char *name, const char *part,
		     uint64_t entries)
{
	struct bpf_map *map = part_of(obj, name, part);

	if (!map)
		return no_part(name, part);
	return entries > UINT32_MAX ? -EINVAL : bpf_map__set_max_entries(map, (uint32_t)entries);
}

/* @threads: 0: none, the path is UPTR. */
static int prepare_map(const struct bpf_object *obj, const struct bpf_map *map, uint32_t threads)
{
	const char *name = bpf_map__name(map);
	struct bpf_program *bind = bind_of(obj, name);
	struct task_layout layout;
	int err;

	if (!bind)
		return 0; /* not declared with BPFRING_TASK_STORAGE(): not of this library */
	err = declared(&layout, obj, map);
	if (err)
		return err;
	if (!threads && layout.split_byte)
		log_warn("map '%s': the bit field '%s' begins within a byte: current kernels then "
			 "see no __uptr in the value; use members of whole bytes\n",
			 name, layout.split_byte->name);
	if (threads && (layout.has_kptr || layout.has_lock)) {
		log_error("map '%s': a value with a __kptr or a lock cannot take the fall-back, "
			  "where a program writes values as a whole; keep these members in another "
			  "map\n",
			  name);
		err = -EOPNOTSUPP;
	} else if (threads) {
		err = part_of(obj, name, "grace")
			      ? size_part(obj, name, "owner", bpfring_task_owner_entries(threads))
			      : no_part(name, "grace");
	}
	for (unsigned int i = 0; i < layout.uptr_count && threads && !err; i++)
		err = size_part(obj, name, layout.members[layout.uptrs[i]].name, threads);
	bpfring_task_layout_free(&layout);
	if (!err)
		bpf_program__set_autoload(bind, threads != 0);
	return err;
}

static int prepare_maps(const struct bpf_object *obj, uint32_t threads)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, obj)
	{
		if (!err && bpf_map__type(map) == BPF_MAP_TYPE_TASK_STORAGE)
			err = prepare_map(obj, map, threads);
	}
	return err;
}

static void warn_of_sleepers(const struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		if (!bpf_program__autoload(prog) || !(bpf_program__flags(prog) & BPF_F_SLEEPABLE) ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_SYSCALL)
			continue;
		log_warn("program '%s' can sleep: on the fall-back of task storage it must not use "
			 "shared memory\n",
			 bpf_program__name(prog));
	}
}

static int choose(const char *name, uint32_t path)
{
	struct bpfring_probe_result uptr = {.sz = sizeof(uptr)};
	int err, known;

	if (path == BPFRING_TASK_PATH_FALLBACK)
		return BPFRING_TASK_PATH_FALLBACK;
	err = bpfring_probe(BPFRING_FEATURE_UPTR, &uptr);
	if (err)
		return err;
	/* Who may not try may still load, say with a BPF token: that is libbpf's to find out. */
	known = uptr.state == BPFRING_PROBE_NOT_PERMITTED ? bpfring_kernel_knows_uptr()
							  : uptr.state == BPFRING_PROBE_YES;
	if (known > 0 || (known < 0 && path == BPFRING_TASK_PATH_UPTR))
		return BPFRING_TASK_PATH_UPTR;
	if (known < 0) {
		log_error("map '%s': cannot find out whether the kernel has uptr (trying it: %s; "
			  "/sys/kernel/btf/vmlinux: %s); ask for one of the paths\n",
			  name, uptr.reason, bpfring_errname(known));
		return -EPERM;
	}
	if (path == BPFRING_TASK_PATH_AUTO)
		return BPFRING_TASK_PATH_FALLBACK;
	log_error("map '%s': no uptr: %s; use the fall-back\n", name,
		  uptr.state == BPFRING_PROBE_NO
			  ? uptr.reason
			  : "the kernel's types do not know it (Linux 6.13)");
	return -EOPNOTSUPP;
}

int bpfring_task_storage_prepare(struct bpf_object *obj, const char *name,
				 const struct bpfring_task_prepare_opts *opts)
{
	struct bpfring_task_prepare_opts known = {.sz = sizeof(known)};
	struct bpf_map *map;
	uint32_t threads;
	bool fallback;
	int path, err;

	if (!obj || !name)
		return -EINVAL;
	err = bpfring_options_read(&known, sizeof(known), opts, "struct bpfring_task_prepare_opts");
	if (err)
		return err;
	map = bpf_object__find_map_by_name(obj, name);
	if (!map)
		return -ENOENT;
	if (known.path > BPFRING_TASK_PATH_FALLBACK || !path_of(obj) ||
	    bpf_map__type(map) != BPF_MAP_TYPE_TASK_STORAGE || !bind_of(obj, name)) {
		log_error("map '%s': not declared with bpf/task_storage.bpf.h of this library\n",
			  name);
		return -EINVAL;
	}
	if (bpf_map__fd(map) >= 0)
		return -EBUSY;
	/* What was made plain for the fall-back stays so. */
	if (bpfring_task_object_is_fallback(obj) && known.path == BPFRING_TASK_PATH_AUTO)
		known.path = BPFRING_TASK_PATH_FALLBACK;
	if (bpfring_task_object_is_fallback(obj) && known.path == BPFRING_TASK_PATH_UPTR) {
		log_error("map '%s': prepared for the fall-back before; open the object anew\n",
			  name);
		return -EBUSY;
	}
	path = choose(name, known.path);
	if (path < 0)
		return path;
	fallback = path == BPFRING_TASK_PATH_FALLBACK;
	threads = known.max_threads ? known.max_threads : DEFAULT_THREADS;
	err = prepare_maps(obj, fallback ? threads : 0);
	if (!err)
		err = set_path(obj, (uint32_t)path);
	if (err)
		return err;
	if (fallback) {
		/* Kernels without uptr refuse the tag; without it the member is a plain number. */
		bpfring_value_types_rename_tags(bpf_object__btf(obj));
		warn_of_sleepers(obj);
	}
	return path;
}

/* Whoever looks for the pin finds the one before, or this one. */
static int pin_one(int fd, const char *path)
{
	char new_path[TASK_PATH_MAX];
	int err = bpfring_task_part_path(new_path, path, "new");

	if (err)
		return err;
	bpfring_sys_unlink(new_path); /* of a process that was killed */
	err = bpfring_sys_pin(fd, new_path);
	if (!err)
		err = bpfring_sys_rename(new_path, path);
	if (err)
		bpfring_sys_unlink(new_path);
	return err;
}

static int pin_part(int fd, const char *path, const char *suffix)
{
	char part[TASK_PATH_MAX];
	int err = bpfring_task_part_path(part, path, suffix);

	return err ? err : pin_one(fd, part);
}

static int pin_map_part(const struct bpf_object *obj, const char *name, const char *path,
			const char *part)
{
	const struct bpf_map *map = part_of(obj, name, part);

	return map ? pin_part(bpf_map__fd(map), path, part) : -ENOENT;
}

static int pin_parts(const struct bpf_object *obj, const struct bpf_map *map, const char *path)
{
	const char *name = bpf_map__name(map);
	const struct bpf_program *bind = bind_of(obj, name);
	struct task_layout layout;
	int err;

	if (!bind)
		return -EINVAL;
	err = declared(&layout, obj, map);
	if (err)
		return err;
	err = pin_part(bpf_program__fd(bind), path, "bind");
	if (!err)
		err = pin_map_part(obj, name, path, "grace");
	for (unsigned int i = 0; i < layout.uptr_count && !err; i++)
		err = pin_map_part(obj, name, path, layout.members[layout.uptrs[i]].name);
	if (!err) /* it marks the path: the last of them */
		err = pin_map_part(obj, name, path, "owner");
	bpfring_task_layout_free(&layout);
	return err;
}

static int unpin_owner(const char *path)
{
	char part[TASK_PATH_MAX];
	int err = bpfring_task_part_path(part, path, "owner");

	if (!err)
		bpfring_sys_unlink(part);
	return err;
}

int bpfring_task_storage_pin(const struct bpf_object *obj, const char *name, const char *path)
{
	const struct bpf_map *map;
	int err = 0;

	if (!obj || !name || !path)
		return -EINVAL;
	map = bpf_object__find_map_by_name(obj, name);
	if (!map)
		return -ENOENT;
	if (bpf_map__fd(map) < 0) {
		log_error("map '%s': cannot pin it: is the object loaded?\n", name);
		return -EBADF;
	}
	/* The map comes last, so that a process that finds it finds the rest. */
	if (bpfring_task_object_is_fallback(obj))
		err = pin_parts(obj, map, path);
	else
		err = unpin_owner(path); /* of a fall-back before: it marks the path */
	if (!err)
		err = pin_one(bpf_map__fd(map), path);
	if (err)
		log_error("map '%s': cannot pin at %s: %s\n", name, path, bpfring_errname(err));
	return err;
}
