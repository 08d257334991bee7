/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The callback, the same for every implementation: counts and adds up the records, so that loss,
 * duplication and mix-ups show, and takes the time from commit to callback where that is measured.
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "shared.h"

struct sink {
	uint64_t records; /* read by other threads */
	uint64_t sum;	  /* of sequence numbers */
	uint64_t since;	  /* records stamped before this are warm-up */
	uint32_t *lat;	  /* ns from commit to callback; NULL: not measured */
	size_t lat_count; /* read by other threads */
	size_t lat_cap;
};

static inline uint64_t sink_records(const struct sink *s)
{
	return __atomic_load_n(&s->records, __ATOMIC_ACQUIRE);
}

static inline int sink_take(struct sink *s, const void *data, size_t size)
{
	const struct bench_record *r = data;

	(void)size;
	s->sum += r->seq;
	if (s->lat && r->ns >= __atomic_load_n(&s->since, __ATOMIC_RELAXED) &&
	    s->lat_count < s->lat_cap) {
		int64_t ns = now_ns() - (int64_t)r->ns;

		s->lat[s->lat_count++] = ns < 0 ? 0 : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
	}
	/* Last, and release: who reads the count may read the rest. */
	__atomic_store_n(&s->records, s->records + 1, __ATOMIC_RELEASE);
	return 0;
}

#endif /* BENCH_SINK_H */
