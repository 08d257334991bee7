/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the tests ask the BPF programs to do. */
#ifndef TESTS_KERNEL_PRODUCER_H
#define TESTS_KERNEL_PRODUCER_H

#define MAX_RINGS   1024
#define MAX_PAYLOAD 8192
#define MAX_COUNT   512 /* of one run */

/* Arguments of the raw tracepoint program, as a run hands them over. */
enum {
	ARG_OP,
	ARG_RING,   /* index in the array of rings */
	ARG_SIZE,   /* of the payload; for OP_PAIR sizes of both, by their place in pair_sizes */
	ARG_COUNT,  /* of records */
	ARG_NUMBER, /* in the first record; counts up */
	ARG_FLAGS,  /* of the commit; for OP_PAIR of the second, shifted by 8 */
	ARGS,
};

/* All return how many records they got into the ring. */
enum {
	OP_OUTPUT,  /* bpf_ringbuf_output(): any size */
	OP_NUMBER,  /* reserve and submit 8 bytes */
	OP_DISCARD, /* reserve and discard 8 bytes */
	OP_PAIR,    /* reserve two, submit the second, then the first; 0 if the two do not fit */
	OP_LARGE,   /* reserve and submit LARGE_SIZE bytes */
};

/* Sizes that OP_PAIR can reserve; the verifier wants constants. */
#define PAIR_SIZE_0 0
#define PAIR_SIZE_1 9
#define PAIR_SIZE_2 500
#define PAIR_SIZE_3 1352

#define LARGE_SIZE ((8 << 20) - 8) /* 8 MiB with its header */

struct busy_args {
	unsigned long long address; /* read from there before it submits */
	unsigned long long flags;
	unsigned int ring;
	unsigned int discard;
};

#endif /* TESTS_KERNEL_PRODUCER_H */
