/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Memory that a thread of the hints example and the BPF program share. */
#ifndef HINTS_H
#define HINTS_H

enum hints_phase {
	HINTS_MUTATOR = 0,
	HINTS_GC = 1,
	HINTS_LOCKED = 2,
	HINTS_PHASES = 3,
};

struct hints_cell {
	/* Written by the thread, one store: the phase in the lowest 8 bits, above it the nanosecond
	 * (CLOCK_MONOTONIC) at which it began.
	 */
	unsigned long long hint;
	/* Written by BPF when the thread leaves a processor. */
	unsigned long long on_cpu_ns[HINTS_PHASES];
	unsigned long long switches;
	unsigned long long since; /* accounted up to here; 0: not on a processor */
	unsigned long long phase; /* at that time */
};

#define HINTS_HINT(ns, phase) ((ns) << 8 | (phase))
#define HINTS_PHASE(hint)     ((hint)&0xff)
#define HINTS_BEGAN(hint)     ((hint) >> 8)

#endif /* HINTS_H */
