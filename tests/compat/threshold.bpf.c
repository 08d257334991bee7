// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A producer that decides by itself when to notify: once so many bytes are waiting, and never
 * before. It needs a consumer position that says what has been consumed.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "threshold.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1048576);
} ring SEC(".maps");

__u64 threshold, number, dropped, forced;
int way;

static __always_inline __u64 flags_now(void)
{
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < threshold)
		return BPF_RB_NO_WAKEUP;
	forced++;
	return BPF_RB_FORCE_WAKEUP;
}

/* ctx->args[0]: how many. */
SEC("raw_tp/sys_enter")
int put(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 count = ctx->args[0];

	for (int i = 0; i < 512 && i < (int)count; i++) {
		__u64 flags = way == ASK_BEFORE_RESERVE ? flags_now() : 0;
		struct sample *s = bpf_ringbuf_reserve(&ring, sizeof(*s), 0);

		if (!s) {
			dropped++;
			continue;
		}
		s->number = number++;
		bpf_ringbuf_submit(s, way == ASK_BEFORE_SUBMIT ? flags_now() : flags);
	}
	return (int)forced;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
