// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Queueing disciplines that drop every packet; and a congestion control, another type. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sk_buff {
	unsigned int len;
} KERNEL_TYPE;

struct bpf_sk_buff_ptr {
	struct sk_buff *skb;
} KERNEL_TYPE;

struct sock {
	int unused;
} KERNEL_TYPE;

struct nlattr;
struct netlink_ext_ack;

struct Qdisc {
	__u32 handle;
} KERNEL_TYPE;

struct Qdisc_ops {
	char id[16];
	int (*enqueue)(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free);
	struct sk_buff *(*dequeue)(struct Qdisc *sch);
	int (*init)(struct Qdisc *sch, struct nlattr *arg, struct netlink_ext_ack *extack);
	void (*reset)(struct Qdisc *sch);
	void (*destroy)(struct Qdisc *sch);
} KERNEL_TYPE;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
} KERNEL_TYPE;

extern void bpf_qdisc_skb_drop(struct sk_buff *skb, struct bpf_sk_buff_ptr *to_free) __ksym;
extern __u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

SEC("struct_ops/enqueue")
int BPF_PROG(drop_enqueue, struct sk_buff *skb, struct Qdisc *sch, struct bpf_sk_buff_ptr *to_free)
{
	bpf_qdisc_skb_drop(skb, to_free);
	return 1; /* NET_XMIT_DROP */
}

SEC("struct_ops/dequeue")
struct sk_buff *BPF_PROG(drop_dequeue, struct Qdisc *sch)
{
	return 0;
}

SEC("struct_ops/init")
int BPF_PROG(drop_init, struct Qdisc *sch, struct nlattr *arg, struct netlink_ext_ack *extack)
{
	return 0;
}

SEC("struct_ops/reset")
void BPF_PROG(drop_reset, struct Qdisc *sch)
{
}

SEC("struct_ops/destroy")
void BPF_PROG(drop_destroy, struct Qdisc *sch)
{
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(cc_ssthresh, struct sock *sk)
{
	return tcp_reno_ssthresh(sk);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cc_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	tcp_reno_cong_avoid(sk, ack, acked);
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(cc_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC(".struct_ops")
struct Qdisc_ops qdisc_first = {
	.id = "bpfring_drop",
	.enqueue = (void *)drop_enqueue,
	.dequeue = (void *)drop_dequeue,
	.init = (void *)drop_init,
	.reset = (void *)drop_reset,
	.destroy = (void *)drop_destroy,
};

/* The same id: cannot stand beside the first. */
SEC(".struct_ops")
struct Qdisc_ops qdisc_second = {
	.id = "bpfring_drop",
	.enqueue = (void *)drop_enqueue,
	.dequeue = (void *)drop_dequeue,
	.init = (void *)drop_init,
	.reset = (void *)drop_reset,
	.destroy = (void *)drop_destroy,
};

SEC(".struct_ops")
struct Qdisc_ops qdisc_half = {
	.id = "bpfring_half",
	.enqueue = (void *)drop_enqueue,
};

SEC(".struct_ops")
struct tcp_congestion_ops cc_other_type = {
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_cong_avoid,
	.undo_cwnd = (void *)cc_undo_cwnd,
	.name = "bpfring_type",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
