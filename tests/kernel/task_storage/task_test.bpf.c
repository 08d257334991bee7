// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Writes into the cells of all threads that share, on every switch and on one system call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/names.bpf.h>

#include "task_test.h"

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	int tgid;
} KERNEL_TYPE;

struct pt_regs;

struct test_value {
	unsigned long long before; /* ordinary members around the shared ones */
	struct task_cell_test __uptr *cell;
	unsigned int weight;
	unsigned int pad;
	struct task_small_test __uptr *small;
};

BPFRING_TASK_STORAGE(store, struct test_value);
BPFRING_TASK_MEMBER(store, cell, struct task_cell_test);
BPFRING_TASK_MEMBER(store, small, struct task_small_test);

/* The program's own, though its name begins as those of parts of the map do. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} store_extra SEC(".maps");

struct named_value {
	BPFRING_NAMED_MEMBERS;
	struct bpfring_name_cache one, two;
};

BPFRING_TASK_STORAGE(named, struct named_value);
BPFRING_NAMED_STORAGE(named);

int target_tgid; /* as all that BPF sees: outside of any PID namespace */
int syscall_nr;
__u64 named_one, named_two;
__u64 looks[LOOKS]; /* at a thread whose number ends so, by a system call */

static void touch(struct task_struct *task)
{
	struct task_cell_test *cell = bpfring_task_get(store, task, cell);
	__u32 pid = (__u32)task->pid;

	if (!cell)
		return;
	if (cell->owner && cell->owner != pid)
		cell->strangers++;
	cell->writer = pid;
	cell->sum = cell->a + cell->b;
	cell->writes++;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	if (target_tgid && prev->tgid == target_tgid)
		touch(prev);
	if (target_tgid && next->tgid == target_tgid)
		touch(next);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_small_test *small;
	struct named_value *value;
	__u64 *word;
	__u32 *half;

	if (task->tgid != target_tgid || nr != syscall_nr)
		return 0;
	looks[(__u32)task->pid % LOOKS]++;
	touch(task);
	small = bpfring_task_get(store, task, small);
	if (small)
		small->hits++;
	value = bpf_task_storage_get(&named, task, 0, 0);
	if (!value)
		return 0;
	word = bpfring_named(named, value, one, "lib.one", __u64);
	if (word)
		named_one += *word;
	half = bpfring_named(named, value, two, "lib.two", __u32);
	if (half) {
		named_two += *half;
		*half = 0;
	}
	return 0;
}

/* The numbers of the caller, as BPF knows it. */
SEC("syscall")
int who_is_it(struct task_test_ids *ret)
{
	__u64 ids = bpf_get_current_pid_tgid();

	ret->tgid = (__u32)(ids >> 32);
	ret->tid = (__u32)ids;
	return 0;
}

/* Holds the address of the caller's cell over a sleep, then writes. */
struct sleeper {
	__u64 fault; /* user address that is slow to read */
	__u64 tag;
};

SEC("syscall")
int sleep_and_write(struct sleeper *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_cell_test *cell = bpfring_task_get(store, task, cell);
	__u64 word;

	if (!cell)
		return -2;
	bpf_copy_from_user(&word, sizeof(word), (const void *)ctx->fault);
	cell->sum = ctx->tag;
	cell->a = ctx->tag;
	cell->writes = ctx->tag;
	return 0;
}

/* Holds the address of the caller's cell for long, without sleeping, then writes. */
__u32 holding; /* 1: now; 2: it has written */

static long spend_time(__u32 i, void *ctx)
{
	return 0;
}

static int hold(struct task_struct *task)
{
	struct task_cell_test *cell;

	if (task->tgid != target_tgid)
		return 0;
	cell = bpfring_task_get(store, task, cell);
	if (!cell)
		return 0;
	*(volatile __u32 *)&holding = 1;
	bpf_loop(1 << 23, spend_time, (void *)0, 0);
	bpf_loop(1 << 23, spend_time, (void *)0, 0);
	cell->sum = 0xdead;
	*(volatile __u32 *)&holding = 2;
	return 0;
}

SEC("raw_tp")
int hold_and_write(void *ctx)
{
	return hold(bpf_get_current_task_btf());
}

/* The kernel runs the other one without preemption; this one it interrupts. */
SEC("?fentry/bpf_fentry_test1")
int BPF_PROG(hold_interrupted, int a)
{
	return hold(bpf_get_current_task_btf());
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
