/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What group_test.bpf.c and the tests agree on. */
#ifndef GROUP_TEST_H
#define GROUP_TEST_H

#define MAX_COUNT  256 /* records in one run */
#define RING_BYTES 65536

enum {
	ARG_OP = 0,
	ARG_COUNT = 1,
	ARG_KEY = 2, /* of OP_BY */
	ARG_WRITER = 3,
	ARG_NUMBER = 4, /* of the first record */
	ARGS = 12,
};

enum {
	OP_SUBMIT = 0,
	OP_DISCARD = 1, /* every second */
	OP_OUTPUT = 2,
	OP_BY = 3,
	OP_NMI = 4,
	OP_POLICY = 5,
	OP_OUTPUT_BY = 6,
	OP_OUTPUT_NMI = 7,
	OP_COUNT,
};

struct event {
	__u32 writer;
	__u32 cpu;
	__u64 number;
};

#endif /* GROUP_TEST_H */
