// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Example of records of fixed and of variable size: every process that starts a program or ends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/group.bpf.h>

#include "exectrace.h"

/* The members of the kernel's types that are used; libbpf relocates them (CO-RE). */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct mm_struct {
	unsigned long arg_start, arg_end;
} KERNEL_TYPE;

struct signal_struct {
	struct {
		int counter;
	} live; /* threads that have not begun to exit */
	unsigned int flags;
	int group_exit_code;
} KERNEL_TYPE;

struct task_struct {
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	int tgid;
	int exit_code;
	__u64 start_time;
	char comm[EXECTRACE_COMM];
} KERNEL_TYPE;

#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */
#define EEXIST		  17

/* One ring for all CPUs, or one for each: that is chosen when the program starts. */
BPFRING_GROUP(events, 1024 * 1024);

/* Buffer for a record of variable size, which is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exectrace_exec);
} scratch SEC(".maps");

struct process {
	__u64 start_time;
	__u64 tgid;
};

/* Processes whose exit was reported. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process);
	__type(value, __u8);
} exited SEC(".maps");

static void fill_head(struct exectrace_head *head, __u32 type, struct task_struct *leader)
{
	head->time_ns = bpf_ktime_get_ns();
	head->type = type;
	head->pid = (__u32)leader->tgid;
	head->ppid = (__u32)leader->real_parent->tgid;
	bpf_probe_read_kernel_str(head->comm, sizeof(head->comm), leader->comm);
	head->reserved = 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	unsigned long start = task->mm->arg_start;
	unsigned long size = task->mm->arg_end - start;
	__u32 zero = 0;
	struct exectrace_exec *e = bpf_map_lookup_elem(&scratch, &zero);

	if (!e)
		return 0;
	fill_head(&e->head, EXECTRACE_EXEC, task);
	e->args_total = (__u32)size;
	if (size > EXECTRACE_ARGS)
		size = EXECTRACE_ARGS;
	if (bpf_probe_read_user(e->args, (__u32)size, (const void *)start))
		size = 0;
	e->args_size = (__u32)size;
	bpfring_group_output(events, e, __builtin_offsetof(struct exectrace_exec, args) + size, 0);
	return 0;
}

/* Called for every thread. The process ends with the last one, which need not be the first. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = task->signal;
	struct process process = {.start_time = leader->start_time, .tgid = (__u64)task->tgid};
	struct exectrace_exit *e;
	__u8 yes = 1;

	if (signal->live.counter != 0)
		return 0;
	/* Threads that exit together can all find the count at zero: one of them reports. */
	if (bpf_map_update_elem(&exited, &process, &yes, BPF_NOEXIST) == -EEXIST)
		return 0;
	e = bpfring_group_reserve(events, struct exectrace_exit);
	if (!e)
		return 0;
	fill_head(&e->head, EXECTRACE_EXIT, leader);
	e->duration_ns = e->head.time_ns - process.start_time;
	if (signal->flags & SIGNAL_GROUP_EXIT)
		e->status = (__u32)signal->group_exit_code;
	else
		e->status = (__u32)leader->exit_code;
	e->reserved = 0;
	bpfring_group_submit(events, e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
