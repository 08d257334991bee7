/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What struct_ops need of the system beyond sys.h: bpf() commands, BTF, libbpf's maps. The same
 * rules: >= 0 or -errno, and each an external function that tests can replace.
 *
 * Numbers of newer kernels are written out where the headers of the oldest supported ones lack
 * them.
 */
#ifndef BPFRING_SYS_STRUCT_OPS_H
#define BPFRING_SYS_STRUCT_OPS_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYS_BPF_F_LINK	      (1U << 13) /* BPF_F_LINK, Linux 6.4 */
#define SYS_LINK_STRUCT_OPS   9		 /* BPF_LINK_TYPE_STRUCT_OPS */
#define SYS_ATTACH_STRUCT_OPS 44	 /* BPF_STRUCT_OPS, of enum bpf_attach_type, Linux 6.4 */

/* struct bpf_link_info of a struct_ops link. */
struct sys_link_info {
	uint32_t type;
	uint32_t id;
	uint32_t prog_id;
	uint32_t pad;
	uint32_t map_id; /* 0: detached */
};

/* The one element of a struct_ops map. */
int bpfring_sys_value_lookup(int map_fd, void *ret);
int bpfring_sys_value_update(int map_fd, const void *value);
int bpfring_sys_value_delete(int map_fd);

int bpfring_sys_link_create(int map_fd);
/* Replaces only @old_map_fd if that is not -1. */
int bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd);
int bpfring_sys_link_detach(int link_fd);
int bpfring_sys_link_info(int link_fd, struct sys_link_info *ret);
int bpfring_sys_link_by_id(uint32_t id);

int bpfring_sys_next_link(uint32_t after, uint32_t *ret);
int bpfring_sys_prog_by_id(uint32_t id);
int bpfring_sys_prog_info(int fd, struct bpf_prog_info *ret);
/*
 * An empty map of a type of the kernel's own BTF. The kernel wants to see some BTF of the object
 * too.
 */
int bpfring_sys_struct_ops_map(uint32_t value_type_id, uint32_t value_size, uint32_t flags,
			       int btf_fd);

/* BTF of the kernel, or with @base of a module. */
int bpfring_sys_btf_load(struct btf **ret, const char *module, struct btf *base);
/* Calls for every module that has BTF, until a call does not return 0. */
int bpfring_sys_btf_modules(int (*fn)(void *ctx, const char *module), void *ctx);
/* Name of the BTF with this id: "vmlinux", a module. */
int bpfring_sys_btf_name(uint32_t id, char *ret, size_t size);

/*
 * Lets libbpf store the value of a loaded map, and in link mode, from libbpf 1.2 on, register it:
 * *@ret is then the link, else -1.
 */
int bpfring_sys_libbpf_attach(const struct bpf_map *map, int *ret);
/* From now on libbpf leaves attaching this map to us. */
int bpfring_sys_libbpf_leave(struct bpf_map *map);

void bpfring_sys_sleep(int64_t ns);

#endif /* BPFRING_SYS_STRUCT_OPS_H */
