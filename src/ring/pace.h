/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * When to look at a ring again: the interrupt moderation of the loop. A pure function of what was
 * found and when, so that it can be tested without a clock.
 */
#ifndef BPFRING_PACE_H
#define BPFRING_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace_params {
	uint32_t wait;	    /* enum bpfring_wait */
	int64_t max_window; /* ns */
	int64_t min_sleep;  /* ns; a shorter one is not worth its cost */
};

struct pace {
	int64_t looked_at;	/* last look, 0: none yet */
	int64_t found_at;	/* last look that found records, 0: none yet */
	int64_t window;		/* the last one, 0: the ring was armed */
	int64_t gap;		/* smoothed time between two records, ns */
	unsigned int empty;	/* looks in a row that found nothing */
	uint64_t peak;		/* highest byte rate seen, bytes per 2^20 ns; fades */
	int64_t peak_at;	/* when it was seen or last faded */
	int64_t sample_from;	/* a rate is measured over PACE_SAMPLE_NS at least */
	uint64_t sample_pos;	/* producer position then */
	int64_t late;		/* the latest that a look came after its window, ns; fades */
	int64_t late_at;	/* when that was, or it last faded */
	int64_t no_sleep_until; /* sleeping was tried, and ended at once by force */
};

/* What one look found. */
struct pace_look {
	int64_t now;
	uint64_t records;
	uint64_t prod_pos; /* as of now if @drained, else of some time before */
	uint64_t ring_size;
	int64_t late; /* so much after the end of its window */
	bool drained;
	bool forced; /* the sleep before was ended by the ring although it was quiet */
};

#define PACE_ARM       (-1) /* sleep until notified */
#define PACE_NOW       0    /* look again without sleeping */
#define PACE_SAMPLE_NS 20000
#define PACE_FADE_NS   1000000000LL
#define PACE_LATE_NS   100000000LL

/* PACE_ARM, PACE_NOW, or the window in ns until the next look. */
int64_t bpfring_pace_next(struct pace *p, const struct pace_params *params,
			  const struct pace_look *look);

/*
 * How long half the ring lasts at a rate that is not to be expected; max_window while no rate is
 * known.
 */
int64_t bpfring_pace_room(const struct pace *p, const struct pace_params *params,
			  uint64_t ring_size);

/* The ring stays awake although it was to be armed, or was notified: forget the window. */
void bpfring_pace_armed(struct pace *p);

#endif /* BPFRING_PACE_H */
