/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The system as ring groups see it; the rules of sys.h. */
#ifndef BPFRING_SYS_GROUP_H
#define BPFRING_SYS_GROUP_H

#include <linux/bpf.h>
#include <stdint.h>

int bpfring_sys_possible_cpus(void);

/* A ring buffer map; @node: of its memory, -1: anywhere. */
int bpfring_sys_ring_create(const char *name, uint32_t bytes, int node);

/* Into an array, elements @keys[0..count): -EINVAL, -EOPNOTSUPP: this kernel cannot do it. */
int bpfring_sys_elems_update(int map_fd, const uint32_t *keys, const void *values, uint32_t count);

/* Programs one after another: the id behind @after; -ENOENT: that was the last. */
int bpfring_sys_prog_next(uint32_t after, uint32_t *ret);
/* Ids of the maps that it uses: how many, of which at most @max are in @ret. */
int bpfring_sys_prog_maps(uint32_t prog, uint32_t *ret, uint32_t max);

#endif /* BPFRING_SYS_GROUP_H */
