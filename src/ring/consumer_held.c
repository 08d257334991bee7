// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What a consumer holds. While a drain hands records over, only the position is up to date. The
 * records up to there cannot change until they are released, so their headers have the rest.
 */
#include "ring/consumer.h"

void bpfring_ring_recount(struct bpfring_ring *ring)
{
	ring->held_records = 0;
	ring->held_discards = 0;
	for (uint64_t at = ring->released; (int64_t)(ring->pos - at) > 0;) {
		uint32_t len = bpfring_priv_load_header(ring->data + (at & ring->mask));

		if (len & BPFRING_DISCARD_BIT)
			ring->held_discards++;
		else
			ring->held_records++;
		ring->last = at;
		at += bpfring_priv_total(len);
	}
}
