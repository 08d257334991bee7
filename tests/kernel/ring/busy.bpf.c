// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A record that stays busy for as long as the test likes: the program sleeps in a page fault on
 * memory of the test between reserve and submit. Needs Linux 5.14 (syscall programs).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "producer.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps"); /* the test puts its own in place of it */

SEC("syscall")
int busy(struct busy_args *args)
{
	__u64 flags = args->flags, value = 0, *record;

	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record)
		return 0;
	bpf_copy_from_user(&value, sizeof(value), (const void *)args->address);
	*record = value;
	if (args->discard)
		bpf_ringbuf_discard(record, flags);
	else
		bpf_ringbuf_submit(record, flags);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
