// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Schedulers that leave everything to sched_ext's defaults. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct sched_ext_ops {
	void (*enable)(struct task_struct *p);
	__u64 flags;
	__u32 timeout_ms;
	char name[128];
} __attribute__((preserve_access_index));

__u64 enabled;

SEC("struct_ops/enable")
void BPF_PROG(scx_enable, struct task_struct *p)
{
	__sync_fetch_and_add(&enabled, 1);
}

SEC(".struct_ops")
struct sched_ext_ops scx_first = {
	.enable = (void *)scx_enable,
	.timeout_ms = 5000,
	.name = "bpfring_scx",
};

SEC(".struct_ops")
struct sched_ext_ops scx_second = {
	.enable = (void *)scx_enable,
	.name = "bpfring_scx_2",
};

/* As a newer version of the first, or the same started again. */
SEC(".struct_ops")
struct sched_ext_ops scx_namesake = {
	.enable = (void *)scx_enable,
	.name = "bpfring_scx",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
