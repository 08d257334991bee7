/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What group_test.bpf.c and the tests agree on. */
#ifndef GROUP_TEST_H
#define GROUP_TEST_H

#define RUN_COUNT  64 /* records in one run */
#define RING_BYTES 16384

enum {
	GROUP_COUNT,
	GROUP_KEY, /* for programs that choose by it */
	GROUP_WRITER,
	GROUP_NUMBER, /* of the first record */
	GROUP_ARGS = 12,
};

struct event {
	__u32 writer;
	__u32 cpu;
	__u64 number;
};

#endif /* GROUP_TEST_H */
