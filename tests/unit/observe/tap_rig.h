/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A tap on a simulated ring, and what it saw. */
#ifndef TESTS_UNIT_TAP_RIG_H
#define TESTS_UNIT_TAP_RIG_H

#include <bpfring/tap.h>
#include <errno.h>

#include "rig.h"

#define MOST_SEEN 4096

struct seen {
	struct bpfring_tap_record records[MOST_SEEN];
	uint64_t numbers[MOST_SEEN]; /* first 8 bytes of the payloads */
	unsigned int count;
	uint64_t missed;
	unsigned int result_at; /* at which record (from 1) to return `result`; 0: never */
	int result;
	void (*meanwhile)(struct seen *seen);
	void *ctx;
};

static inline int see(void *ctx, const struct bpfring_tap_record *record)
{
	struct seen *seen = ctx;

	assert_true(seen->count < MOST_SEEN);
	assert_int_equal((uintptr_t)record->data & 7, 0);
	seen->records[seen->count] = *record;
	seen->numbers[seen->count] = 0;
	memcpy(&seen->numbers[seen->count], record->data, record->size < 8 ? record->size : 8);
	seen->missed += record->missed;
	seen->count++;
	if (seen->meanwhile)
		seen->meanwhile(seen);
	return seen->count == seen->result_at ? seen->result : 0;
}

static inline struct bpfring_tap_stats stats_of_tap(const struct bpfring_tap *t)
{
	BPFRING_OPTS(bpfring_tap_stats, stats);

	assert_int_equal(bpfring_tap_stats(t, &stats), 0);
	/* every byte is accounted for */
	assert_int_equal(stats.pos - stats.start_pos,
			 stats.bytes + stats.discarded_bytes + stats.missed);
	return stats;
}

static inline struct bpfring_tap *tap_of(const struct rig *rig, uint32_t start, uint32_t flags)
{
	BPFRING_OPTS(bpfring_tap_opts, opts, .start = start, .flags = flags);
	struct bpfring_tap *t = NULL;

	assert_int_equal(bpfring_tap_open(&t, rig->r->event_fd, &opts), 0);
	return t;
}

/* Reads once: `count` records, and ends like that. */
#define assert_reads(t, seen, want_count, want_end)                                            \
	do {                                                                                   \
		BPFRING_OPTS(bpfring_tap_outcome, outcome_);                                   \
		assert_int_equal(bpfring_tap_read(t, see, seen, NULL, &outcome_), want_count); \
		assert_int_equal(outcome_.end, want_end);                                      \
	} while (0)

#endif /* TESTS_UNIT_TAP_RIG_H */
