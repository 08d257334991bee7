// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A group as one thing: its rings, their loop, their statistics. */
#include "group/group.h"

#include <errno.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "ring/consumer.h"

#define LEAST_STATS (offsetof(struct bpfring_group_stats, rings) + sizeof(uint64_t))

int bpfring_group_check_outer(const struct map *outer)
{
	char buf[24];

	if (outer->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		return 0;
	log_error("map '%s' id %u has type %s, but a group is an array_of_maps, declared with "
		  "BPFRING_GROUP() of bpf/group.bpf.h\n",
		  outer->name, outer->id, bpfring_map_type_name(outer->type, buf, sizeof(buf)));
	return -EINVAL;
}

int bpfring_group_alloc(struct bpfring_group **ret, const struct map *outer,
			const struct map *account, uint32_t slots, uint32_t cpus)
{
	struct bpfring_group *g;

	g = bpfring_sys_alloc(sizeof(*g) +
			      2ULL * slots * (sizeof(g->rings[0]) + sizeof(g->slot_ring[0])));
	if (!g)
		return -ENOMEM;
	g->outer = *outer;
	g->account = *account;
	g->slots = slots;
	g->cpus = cpus;
	g->rings = (struct group_ring *)(g + 1);
	g->slot_ring = (uint32_t *)(g->rings + 2ULL * slots);
	for (uint32_t i = 0; i < 2 * slots; i++)
		g->slot_ring[i] = NO_RING;
	*ret = g;
	return 0;
}

int bpfring_group_take_ring(struct bpfring_group *g, int fd, uint32_t cpu, bool nmi)
{
	struct group_ring *r = &g->rings[g->count];
	int err = bpfring_consumer_open(&r->consumer, fd, NULL);

	if (err)
		return err;
	r->cpu = cpu;
	r->nmi = nmi;
	r->leaving = false;
	g->count++;
	return 0;
}

void bpfring_group_close(struct bpfring_group *g)
{
	if (!g)
		return;
	for (uint32_t i = 0; i < g->count; i++)
		bpfring_consumer_close(g->rings[i].consumer);
	bpfring_map_close(&g->outer);
	bpfring_map_close(&g->account);
	bpfring_sys_free(g);
}

int bpfring_group_count(const struct bpfring_group *g)
{
	return g ? (int)g->count : -EINVAL;
}

struct bpfring_consumer *bpfring_group_consumer(const struct bpfring_group *g, unsigned int i)
{
	return g && i < g->count ? g->rings[i].consumer : NULL;
}

int bpfring_group_account_fd(const struct bpfring_group *g)
{
	return g ? g->account.fd : -EINVAL;
}

/* It may have been freed since, which took our rings out. */
struct bpfring_loop *bpfring_group_loop(struct bpfring_group *g)
{
	for (uint32_t i = 0; i < g->count && g->loop; i++)
		if (g->rings[i].consumer->source)
			return g->loop;
	g->loop = NULL;
	return NULL;
}

int bpfring_group_add_to(struct bpfring_loop *l, struct bpfring_group *g,
			 struct bpfring_consumer *c)
{
	if (g->fn)
		return bpfring_loop_add(l, c, g->fn, g->ctx);
	return bpfring_loop_add_batch(l, c, g->batch_fn, g->ctx);
}

static int add_group(struct bpfring_loop *l, struct bpfring_group *g, bpfring_record_fn fn,
		     bpfring_batch_fn batch_fn, void *ctx)
{
	int err;

	if (!l || !g || (!fn && !batch_fn))
		return -EINVAL;
	if (bpfring_group_loop(g)) {
		log_error("group '%s' is in a loop already\n", g->outer.name);
		return -EEXIST;
	}
	g->fn = fn;
	g->batch_fn = batch_fn;
	g->ctx = ctx;
	for (uint32_t i = 0; i < g->count; i++) {
		err = bpfring_group_add_to(l, g, g->rings[i].consumer);
		if (!err)
			continue;
		while (i--)
			bpfring_loop_remove(l, g->rings[i].consumer);
		return err;
	}
	g->loop = l;
	return 0;
}

int bpfring_loop_add_group(struct bpfring_loop *l, struct bpfring_group *g, bpfring_record_fn fn,
			   void *ctx)
{
	return add_group(l, g, fn, NULL, ctx);
}

int bpfring_loop_add_group_batch(struct bpfring_loop *l, struct bpfring_group *g,
				 bpfring_batch_fn fn, void *ctx)
{
	return add_group(l, g, NULL, fn, ctx);
}

int bpfring_loop_remove_group(struct bpfring_loop *l, struct bpfring_group *g)
{
	if (!l || !g)
		return -EINVAL;
	if (bpfring_group_loop(g) != l)
		return -ENOENT;
	/* One that is broken has been removed before. */
	for (uint32_t i = 0; i < g->count; i++)
		if (g->rings[i].consumer->source)
			bpfring_loop_remove(l, g->rings[i].consumer);
	g->loop = NULL;
	return 0;
}

void bpfring_group_add_stats(struct bpfring_group_stats *sum, const struct bpfring_consumer *c)
{
	struct bpfring_consumer_stats s = {.sz = sizeof(s)};

	if (bpfring_consumer_stats(c, &s))
		return;
	sum->records += s.records;
	sum->bytes += s.bytes;
	sum->discards += s.discards;
	sum->batches += s.batches;
	sum->wakeups += s.wakeups;
	sum->empty_wakeups += s.empty_wakeups;
	sum->busy_waits += s.busy_waits;
	sum->asleep_ns += s.asleep_ns;
	sum->max_fill = s.max_fill > sum->max_fill ? s.max_fill : sum->max_fill;
}

int bpfring_group_stats(const struct bpfring_group *g, struct bpfring_group_stats *ret)
{
	struct bpfring_group_stats sum;

	if (!g || !ret)
		return -EINVAL;
	sum = g->past;
	sum.rings = g->count;
	for (uint32_t i = 0; i < g->count; i++) {
		sum.nmi_rings += g->rings[i].nmi;
		sum.ring_size += g->rings[i].consumer->cons.mask + 1;
		bpfring_group_add_stats(&sum, g->rings[i].consumer);
	}
	return bpfring_options_write(ret, &sum, sizeof(sum), LEAST_STATS);
}
