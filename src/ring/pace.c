// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "ring/pace.h"

#include <bpfring/loop.h>

#define FIRST_WINDOW_NS 50000 /* after being armed; doubles with every window that found records */
#define FIRST_WHOLE_NS	1000000	 /* the same for COALESCE, also with windows that found none */
#define EMPTY_LOOKS	2	 /* so many looks that find nothing, and ADAPTIVE arms */
#define WORTH_RECORDS	64	 /* taking so many at once, the cost of a look does not count */
#define FORCED_NS	10000000 /* so long, sleep is not tried again where it is ended by force */
#define RATE_SHIFT	20	 /* rates are bytes per 2^20 ns, about a millisecond */
#define SAFETY		4	 /* a burst of so many times the highest rate seen still fits */
#define LATE_MOST_NS	1000000000LL
#define NO_REST_NS	100000 /* a sleep that ends sooner was hardly one */

/*
 * Remembers the highest rate of the producers; forgets half of it in a second that does not reach
 * it.
 */
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

/*
 * Follows a shrinking gap fast, so that a burst is met within a few records; a growing one slowly.
 */
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

/*
 * Remembers the worst lateness of a look. A thread that was late just now, because it is stopped,
 * or has used up its share of the processor, or is kept busy by other callbacks, will be late
 * again. To try costs up to the lateness, so the greater it was, the longer it takes until half of
 * it is forgotten: to try costs a thirtieth of the time at most.
 */
static void measure_lateness(struct pace *p, const struct pace_look *look)
{
	int64_t memory;

	while (p->late && look->now - p->late_at > (memory = PACE_LATE_NS + 16 * p->late)) {
		p->late /= 2;
		p->late_at += memory;
	}
	if (look->late < p->late)
		return;
	p->late = look->late < LATE_MOST_NS ? look->late : LATE_MOST_NS;
	p->late_at = look->now;
}

int64_t bpfring_pace_room(const struct pace *p, const struct pace_params *params,
			  uint64_t ring_size)
{
	uint64_t ns;

	if (!p->peak)
		return params->max_window;
	ns = ((ring_size / 2) << RATE_SHIFT) / (SAFETY * p->peak);
	return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

/* The window, and the time by which the look at its end may come late, have to fit in that. */
static int64_t safe_window(const struct pace *p, const struct pace_params *params, int64_t room)
{
	int64_t ns = p->peak ? room - p->late : room;

	return ns < params->max_window ? ns : params->max_window;
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

static int64_t next_window(struct pace *p, const struct pace_params *params, int64_t room,
			   bool rest)
{
	int64_t window = safe_window(p, params, room);
	int64_t step = p->window ? 2 * p->window : first_window(p, params);

	if (!rest || room < params->min_sleep) {
		p->window = params->min_sleep / 2 + 1; /* so that it can grow into a sleep */
		return PACE_NOW;
	}
	/*
	 * We are so late that each window might fill the ring: notified at the first record we have
	 * all of it.
	 */
	if (window < params->min_sleep)
		return arm(p);
	if (window > step)
		window = step > params->min_sleep ? step : params->min_sleep;
	p->window = window;
	return window;
}

/*
 * BPF programs that notify by themselves every so many records (BPF_RB_FORCE_WAKEUP at a fill
 * level) end each sleep early, and pay for it. Where a sleep brings many records but hardly any
 * rest, not to sleep is cheaper for both sides.
 */
static bool no_rest(struct pace *p, const struct pace_look *look)
{
	if (look->forced && look->records >= WORTH_RECORDS && look->now - p->looked_at < NO_REST_NS)
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
	int64_t room;
	bool rest;

	measure_rate(p, look);
	measure_gap(p, params, look);
	measure_lateness(p, look);
	room = bpfring_pace_room(p, params, look->ring_size);
	rest = !no_rest(p, look);
	p->looked_at = look->now;
	p->empty = look->records ? 0 : p->empty + 1;

	switch (params->wait) {
	case BPFRING_WAIT_SPIN:
		return PACE_NOW;
	case BPFRING_WAIT_SLEEP:
		return arm(p);
	case BPFRING_WAIT_COALESCE:
		/* Empty without a window before: it is new, or was notified for nothing. */
		if (p->empty && (!p->window || p->window >= safe_window(p, params, room)))
			return arm(p);
		return next_window(p, params, room, rest);
	default:
		if (p->empty >= EMPTY_LOOKS || (p->empty && !p->window) || rare(p, params))
			return arm(p);
		return next_window(p, params, room, rest);
	}
}
