/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The struct_ops types of the running kernel: which structs of operations a BPF program may
 * implement here (tcp_congestion_ops, sched_ext_ops, ...), and which members they have.
 *
 * All of it is read from BTF in /sys/kernel/btf, of the kernel and of its modules. A type that a
 * module brings is found while the module is loaded.
 *
 * Threads: what was loaded does not change and may be used by any number of threads.
 *
 * Needs: a kernel with BTF (CONFIG_DEBUG_INFO_BTF); no capability.
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
 * struct bpfring_struct_ops_type - one struct of operations; belongs to the types it was found in.
 * @name:          "tcp_congestion_ops"
 * @module:        "vmlinux", or the module that has it
 * @type_id:       BTF id of `struct @name` in that BTF
 * @value_type_id: BTF id of `struct bpf_struct_ops_@name`, the value of its maps
 * @value_size:    bytes of such a value
 * @data_offset:   where in the value `struct @name` begins
 * @data_size:     bytes of `struct @name`
 * @member_count:  number of its members
 *
 * Later versions may append members: never copy or allocate one.
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
	BPFRING_STRUCT_OPS_KIND_POINTER = 3,  /* to data: the kernel's own, cannot be set */
	BPFRING_STRUCT_OPS_KIND_OTHER = 4,    /* struct, union, array, bit field, ... */
};

/**
 * struct bpfring_struct_ops_member - one member of such a struct.
 * @name:    "ssthresh"
 * @kind:    enum bpfring_struct_ops_kind
 * @offset:  bytes from the start of the struct
 * @size:    bytes
 * @type_id: BTF id of its type
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
 * Takes some tens of milliseconds and some megabytes: load once, hand it to every handle.
 *
 * Return: 0, or -EINVAL: @ret is NULL; -ENOENT, or what libbpf says: the kernel has no BTF;
 * -ENOMEM. BTF of a module that cannot be read is skipped with a warning.
 */
BPFRING_API int bpfring_struct_ops_types_load(struct bpfring_struct_ops_types **ret);

/**
 * bpfring_struct_ops_types_free() - free them, after the last handle and report that uses them.
 * @types: NULL is fine
 */
BPFRING_API void bpfring_struct_ops_types_free(struct bpfring_struct_ops_types *types);

/**
 * bpfring_struct_ops_types_get() - a type by its number, from 0.
 * Return: 0; -ENOENT: there are not so many; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_types_get(const struct bpfring_struct_ops_types *types,
					     unsigned int index,
					     const struct bpfring_struct_ops_type **ret);

/**
 * bpfring_struct_ops_types_find() - a type by its name.
 * @name: "sched_ext_ops"; a suffix "___v2" is not looked at, as in CO-RE
 * Return: 0; -ENOENT: this kernel has no such type; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_types_find(const struct bpfring_struct_ops_types *types,
					      const char *name,
					      const struct bpfring_struct_ops_type **ret);

/**
 * bpfring_struct_ops_type_get_member() - a member by its number, from 0.
 * Return: 0; -ENOENT: there are not so many; -EINVAL: NULL.
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
