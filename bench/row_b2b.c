/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Back to back: one thread produces a batch, takes it, and so on. What producing and consuming cost
 * when the processors do not fight for cache lines; also what copying in (output) adds.
 */
#include "clock.h"
#include "session.h"

/* Rounds until the time is up; records taken, or -errno. */
static int64_t rounds(struct session *s, int64_t duration_ns)
{
	int64_t end = now_ns() + duration_ns, records = 0;
	int i, n;

	do {
		for (i = 0; i < 16; i++) {
			session_call(0);
			n = s->impl->poll(s->handle);
			if (n < 0)
				return n;
			records += n;
		}
	} while (now_ns() < end);
	return records;
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	int64_t duration = seconds_ns(opts->seconds), start, cpu, records;
	struct session s;
	int err;

	err = session_open(&s, row, impl, opts);
	if (!err)
		err = session_attach(&s);
	if (!err)
		err = pin_to_cpu(opts->consumer_cpu);
	if (err)
		goto out;
	records = rounds(&s, duration / 4);
	if (records >= 0) {
		start = now_ns();
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		records = rounds(&s, duration);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		ret->records_per_s = (double)records / (double)(now_ns() - start) * 1e9;
		ret->consumer_ns = (double)cpu / (double)records; /* producing included */
		ret->lost = (double)session_dropped(&s);
	}
	err = records < 0 ? (int)records : session_finish(&s);
out:
	session_close(&s);
	return err;
}

#define B2B                                                                               \
	.measure = measure, .key = METRIC_RECORDS_PER_S, .kinds = KIND_LOOP | KIND_FLOOR, \
	.size = 8, .batch = 500

const struct bench_row rows_b2b[] = {
	{.name = "b2b", .family = "b2b", .about = "one thread: 500 records, then takes them", B2B},
	{.name = "b2b-sampled",
	 .family = "b2b",
	 .about = "the same, notified every 500 records",
	 B2B,
	 .sampled = 500 * 16},
	{.name = "reserve",
	 .family = "reserve",
	 .about = "b2b at 1 batch of 500: reserve and submit",
	 B2B},
	{.name = "output",
	 .family = "output",
	 .about = "b2b at 1 batch of 500: output, which copies",
	 B2B,
	 .output = true},
	{0},
};
