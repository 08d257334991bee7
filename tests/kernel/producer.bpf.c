// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Puts records into rings when a test says so: a raw tracepoint program that is never attached, but
 * run by BPF_PROG_TEST_RUN (Linux 5.10).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "producer.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} first SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_RINGS);
	__type(key, int);
	__array(values, struct ring);
} rings SEC(".maps") = {.values = {&first}};

static char payload[MAX_PAYLOAD];

static __always_inline int output(void *ring, __u64 size, __u64 count, __u64 number, __u64 flags)
{
	int done = 0;

	for (int i = 0; i < MAX_COUNT && i < (int)count; i++) {
		__u64 bounded = size;

		/*
		 * Checked where it is used: old verifiers forget what they learnt of a spilled
		 * copy.
		 */
		asm volatile("" : "+r"(bounded));
		if (bounded > sizeof(payload))
			break;
		*(volatile __u64 *)payload = number + i;
		if (bpf_ringbuf_output(ring, payload, bounded, flags))
			break;
		done++;
	}
	return done;
}

static __always_inline int numbers(void *ring, __u64 count, __u64 number, __u64 flags, int discard)
{
	int done = 0;

	for (int i = 0; i < MAX_COUNT && i < (int)count; i++) {
		__u64 *record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);

		if (!record)
			break;
		*record = number + i;
		if (discard)
			bpf_ringbuf_discard(record, flags);
		else
			bpf_ringbuf_submit(record, flags);
		done++;
	}
	return done;
}

/* In reverse order, so that the first is a busy head for a moment. */
static __always_inline int pair_of(void *ring, const __u64 a, const __u64 b, __u64 flags)
{
	void *one, *two;

	one = bpf_ringbuf_reserve(ring, a, 0);
	if (!one)
		return 0;
	two = bpf_ringbuf_reserve(ring, b, 0);
	if (!two) {
		bpf_ringbuf_discard(one, flags & 3);
		return 0;
	}
	bpf_ringbuf_submit(two, flags >> 8);
	bpf_ringbuf_submit(one, flags & 3);
	return 2;
}

#define PAIR(a, b)        \
	case (a)*4 + (b): \
		return pair_of(ring, PAIR_SIZE_##a, PAIR_SIZE_##b, flags)

static __always_inline int pair(void *ring, __u64 which, __u64 flags)
{
	switch (which) {
		PAIR(0, 0);
		PAIR(0, 1);
		PAIR(1, 0);
		PAIR(1, 1);
		PAIR(1, 2);
		PAIR(2, 1);
		PAIR(2, 2);
		PAIR(2, 3);
		PAIR(3, 2);
		PAIR(3, 3);
	default:
		return 0;
	}
}

/* Moves the positions far with little work. */
static __always_inline int large(void *ring, __u64 flags)
{
	void *record = bpf_ringbuf_reserve(ring, LARGE_SIZE, 0);

	if (!record)
		return 0;
	bpf_ringbuf_submit(record, flags);
	return 1;
}

SEC("raw_tp/sys_enter")
int produce(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 flags = ctx->args[ARG_FLAGS], number = ctx->args[ARG_NUMBER];
	__u64 count = ctx->args[ARG_COUNT], size = ctx->args[ARG_SIZE];
	int index = (int)ctx->args[ARG_RING];
	void *ring = bpf_map_lookup_elem(&rings, &index);

	if (!ring)
		return 0;
	switch (ctx->args[ARG_OP]) {
	case OP_OUTPUT:
		return output(ring, size, count, number, flags);
	case OP_NUMBER:
		return numbers(ring, count, number, flags, 0);
	case OP_DISCARD:
		return numbers(ring, count, number, flags, 1);
	case OP_PAIR:
		return pair(ring, size, flags);
	case OP_LARGE:
		return large(ring, flags);
	default:
		return 0;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
