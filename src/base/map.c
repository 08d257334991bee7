// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens a map and finds out what it is, with the bpf() call or without. */
#include "base/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The number behind "\nKEY:"; false if there is none or it does not fit. */
static bool fdinfo_number(const char *text, const char *key, uint32_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned long long value;
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		value = strtoull(line + len + 1, &end, 0);
		if (end == line + len + 1 || value > UINT32_MAX)
			return false;
		*ret = (uint32_t)value;
		return true;
	}
	return false;
}

bool bpfring_map_parse_fdinfo(struct map *ret, const char *text)
{
	uint32_t frozen = 0;

	if (!fdinfo_number(text, "map_type", &ret->type) ||
	    !fdinfo_number(text, "max_entries", &ret->max_entries) ||
	    !fdinfo_number(text, "map_flags", &ret->flags))
		return false;
	fdinfo_number(text, "map_id", &ret->id); /* since 5.1 */
	fdinfo_number(text, "frozen", &frozen);	 /* since 5.2 */
	ret->frozen = frozen != 0;
	return true;
}

/* 0; -EINVAL: no map; another error: /proc does not tell. */
static int ask_fdinfo(struct map *ret)
{
	char path[64], text[1024];
	int fd, size;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ret->fd);
	fd = bpfring_sys_open(path);
	if (fd < 0)
		return fd;
	size = bpfring_sys_read(fd, text, sizeof(text) - 1);
	bpfring_sys_close(fd);
	if (size < 0)
		return size;
	text[size] = '\0';
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

/* Takes over map->fd, also on failure. */
static int identify(struct map *map, const char *what)
{
	/*
	 * fdinfo first: the bpf() call describes programs and links as readily as maps and does not
	 * say which it was, fdinfo does. It is also all that there is where bpf() is refused.
	 */
	int from_proc = ask_fdinfo(map);
	int from_bpf = from_proc == -EINVAL ? -EINVAL : ask_bpf(map);

	if (!from_proc || !from_bpf)
		return 0;
	if (from_bpf == -EINVAL)
		log_error("%s is not a BPF map\n", what);
	else
		log_error("cannot learn what %s is: bpf() says %s, /proc/self/fdinfo %s\n", what,
			  bpfring_errname(from_bpf), bpfring_errname(from_proc));
	bpfring_map_close(map);
	return from_bpf;
}

int bpfring_map_open(struct map *ret, int fd)
{
	struct map map = {.fd = bpfring_sys_dup(fd)};
	char what[32];
	int err;

	snprintf(what, sizeof(what), "fd %d", fd);
	if (map.fd < 0) {
		log_error("%s: cannot duplicate the descriptor: %s\n", what,
			  bpfring_errname(map.fd));
		return map.fd;
	}
	err = identify(&map, what);
	if (!err)
		*ret = map;
	return err;
}

int bpfring_map_open_pinned(struct map *ret, const char *path)
{
	struct map map = {.fd = bpfring_sys_map_by_path(path)};
	int err;

	if (map.fd < 0) {
		log_error("%s: cannot open the pin: %s\n", path, bpfring_errname(map.fd));
		return map.fd;
	}
	err = identify(&map, path);
	if (!err)
		*ret = map;
	return err;
}

int bpfring_map_open_id(struct map *ret, uint32_t id)
{
	struct map map = {.fd = bpfring_sys_map_by_id(id)};
	char what[32];
	int err;

	snprintf(what, sizeof(what), "map id %u", id);
	if (map.fd < 0) {
		log_error("%s: cannot open: %s%s\n", what, bpfring_errname(map.fd),
			  map.fd == -EPERM ? "; opening by id needs CAP_SYS_ADMIN" : "");
		return map.fd;
	}
	err = identify(&map, what);
	if (!err)
		*ret = map;
	return err;
}

void bpfring_map_close(struct map *map)
{
	bpfring_sys_close(map->fd);
	map->fd = -1;
}
