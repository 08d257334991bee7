// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Values with objects of the kernel in them, which a write from user space would drop. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/task_storage.bpf.h>

#include "task_test.h"

#ifndef __kptr_untrusted
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#endif

struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));

struct kept_value {
	struct task_cell_test __uptr *cell;
	struct task_struct __kptr_untrusted *kept;
	unsigned int weight;
	unsigned int low : 8, high : 8; /* at byte boundaries */
};

BPFRING_TASK_STORAGE(kept, struct kept_value);
BPFRING_TASK_MEMBER(kept, cell, struct task_cell_test);

struct locked_value {
	struct bpf_spin_lock lock;
	unsigned int weight;
	struct task_cell_test __uptr *cell;
};

BPFRING_TASK_STORAGE(locked, struct locked_value);
BPFRING_TASK_MEMBER(locked, cell, struct task_cell_test);

/* The kernel gives up looking for pointers in a value when it meets the second of these. */
struct bits_value {
	struct task_cell_test __uptr *cell;
	unsigned int low : 3, high : 5;
};

BPFRING_TASK_STORAGE(bits, struct bits_value);
BPFRING_TASK_MEMBER(bits, cell, struct task_cell_test);

/* Puts a kptr into the caller's element, which it makes if there is none. */
SEC("syscall")
int keep(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct kept_value *value =
		bpf_task_storage_get(&kept, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!value)
		return -12;
	value->kept = task;
	return task->tgid == -1; /* never: without a look into it the type would not be in BTF */
}

/* 1: it is there; 2: so is the shared cell, into which it writes. */
SEC("syscall")
int is_kept(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct kept_value *value = bpf_task_storage_get(&kept, task, 0, 0);
	struct task_cell_test *cell;

	if (!value || !value->kept)
		return 0;
	cell = value->cell;
	if (!cell)
		return 1;
	cell->writes++;
	return 2;
}

/* The cell of a value with a lock. */
SEC("syscall")
int write_locked(void *ctx)
{
	struct locked_value *value =
		bpf_task_storage_get(&locked, bpf_get_current_task_btf(), 0, 0);
	struct task_cell_test *cell = value ? value->cell : (void *)0;

	if (!cell)
		return 0;
	cell->writes++;
	return (int)value->weight;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
