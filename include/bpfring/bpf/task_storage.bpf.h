/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Task storage, the BPF half of bpfring/task_storage.h. Include <linux/bpf.h> and
 * <bpf/bpf_helpers.h> (or vmlinux.h) before it.
 *
 *	struct hint { __u64 in_gc; };
 *	struct hint_value { struct hint __uptr *hint; };
 *
 *	BPFRING_TASK_STORAGE(hints, struct hint_value);
 *	BPFRING_TASK_MEMBER(hints, hint, struct hint);
 *
 *	struct hint *hint = bpfring_task_get(hints, task, hint);
 *	if (hint && hint->in_gc) ...
 *
 * Shared members point to user memory: read each word once, and trust none of them.
 *
 * The same program has the fall-back for kernels before 6.13. A constant chooses one of the two
 * when the program is loaded, and the verifier drops the other. On the fall-back the pointer is
 * good until the RCU read-side section ends, so programs that can sleep must not use it.
 *
 * Needs clang 15, which writes type tags of members into BTF.
 */
#ifndef BPFRING_TASK_STORAGE_BPF_H
#define BPFRING_TASK_STORAGE_BPF_H

#include <bpf/bpf_core_read.h>

#if defined(__clang__) && __clang_major__ < 15
#error "bpfring/bpf/task_storage.bpf.h needs clang 15: older ones drop the __uptr tag"
#endif

#ifndef __uptr
#define __uptr __attribute__((btf_type_tag("uptr")))
#endif

/* 1: UPTR, 2: FALLBACK. Alone in its section, so that the loader finds it without BTF. */
const volatile __u32 bpfring_task_path __attribute__((weak)) SEC(".rodata.bpfring") = 1;

#define bpfring_priv_task_fallback() (bpfring_task_path == 2)

/* The inode of a thread's pidfds (Linux 6.9) identifies it. Thread numbers are used again. */
struct pid___bpfring {
	__u64 ino;
} __attribute__((preserve_access_index));

struct task_struct___bpfring {
	struct pid___bpfring *thread_pid;
} __attribute__((preserve_access_index));

static __attribute__((always_inline)) inline __u64 bpfring_priv_task_inode(void *task)
{
	if (!bpf_core_field_exists(struct pid___bpfring, ino))
		return 0;
	return ((struct task_struct___bpfring *)task)->thread_pid->ino;
}

/* What user space can ask NAME_bind to do on the fall-back. */
enum bpfring_task_op {
	BPFRING_TASK_OP_GET = 0,
	BPFRING_TASK_OP_SET = 1,
	BPFRING_TASK_OP_DELETE = 2,
	BPFRING_TASK_OP_SET_NEW = 3, /* only if there is no element */
};

/*
 * BPFRING_TASK_STORAGE(name, value_type) - define the map, and three parts of the fall-back: an
 * array that says who owns a slot; a map of maps, because on its update the kernel waits until
 * programs that may look at a slot have ended; and a program with which a thread reaches its own
 * element on kernels without pidfds of threads.
 */
#define BPFRING_TASK_STORAGE(name, value_type)                                                \
	struct {                                                                              \
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE);                                      \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                         \
		__type(key, int);                                                             \
		__type(value, value_type);                                                    \
	} name SEC(".maps");                                                                  \
	/* BPF_F_INNER_MAP: of any size into the map of maps */                               \
	struct {                                                                              \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                             \
		__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);                          \
		__uint(max_entries, 1);                                                       \
		__type(key, __u32);                                                           \
		__type(value, __u64);                                                         \
	} name##_owner SEC(".maps");                                                          \
	struct {                                                                              \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                     \
		__uint(max_entries, 1);                                                       \
		__type(key, __u32);                                                           \
		__array(values, __typeof__(name##_owner));                                    \
	} name##_grace SEC(".maps");                                                          \
	/* the value first: the verifier refuses a computed address in the context */         \
	struct name##_request {                                                               \
		value_type value;                                                             \
		__u64 op;                                                                     \
		__u64 inode;                                                                  \
	};                                                                                    \
	SEC("?syscall")                                                                       \
	int name##_bind(struct name##_request *request)                                       \
	{                                                                                     \
		struct task_struct *task = bpf_get_current_task_btf();                        \
		__u64 op = request->op;                                                       \
		_Bool set = op == BPFRING_TASK_OP_SET || op == BPFRING_TASK_OP_SET_NEW;       \
		value_type *value;                                                            \
                                                                                              \
		if (!bpfring_priv_task_fallback())                                            \
			return -95; /* EOPNOTSUPP */                                          \
		request->inode = bpfring_priv_task_inode(task);                               \
		if (op == BPFRING_TASK_OP_DELETE)                                             \
			return (int)bpf_task_storage_delete(&name, task);                     \
		if (op == BPFRING_TASK_OP_SET_NEW && bpf_task_storage_get(&name, task, 0, 0)) \
			return -17; /* EEXIST */                                              \
		value = bpf_task_storage_get(&name, task, 0,                                  \
					     set ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);       \
		if (!value)                                                                   \
			return set ? -12 : -2; /* ENOMEM : ENOENT */                          \
		if (set)                                                                      \
			__builtin_memcpy(value, &request->value, sizeof(*value));             \
		else                                                                          \
			__builtin_memcpy(&request->value, value, sizeof(*value));             \
		return 0;                                                                     \
	}

/* BPFRING_TASK_MEMBER(name, member, type_) - define the fall-back's slots of a shared member. */
#define BPFRING_TASK_MEMBER(name, member, type_)   \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, type_);              \
	} name##_##member SEC(".maps")

/*
 * Finds the slot of @ref, the content of a shared member on the fall-back. Its lower half is the
 * number of the slot plus one, its upper half the generation of the owner. If the owner has another
 * generation, the slot belongs to another thread by now.
 */
static __attribute__((always_inline)) inline void *bpfring_priv_task_slot(void *owners, void *slots,
									  __u64 ref)
{
	__u32 index = (__u32)ref - 1;
	volatile __u64 *owner;

	if (!ref)
		return (void *)0;
	owner = bpf_map_lookup_elem(owners, &index);
	if (!owner || *owner != ref >> 32)
		return (void *)0;
	return bpf_map_lookup_elem(slots, &index);
}

/*
 * bpfring_task_member(name, value, member_) - the memory of a shared member; NULL: it has none.
 * @value: the element, not NULL, from bpf_task_storage_get(&name, ...)
 */
#define bpfring_task_member(name, value, member_)                                           \
	({                                                                                  \
		__typeof__((value)->member_) shared_;                                       \
		/* volatile: keeps the compiler from using the pointer before the branch */ \
		if (bpfring_priv_task_fallback())                                           \
			shared_ = bpfring_priv_task_slot(                                   \
				&name##_owner, &name##_##member_,                           \
				*(volatile __u64 *)(void *)&(value)->member_);              \
		else                                                                        \
			shared_ = (value)->member_;                                         \
		shared_;                                                                    \
	})

/* bpfring_task_get(name, task, member_) - the same, from a trusted pointer to the task. */
#define bpfring_task_get(name, task, member_)                                                \
	({                                                                                   \
		__typeof__(*name.value) *element_ = bpf_task_storage_get(&name, task, 0, 0); \
		element_ ? bpfring_task_member(name, element_, member_) : (void *)0;         \
	})

#endif /* BPFRING_TASK_STORAGE_BPF_H */
