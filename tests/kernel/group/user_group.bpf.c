// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Drains a group of user rings, and checks that the samples of a thread come once and in order. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/bpfring.bpf.h>
#include <bpfring/bpf/producer_group.bpf.h>

#include "user.h"

BPFRING_USER_GROUP(users, 4);

__u64 next[USER_THREADS];
__u64 samples, out_of_order, others;

BPFRING_DRAIN_FN(on_sample, struct user_sample, sample, void, ctx)
{
	__u32 thread = sample->thread;
	__u64 number = sample->number;

	if (thread >= USER_THREADS) {
		__sync_fetch_and_add(&others, 1);
		return 0;
	}
	if (number != next[thread])
		__sync_fetch_and_add(&out_of_order, 1);
	next[thread] = number + 1;
	__sync_fetch_and_add(&samples, 1);
	return 0;
}

BPFRING_DRAIN_GROUP_PROG(drain, users, on_sample, 10, 0)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
