// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Who has no time left to sleep gives a ring away. The busy thread does it itself, between two
 * polls, so that idle threads sleep on: what they noted last counts only while it is fresh.
 */
#include "base/sys.h"
#include "group/threads.h"

#define BUSY_PPT  900U /* from here on a thread has too much to do */
#define WORTH_PPT 100U /* what giving a ring away has to gain */

/* Thousandths of the time since the last look for which the loop was awake. */
static uint64_t awake_since(struct worker *w, int64_t now)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};
	uint64_t elapsed = (uint64_t)(now - w->since), asleep;

	bpfring_loop_stats(w->loop, &stats);
	asleep = stats.asleep_ns - w->asleep_then;
	w->asleep_then = stats.asleep_ns;
	w->since = now;
	return asleep < elapsed ? 1000 - asleep * 1000 / elapsed : 0;
}

static uint64_t busy_now(const struct worker *w, int64_t now)
{
	/* It looks after each poll: if it has not for so long, it sleeps. */
	return now - w->busy_at < 2 * w->all->look_ns ? w->busy_ppt : 0;
}

static struct worker *least_busy(struct worker *w, int64_t now)
{
	struct worker *ret = NULL;

	for (unsigned int i = 0; i < w->all->count; i++) {
		struct worker *other = &w->all->workers[i];

		if (other != w && (!ret || busy_now(other, now) < busy_now(ret, now)))
			ret = other;
	}
	return ret;
}

/* The ring with which both have the least to do, the busier of the two; NULL: none is worth it. */
static struct item *choose(struct worker *w, uint64_t theirs, uint64_t bytes)
{
	uint64_t best = w->busy_ppt - WORTH_PPT;
	struct item *ret = NULL;

	for (struct item *i = w->items; i; i = i->next) {
		uint64_t share = w->busy_ppt * i->fresh / bytes;
		uint64_t ours = w->busy_ppt - share, busier;

		busier = ours > theirs + share ? ours : theirs + share;
		if (busier <= best && !i->leaving) {
			best = busier;
			ret = i;
		}
	}
	return ret;
}

void bpfring_worker_balance(struct worker *w)
{
	struct bpfring_threads *t = w->all;
	int64_t now = bpfring_sys_now();
	struct worker *other = NULL;
	struct item *item = NULL;
	uint64_t bytes = 0, busy;

	if (now < w->look_at)
		return;
	busy = w->since ? awake_since(w, now) : 0;
	w->since = now;
	w->look_at = now + t->look_ns;
	pthread_mutex_lock(&t->lock);
	for (struct item *i = w->items; i; i = i->next)
		bytes += bpfring_worker_count(w, i);
	w->busy_ppt = busy;
	w->busy_at = now;
	if (busy >= BUSY_PPT && bytes && t->opts.rebalance_ns >= 0) {
		other = least_busy(w, now);
		item = other ? choose(w, busy_now(other, now), bytes) : NULL;
	}
	if (item) {
		uint64_t share = busy * item->fresh / bytes;

		bpfring_worker_drop(w, item);
		w->given++;
		w->busy_ppt -= share;
		other->taken++;
		other->busy_ppt = busy_now(other, now) + share; /* until it looks itself */
		other->busy_at = now;
		bpfring_worker_post(other, item);
	}
	pthread_mutex_unlock(&t->lock);
}
