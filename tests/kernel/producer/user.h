/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the test and its BPF programs agree on. */
#ifndef TESTS_KERNEL_USER_H
#define TESTS_KERNEL_USER_H

#define USER_THREADS	16
#define USER_MAX_SAMPLE ((1 << 24) - 1)

struct user_sample {
	unsigned int thread;
	unsigned int reserved;
	unsigned long long number;
};

#endif /* TESTS_KERNEL_USER_H */
