// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Example of task storage: accounts CPU time by the phase that a thread has announced. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/task_storage.bpf.h>

#include "hints.h"

struct task_struct;

struct hints_value {
	struct hints_cell __uptr *cell;
};

BPFRING_TASK_STORAGE(hints, struct hints_value);
BPFRING_TASK_MEMBER(hints, cell, struct hints_cell);

/* The cell is user memory: the phase is checked before it is an index. */
static void add(struct hints_cell *cell, __u64 phase, __u64 ns)
{
	if (phase < HINTS_PHASES)
		cell->on_cpu_ns[phase] += ns;
}

static void leave(struct hints_cell *cell, __u64 now)
{
	__u64 hint = *(volatile __u64 *)&cell->hint;
	__u64 since = *(volatile __u64 *)&cell->since;
	__u64 began = HINTS_BEGAN(hint);

	if (since && since < now) {
		if (began > since && began < now) { /* it began while the thread was running */
			add(cell, *(volatile __u64 *)&cell->phase, began - since);
			since = began;
		}
		add(cell, HINTS_PHASE(hint), now - since);
	}
	cell->since = 0;
	cell->switches++;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct hints_cell *cell = bpfring_task_get(hints, prev, cell);

	if (cell)
		leave(cell, now);
	cell = bpfring_task_get(hints, next, cell);
	if (cell) {
		cell->phase = HINTS_PHASE(*(volatile __u64 *)&cell->hint);
		cell->since = now;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
