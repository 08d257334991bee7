// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a wait and a loop do around a sleep: armed before it, quiet after it; its statistics. */
#include "ring/consumer.h"

int bpfring_consumer_arm(struct bpfring_consumer *c, int64_t now)
{
	int more = bpfring_ring_arm(&c->cons);

	if (more) {
		if (more < 0)
			bpfring_consumer_log_broken(c, more);
		return more;
	}
	if (!c->armed) {
		c->armed = true;
		c->armed_at = now;
	}
	if (!bpfring_ring_head_busy(&c->cons)) {
		bpfring_consumer_busy_over(c, now);
	} else if (!c->busy_since) {
		c->busy_since = now;
		c->busy_waits++;
	}
	return 0;
}

void bpfring_consumer_awake(struct bpfring_consumer *c, int64_t now)
{
	if (c->armed)
		c->asleep_ns += (uint64_t)(now - c->armed_at);
	c->armed = false;
}

void bpfring_consumer_disarm(struct bpfring_consumer *c, int64_t now)
{
	bpfring_consumer_awake(c, now);
	bpfring_ring_set_quiet(&c->cons, 1);
}

void bpfring_consumer_busy_over(struct bpfring_consumer *c, int64_t now)
{
	uint64_t ns = (uint64_t)(now - c->busy_since);

	if (!c->busy_since)
		return;
	c->busy_since = 0;
	if (ns > c->busy_max_ns)
		c->busy_max_ns = ns;
}
