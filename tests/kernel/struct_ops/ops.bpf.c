// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Operations to be registered by the tests: congestion controls, good and bad. They call nothing
 * of the kernel, which programs can from Linux 5.13 only.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock {
	int unused;
} KERNEL_TYPE;

struct tcp_sock {
	__u32 snd_cwnd;
} KERNEL_TYPE;

struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	__u32 flags;
	char name[16];
} KERNEL_TYPE;

__u64 calls_1, calls_2; /* of cong_avoid in either version */
__u64 inits;

SEC("struct_ops/init")
void BPF_PROG(cc_init, struct sock *sk)
{
	__sync_fetch_and_add(&inits, 1);
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(cc_ssthresh, struct sock *sk)
{
	__u32 half = ((struct tcp_sock *)sk)->snd_cwnd / 2;

	return half < 2 ? 2 : half;
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(cc_undo_cwnd, struct sock *sk)
{
	return ((struct tcp_sock *)sk)->snd_cwnd;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cc_avoid_1, struct sock *sk, __u32 ack, __u32 acked)
{
	__sync_fetch_and_add(&calls_1, 1);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cc_avoid_2, struct sock *sk, __u32 ack, __u32 acked)
{
	__sync_fetch_and_add(&calls_2, 1);
}

SEC(".struct_ops")
struct tcp_congestion_ops cc_first = {
	.init = (void *)cc_init,
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid_1,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = "bpfring_test",
};

/* The same name: can replace the first, cannot stand beside it. */
SEC(".struct_ops")
struct tcp_congestion_ops cc_second = {
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid_2,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = "bpfring_test",
};

SEC(".struct_ops")
struct tcp_congestion_ops cc_third = {
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid_1,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = "bpfring_test",
};

SEC(".struct_ops")
struct tcp_congestion_ops cc_other_name = {
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid_1,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = "bpfring_other",
};

SEC(".struct_ops")
struct tcp_congestion_ops cc_incomplete = {
	.cong_avoid = (void *)cc_avoid_1,
	.name = "bpfring_half",
};

/* TCP_CONG_* has no such flag. */
SEC(".struct_ops")
struct tcp_congestion_ops cc_bad_flags = {
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid_1,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.flags = 0x80000000,
	.name = "bpfring_flags",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
