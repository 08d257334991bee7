// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Operations written for a kernel that has more members than the running one. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock {
	int unused;
} __attribute__((preserve_access_index));

enum future_mode {
	FUTURE_A,
	FUTURE_B = 200,
};

struct tcp_congestion_ops___future {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	void (*foresee)(struct sock *sk); /* no kernel has these */
	__u8 byte;
	signed char signed_byte;
	bool boolean;
	enum future_mode mode;
	__u64 big;
	void *pointer;
	int array[2];
	__u32 flags;
	char name[16];
} __attribute__((preserve_access_index));

extern __u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(future_ssthresh, struct sock *sk)
{
	return tcp_reno_ssthresh(sk);
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(future_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(future_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	tcp_reno_cong_avoid(sk, ack, acked);
}

SEC("struct_ops/init")
void BPF_PROG(future_init, struct sock *sk)
{
}

SEC("struct_ops/foresee")
void BPF_PROG(future_foresee, struct sock *sk)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops___future future = {
	.ssthresh = (void *)future_ssthresh,
	.cong_avoid = (void *)future_avoid,
	.undo_cwnd = (void *)future_undo_cwnd,
	.init = (void *)future_init,
	.foresee = (void *)future_foresee,
	.big = 7,
	.name = "bpfring_future",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
