/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Medians and percentiles. */
#ifndef BENCH_STAT_H
#define BENCH_STAT_H

#include <stddef.h>
#include <stdint.h>

/* Reorders @v. @p from 0 to 1. NAN if there is nothing. */
double stat_percentile(uint32_t *v, size_t n, double p);

/* Values above @limit count as @limit. */
double stat_mean(const uint32_t *v, size_t n, uint32_t limit);

/* NANs are left out; reorders @v. NAN if nothing remains. */
double stat_median(double *v, size_t n);

#endif /* BENCH_STAT_H */
