// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Minimal example of a BPF program that writes records into a ring: one per execve(). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "minimal.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("tp_btf/sched_process_exec")
int on_exec(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0; /* the ring is full */
	e->pid = (int)(bpf_get_current_pid_tgid() >> 32);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
