/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the BPF programs of the benchmark and its user space agree on. */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <linux/types.h>

#define BENCH_SLOTS	 64	     /* a power of two; one per producer thread */
#define BENCH_SINGLE	 BENCH_SLOTS /* added to the slot: one record, not a batch */
#define BENCH_BATCH_MAX	 512
#define BENCH_OUTPUT_MAX 16 /* bpf_ringbuf_output() copies from the stack */

/* A record begins with this; rows that do not measure latency leave @ns out. */
struct bench_record {
	__u64 seq; /* counts the records of one slot */
	__u64 ns;  /* CLOCK_MONOTONIC right before the commit */
};

/* What one producer did. Its own cache lines: producers must share nothing but the ring. */
struct bench_slot {
	__u64 submitted;
	__u64 dropped;
	__u64 unused[14];
};

/* Constants of one measurement, set before the programs are loaded. */
struct bench_config {
	__u32 tgid;    /* only this process is traced */
	__u32 nr;      /* the system call, for the hook that sees all of them */
	__u32 batch;   /* records per system call */
	__u32 size;    /* payload bytes, at least 8 */
	__u32 flags;   /* BPF_RB_* of every commit */
	__u32 sampled; /* not 0: force a wake-up when so many bytes wait, else none */
	__u32 output;  /* bpf_ringbuf_output() instead of reserve and submit */
	__u32 stamp;   /* fill in bench_record.ns */
	__u32 group;   /* into a ring of the processor, with bpf/group.bpf.h */
};

/* Argument of the program that leaves a busy record at the head of the ring. */
struct bench_hold {
	__u64 addr;  /* 8 bytes of user memory whose page fault somebody else ends */
	__u32 first; /* complete records before it */
	__u32 unused;
};

#endif /* BENCH_SHARED_H */
