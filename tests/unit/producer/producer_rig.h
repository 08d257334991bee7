/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One simulated user ring and its producer. */
#ifndef TESTS_UNIT_PRODUCER_RIG_H
#define TESTS_UNIT_PRODUCER_RIG_H

#include <errno.h>

#include "rig.h"
#include "sim_user.h"

#define ID 7U

static struct sim_ring *r;
static struct sim_map *map;
static struct bpfring_producer *p;

static inline void ring(size_t size, const struct start *start)
{
	assert_int_equal(
		sim_user_ring_new(&r, size, start ? start->word_size : 8, start ? start->pos : 0),
		0);
	map = sim_sys_map(r, "commands", ID);
	if (start)
		sim_sys_set_word_size(start->word_size);
}

static inline int open_with(const struct bpfring_producer_opts *opts)
{
	p = NULL;
	return bpfring_producer_open(&p, r->event_fd, opts);
}

static inline void done(void)
{
	bpfring_producer_close(p);
	p = NULL;
	sim_ring_free(r);
}

static inline int put_sample(uint8_t number, size_t size)
{
	uint8_t payload[PAGE];

	memset(payload, number, sizeof(payload));
	return bpfring_producer_output(p, payload, size);
}

static inline int no_kick(void *ctx)
{
	(void)ctx;
	return 0;
}

/* Closed producers are kept for the next: as many as are needed, before anything is counted. */
static inline int keep_two(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_UNCLAIMED);
	struct bpfring_producer *second;

	(void)state;
	ring(PAGE, NULL);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_open(&second, r->event_fd, &opts), 0);
	bpfring_producer_close(second);
	done();
	sim_sys_reset();
	return 0;
}

#endif /* TESTS_UNIT_PRODUCER_RIG_H */
