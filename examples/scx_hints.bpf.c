// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a scheduler: threads that call themselves urgent run before all others. Two queues
 * for all CPUs, first in, first out; the one of the hinted threads is emptied first.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpfring/bpf/bpfring.bpf.h>
#include <bpfring/bpf/task_storage.bpf.h>

#include "scx_hints.h"
#include "scx_hints_kernel.bpf.h"

/* ---- State ---- */

enum { HINTED_QUEUE = 0, PLAIN_QUEUE = 1 };

struct hints_value {
	struct scx_hints_cell __uptr *cell;
	/*
	 * Kept when a thread is bound to the next scheduler, which has to know whose they are.
	 */
	__u64 load;
	__u64 number; /* of its waits, to tell one from the next */
	__u64 stamp;  /* counts.started when this wait began, plus one; 0: it does not wait */
};

BPFRING_TASK_STORAGE(hints, struct hints_value);
BPFRING_TASK_MEMBER(hints, cell, struct scx_hints_cell);

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rows SEC(".maps"); /* hinted threads in a row while unhinted ones waited */

const volatile __u64 load_number = 1;

static volatile __u64 slice_ns = 5000000;
static volatile bool policy = true;
static volatile bool stalled;
static volatile bool failing;
static volatile __u32 failing_id; /* of the command that said so */
static struct scx_hints_counts counts;

#define count(member, n) __sync_fetch_and_add(&counts.member, (n))

/* ---- Commands and events ---- */

