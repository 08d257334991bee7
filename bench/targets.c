/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the library promises, checked against what was measured. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "report.h"

#define NOISE 1.05 /* "no worse" means within this */

struct check {
	FILE *out;
	const struct row_results *r;
	int missed;
};

/* @value must not exceed @limit; says nothing if one of them was not measured. */
__attribute__((format(printf, 4, 5))) static void at_most(struct check *c, double value,
							  double limit, const char *fmt, ...)
{
	va_list args;

	if (isnan(value) || isnan(limit))
		return;
	fprintf(c->out, "  %-6s ", value <= limit ? "met" : "MISSED");
	va_start(args, fmt);
	vfprintf(c->out, fmt, args);
	va_end(args);
	fprintf(c->out, ": %.4g, at most %.4g\n", value, limit);
	c->missed += value > limit;
}

static double median(const struct check *c, const char *impl, enum bench_metric m)
{
	return report_median(c->r, impl, m);
}

static void check_keepup(struct check *c)
{
	double cost = median(c, "bpfring-adaptive", METRIC_PRODUCER_NS);

	at_most(c, cost, 1.3 * median(c, "no-wakeup", METRIC_PRODUCER_NS),
		"adaptive: ns per traced call, 1.3 times no-wakeup");
	at_most(c, cost, median(c, "libbpf", METRIC_PRODUCER_NS) / 5,
		"adaptive: ns per traced call, a fifth of libbpf");
	at_most(c, median(c, "bpfring-adaptive", METRIC_LOST), 0, "adaptive: lost");
}

static void check_busy(struct check *c)
{
	static const char *const modes[] = {"bpfring-sleep", "bpfring-coalesce",
					    "bpfring-adaptive"};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		at_most(c, report_max(c->r, modes[i], METRIC_CPU_PCT), 1, "%s: worst CPU %%",
			modes[i]);
		at_most(c, report_max(c->r, modes[i], METRIC_P50_NS), 1e6, "%s: worst delay, ns",
			modes[i]);
	}
}

static void no_worse(struct check *c, const char *impl, enum bench_metric m, const char *what)
{
	at_most(c, median(c, impl, m), median(c, "libbpf", m) * NOISE, "%s: %s, libbpf's and 5 %%",
		impl, what);
}

static void check_latency(struct check *c, const struct bench_opts *opts, double overshoot_p99_ns)
{
	static const char *const modes[] = {"bpfring-sleep", "bpfring-spin"};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		no_worse(c, modes[i], METRIC_P50_NS, "p50 ns");
		no_worse(c, modes[i], METRIC_P99_NS, "p99 ns");
	}
	if (c->r->row->rate <= 1e3) {
		no_worse(c, "bpfring-adaptive", METRIC_P50_NS, "p50 ns");
		no_worse(c, "bpfring-adaptive", METRIC_P99_NS, "p99 ns");
	}
	at_most(c, median(c, "bpfring-adaptive", METRIC_P99_NS),
		(double)opts->latency_ns + overshoot_p99_ns,
		"adaptive: p99 ns, the window and what a sleep overshoots at p99");
}

/* The best of the modes; the sign is turned so that smaller is better. */
static void check_throughput(struct check *c)
{
	double libbpf = median(c, "libbpf", METRIC_RECORDS_PER_S), best = NAN;
	unsigned int i;

	for (i = 0; i < c->r->count; i++) {
		if (!strncmp(c->r->impls[i]->name, "bpfring", 7))
			best = fmax(best, median(c, c->r->impls[i]->name, METRIC_RECORDS_PER_S));
	}
	at_most(c, libbpf / best, 1, "libbpf's records/s per those of the best mode");
	at_most(c, libbpf * 0.95 / median(c, "bpfring-adaptive", METRIC_RECORDS_PER_S), 1,
		"95 %% of libbpf's records/s per adaptive's");
}

static void check_hint(struct check *c)
{
	double update = median(c, "update-elem", METRIC_PRODUCER_NS);

	at_most(c, median(c, "uptr", METRIC_PRODUCER_NS), update / 100,
		"uptr: ns per hint, a hundredth of bpf_map_update_elem()");
	at_most(c, median(c, "fallback", METRIC_PRODUCER_NS), update / 100,
		"fallback: ns per hint, a hundredth of bpf_map_update_elem()");
	at_most(c, median(c, "uptr", METRIC_P50_NS), 1e5, "uptr: first bind, ns");
	at_most(c, median(c, "fallback", METRIC_P50_NS), 1e5, "fallback: first bind, ns");
}

static void check_producer(struct check *c)
{
	if (c->r->row->key == METRIC_PRODUCER_NS)
		at_most(c, median(c, "bpfring", METRIC_PRODUCER_NS),
			median(c, "libbpf", METRIC_PRODUCER_NS) / 1.5,
			"ns per sample, libbpf's by 1.5");
	else
		at_most(c, median(c, "libbpf", METRIC_RECORDS_PER_S),
			median(c, "bpfring", METRIC_RECORDS_PER_S), "libbpf's samples/s");
	/* where libbpf would need a mutex as well */
	at_most(c, median(c, "bpfring-mt", METRIC_PRODUCER_NS),
		median(c, "libbpf-mutex", METRIC_PRODUCER_NS), "mt: ns per sample, libbpf's");
	at_most(c, 95, median(c, "bpfring-mt", METRIC_OF_ONE_PCT),
		"mt: what one thread gets done, %% (100, and 5 for noise)");
}

int targets_check(FILE *out, const struct row_results *r, const struct bench_opts *opts,
		  double overshoot_p99_ns)
{
	struct check c = {.out = out, .r = r};
	const char *family = r->row->family;

	if (!strcmp(family, "keepup"))
		check_keepup(&c);
	else if (!strcmp(family, "busy-head"))
		check_busy(&c);
	else if (!strcmp(family, "latency"))
		check_latency(&c, opts, overshoot_p99_ns);
	else if (!strcmp(family, "cpu") && r->row->rate >= 1e5)
		at_most(&c, median(&c, "bpfring-adaptive", METRIC_CPU_PCT),
			median(&c, "libbpf", METRIC_CPU_PCT) / 5,
			"adaptive: CPU %%, a fifth of libbpf");
	else if (!strcmp(family, "burst") && r->row->fraction <= 0.5)
		at_most(&c, median(&c, "bpfring-adaptive", METRIC_LOST),
			median(&c, "libbpf", METRIC_LOST), "adaptive: lost, libbpf's");
	else if (!strncmp(family, "producer", 8) && strcmp(family, "producer-blocking") != 0)
		check_producer(&c);
	else if (!strcmp(family, "hint"))
		check_hint(&c);
	else if (r->row->key == METRIC_RECORDS_PER_S)
		check_throughput(&c);
	fflush(out);
	return c.missed;
}
