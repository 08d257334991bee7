// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings that come and go with CPUs, while programs write. */
#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "group/group.h"
#include "ring/consumer.h"

/*
 * Gives a slot another ring. The kernel returns when no program that is running knows the one
 * before (maybe_wait_bpf_programs()).
 */
static int point(struct bpfring_group *g, uint32_t slot, uint32_t ring)
{
	int fd = bpfring_consumer_map_fd(g->rings[ring].consumer);
	int err = bpfring_sys_elem_update(g->outer.fd, &slot, &fd, BPF_ANY);

	if (err)
		log_error("group '%s': slot %u does not take another ring: %s%s\n", g->outer.name,
			  slot, bpfring_errname(err), bpfring_fd_refusal(err));
	else
		g->slot_ring[slot] = ring;
	return err;
}

static uint32_t ring_of(const struct bpfring_group *g, unsigned int cpu)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->rings[i].cpu == cpu && !g->rings[i].nmi)
			return i;
	return NO_RING;
}

/* Takes the ring out of the table. Nobody knows it any more. */
static void drop_ring(struct bpfring_group *g, uint32_t ring)
{
	const uint32_t last = g->count - 1;

	bpfring_group_add_stats(&g->past, g->rings[ring].consumer);
	bpfring_consumer_close(g->rings[ring].consumer);
	g->rings[ring] = g->rings[last];
	g->count--;
	for (uint32_t i = 0; i < 2 * g->slots; i++)
		if (g->slot_ring[i] == last)
			g->slot_ring[i] = ring;
}

int bpfring_group_add_cpu(struct bpfring_group *g, unsigned int cpu)
{
	struct bpfring_loop *loop;
	int fd, err = 0;

	if (!g || cpu >= g->cpus || cpu >= g->slots)
		return -EINVAL;
	if (ring_of(g, cpu) != NO_RING)
		return -EEXIST;
	loop = bpfring_group_loop(g);
	fd = bpfring_group_new_ring(g, cpu, false);
	if (fd < 0)
		return fd;
	bpfring_sys_close(fd);
	/* The consumer first, then the producers. */
	if (loop)
		err = bpfring_group_add_to(loop, g, g->rings[g->count - 1].consumer);
	if (!err)
		err = point(g, cpu, g->count - 1);
	if (err)
		drop_ring(g, g->count - 1);
	return err;
}

/* Gives the slots of a ring to the others in turn. */
static int point_away(struct bpfring_group *g, uint32_t ring)
{
	uint32_t next = ring;
	int err = 0;

	for (uint32_t slot = 0; slot < g->slots && !err; slot++) {
		if (g->slot_ring[slot] != ring)
			continue;
		do
			next = (next + 1) % g->count;
		while (next == ring || g->rings[next].nmi || g->rings[next].leaving);
		err = point(g, slot, next);
	}
	return err;
}

static bool is_last(const struct bpfring_group *g, uint32_t ring)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (i != ring && !g->rings[i].nmi && !g->rings[i].leaving)
			return false;
	return true;
}

/* Hands out what is left in a ring; 0: it is empty and will stay so. */
static int empty(struct bpfring_group *g, struct bpfring_consumer *c)
{
	struct bpfring_loop *loop = bpfring_group_loop(g);
	struct bpfring_outcome outcome = {.sz = sizeof(outcome)};
	int err, back;

	if (!loop || !c->source) /* not ours to read */
		return bpfring_consumer_avail_data(c) ? -EAGAIN : 0;
	err = bpfring_loop_remove(loop, c);
	if (err)
		return err;
	if (g->fn)
		err = bpfring_consumer_consume(c, g->fn, g->ctx, NULL, &outcome);
	else
		err = bpfring_consumer_consume_batch(c, g->batch_fn, g->ctx, NULL, &outcome);
	if (err >= 0)
		err = outcome.end == BPFRING_END_DRAINED && !bpfring_consumer_avail_data(c)
			      ? 0
			      : -EAGAIN;
	if (!err)
		return 0;
	back = bpfring_group_add_to(loop, g, c);
	return back ? back : err;
}

int bpfring_group_remove_cpu(struct bpfring_group *g, unsigned int cpu)
{
	uint32_t ring;
	int err;

	if (!g || cpu >= g->cpus)
		return -EINVAL;
	ring = ring_of(g, cpu);
	if (ring == NO_RING)
		return -ENOENT;
	if (is_last(g, ring))
		return -EBUSY;
	if (!g->rings[ring].leaving) {
		err = point_away(g, ring);
		if (err)
			return err;
		g->rings[ring].leaving = true;
	}
	err = empty(g, g->rings[ring].consumer);
	if (!err)
		drop_ring(g, ring);
	return err;
}
