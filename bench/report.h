/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What is printed: a table for people, JSON lines for programs, and the targets that were met. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench.h"
#include "impl.h"

/* Results of one row: results[impl * reps + rep]. */
struct row_results {
	const struct bench_row *row;
	const struct impl *const *impls;
	unsigned int count;
	int reps;
	struct bench_result *results;
};

void report_environment(FILE *out, const struct bench_opts *opts);
void report_list(FILE *out, const struct bench_row *const *rows, unsigned int count);
void report_table(FILE *out, const struct row_results *r);
void report_json(FILE *out, const struct row_results *r, const struct bench_opts *opts,
		 unsigned int impl, int rep);

/* Median over the repetitions; NAN if the implementation did not run. */
double report_median(const struct row_results *r, const char *impl, enum bench_metric m);
double report_max(const struct row_results *r, const char *impl, enum bench_metric m);

/* Prints one line per target that the row has; number of targets missed. */
int targets_check(FILE *out, const struct row_results *r, const struct bench_opts *opts,
		  double overshoot_p99_ns);

/* What the scheduler adds to a sleep of 200 us on this machine. */
struct overshoot {
	double p50_ns;
	double p99_ns;
};
struct overshoot environment_overshoot(const struct bench_opts *opts);

#endif /* BENCH_REPORT_H */
