/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Threads and loops that make the traced system call. */
#ifndef BENCH_PRODUCER_H
#define BENCH_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

/* Durations of single calls. */
struct calls {
	uint32_t *ns;
	size_t count;
	size_t cap;
};

int calls_alloc(struct calls *c, size_t cap);
void calls_free(struct calls *c);

/*
 * Calls for @duration_ns, one call per @period_ns (0: back to back), spinning on the clock between
 * calls, and times each call. A call that comes late does not make the next one come early.
 * Returns the time it took.
 */
int64_t producer_paced(unsigned int slot, int64_t period_ns, int64_t duration_ns, struct calls *c);

/* Threads that call as fast as they can. */
struct flood;

/* Producer i runs on cpus[i]. 0 or -errno. */
int flood_start(struct flood **ret, unsigned int count, const int *cpus);
int64_t flood_cpu_ns(const struct flood *f); /* of all threads */
void flood_stop(struct flood *f);

#endif /* BENCH_PRODUCER_H */
