/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef TESTS_COMPAT_THRESHOLD_H
#define TESTS_COMPAT_THRESHOLD_H

/* A record of 64 bytes in the ring. */
struct sample {
	unsigned long long number;
	unsigned long long rest[6];
};

/* When the BPF program asks how much is there. */
enum { ASK_BEFORE_RESERVE, ASK_BEFORE_SUBMIT, ASK_WAYS };

#endif /* TESTS_COMPAT_THRESHOLD_H */
