// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Operations that nobody can register. In an object of their own: Linux 5.16 brought them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct bpf_dummy_ops_state {
	int val;
} KERNEL_TYPE;

struct bpf_dummy_ops {
	int (*test_1)(struct bpf_dummy_ops_state *state);
} KERNEL_TYPE;

SEC("struct_ops/test_1")
int BPF_PROG(dummy_test_1, struct bpf_dummy_ops_state *state)
{
	return 0;
}

SEC(".struct_ops")
struct bpf_dummy_ops dummy = {
	.test_1 = (void *)dummy_test_1,
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
