/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Records of which everything follows from their number. */
#ifndef TESTS_KERNEL_RECORDER_H
#define TESTS_KERNEL_RECORDER_H

#define SMALL_WORDS  2
#define LARGE_WORDS  14
#define MOST_RECORDS 512 /* of one run */

struct small {
	unsigned long long number;
	unsigned long long check[SMALL_WORDS];
};

struct large {
	unsigned long long number;
	unsigned long long check[LARGE_WORDS];
};

#define IS_LARGE(number)     ((number) % 3 == 2)
#define IS_DISCARDED(number) ((number) % 17 == 5)
#define CHECK(number, i)     (((number) + (i)) * 0x9e3779b97f4a7c15ULL)

/* Arguments of a run, which returns how many records got in. */
enum {
	ARG_NUMBER, /* of the first record */
	ARG_COUNT,
	ARG_FLAGS,
	ARGS,
};

#endif /* TESTS_KERNEL_RECORDER_H */
