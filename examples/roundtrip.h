/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What roundtrip.c asks and roundtrip.bpf.c answers. */
#ifndef ROUNDTRIP_H
#define ROUNDTRIP_H

struct question {
	unsigned int thread;
	unsigned int number;
	unsigned long long operand;
	unsigned long long asked_at;
};

struct reply {
	unsigned int thread;
	unsigned int number;
	unsigned long long result; /* the operand times 3 */
	unsigned long long asked_at;
};

#endif /* ROUNDTRIP_H */
