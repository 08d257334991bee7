/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * One record per system call, at a rate. What a traced call costs above the untraced one, what the
 * consumer costs, and how long a record is under way.
 *
 * The same thread makes the untraced calls right before the program is attached, at the same rate.
 * Interrupts that a commit raises (irq_work) are taken within the call, so the time of the call
 * holds what notification costs the producer.
 */
#include <errno.h>

#include "clock.h"
#include "producer.h"
#include "session.h"
#include "stat.h"

/* A call that took longer was interrupted by something else; this much of it counts in means. */
#define MEAN_LIMIT_NS 100000
#define MAX_CALLS     (4U << 20)

struct window {
	int64_t elapsed;
	int64_t consumer_ns;
	uint64_t records;
	uint64_t dropped;
};

static struct window observe(struct session *s, int64_t period, int64_t duration, struct calls *c)
{
	struct window w = {
		.consumer_ns = session_consumer_cpu_ns(s),
		.records = sink_records(&s->sink),
		.dropped = session_dropped(s),
	};

	__atomic_store_n(&s->sink.since, (uint64_t)now_ns(), __ATOMIC_RELAXED);
	w.elapsed = producer_paced(0, period, duration, c);
	w.consumer_ns = session_consumer_cpu_ns(s) - w.consumer_ns;
	w.records = sink_records(&s->sink) - w.records;
	w.dropped = session_dropped(s) - w.dropped;
	return w;
}

static void evaluate(struct session *s, const struct window *w, struct calls *traced,
		     struct calls *untraced, struct bench_result *ret)
{
	double base = stat_percentile(untraced->ns, untraced->count, 0.5);
	struct sink *sink = &s->sink;

	/* A mean: where one call in three notifies, a median shows nothing or all of it. */
	ret->producer_ns = stat_mean(traced->ns, traced->count, MEAN_LIMIT_NS) - base;
	ret->producer_p50_ns = stat_percentile(traced->ns, traced->count, 0.5) - base;
	ret->records_per_s = (double)w->records / (double)w->elapsed * 1e9;
	ret->consumer_ns = (double)w->consumer_ns / (double)w->records;
	ret->cpu_pct = (double)w->consumer_ns / (double)w->elapsed * 100;
	ret->lost = (double)w->dropped;
	if (s->row->stamp) {
		ret->p50_ns = stat_percentile(sink->lat, sink->lat_count, 0.5);
		ret->p99_ns = stat_percentile(sink->lat, sink->lat_count, 0.99);
		ret->p999_ns = stat_percentile(sink->lat, sink->lat_count, 0.999);
	}
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	int64_t period = row->rate > 0 ? (int64_t)(1e9 / row->rate) : 0;
	int64_t duration = seconds_ns(opts->seconds);
	struct calls traced = {0}, untraced = {0};
	struct window w;
	struct session s;
	int err;

	err = session_open(&s, row, impl, opts);
	if (!err && (calls_alloc(&traced, MAX_CALLS) || calls_alloc(&untraced, MAX_CALLS)))
		err = -ENOMEM;
	if (!err)
		err = pin_to_cpu(opts->producer_cpu);
	if (!err)
		err = session_start_consumer(&s, opts->consumer_cpu);
	if (err)
		goto out;
	producer_paced(0, period, duration / 5, &untraced);
	err = session_attach(&s);
	if (err)
		goto out;
	producer_paced(0, period, duration / 5, &traced); /* warm-up */
	w = observe(&s, period, duration, &traced);
	err = session_finish(&s);
	if (!err)
		evaluate(&s, &w, &traced, &untraced, ret);
out:
	session_close(&s);
	calls_free(&traced);
	calls_free(&untraced);
	return err;
}

/* The part that the producer pays above the floor is added when the floor is known: see main.c. */
static int measure_cpu(const struct bench_row *row, const struct impl *impl,
		       const struct bench_opts *opts, struct bench_result *ret)
{
	int err = measure(row, impl, opts, ret);

	ret->consumer_pct = ret->cpu_pct;
	return err;
}

#define KEEPUP(suffix, r, text)                                                                 \
	{                                                                                       \
		.name = "keepup-" suffix, .family = "keepup", .about = "traced calls " text,    \
		.measure = measure, .key = METRIC_PRODUCER_NS, .kinds = KIND_LOOP | KIND_FLOOR, \
		.rate = r, .size = 8                                                            \
	}
#define LATENCY(suffix, r)                                                                    \
	{                                                                                     \
		.name = "latency-" suffix, .family = "latency",                               \
		.about = "commit to callback at " suffix " records/s", .measure = measure,    \
		.key = METRIC_P50_NS, .kinds = KIND_LOOP | KIND_FLOOR, .rate = r, .size = 16, \
		.stamp = true                                                                 \
	}
#define CPU(suffix, r)                                                                          \
	{                                                                                       \
		.name = "cpu-" suffix, .family = "cpu",                                         \
		.about = "consumer's CPU and what the producer pays above the floor, " suffix   \
			 "/s",                                                                  \
		.measure = measure_cpu, .key = METRIC_CPU_PCT, .kinds = KIND_LOOP | KIND_FLOOR, \
		.needs_floor = true, .rate = r, .size = 8                                       \
	}
#define MANY(n)                                                                         \
	{                                                                               \
		.name = "many-rings-" #n, .family = "many-rings",                       \
		.about = #n " rings, one of them used, at 100k/s", .measure = measure,  \
		.key = METRIC_CONSUMER_NS, .kinds = KIND_LOOP, .rate = 1e5, .size = 16, \
		.stamp = true, .rings = n                                               \
	}

const struct bench_row rows_paced[] = {
	KEEPUP("10us", 1e5, "every 10 us"),
	KEEPUP("2us", 5e5, "every 2 us"),
	KEEPUP("max", 0, "back to back"),
	LATENCY("1k", 1e3),
	LATENCY("10k", 1e4),
	LATENCY("100k", 1e5),
	CPU("1k", 1e3),
	CPU("10k", 1e4),
	CPU("100k", 1e5),
	MANY(1),
	MANY(16),
	MANY(256),
	MANY(1024),
	{0},
};
