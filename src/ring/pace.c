// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "ring/pace.h"

#include <bpfring/loop.h>

#define FIRST_WINDOW_NS 50000 /* after being armed; doubles with every window that found records */
#define FIRST_WHOLE_NS	1000000	 /* the same for COALESCE, also with windows that found none */
#define EMPTY_LOOKS	2	 /* so many looks in vain, and ADAPTIVE arms */
#define WORTH_RECORDS	64	 /* taking so many at once, the cost of a look does not count */
#define FORCED_NS	10000000 /* so long, sleep is not tried again where it is ended by force */
#define RATE_SHIFT	20	 /* rates are bytes per 2^20 ns, about a millisecond */
#define SAFETY		4	 /* a burst of so many times the highest rate seen still fits */

/* Remembers the highest rate of the producers; forgets half of it in a second that does not reach it. */
static void measure_rate(struct pace *p, const struct pace_look *look)
{
	int64_t span = look->now - p->sample_from;
	uint64_t rate;

	if (!look->drained || span < PACE_SAMPLE_NS)
		return;
	if (!p->sample_from) { /* what the ring carried before its first look has no rate */
		p->sample_from = look->now;
		p->sample_pos = look->prod_pos;
		return;
	}
	rate = ((look->prod_pos - p->sample_pos) << RATE_SHIFT) / (uint64_t)span + 1;
	if (look->now - p->peak_at > PACE_FADE_NS) {
		p->peak /= 2;
		p->peak_at = look->now;
	}
	if (rate > p->peak) {
		p->peak = rate;
		p->peak_at = look->now;
	}
	p->sample_from = look->now;
	p->sample_pos = look->prod_pos;
}

/* Follows a shrinking gap fast, so that a burst is met within a few records; a growing one slowly. */
static void measure_gap(struct pace *p, const struct pace_params *params,
			const struct pace_look *look)
{
	int64_t most = 8 * params->max_window, gap = most;

	if (!look->records)
		return;
	if (p->found_at)
		gap = (look->now - p->found_at) / (int64_t)look->records;
	p->found_at = look->now;
	if (gap > most)
		gap = most;
	p->gap = gap < p->gap ? (p->gap + gap) / 2 : (3 * p->gap + gap) / 4;
}

/* How long half the ring lasts at SAFETY times the highest rate seen. */
static int64_t safe_window(const struct pace *p, const struct pace_look *look,
			   const struct pace_params *params)
{
	uint64_t ns;

	if (!p->peak)
		return params->max_window;
	ns = ((look->ring_size / 2) << RATE_SHIFT) / (SAFETY * p->peak);
	return ns < (uint64_t)params->max_window ? (int64_t)ns : params->max_window;
}

static int64_t arm(struct pace *p)
{
	bpfring_pace_armed(p);
	return PACE_ARM;
}

/* Long enough to find a record in it, or it would be taken for the end of the stream. */
static int64_t first_window(const struct pace *p, const struct pace_params *params)
{
	int64_t least = params->wait == BPFRING_WAIT_COALESCE ? FIRST_WHOLE_NS : FIRST_WINDOW_NS;

	return 2 * p->gap > least ? 2 * p->gap : least;
}

static int64_t next_window(struct pace *p, const struct pace_params *params,
			   const struct pace_look *look, bool rest)
{
	int64_t window = rest ? safe_window(p, look, params) : 0;
	int64_t step = p->window ? 2 * p->window : first_window(p, params);

	if (window > step)
		window = step;
	if (window < params->min_sleep) {
		p->window = params->min_sleep / 2 + 1; /* so that it can grow into a sleep */
		return PACE_NOW;
	}
	p->window = window;
	return window;
}

/*
 * BPF programs that notify by themselves every so many records (BPF_RB_FORCE_WAKEUP at a fill level)
 * end each sleep early, and pay for it. Where a sleep brings many records but hardly any rest, not
 * to sleep is cheaper for both sides.
 */
static bool no_rest(struct pace *p, const struct pace_params *params, const struct pace_look *look)
{
	if (look->forced && look->records >= WORTH_RECORDS &&
	    look->now - p->looked_at < 2 * params->min_sleep)
		p->no_sleep_until = look->now + FORCED_NS;
	return look->now < p->no_sleep_until;
}

static bool rare(const struct pace *p, const struct pace_params *params)
{
	/* Harder to leave than to enter, or it would swing at the border. */
	return p->gap > (p->window ? 2 * params->max_window : params->max_window);
}

void bpfring_pace_armed(struct pace *p)
{
	p->window = 0;
	p->empty = 0;
}

int64_t bpfring_pace_next(struct pace *p, const struct pace_params *params,
			  const struct pace_look *look)
{
	bool rest;

	measure_rate(p, look);
	measure_gap(p, params, look);
	rest = !no_rest(p, params, look);
	p->looked_at = look->now;
	p->empty = look->records ? 0 : p->empty + 1;

	switch (params->wait) {
	case BPFRING_WAIT_SPIN:
		return PACE_NOW;
	case BPFRING_WAIT_SLEEP:
		return arm(p);
	case BPFRING_WAIT_COALESCE:
		/* A ring found empty without a window before is new, or was notified in vain. */
		if (p->empty && (!p->window || p->window >= safe_window(p, look, params)))
			return arm(p);
		return next_window(p, params, look, rest);
	default:
		if (p->empty >= EMPTY_LOOKS || (p->empty && !p->window) || rare(p, params))
			return arm(p);
		return next_window(p, params, look, rest);
	}
}
