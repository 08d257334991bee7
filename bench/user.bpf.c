/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The kernel's side of the producer rows: drains, and answers through a kernel ring. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../include/bpfring/bpf/bpfring.bpf.h"
#include "../include/bpfring/bpf/producer_group.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} user SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} answers SEC(".maps");

__u64 sum;

BPFRING_DRAIN_FN(on_sample, __u64, sample, void, ctx)
{
	sum += *sample;
	return 0;
}

BPFRING_DRAIN_PROG(drain, user, on_sample, 0)

BPFRING_USER_GROUP(users, 1);
BPFRING_DRAIN_GROUP_PROG(drain_group, users, on_sample, 1 << 17, 0)

BPFRING_DRAIN_FN(on_question, __u64, sample, void, ctx)
{
	__u64 answer = *sample;

	bpf_ringbuf_output(&answers, &answer, sizeof(answer), 0);
	return 0;
}

BPFRING_DRAIN_PROG(answer, user, on_question, 0)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
