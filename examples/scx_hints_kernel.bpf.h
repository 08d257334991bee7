/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the scheduler of the scx_hints example uses of the kernel, from Linux 6.12 on. Of structs
 * only the members that are used: libbpf finds out where they are in the running kernel.
 */
#ifndef SCX_HINTS_KERNEL_BPF_H
#define SCX_HINTS_KERNEL_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define PF_KTHREAD	0x00200000
#define SCX_TASK_QUEUED 1
#define SCX_DSQ_LOCAL	0x8000000000000002ULL

enum scx_exit_kind { SCX_EXIT_NONE };

struct cpumask {
	unsigned long bits[1]; /* complete, or libbpf takes it for another type than the kernel's */
};

struct sched_ext_entity {
	__u32 flags;
	__u64 slice;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	unsigned int flags;
	int nr_cpus_allowed;
	const struct cpumask *cpus_ptr;
	struct sched_ext_entity scx;
} __attribute__((preserve_access_index));

struct scx_exit_info {
	enum scx_exit_kind kind;
	__s64 exit_code;
	const char *reason;
	char *msg;
} __attribute__((preserve_access_index));

struct sched_ext_ops {
	__s32 (*select_cpu)(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags);
	void (*enqueue)(struct task_struct *p, __u64 enq_flags);
	void (*dispatch)(__s32 cpu, struct task_struct *prev);
	void (*tick)(struct task_struct *p);
	void (*running)(struct task_struct *p);
	__s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	__u32 timeout_ms;
	char name[128];
} __attribute__((preserve_access_index));

struct bpf_iter_scx_dsq {
	__u64 opaque[6];
} __attribute__((aligned(8)));

extern __s32 scx_bpf_create_dsq(__u64 dsq, __s32 node) __ksym;
extern __s32 scx_bpf_select_cpu_dfl(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags,
				    bool *is_idle) __ksym;
extern __s32 scx_bpf_dsq_nr_queued(__u64 dsq) __ksym;
extern void scx_bpf_error_bstr(char *fmt, unsigned long long *data, __u32 data__sz) __ksym;
extern int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, __u64 dsq, __u64 flags) __ksym;
extern struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
extern void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;
extern bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *mask) __ksym;

/* Since 6.13; before it they had other names. */
extern void scx_bpf_dsq_insert(struct task_struct *p, __u64 dsq, __u64 slice,
			       __u64 enq_flags) __ksym __weak;
extern void scx_bpf_dispatch(struct task_struct *p, __u64 dsq, __u64 slice,
			     __u64 enq_flags) __ksym __weak;
extern bool scx_bpf_dsq_move_to_local(__u64 dsq) __ksym __weak;
extern bool scx_bpf_consume(__u64 dsq) __ksym __weak;
/* Since 6.19; before it the slice was written. */
extern bool scx_bpf_task_set_slice(struct task_struct *p, __u64 slice) __ksym __weak;

static __always_inline void scx_insert(struct task_struct *p, __u64 dsq, __u64 slice,
				       __u64 enq_flags)
{
	if (scx_bpf_dsq_insert)
		scx_bpf_dsq_insert(p, dsq, slice, enq_flags);
	else
		scx_bpf_dispatch(p, dsq, slice, enq_flags);
}

static __always_inline bool scx_move_to_local(__u64 dsq)
{
	return scx_bpf_dsq_move_to_local ? scx_bpf_dsq_move_to_local(dsq) : scx_bpf_consume(dsq);
}

static __always_inline void scx_set_slice(struct task_struct *p, __u64 slice)
{
	if (scx_bpf_task_set_slice)
		scx_bpf_task_set_slice(p, slice);
	else
		p->scx.slice = slice;
}

#endif /* SCX_HINTS_KERNEL_BPF_H */
