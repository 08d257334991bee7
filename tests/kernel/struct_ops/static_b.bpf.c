// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock {
	int unused;
} __attribute__((preserve_access_index));

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
} __attribute__((preserve_access_index));

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(linked_ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(linked_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(linked_undo_cwnd, struct sock *sk)
{
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops cc_linked = {
	.ssthresh = (void *)linked_ssthresh,
	.cong_avoid = (void *)linked_avoid,
	.undo_cwnd = (void *)linked_undo_cwnd,
	.name = "bpfring_linked",
};

SEC(".struct_ops")
struct tcp_congestion_ops cc_linked_2 = {
	.ssthresh = (void *)linked_ssthresh,
	.cong_avoid = (void *)linked_avoid,
	.undo_cwnd = (void *)linked_undo_cwnd,
	.name = "bpfring_linke2",
};
