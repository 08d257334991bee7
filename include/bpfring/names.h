/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Named values: small values of each thread, declared by name at run time, over task storage.
 *
 * The libraries of a process need not know each other, nor the BPF program: each declares the
 * values that it can tell ("gc.active", 4 bytes), the BPF program asks for those that it can use,
 * and where both know a name they share it. The BPF half is bpf/names.bpf.h: it defines the two
 * __uptr members that the map's value needs and looks a name up once per thread.
 *
 *	bpfring_names_open(&names, ts);
 *	gc = bpfring_names_declare(names, "gc.active", sizeof(uint32_t));
 *	bpfring_names_bind(names, gc, (void **)&active);            in every thread
 *	*active = 1;
 *
 * Names are of the process, values of the thread. Declarations last as long as the task storage
 * handle is open. Threads: everything may be called from any thread, except close.
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
 * bpfring_names_open() - the named values of a task storage map.
 * @ret: bpfring_names_close()
 * @ts:  whose value has the members of BPFRING_NAMED_MEMBERS; it must stay open
 *
 * Return: 0; -EINVAL: NULL; -ENOENT: the map's value has no such members; -ENOMEM; -ENOSYS: no
 * getrandom().
 */
BPFRING_API int bpfring_names_open(struct bpfring_names **ret, struct bpfring_task_storage *ts);

/* Names that were declared stay. NULL is fine. */
BPFRING_API void bpfring_names_close(struct bpfring_names *names);

/**
 * bpfring_names_declare() - a value that this process can tell.
 * @name: at most 55 bytes; of the form "library.value" by convention
 * @size: bytes; BPF programs must ask for the same size
 *
 * Declaring a name again, also by another library in the process, gives the same value.
 *
 * Linux 6.1 on the fall-back, 6.13 on uptr, as all of task storage.
 *
 * Return: a handle for bpfring_names_bind() (>= 0), or -EINVAL: NULL, an empty name, size 0 or >
 * 65535; -ENAMETOOLONG; -EEXIST: declared with another size; -ENOSPC: 63 names, or all bytes that
 * the BPF program provides, are taken; what bpfring_task_storage_bind() says of memory.
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
