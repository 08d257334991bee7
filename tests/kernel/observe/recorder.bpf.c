// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Writes numbered records, run by BPF_PROG_TEST_RUN. The test gives the ring size and flags. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <bpfring/bpf/recorder.bpf.h>

#include "recorder.h"

BPFRING_RECORDER(records, 65536);

#define RECORD(type, words)                                                    \
	static __always_inline int record_##type(__u64 number, __u64 flags)    \
	{                                                                      \
		struct type *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0); \
                                                                               \
		if (!r)                                                        \
			return 0;                                              \
		r->number = number;                                            \
		for (int i = 0; i < (words); i++)                              \
			r->check[i] = CHECK(number, i);                        \
		if (IS_DISCARDED(number))                                      \
			bpf_ringbuf_discard(r, flags);                         \
		else if (flags == BPF_RB_NO_WAKEUP)                            \
			BPFRING_RECORD(r);                                     \
		else                                                           \
			bpf_ringbuf_submit(r, flags);                          \
		return 1;                                                      \
	}

RECORD(small, SMALL_WORDS)
RECORD(large, LARGE_WORDS)

SEC("raw_tp/sys_enter")
int record(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 number = ctx->args[ARG_NUMBER], flags = ctx->args[ARG_FLAGS];
	int count = (int)ctx->args[ARG_COUNT], done = 0;

	for (int i = 0; i < MOST_RECORDS && i < count; i++) {
		if (!(IS_LARGE(number) ? record_large(number, flags) : record_small(number, flags)))
			break;
		number++;
		done++;
	}
	return done;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
