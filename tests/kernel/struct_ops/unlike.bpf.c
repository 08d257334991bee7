// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Congestion controls that declare one member as no kernel does. Maps "X_set" set it, "X_unset" do
 * not. Each has a struct of its own, with a suffix that is not looked at, and its own programs:
 * libbpf 1.1 does not let structs share any.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock {
	int unused;
} KERNEL_TYPE;

struct sk_buff {
	int unused;
} KERNEL_TYPE;

#define PROGRAM(name)                        \
	SEC("struct_ops/release")            \
	void BPF_PROG(name, struct sock *sk) \
	{                                    \
	}

/* UNLIKE(name, declaration of the member, its name, its value) */
#define UNLIKE(what, declaration, member, value)                              \
	struct tcp_congestion_ops___##what {                                  \
		__u32 (*ssthresh)(struct sock * sk);                          \
		void (*cong_avoid)(struct sock * sk, __u32 ack, __u32 acked); \
		__u32 (*undo_cwnd)(struct sock * sk);                         \
		declaration;                                                  \
		char name[16];                                                \
	} KERNEL_TYPE;                                                        \
                                                                              \
	SEC("struct_ops/ssthresh")                                            \
	__u32 BPF_PROG(what##_ssthresh, struct sock *sk)                      \
	{                                                                     \
		return 2;                                                     \
	}                                                                     \
                                                                              \
	SEC("struct_ops/undo_cwnd")                                           \
	__u32 BPF_PROG(what##_undo_cwnd, struct sock *sk)                     \
	{                                                                     \
		return 2;                                                     \
	}                                                                     \
                                                                              \
	SEC("struct_ops/cong_avoid")                                          \
	void BPF_PROG(what##_avoid, struct sock *sk, __u32 ack, __u32 acked)  \
	{                                                                     \
	}                                                                     \
                                                                              \
	SEC(".struct_ops")                                                    \
	struct tcp_congestion_ops___##what what##_set = {                     \
		.ssthresh = (void *)what##_ssthresh,                          \
		.cong_avoid = (void *)what##_avoid,                           \
		.undo_cwnd = (void *)what##_undo_cwnd,                        \
		.member = value,                                              \
		.name = "bpfring_unlike",                                     \
	};                                                                    \
                                                                              \
	SEC(".struct_ops")                                                    \
	struct tcp_congestion_ops___##what what##_unset = {                   \
		.ssthresh = (void *)what##_ssthresh,                          \
		.cong_avoid = (void *)what##_avoid,                           \
		.undo_cwnd = (void *)what##_undo_cwnd,                        \
		.name = "bpfring_unlike",                                     \
	}

/* One argument more, a pointer to something else, a result where the kernel has none. */
PROGRAM(more_program)
UNLIKE(more, void (*release)(struct sock *sk, __u32 more), release, (void *)more_program);
PROGRAM(other_program)
UNLIKE(other, void (*release)(struct sk_buff *skb), release, (void *)other_program);
PROGRAM(result_program)
UNLIKE(result, int (*release)(struct sock *sk), release, (void *)result_program);
/* A function where the kernel has a pointer of its own. */
PROGRAM(pointer_program)
UNLIKE(pointer, void (*owner)(struct sock *sk), owner, (void *)pointer_program);
/* Data of another size, and a function where the kernel has data. */
UNLIKE(wide, __u64 flags, flags, 1);
PROGRAM(kind_program)
UNLIKE(kind, void (*flags)(struct sock *sk), flags, (void *)kind_program);

char LICENSE[] SEC("license") = "Dual BSD/GPL";
