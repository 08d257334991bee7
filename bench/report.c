/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Tables and JSON lines. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "stat.h"

#define NOISE 0.05 /* what is within this of libbpf is not called a loss */

double bench_metric(const struct bench_result *r, enum bench_metric m)
{
	switch (m) {
	case METRIC_RECORDS_PER_S:
		return r->records_per_s;
	case METRIC_PRODUCER_NS:
		return r->producer_ns;
	case METRIC_PRODUCER_P50_NS:
		return r->producer_p50_ns;
	case METRIC_OF_ONE_PCT:
		return r->of_one_pct;
	case METRIC_CONSUMER_NS:
		return r->consumer_ns;
	case METRIC_CPU_PCT:
		return r->cpu_pct;
	case METRIC_PRODUCER_PCT:
		return r->producer_pct;
	case METRIC_CONSUMER_PCT:
		return r->consumer_pct;
	case METRIC_P50_NS:
		return r->p50_ns;
	case METRIC_P99_NS:
		return r->p99_ns;
	case METRIC_P999_NS:
		return r->p999_ns;
	case METRIC_LOST:
		return r->lost;
	default:
		return NAN;
	}
}

static int find_impl(const struct row_results *r, const char *name)
{
	unsigned int i;

	for (i = 0; i < r->count; i++) {
		if (!strcmp(r->impls[i]->name, name))
			return (int)i;
	}
	return -1;
}

static double median_of(const struct row_results *r, unsigned int impl, enum bench_metric m)
{
	double *v = malloc((size_t)r->reps * sizeof(*v)), median;
	int i;

	if (!v)
		return NAN;
	for (i = 0; i < r->reps; i++)
		v[i] = bench_metric(&r->results[impl * (unsigned int)r->reps + (unsigned int)i], m);
	median = stat_median(v, (size_t)r->reps);
	free(v);
	return median;
}

double report_median(const struct row_results *r, const char *impl, enum bench_metric m)
{
	int i = find_impl(r, impl);

	return i < 0 ? (double)NAN : median_of(r, (unsigned int)i, m);
}

double report_max(const struct row_results *r, const char *impl, enum bench_metric m)
{
	int i = find_impl(r, impl), rep;
	double max = NAN;

	for (rep = 0; i >= 0 && rep < r->reps; rep++)
		max = fmax(max, bench_metric(&r->results[i * r->reps + rep], m));
	return max;
}

