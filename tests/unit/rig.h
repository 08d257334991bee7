/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A consumer on a simulated ring, the log caught, and what must be given back counted. */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include <bpfring/bpfring.h>
#include <stdbool.h>
#include <string.h>

#include "sim_sys.h"
#include "test_common.h"
#include "unit.h"

struct rig {
	struct sim_ring *r;
	struct sim_map *map;
	struct bpfring_consumer *c;
};

/* A ring and its map; the consumer is not open yet. */
void rig_ring(struct rig *rig, size_t size, const struct start *start);
/* The same with a consumer. */
void rig_open(struct rig *rig, size_t size, const struct start *start, uint32_t flags);
void rig_close(struct rig *rig);

/* Per-test setup and teardown: system and log fresh; nothing may be left behind. */
int rig_setup(void **state);
int rig_teardown(void **state);

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

/* Mappings of simulated rings in this process, those of the test included. */
unsigned int count_ring_mappings(void);

/* The only log line must contain these words; then forgets it. */
#define assert_logged(...)                                                          \
	do {                                                                        \
		const char *const words_[] = {__VA_ARGS__};                         \
		if (log_lines() != 1)                                               \
			fail_msg("%u log lines: %s", log_lines(), log_text());      \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(words_); i_++)                  \
			if (!strstr(log_text(), words_[i_]))                        \
				fail_msg("no '%s' in: %s", words_[i_], log_text()); \
		log_forget();                                                       \
	} while (0)

/* Producers. put() fails the test if the record does not fit. */
void put(struct sim_ring *r, uint64_t size);
void put_number(struct sim_ring *r, uint64_t number);

/* Runs fn in a forked child; its return value, 0..255. */
int in_child(int (*fn)(void *ctx), void *ctx);

/* CPU time of this thread in ns. */
int64_t cpu_time(void);
int64_t monotonic(void);

/* Callbacks that count. */
struct counter {
	unsigned long records;
	unsigned long bytes;
	unsigned long calls;
	uint64_t next;	/* number expected next, for count_numbers() */
	long result_at; /* at which record (from 1) to return `result`; 0: never */
	int result;
};

int count_record(void *ctx, const void *data, size_t size);
int count_batch(void *ctx, const struct bpfring_record *records, unsigned int count);
/* The same for records of put_number(): fails the test unless they come in order. */
int count_numbers(void *ctx, const void *data, size_t size);

static inline struct bpfring_consumer_stats stats_of_consumer(const struct bpfring_consumer *c)
{
	BPFRING_OPTS(bpfring_consumer_stats, stats);

	assert_int_equal(bpfring_consumer_stats(c, &stats), 0);
	return stats;
}

#endif /* TESTS_UNIT_RIG_H */