static __always_inline int execute(unsigned int id, unsigned int op, __u64 value)
{
	switch (op) {
	case SCX_HINTS_COUNTS:
		return 0;
	case SCX_HINTS_SLICE:
		if (value < SCX_HINTS_MIN_SLICE || value > SCX_HINTS_MAX_SLICE)
			return -ERANGE;
		slice_ns = value * 1000;
		return 0;
	case SCX_HINTS_POLICY:
		if (value > 1)
			return -EINVAL;
		policy = value;
		return 0;
	case SCX_HINTS_EJECT:
		failing_id = id;
		failing = true;
		return 0;
	case SCX_HINTS_STALL:
		stalled = true;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

BPFRING_DRAIN_FN(on_command, struct scx_hints_command, command, void, ctx)
{
	struct scx_hints_answer *answer = bpf_ringbuf_reserve(&events, sizeof(*answer), 0);
	/* Once: user space could change them between the check and the use. */
	unsigned int id = *(volatile unsigned int *)&command->id;
	unsigned int op = *(volatile unsigned int *)&command->op;
	__u64 value = *(volatile __u64 *)&command->value;

	if (!answer)
		return 1; /* the events are not read: this one is lost, the others can wait */
	answer->type = SCX_HINTS_ANSWER;
	answer->id = id;
	answer->op = op;
	answer->error = execute(id, op, value);
	__builtin_memcpy(&answer->counts, &counts, sizeof(counts));
	bpf_ringbuf_submit(answer, 0);
	return 0;
}

/* ---- The scheduler ---- */

/* Kernel threads that are bound to one CPU run immediately and are not counted. */
static __always_inline bool is_kernels(const struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1;
}

static __always_inline bool is_urgent(struct scx_hints_cell *cell)
{
	return cell && *(volatile __u64 *)&cell->phase == SCX_HINTS_URGENT;
}

SEC("struct_ops/select_cpu")
__s32 BPF_PROG(hints_select_cpu, struct task_struct *p, __s32 prev_cpu, __u64 wake_flags)
{
	bool is_idle;

	/* Not inserted here even if the CPU is idle: all pass through the queues. */
	return scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &is_idle);
}

SEC("struct_ops/enqueue")
void BPF_PROG(hints_enqueue, struct task_struct *p, __u64 enq_flags)
{
	struct hints_value *value = bpf_task_storage_get(&hints, p, 0, 0);
	__u64 queue = PLAIN_QUEUE;

	if (value && is_urgent(bpfring_task_member(hints, value, cell))) {
		value->load = load_number;
		value->number++;
		value->stamp = counts.started + 1;
		if (policy)
			queue = HINTED_QUEUE;
	}
	scx_insert(p, is_kernels(p) ? SCX_DSQ_LOCAL : queue, slice_ns, enq_flags);
}

/* Which thread, in which of its waits. */
struct wait {
	__u64 pid;
	__u64 number;
};

/* The first hinted thread in the queue that may run on @cpu. */
static __always_inline struct wait first_hinted(__s32 cpu)
{
	struct wait first = {0};
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;

	if (scx_bpf_dsq_nr_queued(HINTED_QUEUE) <= 0)
		return first;
	if (!bpf_iter_scx_dsq_new(&it, HINTED_QUEUE, 0)) {
		while ((p = bpf_iter_scx_dsq_next(&it))) {
			struct hints_value *value;

			if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
				continue;
			value = bpf_task_storage_get(&hints, p, 0, 0);
			if (value) {
				first.pid = p->pid;
				first.number = value->number;
			}
			break;
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return first;
}

static __always_inline bool is_plain_waiting(void)
{
	return scx_bpf_dsq_nr_queued(PLAIN_QUEUE) > 0;
}

/* @prev, whose slice is over, goes on if it is hinted and no other hinted thread waits. */
static __always_inline bool keep(struct task_struct *prev)
{
	if (!policy || !prev || !(prev->scx.flags & SCX_TASK_QUEUED) ||
	    scx_bpf_dsq_nr_queued(HINTED_QUEUE) > 0)
		return false;
	if (!is_urgent(bpfring_task_get(hints, prev, cell)))
		return false;
	scx_set_slice(prev, slice_ns);
	count(kept, 1);
	return true;
}

static __always_inline bool take_hinted(__u64 *row)
{
	if (!scx_move_to_local(HINTED_QUEUE))
		return false;
	count(hinted, 1);
	if (is_plain_waiting()) {
		count(first, 1);
		++*row;
	}
	return true;
}

static __always_inline bool take_plain(void)
{
	if (!scx_move_to_local(PLAIN_QUEUE))
		return false;
	count(plain, 1);
	return true;
}

SEC("struct_ops/dispatch")
void BPF_PROG(hints_dispatch, __s32 cpu, struct task_struct *prev)
{
	static char message[] = "asked for by command %llu";
	unsigned long long id;
	struct wait before, after;
	__u32 zero = 0;
	__u64 *row = bpf_map_lookup_elem(&rows, &zero);
	bool by_rule;

	bpf_user_ringbuf_drain(&commands, on_command, NULL, 0);
	if (failing) {
		id = failing_id;
		scx_bpf_error_bstr(message, &id, sizeof(id));
		return;
	}
	if (!row)
		return;
	if (stalled) {
		take_plain();
		return;
	}
	by_rule = *row >= SCX_HINTS_ROW && is_plain_waiting();
	if (!by_rule && keep(prev)) {
		*row += is_plain_waiting();
		return;
	}
	before = first_hinted(cpu);
	if (!by_rule && take_hinted(row))
		return;
	if (take_plain()) {
		*row = 0;
		if (by_rule) {
			count(row, 1);
			return;
		}
		/*
		 * Check the choice. Other CPUs change the queues all the time.
		 * But a thread that was in the queue before and still is, was there in between.
		 */
		if (!before.pid)
			return;
		after = first_hinted(cpu);
		if (before.pid == after.pid && before.number == after.number)
			count(inverted, 1);
		return;
	}
	if (by_rule)
		take_hinted(row);
}

SEC("struct_ops/running")
void BPF_PROG(hints_running, struct task_struct *p)
{
	struct hints_value *value = bpf_task_storage_get(&hints, p, 0, 0);
	struct scx_hints_cell *cell = value ? bpfring_task_member(hints, value, cell) : NULL;
	__u64 passed;

	if (cell)
		cell->load = load_number;
	if (!value || value->load != load_number || !value->stamp) {
		if (!is_kernels(p))
			count(started, 1);
		return;
	}
	passed = counts.started + 1 - value->stamp;
	value->stamp = 0;
	count(turns, 1);
	count(passed, passed);
	if (cell) {
		cell->turns++;
		cell->passed += passed;
	}
}

SEC("struct_ops/tick")
void BPF_PROG(hints_tick, struct task_struct *p)
{
	if (!is_kernels(p) && !is_urgent(bpfring_task_get(hints, p, cell)))
		count(ticks, 1);
}

/* Creating queues can sleep, so the loader says that this program may. */
SEC("struct_ops/init")
__s32 BPF_PROG(hints_init)
{
	__s32 err = scx_bpf_create_dsq(HINTED_QUEUE, -1);

	return err ? err : scx_bpf_create_dsq(PLAIN_QUEUE, -1);
}

SEC("struct_ops/exit")
void BPF_PROG(hints_exit, struct scx_exit_info *info)
{
	struct scx_hints_exit *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	event->type = SCX_HINTS_EXIT;
	event->kind = info->kind;
	event->code = info->exit_code;
	if (bpf_probe_read_kernel_str(event->reason, sizeof(event->reason), info->reason) < 0)
		event->reason[0] = 0;
	if (bpf_probe_read_kernel_str(event->message, sizeof(event->message), info->msg) < 0)
		event->message[0] = 0;
	bpf_ringbuf_submit(event, 0);
}

/* The loader makes it a link, also with a libbpf that does not know ".struct_ops.link". */
SEC(".struct_ops")
struct sched_ext_ops scheduler = {
	.select_cpu = (void *)hints_select_cpu,
	.enqueue = (void *)hints_enqueue,
	.dispatch = (void *)hints_dispatch,
	.tick = (void *)hints_tick,
	.running = (void *)hints_running,
	.init = (void *)hints_init,
	.exit = (void *)hints_exit,
	.timeout_ms = 5000,
	.name = SCX_HINTS_NAME,
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
