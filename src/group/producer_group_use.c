// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Which thread has which ring of a producer group, and what is done to all rings. */
#include <bpfring/producer_wait.h>
#include <errno.h>

#include "base/options.h"
#include "group/producer_group.h"
#include "producer/producer.h"

static int usable(const struct bpfring_producer_group *g)
{
	int err = g ? bpfring_producer_usable(g->slots[0].p) : -EINVAL;

	return err && g ? bpfring_producer_refuse_use(g->slots[0].p, err) : err;
}

/*
 * The counts only spread the threads: what a ring's threads wrote is handed on by the ring's own
 * lock. Nothing here is a lock, since a forked child or a killed thread could leave that taken.
 */
static struct producer_slot *take_slot(struct bpfring_producer_group *g)
{
	for (;;) {
		struct producer_slot *best = NULL;
		unsigned int least = 0;

		for (unsigned int i = 0; i < g->count && (!best || least); i++) {
			struct producer_slot *s = &g->slots[i];
			unsigned int n = atomic_load_explicit(&s->threads, memory_order_relaxed);

			if (best && n >= least)
				continue;
			best = s;
			least = n;
		}
		if (atomic_compare_exchange_strong_explicit(&best->threads, &least, least + 1,
							    memory_order_relaxed,
							    memory_order_relaxed))
			return best;
	}
}

void bpfring_producer_slot_drop(void *slot)
{
	struct producer_slot *s = slot;

	atomic_fetch_sub_explicit(&s->threads, 1, memory_order_relaxed);
}

int bpfring_producer_group_get(struct bpfring_producer_group *g, struct bpfring_producer **ret)
{
	struct producer_slot *s;
	int err = ret ? usable(g) : -EINVAL;

	if (err)
		return err;
	s = pthread_getspecific(g->key);
	if (!s) {
		s = take_slot(g);
		err = pthread_setspecific(g->key, s);
		if (err) {
			bpfring_producer_slot_drop(s);
			return -err;
		}
	}
	*ret = s->p;
	return 0;
}

int bpfring_producer_group_put(struct bpfring_producer_group *g)
{
	struct producer_slot *s;
	int err = usable(g);

	if (err)
		return err;
	s = pthread_getspecific(g->key);
	if (!s)
		return -ENOENT;
	pthread_setspecific(g->key, NULL);
	bpfring_producer_slot_drop(s);
	return 0;
}

unsigned int bpfring_producer_group_count(const struct bpfring_producer_group *g)
{
	return g ? g->count : 0;
}

int bpfring_producer_group_kick(struct bpfring_producer_group *g)
{
	return g ? bpfring_producer_kick(g->slots[0].p) : -EINVAL;
}

static int for_all(struct bpfring_producer_group *g, int (*fn)(struct bpfring_producer *p))
{
	int first = g ? 0 : -EINVAL;

	for (unsigned int i = 0; g && i < g->count; i++) {
		int err = fn(g->slots[i].p);

		first = first ? first : err;
	}
	return first;
}

int bpfring_producer_group_stop(struct bpfring_producer_group *g)
{
	return for_all(g, bpfring_producer_stop);
}

int bpfring_producer_group_resume(struct bpfring_producer_group *g)
{
	return for_all(g, bpfring_producer_resume);
}

int bpfring_producer_group_stats(const struct bpfring_producer_group *g,
				 struct bpfring_producer_group_stats *ret)
{
	struct bpfring_producer_group_stats sum = {.rings = g ? g->count : 0};

	for (unsigned int i = 0; g && i < g->count; i++) {
		BPFRING_OPTS(bpfring_producer_stats, s);
		int err = bpfring_producer_stats(g->slots[i].p, &s);

		if (err)
			return err;
		sum.threads += atomic_load_explicit(&g->slots[i].threads, memory_order_relaxed);
		sum.samples += s.samples;
		sum.bytes += s.bytes;
		sum.discards += s.discards;
		sum.full += s.full;
		sum.waits += s.waits;
		sum.waited_ns += s.waited_ns;
		sum.kicks += s.kicks;
		sum.kick_errors += s.kick_errors;
		sum.drained += s.drained;
	}
	return g ? bpfring_options_write(ret, &sum, sizeof(sum),
					 offsetof(struct bpfring_producer_group_stats, threads))
		 : -EINVAL;
}
