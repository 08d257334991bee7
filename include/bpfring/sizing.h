/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Sizing: how many bytes a ring needs, as max_entries of its map.
 *
 *	BPFRING_OPTS(bpfring_sizing_opts, opts, .record_bytes = 64, .rate = 500000,
 *		     .latency_ns = 50000000);
 *	uint32_t bytes;
 *
 *	bpfring_sizing(&bytes, &opts);
 *	bpf_map__set_max_entries(skel->maps.events, bytes);
 *
 * Threads: any. Does not look at the kernel. Needs nothing.
 */
#ifndef BPFRING_SIZING_H
#define BPFRING_SIZING_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bpfring_sizing_map {
	BPFRING_SIZING_RING = 0,      /* BPF_MAP_TYPE_RINGBUF */
	BPFRING_SIZING_USER_RING = 1, /* BPF_MAP_TYPE_USER_RINGBUF */
};

/**
 * struct bpfring_sizing_opts - what a ring has to hold: by @records, or by @rate and @latency_ns;
 * with both, the larger of the two.
 * @sz:            sizeof(struct bpfring_sizing_opts)
 * @map:           enum bpfring_sizing_map
 * @page_bytes:    of the machine that the ring is for; 0: of this one
 * @record_bytes:  of a record's payload, on average; header and padding are added
 * @largest_bytes: of the largest record; 0: as the average one
 * @records:       that the ring holds while nobody reads
 * @rate:          records per second, at the worst time
 * @latency_ns:    longest time until a reader comes: the loop's max_latency_ns, and how long the
 *                 scheduler may leave its thread waiting, some 10 ms at least on a busy machine
 */
struct bpfring_sizing_opts {
	size_t sz;
	uint32_t map;
	uint32_t page_bytes;
	uint64_t record_bytes;
	uint64_t largest_bytes;
	uint64_t records;
	uint64_t rate;
	int64_t latency_ns;
};

/**
 * bpfring_sizing() - compute the size of a ring.
 * @ret:  bytes: a power of two, a multiple of the page size, at most 2 GiB
 * @opts: what it has to hold
 *
 * Of a group, each ring has the size for the rate of its CPU. A warning is logged if the largest
 * record is more than a quarter of the ring: three of them can then fill it, and while one is being
 * written the others wait behind it. It says which size is enough.
 *
 * Return: 0; 1: the same, and the warning was given; -EINVAL: NULL, no record size, neither records
 * nor a rate with a latency, a negative time, an unknown map, or a page size that is none; -E2BIG:
 * options from a newer library, or more than the 2 GiB that a map can have.
 */
BPFRING_API int bpfring_sizing(uint32_t *ret, const struct bpfring_sizing_opts *opts);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_SIZING_H */