static const struct {
	enum bench_metric metric;
	const char *head;
	double unit;
	int digits;
} columns[] = {
	{METRIC_RECORDS_PER_S, "M rec/s", 1e6, 3}, {METRIC_PRODUCER_NS, "prod ns", 1, 1},
	{METRIC_PRODUCER_P50_NS, "(p50)", 1, 1},   {METRIC_OF_ONE_PCT, "of one %", 1, 1},
	{METRIC_CONSUMER_NS, "cons ns", 1, 2},	   {METRIC_CPU_PCT, "cpu %", 1, 2},
	{METRIC_PRODUCER_PCT, "(prod)", 1, 2},	   {METRIC_CONSUMER_PCT, "(cons)", 1, 2},
	{METRIC_P50_NS, "p50 us", 1e3, 1},	   {METRIC_P99_NS, "p99 us", 1e3, 1},
	{METRIC_P999_NS, "p99.9 us", 1e3, 1},	   {METRIC_LOST, "lost", 1, 0},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool higher_is_better(enum bench_metric m)
{
	return m == METRIC_RECORDS_PER_S;
}

/* Worse than libbpf by more than noise. */
static bool loses(enum bench_metric m, double value, double libbpf)
{
	if (isnan(value) || isnan(libbpf))
		return false;
	return higher_is_better(m) ? value < libbpf * (1 - NOISE) : value > libbpf * (1 + NOISE);
}

/* Which columns have a value in this row at all. */
static void used_columns(const struct row_results *r, bool *used)
{
	unsigned int i, c;

	for (c = 0; c < COLUMNS; c++) {
		used[c] = false;
		for (i = 0; i < r->count; i++)
			used[c] |= !isnan(median_of(r, i, columns[c].metric));
	}
}

static void print_verdict(FILE *out, const struct row_results *r)
{
	enum bench_metric key = r->row->key;
	double libbpf = report_median(r, "libbpf", key), best = NAN, value;
	const char *best_name = NULL;
	unsigned int i;

	for (i = 0; i < r->count; i++) {
		if (strncmp(r->impls[i]->name, "bpfring", 7))
			continue;
		value = median_of(r, i, key);
		if (isnan(value))
			continue;
		if (!best_name || (higher_is_better(key) ? value > best : value < best)) {
			best = value;
			best_name = r->impls[i]->name;
		}
	}
	if (!best_name || isnan(libbpf))
		return;
	if (higher_is_better(key) ? best < libbpf : best > libbpf)
		fprintf(out, "  BPFRING LOSES: its best, %s, is worse than libbpf\n", best_name);
	if (loses(key, report_median(r, "bpfring-adaptive", key), libbpf))
		fprintf(out, "  ADAPTIVE LOSES: more than 5 %% worse than libbpf\n");
}

void report_table(FILE *out, const struct row_results *r)
{
	double libbpf = report_median(r, "libbpf", r->row->key), value;
	bool used[COLUMNS];
	unsigned int i, c;

	used_columns(r, used);
	fprintf(out, "\n%s: %s (median of %d)\n  %-17s", r->row->name, r->row->about, r->reps, "");
	for (c = 0; c < COLUMNS; c++) {
		if (used[c])
			fprintf(out, " %9s%c", columns[c].head,
				columns[c].metric == r->row->key ? '*' : ' ');
	}
	fprintf(out, "  /libbpf\n");
	for (i = 0; i < r->count; i++) {
		fprintf(out, "  %-17s", r->impls[i]->name);
		for (c = 0; c < COLUMNS; c++) {
			value = median_of(r, i, columns[c].metric);
			if (used[c] && isnan(value))
				fprintf(out, " %9s ", "-");
			else if (used[c])
				fprintf(out, " %9.*f ", columns[c].digits, value / columns[c].unit);
		}
		value = median_of(r, i, r->row->key);
		if (libbpf > 0 && !isnan(value))
			fprintf(out, "  %7.3f", value / libbpf);
		fprintf(out, "%s\n", loses(r->row->key, value, libbpf) ? "  worse" : "");
	}
	print_verdict(out, r);
	fflush(out);
}

static void json_number(FILE *out, const char *key, double value)
{
	if (isnan(value) || isinf(value))
		fprintf(out, ",\"%s\":null", key);
	else
		fprintf(out, ",\"%s\":%.10g", key, value);
}

void report_json(FILE *out, const struct row_results *r, const struct bench_opts *opts,
		 unsigned int impl, int rep)
{
	const struct bench_result *x =
		&r->results[impl * (unsigned int)r->reps + (unsigned int)rep];
	const struct bench_row *row = r->row;

	fprintf(out, "{\"row\":\"%s\",\"impl\":\"%s\"", row->name, r->impls[impl]->name);
	json_number(out, "rate", row->rate > 0 ? row->rate : (double)NAN);
	json_number(out, "rep", rep);
	json_number(out, "records_per_s", x->records_per_s);
	json_number(out, "producer_ns", x->producer_ns);
	json_number(out, "consumer_ns", x->consumer_ns);
	json_number(out, "cpu_pct", x->cpu_pct);
	json_number(out, "p50_ns", x->p50_ns);
	json_number(out, "p99_ns", x->p99_ns);
	json_number(out, "p999_ns", x->p999_ns);
	json_number(out, "lost", x->lost);
	if (!isnan(x->producer_p50_ns))
		json_number(out, "producer_p50_ns", x->producer_p50_ns);
	if (!isnan(x->of_one_pct))
		json_number(out, "of_one_pct", x->of_one_pct);
	if (!isnan(x->consumer_pct)) {
		json_number(out, "producer_cpu_pct", x->producer_pct);
		json_number(out, "consumer_cpu_pct", x->consumer_pct);
	}
	json_number(out, "size", row->size);
	json_number(out, "ring_size", row->ring_size ? row->ring_size : opts->ring_size);
	if (row->producers)
		json_number(out, "producers", row->producers);
	if (row->rings)
		json_number(out, "rings", row->rings);
	if (row->fraction > 0)
		json_number(out, "fraction", row->fraction);
	fprintf(out, "}\n");
	fflush(out);
}

void report_list(FILE *out, const struct bench_row *const *rows, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		fprintf(out, "%-16s %-11s %s\n", rows[i]->name, rows[i]->family, rows[i]->about);
}
