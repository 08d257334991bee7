/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The producers: programs that put records into one ring on a system call of the benchmark's own
 * threads, and one that keeps a record busy for as long as user space wants.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/group.bpf.h>

#include "shared.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The second argument of the system call, unused by the call itself, says which slot is ours. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long si;
} __attribute__((preserve_access_index));
#define SECOND_ARGUMENT(regs) ((regs)->si)
#else
struct pt_regs {
	__u64 regs[31];
} __attribute__((preserve_access_index));
#define SECOND_ARGUMENT(regs) ((regs)->regs[1])
#endif

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} rb SEC(".maps");

/* The same spread over processors; only loaded with its rings if it is used. */
BPFRING_GROUP(group, 64 * 1024);

const volatile struct bench_config config = {.batch = 1, .size = 8};
struct bench_slot slots[BENCH_SLOTS];

/* As the kernel's bench_ringbufs: no wake-up until enough bytes wait, @more included. */
static __always_inline __u64 commit_flags(__u32 more)
{
	if (!config.sampled)
		return config.flags;
	return bpf_ringbuf_query(&rb, BPF_RB_AVAIL_DATA) + more >= config.sampled
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline int put_reserved(__u64 seq)
{
	struct bench_record *r = bpf_ringbuf_reserve(&rb, config.size, 0);

	if (!r)
		return -1;
	r->seq = seq;
	if (config.stamp)
		r->ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(r, commit_flags(0));
	return 0;
}

static __always_inline int put_copied(__u64 seq)
{
	struct bench_record r = {.seq = seq};

	if (config.stamp)
		r.ns = bpf_ktime_get_ns();
	return bpf_ringbuf_output(&rb, &r, config.size, commit_flags(8 + config.size)) ? -1 : 0;
}

static __always_inline int put_into_group(__u64 seq)
{
	struct bench_record *r = bpfring_group_reserve_size(group, config.size);

	if (!r)
		return -1;
	r->seq = seq;
	bpfring_group_submit(group, r, config.flags);
	return 0;
}

static __always_inline int put(__u64 seq)
{
	if (config.group)
		return put_into_group(seq);
	return config.output ? put_copied(seq) : put_reserved(seq);
}

static __always_inline int produce(__u64 slot)
{
	struct bench_slot *s = &slots[slot & (BENCH_SLOTS - 1)];
	__u64 submitted = s->submitted, dropped = 0;
	__u32 i;

	if (slot & BENCH_SINGLE) {
		if (put(submitted))
			s->dropped++;
		else
			s->submitted++;
		return 0;
	}
	for (i = 0; i < config.batch && i < BENCH_BATCH_MAX; i++) {
		if (put(submitted))
			dropped++;
		else
			submitted++;
	}
	s->submitted = submitted;
	s->dropped += dropped;
	return 0;
}

SEC("fentry")
int on_function(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (bpf_get_current_pid_tgid() >> 32 != config.tgid)
		return 0;
	return produce(SECOND_ARGUMENT(regs));
}

SEC("tp_btf/sys_enter")
int on_sys_enter(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (ctx[1] != config.nr || bpf_get_current_pid_tgid() >> 32 != config.tgid)
		return 0;
	return produce(SECOND_ARGUMENT(regs));
}

/* Sleepable: the page fault in bpf_copy_from_user() waits with the record reserved. */
SEC("syscall")
int hold(struct bench_hold *arg)
{
	struct bench_slot *s = &slots[0];
	struct bench_record *r;
	__u32 i;

	for (i = 0; i < arg->first && i < 16; i++) {
		if (put_reserved(s->submitted))
			s->dropped++;
		else
			s->submitted++;
	}
	r = bpf_ringbuf_reserve(&rb, sizeof(*r), 0);
	if (!r) {
		s->dropped++;
		return 0;
	}
	bpf_copy_from_user(&r->ns, sizeof(r->ns), (void *)arg->addr);
	r->seq = s->submitted++;
	r->ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(r, config.flags);
	return 0;
}
