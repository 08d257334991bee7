// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Drains a user ring in all the ways there are, and checks that samples come once and in order. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/bpfring.bpf.h>

#include "user.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} user SEC(".maps");

__u64 next[USER_THREADS];
__u64 samples, out_of_order, others, largest;
__u64 stop_after;

BPFRING_DRAIN_FN(on_sample, struct user_sample, sample, void, ctx)
{
	__u32 thread = sample->thread;
	__u64 number = sample->number;

	if (thread >= USER_THREADS) {
		others++;
		return 0;
	}
	out_of_order += number != next[thread];
	next[thread] = number + 1;
	samples++;
	return stop_after && samples >= stop_after;
}

/* Anything: counts, and looks at the last byte of a sample as large as there can be. */
BPFRING_DRAIN_VAR_FN(on_any, sample, void, ctx)
{
	__u8 last;

	samples++;
	if (!bpfring_sample_read(&last, sizeof(last), sample, USER_MAX_SAMPLE - 1))
		largest += last;
	return 0;
}

/* A drain inside of a drain: the kernel allows one at a time. */
int nested;

BPFRING_DRAIN_FN(on_outer, struct user_sample, sample, void, ctx)
{
	nested = (int)bpf_user_ringbuf_drain(&user, on_sample, NULL, 0);
	samples++;
	return 0;
}

SEC("?syscall")
int drain_nested(void *ctx)
{
	bpf_user_ringbuf_drain(&user, on_outer, NULL, 0);
	return nested;
}

BPFRING_DRAIN_PROG(drain, user, on_sample, 0)
BPFRING_DRAIN_PROG(drain_any, user, on_any, 0)
BPFRING_DRAIN_PROG(drain_silently, user, on_sample, BPF_RB_NO_WAKEUP)
BPFRING_DRAIN_PROG(drain_loudly, user, on_sample, BPF_RB_FORCE_WAKEUP)
BPFRING_DRAIN_PROG(drain_wrongly, user, on_sample, 1 << 7)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
