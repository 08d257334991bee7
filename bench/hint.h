/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What a thread tells the scheduler in the hint rows. */
#ifndef BENCH_HINT_H
#define BENCH_HINT_H

struct bench_hint {
	unsigned long long phase;
	unsigned long long reserved[7];
};

#endif /* BENCH_HINT_H */
