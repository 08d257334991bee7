/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A BPF map that was handed to the library: its own descriptor, and what the kernel says of it. */
#ifndef BPFRING_MAP_H
#define BPFRING_MAP_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
	int fd; /* ours */
	uint32_t type;
	uint32_t id;	      /* 0: unknown */
	uint32_t max_entries; /* bytes of data, for rings */
	uint32_t flags;	      /* BPF_F_* of its creation */
	bool frozen;	      /* false if unknown */
	char name[BPF_OBJ_NAME_LEN];
};

/*
 * 0, -EBADF, -EINVAL (no BPF map), -EMFILE, -ENFILE, or how bpf() was refused: nothing tells what
 * it is
 */
int bpfring_map_open(struct map *ret, int fd);
int bpfring_map_open_pinned(struct map *ret, const char *path);
int bpfring_map_open_id(struct map *ret, uint32_t id);
void bpfring_map_close(struct map *map);

/* "ringbuf", "user_ringbuf", ... or "type 99" in @buf */
const char *bpfring_map_type_name(uint32_t type, char *buf, size_t size);

/* Parses the text of /proc/PID/fdinfo/FD; false if it is not that of a map. */
bool bpfring_map_parse_fdinfo(struct map *ret, const char *text);

#endif /* BPFRING_MAP_H */
