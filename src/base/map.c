// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens a map and finds out what it is, with the bpf() call or without. */
#include "base/map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"

const char *bpfring_map_type_name(uint32_t type, char *buf, size_t size)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "hash",
		[BPF_MAP_TYPE_ARRAY] = "array",
		[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "perf_event_array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "percpu_hash",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "percpu_array",
		[BPF_MAP_TYPE_LRU_HASH] = "lru_hash",
		[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "array_of_maps",
		[BPF_MAP_TYPE_HASH_OF_MAPS] = "hash_of_maps",
		[BPF_MAP_TYPE_STRUCT_OPS] = "struct_ops",
		[BPF_MAP_TYPE_RINGBUF] = "ringbuf",
		[BPF_MAP_TYPE_TASK_STORAGE] = "task_storage",
		[BPF_MAP_TYPE_USER_RINGBUF] = "user_ringbuf",
	};

	if (type < sizeof(names) / sizeof(names[0]) && names[type])
		return names[type];
	snprintf(buf, size, "type %u", type);
	return buf;
}

bool bpfring_map_parse_fdinfo(struct map *ret, const char *text)
{
	uint32_t frozen = 0;

	if (!bpfring_fdinfo_number(text, "map_type", &ret->type) ||
	    !bpfring_fdinfo_number(text, "max_entries", &ret->max_entries) ||
	    !bpfring_fdinfo_number(text, "map_flags", &ret->flags))
		return false;
	bpfring_fdinfo_number(text, "map_id", &ret->id); /* since 5.1 */
	bpfring_fdinfo_number(text, "frozen", &frozen);	 /* since 5.2 */
	ret->frozen = frozen != 0;
	return true;
}

/* 0; -EINVAL: no map; another error: /proc does not show it. */
static int ask_fdinfo(struct map *ret)
{
	char text[1024];
	int size = bpfring_fdinfo_read(ret->fd, text, sizeof(text));

	if (size < 0)
		return size;
	return bpfring_map_parse_fdinfo(ret, text) ? 0 : -EINVAL;
}

static int ask_bpf(struct map *ret)
{
	struct bpf_map_info info;
	int err = bpfring_sys_map_info(ret->fd, &info);

	if (err)
		return err;
	ret->type = info.type;
	ret->id = info.id;
	ret->max_entries = info.max_entries;
	ret->flags = info.map_flags;
	memcpy(ret->name, info.name, sizeof(ret->name));
	ret->name[sizeof(ret->name) - 1] = '\0';
	return 0;
}

/* Takes over the descriptor @fd, or the error in its place, which has been logged. */
static int identify(struct map *ret, int fd, const char *what)
{
	struct map map = {.fd = fd};
	int from_proc, from_bpf;

	if (fd < 0)
		return fd;
	/*
	 * fdinfo first: the bpf() call describes programs and links as readily as maps and does not
	 * say which it was, fdinfo does. It is also all that there is where bpf() is refused.
	 */
	from_proc = ask_fdinfo(&map);
	from_bpf = from_proc == -EINVAL ? -EINVAL : ask_bpf(&map);
	if (from_proc && !from_bpf && !bpfring_sys_is_map(fd))
		from_bpf = -EINVAL;
	if (!from_proc || !from_bpf) {
		*ret = map;
		return 0;
	}
	if (from_bpf == -EINVAL)
		log_error("%s is not a BPF map; libbpf returns such a descriptor for a map that it "
			  "does not create: is the map's autocreate on?\n",
			  what);
	else
		log_error("cannot learn what %s is: bpf() says %s, /proc/self/fdinfo %s; is /proc "
			  "mounted?%s\n",
			  what, bpfring_errname(from_bpf), bpfring_errname(from_proc),
			  bpfring_fd_refusal(from_bpf));
	bpfring_map_close(&map);
	return from_bpf;
}

int bpfring_map_open(struct map *ret, int fd)
{
	char what[32];

	snprintf(what, sizeof(what), "fd %d", fd);
	return identify(ret, bpfring_fd_dup(fd), what);
}

int bpfring_map_open_pinned(struct map *ret, const char *path)
{
	return identify(ret, bpfring_fd_by_path(path), path);
}

int bpfring_map_open_id(struct map *ret, uint32_t id)
{
	char what[32];

	snprintf(what, sizeof(what), "map id %u", id);
	return identify(ret, bpfring_fd_by_id(id), what);
}

void bpfring_map_close(struct map *map)
{
	bpfring_sys_close(map->fd);
	map->fd = -1;
}
