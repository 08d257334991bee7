// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A flight recorder on an ordinary ring: the tap is the consumer too, and gives up the oldest
 * records, so that producers always find space for the next.
 */
#include <errno.h>

#include "observe/tap.h"

static int give_up(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

int bpfring_tap_be_consumer(struct bpfring_tap *t)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	int err;

	if (t->ring.overwrite_word)
		return 0;
	err = bpfring_consumer_open(&t->consumer, t->ring.map_fd, &opts);
	if (!err) /* nobody sleeps here: commits need not notify */
		bpfring_ring_set_quiet(bpfring_consumer_ring(t->consumer), 1);
	return err;
}

/* Half of the ring: that is what the pace counts with. */
int bpfring_tap_make_room(struct bpfring_tap *t)
{
	const uint64_t half = (t->mask + 1) / 2;
	BPFRING_OPTS(bpfring_budget, budget);
	uint64_t used;
	int got;

	if (!t->consumer)
		return 0;
	used = bpfring_consumer_avail_data(t->consumer);
	if (used <= half)
		return 0;
	budget.bytes = used - half;
	got = bpfring_consumer_consume(t->consumer, give_up, NULL, &budget, NULL);
	return got < 0 ? got : 0;
}
