// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A newer version of task_test.bpf.c: values that are longer, in another order, with the same
 * shared members.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/names.bpf.h>

#include "task_test.h"

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct task_struct {
	int tgid;
} KERNEL_TYPE;

struct pt_regs;

struct longer_value {
	struct task_small_test __uptr *small;
	unsigned int more;
	unsigned int weight;
	unsigned long long more_still[3];
	struct task_cell_test __uptr *cell;
	unsigned long long before;
};

BPFRING_TASK_STORAGE(store, struct longer_value);
BPFRING_TASK_MEMBER(store, cell, struct task_cell_test);
BPFRING_TASK_MEMBER(store, small, struct task_small_test);

/* The caches have changed their names: what was found before is of no use. */
struct named_value {
	struct bpfring_name_cache three, two;
	BPFRING_NAMED_MEMBERS;
	struct bpfring_name_cache one;
};

BPFRING_TASK_STORAGE(named, struct named_value);
BPFRING_NAMED_STORAGE(named);

int target_tgid;
int syscall_nr;
__u64 named_one, named_two;

SEC("tp_btf/sys_enter")
int BPF_PROG(longer_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_cell_test *cell;
	struct task_small_test *small;
	struct named_value *value;
	__u64 *word;
	__u32 *half;

	if (task->tgid != target_tgid || nr != syscall_nr)
		return 0;
	cell = bpfring_task_get(store, task, cell);
	if (cell)
		cell->sum = cell->a * 1000 + cell->b;
	small = bpfring_task_get(store, task, small);
	if (small)
		small->hits += 100;
	value = bpf_task_storage_get(&named, task, 0, 0);
	if (!value)
		return 0;
	word = bpfring_named(named, value, two, "lib.one", __u64);
	if (word)
		named_one += *word;
	half = bpfring_named(named, value, one, "lib.two", __u32);
	if (half)
		named_two += *half;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
