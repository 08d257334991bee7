/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The struct_ops types of the running kernel are the structs of operations that BPF programs may
 * implement there (tcp_congestion_ops, sched_ext_ops, ...). This lists them and their members.
 *
 * It reads the BTF of the kernel and of its modules in /sys/kernel/btf. It finds a module's types
 * while the module is loaded.
 *
 * Threads: types do not change once they are loaded, so any number of threads may use them.
 *
 * Needs a kernel with BTF (CONFIG_DEBUG_INFO_BTF), and no capability.
 */
#ifndef BPFRING_STRUCT_OPS_TYPES_H
#define BPFRING_STRUCT_OPS_TYPES_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All types of the running kernel. */
struct bpfring_struct_ops_types;

/**
 * struct bpfring_struct_ops_type - one struct of operations.
 * @name:          "tcp_congestion_ops"
 * @module:        "vmlinux", or the module that defines it
 * @type_id:       BTF id of `struct @name` in that BTF
 * @value_type_id: BTF id of `struct bpf_struct_ops_@name`, the value of its maps
 * @value_size:    bytes of such a value
 * @data_offset:   bytes from the start of the value to `struct @name`
 * @data_size:     bytes of `struct @name`
 * @member_count:  number of its members
 *
 * It lives as long as the types that it was found in. Never copy it: later versions may append
 * members.
 */
struct bpfring_struct_ops_type {
	const char *name;
	const char *module;
	uint32_t type_id;
	uint32_t value_type_id;
	uint32_t value_size;
	uint32_t data_offset;
	uint32_t data_size;
	uint32_t member_count;
};

enum bpfring_struct_ops_kind {
	BPFRING_STRUCT_OPS_KIND_FUNCTION = 0, /* a BPF program implements it */
	BPFRING_STRUCT_OPS_KIND_INTEGER = 1,  /* integer, boolean, enum, flags */
	BPFRING_STRUCT_OPS_KIND_STRING = 2,   /* array of char */
	BPFRING_STRUCT_OPS_KIND_POINTER = 3,  /* to data of the kernel; cannot be set */
	BPFRING_STRUCT_OPS_KIND_OTHER = 4,    /* struct, union, array, bit field, ... */
};

/**
 * struct bpfring_struct_ops_member - one member of a struct of operations.
 * @name:    "ssthresh"
 * @kind:    enum bpfring_struct_ops_kind
 * @offset:  bytes from the start of the struct
 * @size:    bytes
 * @type_id: BTF id of its type
 *
 * Never copy it: later versions may append members.
 */
struct bpfring_struct_ops_member {
	const char *name;
	uint32_t kind;
	uint32_t offset;
	uint32_t size;
	uint32_t type_id;
};

/**
 * bpfring_struct_ops_types_load() - read the kernel's BTF.
 * @ret: the types; free them with bpfring_struct_ops_types_free()
 *
 * This takes some tens of milliseconds and some megabytes, so load the types once and pass them to
 * every handle. A module whose BTF cannot be read is skipped with a warning.
 *
 * Return: 0, or -EINVAL: @ret is NULL; -ENOENT, or another error of libbpf: the kernel has no BTF
 * that can be read; -ENOMEM.
 */
BPFRING_API int bpfring_struct_ops_types_load(struct bpfring_struct_ops_types **ret);

/**
 * bpfring_struct_ops_types_free() - free the types. No handle or report may still use them.
 * @types: NULL is fine
 */
BPFRING_API void bpfring_struct_ops_types_free(struct bpfring_struct_ops_types *types);

/**
 * bpfring_struct_ops_types_get() - a type by its number.
 * @index: from 0
 *
 * Return: 0; -ENOENT: there are fewer types; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_types_get(const struct bpfring_struct_ops_types *types,
					     unsigned int index,
					     const struct bpfring_struct_ops_type **ret);

/**
 * bpfring_struct_ops_types_find() - a type by its name.
 * @name: "sched_ext_ops"; a suffix such as "___v2" is ignored, as in CO-RE
 *
 * Return: 0; -ENOENT: this kernel has no such type; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_types_find(const struct bpfring_struct_ops_types *types,
					      const char *name,
					      const struct bpfring_struct_ops_type **ret);

/**
 * bpfring_struct_ops_type_get_member() - a member by its number.
 * @index: from 0
 *
 * Return: 0; -ENOENT: the type has fewer members; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_type_get_member(const struct bpfring_struct_ops_type *type,
						   unsigned int index,
						   const struct bpfring_struct_ops_member **ret);

/**
 * bpfring_struct_ops_type_find_member() - a member by its name.
 * Return: 0; -ENOENT: the type has no such member in this kernel; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_type_find_member(const struct bpfring_struct_ops_type *type,
						    const char *name,
						    const struct bpfring_struct_ops_member **ret);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_TYPES_H */
