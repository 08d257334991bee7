// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a congestion control in two versions: one that grows as Reno does, one that stands
 * still.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcpcc.h"

/* What is needed of the kernel's types; libbpf finds the members in the running kernel. */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock {
	int unused;
} KERNEL_TYPE;

struct tcp_sock {
	__u32 snd_cwnd;
} KERNEL_TYPE;

struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
} KERNEL_TYPE;

extern __u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

__u64 connections; /* that began with either version */

SEC("struct_ops/init")
void BPF_PROG(cc_init, struct sock *sk)
{
	__sync_fetch_and_add(&connections, 1);
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(cc_ssthresh, struct sock *sk)
{
	return tcp_reno_ssthresh(sk);
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(cc_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cc_grow, struct sock *sk, __u32 ack, __u32 acked)
{
	tcp_reno_cong_avoid(sk, ack, acked);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cc_stand_still, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	tp->snd_cwnd = TCPCC_CWND;
}

SEC(".struct_ops")
struct tcp_congestion_ops growing = {
	.init = (void *)cc_init,
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_grow,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = TCPCC_NAME,
};

/* To replace one congestion control by another, both need the same name. */
SEC(".struct_ops")
struct tcp_congestion_ops standing = {
	.init = (void *)cc_init,
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_stand_still,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = TCPCC_NAME,
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
