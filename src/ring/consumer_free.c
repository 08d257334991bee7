// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The end of a consumer of which no call is in progress. */
#include "ring/consumer.h"

#include "base/sys.h"

void bpfring_consumer_leave(struct bpfring_consumer *c)
{
	/*
	 * It fails in a forked child and where another consumer has taken over; then the ring is
	 * not ours to touch.
	 */
	if (c->cons.released != c->opened_at)
		bpfring_priv_publish_shared(&c->cons, c->cons.released);
}

void bpfring_consumer_free(struct bpfring_consumer *c)
{
	bpfring_ring_cancel(&c->cons);
	bpfring_consumer_leave(c);
	log_info("map '%s' id %u: closed after %llu records\n", c->map.name, c->map.id,
		 (unsigned long long)c->cons.records);
	bpfring_waiter_free(c->waiter);
	bpfring_claim_drop(&c->claim, *c->guard);
	bpfring_mapping_free(&c->mapping);
	bpfring_guard_free(c->guard);
	bpfring_map_close(&c->map);
	bpfring_sys_free(c);
}
