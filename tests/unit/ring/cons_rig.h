/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The consumer's end of a simulated ring, without the library around it. */
#ifndef TESTS_UNIT_CONS_RIG_H
#define TESTS_UNIT_CONS_RIG_H

#include <bpfring/ring.h>

#include "unit.h"

static inline void *note_of(struct sim_ring *r)
{
	return (char *)r->cons_word + BPFRING_NOTE_OFFSET;
}

static inline void init(struct bpfring_ring *c, struct sim_ring *r)
{
	assert_int_equal(bpfring_ring_init(c, r->cons_word, r->prod_word, r->data, r->size,
					   r->word_size, NULL),
			 0);
	bpfring_ring_set_note(c, note_of(r));
}

/* 1; 0: it does not fit. */
static inline int put(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	if (payload)
		sim_submit(r, payload, 0);
	return payload != NULL;
}

static inline int put_discarded(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	if (payload)
		sim_discard(r, payload, 0);
	return payload != NULL;
}

/* Takes all there is with one release; how many records. */
static inline unsigned int drain(struct bpfring_ring *c)
{
	struct bpfring_record record;
	unsigned int count = 0;

	while (bpfring_ring_peek(c, &record) == 1)
		count++;
	assert_int_equal(bpfring_ring_release(c), 0);
	return count;
}

#endif /* TESTS_UNIT_CONS_RIG_H */
