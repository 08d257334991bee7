/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The nouns of the benchmark. A row is a situation that is measured; an implementation is one way
 * of consuming the ring; a result is what one implementation showed in one row and repetition.
 */
#ifndef BENCH_H
#define BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct impl;

struct bench_opts {
	double seconds; /* of one measurement, after warm-up */
	int reps;
	int64_t latency_ns; /* window of the coalescing modes, period of the timer of the floor */
	uint32_t ring_size;
	unsigned int producers; /* most producer threads */
	int producer_cpu;
	int consumer_cpu;
	bool fentry; /* on one function, instead of tp_btf/sys_enter on all system calls */
	bool json;
};

/* NAN: not applicable. */
struct bench_result {
	double records_per_s;
	double producer_ns;	/* of one record, or of one traced call above the untraced one */
	double producer_p50_ns; /* the same as a median, where producer_ns is a mean */
	double of_one_pct;   /* what several threads get done, of what one does in the same run */
	double consumer_ns;  /* of one record, CPU time */
	double cpu_pct;	     /* of one core */
	double producer_pct; /* parts of cpu_pct, where it is a sum */
	double consumer_pct;
	double p50_ns; /* from commit to callback */
	double p99_ns;
	double p999_ns;
	double lost; /* reservations that failed */
};

enum bench_metric {
	METRIC_RECORDS_PER_S,
	METRIC_PRODUCER_NS,
	METRIC_PRODUCER_P50_NS,
	METRIC_OF_ONE_PCT,
	METRIC_CONSUMER_NS,
	METRIC_CPU_PCT,
	METRIC_PRODUCER_PCT,
	METRIC_CONSUMER_PCT,
	METRIC_P50_NS,
	METRIC_P99_NS,
	METRIC_P999_NS,
	METRIC_LOST,
	METRIC_COUNT,
};

/* Which implementations run in a row. */
enum {
	KIND_LOOP = 1 << 0,  /* waits for records by itself: libbpf and bpfring's modes */
	KIND_FLOOR = 1 << 1, /* no-wakeup: what the producer costs when nobody is notified */
	KIND_DRAIN = 1 << 2, /* takes what is there: libbpf and bpfring's ways of consuming */
	KIND_HINT = 1 << 3,  /* no ring: updates of task storage */
	KIND_HINT_BIND = 1 << 4,
	KIND_USER = 1 << 5,	    /* produces into a user ring, see user.h */
	KIND_USER_THREADS = 1 << 6, /* the same, shared by threads */
	KIND_USER_FILL = 1 << 7,    /* the same, with nothing else to do */
	KIND_USER_GROUP = 1 << 9,   /* a user ring for each thread */
	KIND_GROUP = 1 << 8,	    /* rings of groups, and the one ring beside them */
};

struct bench_row {
	const char *name;
	const char *family; /* --row takes this too */
	const char *about;
	int (*measure)(const struct bench_row *row, const struct impl *impl,
		       const struct bench_opts *opts, struct bench_result *ret);
	enum bench_metric key; /* compared with libbpf's */
	unsigned int kinds;
	bool needs_floor;	/* cpu_pct is counted from the floor's producer on */
	unsigned int producers; /* 0: the row has no producer threads */
	double rate;		/* records/s asked for, 0: as many as possible */
	uint32_t batch;
	uint32_t size;
	uint32_t sampled;
	bool output;
	bool stamp;
	bool same_cpu;
	uint32_t ring_size; /* 0: --ring-size */
	unsigned int rings; /* idle ones included; 0 means 1 */
	double fraction;    /* of the ring, one burst */
	bool warm;	    /* a trickle comes before the burst */
};

/* Each row_*.c gives a table that ends with a row without a name. */
extern const struct bench_row rows_throughput[];
extern const struct bench_row rows_b2b[];
extern const struct bench_row rows_paced[];
extern const struct bench_row rows_busy[];
extern const struct bench_row rows_hot[];
extern const struct bench_row rows_burst[];
extern const struct bench_row rows_hint[];
extern const struct bench_row rows_user[];
extern const struct bench_row rows_work[];
extern const struct bench_row rows_roundtrip[];

static inline struct bench_result bench_result_none(void)
{
	return (struct bench_result){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
}

double bench_metric(const struct bench_result *r, enum bench_metric m);

#endif /* BENCH_H */
