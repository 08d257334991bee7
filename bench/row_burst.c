/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Bursts that fill a part of the ring as fast as a BPF program can, out of silence or out of a
 * trickle of records that has the consumer look now and then only. What counts is what is lost.
 */
#include "clock.h"
#include "producer.h"
#include "session.h"

#include <errno.h>

#define BURST_BATCH	  64
#define SILENCE_NS	  4000000
#define TRICKLE_PERIOD_NS 10000

struct bursts {
	uint64_t count;
	uint64_t records;
	int64_t ns; /* in bursts, not between them */
};

static void burst(struct session *s, struct calls *scratch, struct bursts *b)
{
	uint64_t calls, i, before;
	int64_t start;

	if (s->row->warm)
		producer_paced(BENCH_SINGLE, TRICKLE_PERIOD_NS, SILENCE_NS, scratch);
	else
		sleep_ns(SILENCE_NS);
	calls = (uint64_t)(s->row->fraction * s->ring_size) / (s->row->batch * s->record_bytes);
	before = session_submitted(s);
	start = now_ns();
	for (i = 0; i < calls; i++)
		session_call(0);
	b->ns += now_ns() - start;
	b->records += session_submitted(s) - before;
	b->count++;
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	struct calls scratch = {0};
	struct bursts b = {0};
	struct session s;
	int64_t end;
	int err;

	err = session_open(&s, row, impl, opts);
	if (!err)
		err = calls_alloc(&scratch, 1024);
	if (!err)
		err = pin_to_cpu(opts->producer_cpu);
	if (!err)
		err = session_attach(&s);
	if (!err)
		err = session_start_consumer(&s, opts->consumer_cpu);
	end = now_ns() + seconds_ns(opts->seconds);
	while (!err && now_ns() < end) {
		burst(&s, &scratch, &b);
		if (!session_wait_consumed(&s, NSEC_PER_SEC))
			err = -ETIMEDOUT;
	}
	if (!err || err == -ETIMEDOUT)
		err = session_finish(&s); /* says what is missing */
	if (!err) {
		ret->records_per_s = (double)b.records / (double)b.ns * 1e9;
		ret->lost = (double)session_dropped(&s) / (double)b.count;
	}
	session_close(&s);
	calls_free(&scratch);
	return err;
}

#define BURST(kind, suffix, part, text, ...)                                                       \
	{                                                                                          \
		.name = "burst-" kind suffix, .family = "burst",                                   \
		.about = text ", then " suffix " of the ring; lost per burst", .measure = measure, \
		.key = METRIC_LOST, .kinds = KIND_LOOP, .size = 8, .fraction = part, __VA_ARGS__   \
	}
#define BURSTS(suffix, part)                                                   \
	BURST("slow-", suffix, part, "silence, record by record", .batch = 1), \
		BURST("", suffix, part, "silence", .batch = BURST_BATCH),      \
		BURST("warm-", suffix, part, "100k/s", .batch = BURST_BATCH, .warm = true)

const struct bench_row rows_burst[] = {
	BURSTS("1/8", 0.125),
	BURSTS("1/4", 0.25),
	BURSTS("1/2", 0.5),
	BURSTS("3/4", 0.75),
	BURSTS("1/1", 1.0),
	BURSTS("2/1", 2.0),
	{0},
};
