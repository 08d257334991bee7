/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producers that never pause beside a consumer: the rows of the kernel's bench_ringbufs. 8-byte
 * records, 500 per system call, 50 with several producers, 1 on the same processor.
 */
#include "clock.h"
#include "producer.h"
#include "session.h"

#define MAX_PRODUCERS BENCH_SLOTS

struct snapshot {
	int64_t ns;
	int64_t consumer_ns;
	int64_t producer_ns;
	uint64_t records;
	uint64_t attempts;
	uint64_t dropped;
};

static struct snapshot take_snapshot(const struct session *s, const struct flood *f)
{
	uint64_t dropped = session_dropped(s);

	return (struct snapshot){
		.ns = now_ns(),
		.consumer_ns = session_consumer_cpu_ns(s),
		.producer_ns = flood_cpu_ns(f),
		.records = sink_records(&s->sink),
		.attempts = session_submitted(s) + dropped,
		.dropped = dropped,
	};
}

/* Beside the consumer while there are processors enough, else on all of them in turn. */
static void spread(int *cpus, unsigned int count, const struct bench_opts *opts)
{
	int n = cpu_count();
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (count == 1)
			cpus[i] = opts->producer_cpu;
		else if ((int)count < n)
			cpus[i] = (opts->consumer_cpu + 1 + (int)i) % n;
		else
			cpus[i] = (opts->producer_cpu + (int)i) % n;
	}
}

static void evaluate(const struct snapshot *a, const struct snapshot *b, struct bench_result *ret)
{
	double elapsed = (double)(b->ns - a->ns);
	double records = (double)(b->records - a->records);
	double attempts = (double)(b->attempts - a->attempts);

	ret->records_per_s = records / elapsed * 1e9;
	ret->producer_ns = (double)(b->producer_ns - a->producer_ns) / attempts;
	ret->consumer_ns = (double)(b->consumer_ns - a->consumer_ns) / records;
	ret->cpu_pct = (double)(b->consumer_ns - a->consumer_ns) / elapsed * 100;
	ret->lost = (double)(b->dropped - a->dropped);
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	int64_t duration = seconds_ns(opts->seconds);
	int cpus[MAX_PRODUCERS];
	struct snapshot first, last;
	struct flood *flood;
	struct session s;
	int err;

	spread(cpus, row->producers, opts);
	if (row->same_cpu)
		cpus[0] = opts->consumer_cpu;
	err = session_open(&s, row, impl, opts);
	if (!err)
		err = session_attach(&s);
	if (!err)
		err = session_start_consumer(&s, opts->consumer_cpu);
	if (!err)
		err = flood_start(&flood, row->producers, cpus);
	if (!err) {
		sleep_ns(duration / 4);
		first = take_snapshot(&s, flood);
		sleep_ns(duration);
		last = take_snapshot(&s, flood);
		flood_stop(flood);
		err = session_finish(&s);
	}
	if (!err)
		evaluate(&first, &last, ret);
	session_close(&s);
	return err;
}

#define FLOOD \
	.measure = measure, .key = METRIC_RECORDS_PER_S, .kinds = KIND_LOOP | KIND_FLOOR, .size = 8

/* As many bytes of rings in all. */
#define GROUP(n)                                                                                 \
	{                                                                                        \
		.name = "group-" #n, .family = "group",                                          \
		.about = #n " producers, 50 records per call, one ring or one per "              \
			    "processor",                                                         \
		.measure = measure, .key = METRIC_RECORDS_PER_S, .kinds = KIND_GROUP, .size = 8, \
		.producers = n, .batch = 50                                                      \
	}

#define MULTI(n)                                                                                  \
	{                                                                                         \
		.name = "multi-" #n, .family = "multi",                                           \
		.about = #n " producers, 50 records per call", FLOOD, .producers = n, .batch = 50 \
	}

const struct bench_row rows_throughput[] = {
	{.name = "parallel",
	 .family = "parallel",
	 .about = "one producer beside the consumer, "
		  "500 records per call",
	 FLOOD,
	 .producers = 1,
	 .batch = 500},
	{.name = "sampled",
	 .family = "sampled",
	 .about = "the same, notified every 500 records",
	 FLOOD,
	 .producers = 1,
	 .batch = 500,
	 .sampled = 500 * 16},
	{.name = "same-cpu",
	 .family = "same-cpu",
	 .about = "producer and consumer on one processor, "
		  "1 record per call",
	 FLOOD,
	 .producers = 1,
	 .batch = 1,
	 .same_cpu = true},
	MULTI(1),
	MULTI(2),
	MULTI(3),
	MULTI(4),
	MULTI(8),
	MULTI(16),
	MULTI(32),
	MULTI(52),
	GROUP(1),
	GROUP(2),
	GROUP(4),
	{0},
};
