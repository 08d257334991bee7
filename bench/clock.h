/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Clocks and processors. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000LL

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* The clock of bpf_ktime_get_ns(). */
static inline int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline int64_t seconds_ns(double seconds)
{
	return (int64_t)(seconds * (double)NSEC_PER_SEC);
}

/* Sleeps until it is over; a signal does not shorten it. */
void sleep_ns(int64_t ns);

/* Binds the calling thread to one processor. */
int pin_to_cpu(int cpu);

int cpu_count(void);

/*
 * How long threads were ready to run but something else had their processor: those that ended with
 * displaced_note(), and the calling one. What waking up costs anyway is not counted.
 */
void displaced_note(void);
int64_t displaced_ns(void);

#endif /* BENCH_CLOCK_H */
