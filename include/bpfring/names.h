/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Named values: small values of each thread that programs declare by name at run time. They live in
 * task storage.
 *
 * The libraries of a process need to know neither each other nor the BPF program. Each library
 * declares the values that it can provide ("gc.active", 4 bytes), and the BPF program asks for
 * those that it can use. A value that both know is shared. The BPF half, bpf/names.bpf.h, defines
 * the two shared members that the map's value needs, and looks a name up once per thread.
 *
 *	bpfring_names_open(&names, ts);
 *	gc = bpfring_names_declare(names, "gc.active", sizeof(uint32_t));
 *	bpfring_names_bind(names, gc, (void **)&active);            in every thread
 *	*active = 1;
 *
 * All threads of a process have the same names, and each has its own values. Declarations last as
 * long as the task storage handle is open. Needs Linux 6.1 on the fall-back and 6.13 on uptr, as
 * all of task storage.
 *
 * Threads: any thread may make any call, except that close() must be alone.
 */
#ifndef BPFRING_NAMES_H
#define BPFRING_NAMES_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_task_storage;
struct bpfring_names;

/**
 * bpfring_names_open() - use the named values of a task storage map.
 * @ret: free it with bpfring_names_close()
 * @ts:  a map whose value has the members of BPFRING_NAMED_MEMBERS; it must stay open
 *
 * Return: 0; -EINVAL: NULL; -ENOENT: the map's value has no such members; -ENOMEM; -ENOSYS: the
 * kernel has no getrandom().
 */
BPFRING_API int bpfring_names_open(struct bpfring_names **ret, struct bpfring_task_storage *ts);

/** bpfring_names_close() - free the handle; declared names stay. NULL is fine. */
BPFRING_API void bpfring_names_close(struct bpfring_names *names);

/**
 * bpfring_names_declare() - declare a value that this process provides.
 * @name: at most 55 bytes; by convention "library.value"
 * @size: bytes; BPF programs must ask for the same size
 *
 * If the name is declared already, even by another library in the process, this gives the same
 * value.
 *
 * Return: a number for bpfring_names_bind() (>= 0), or -EINVAL: NULL, an empty name, or a size that
 * is 0 or above 65535; -ENAMETOOLONG; -EEXIST: the name is declared with another size; -ENOSPC: 63
 * names, or all bytes that the BPF program provides, are taken; -ENOMEM, and -ENOSPC as for
 * bpfring_task_storage_bind().
 */
BPFRING_API int bpfring_names_declare(struct bpfring_names *names, const char *name, size_t size);

/**
 * bpfring_names_bind() - the calling thread's memory of a value; as bpfring_task_storage_bind().
 * @value: from bpfring_names_declare()
 * @ret:   aligned to 8 bytes; zeroed when the thread is first bound; valid until it is unbound
 *
 * Return: 0, or as bpfring_task_storage_bind(); -EINVAL: NULL, or no such value.
 */
BPFRING_API int bpfring_names_bind(struct bpfring_names *names, int value, void **ret);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_NAMES_H */
