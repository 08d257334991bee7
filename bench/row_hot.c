/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Taking records out of a ring that is full and in the cache of the very processor: what a record
 * costs when nothing but the consumer's own instructions counts.
 */
#include <errno.h>

#include "clock.h"
#include "session.h"
#include "stat.h"

#define HOT_RING   (64 * 1024)
#define MAX_ROUNDS 100000

/* Fills the ring; the last call finds no more room. */
static void fill(struct session *s)
{
	uint64_t dropped = session_dropped(s);

	while (session_dropped(s) == dropped)
		session_call(0);
}

static int rounds(struct session *s, int64_t duration_ns, uint32_t *ps, size_t *count)
{
	int64_t end = now_ns() + duration_ns, start, ns;
	int n;

	for (*count = 0; *count < MAX_ROUNDS; (*count)++) {
		fill(s);
		start = now_ns();
		n = s->impl->drain(s->handle);
		ns = now_ns() - start;
		if (n <= 0)
			return n ? n : -EIO;
		ps[*count] = (uint32_t)(ns * 1000 / n);
		if (start > end)
			break;
	}
	return 0;
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	static uint32_t ps[MAX_ROUNDS]; /* picoseconds per record, of one drain each */
	int64_t duration = seconds_ns(opts->seconds);
	struct session s;
	size_t count;
	int err;

	err = session_open(&s, row, impl, opts);
	if (!err)
		err = session_attach(&s);
	if (!err)
		err = pin_to_cpu(opts->consumer_cpu);
	if (!err)
		err = rounds(&s, duration / 4, ps, &count);
	if (!err)
		err = rounds(&s, duration, ps, &count);
	if (!err)
		err = session_finish(&s);
	if (!err) {
		ret->consumer_ns = stat_percentile(ps, count, 0.5) / 1000;
		ret->records_per_s = 1e9 / ret->consumer_ns;
	}
	session_close(&s);
	return err;
}

#define HOT(n)                                                                                 \
	{                                                                                      \
		.name = "hot-" #n, .family = "hot",                                            \
		.about = "full ring of 64 KiB in the cache, records of " #n " bytes",          \
		.measure = measure, .key = METRIC_CONSUMER_NS, .kinds = KIND_DRAIN, .size = n, \
		.batch = 64, .ring_size = HOT_RING                                             \
	}

const struct bench_row rows_hot[] = {
	HOT(8),
	HOT(64),
	HOT(256),
	{0},
};
