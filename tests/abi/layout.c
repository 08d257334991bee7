// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Layout of the public structs where long has 64 bits. Compiling is the test: what is written here
 * was released, and programs were compiled with it. New members go to the end and get a line.
 */
#include <bpfring/bpfring.h>

#define LAYOUT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define LAYOUT_AT(type, member, pos) \
	_Static_assert(offsetof(type, member) == (pos), #type "." #member)

#if UINTPTR_MAX > 0xffffffffU

LAYOUT_SIZE(struct bpfring_record, 24);
LAYOUT_AT(struct bpfring_record, data, 0);
LAYOUT_AT(struct bpfring_record, size, 8);
LAYOUT_AT(struct bpfring_record, pos, 16);

LAYOUT_SIZE(struct bpfring_cons, 112);
LAYOUT_AT(struct bpfring_cons, pos, 0);
LAYOUT_AT(struct bpfring_cons, prod, 8);
LAYOUT_AT(struct bpfring_cons, data, 16);
LAYOUT_AT(struct bpfring_cons, mask, 24);
LAYOUT_AT(struct bpfring_cons, released, 32);
LAYOUT_AT(struct bpfring_cons, published, 40);
LAYOUT_AT(struct bpfring_cons, cons_word, 48);
LAYOUT_AT(struct bpfring_cons, prod_word, 56);
LAYOUT_AT(struct bpfring_cons, owner, 64);
LAYOUT_AT(struct bpfring_cons, records, 72);
LAYOUT_AT(struct bpfring_cons, discards, 80);
LAYOUT_AT(struct bpfring_cons, max_fill, 88);
LAYOUT_AT(struct bpfring_cons, held_records, 96);
LAYOUT_AT(struct bpfring_cons, held_discards, 100);
LAYOUT_AT(struct bpfring_cons, word_size, 104);
LAYOUT_AT(struct bpfring_cons, quiet, 105);
LAYOUT_AT(struct bpfring_cons, busy, 106);

LAYOUT_SIZE(struct bpfring_consumer_opts, 16);
LAYOUT_AT(struct bpfring_consumer_opts, sz, 0);
LAYOUT_AT(struct bpfring_consumer_opts, flags, 8);

LAYOUT_SIZE(struct bpfring_budget, 32);
LAYOUT_AT(struct bpfring_budget, sz, 0);
LAYOUT_AT(struct bpfring_budget, records, 8);
LAYOUT_AT(struct bpfring_budget, bytes, 16);
LAYOUT_AT(struct bpfring_budget, ns, 24);

LAYOUT_SIZE(struct bpfring_outcome, 24);
LAYOUT_AT(struct bpfring_outcome, records, 0);
LAYOUT_AT(struct bpfring_outcome, bytes, 8);
LAYOUT_AT(struct bpfring_outcome, end, 16);

LAYOUT_SIZE(struct bpfring_consumer_stats, 96);
LAYOUT_AT(struct bpfring_consumer_stats, sz, 0);
LAYOUT_AT(struct bpfring_consumer_stats, records, 8);
LAYOUT_AT(struct bpfring_consumer_stats, bytes, 16);
LAYOUT_AT(struct bpfring_consumer_stats, discards, 24);
LAYOUT_AT(struct bpfring_consumer_stats, batches, 32);
LAYOUT_AT(struct bpfring_consumer_stats, wakeups, 40);
LAYOUT_AT(struct bpfring_consumer_stats, empty_wakeups, 48);
LAYOUT_AT(struct bpfring_consumer_stats, busy_waits, 56);
LAYOUT_AT(struct bpfring_consumer_stats, busy_max_ns, 64);
LAYOUT_AT(struct bpfring_consumer_stats, asleep_ns, 72);
LAYOUT_AT(struct bpfring_consumer_stats, max_fill, 80);
LAYOUT_AT(struct bpfring_consumer_stats, ring_size, 88);

LAYOUT_SIZE(struct bpfring_loop_opts, 56);
LAYOUT_AT(struct bpfring_loop_opts, sz, 0);
LAYOUT_AT(struct bpfring_loop_opts, wait, 8);
LAYOUT_AT(struct bpfring_loop_opts, max_latency_ns, 16);
LAYOUT_AT(struct bpfring_loop_opts, tick_ns, 24);
LAYOUT_AT(struct bpfring_loop_opts, budget_records, 32);
LAYOUT_AT(struct bpfring_loop_opts, budget_bytes, 40);
LAYOUT_AT(struct bpfring_loop_opts, budget_ns, 48);

LAYOUT_SIZE(struct bpfring_loop_stats, 64);
LAYOUT_AT(struct bpfring_loop_stats, sz, 0);
LAYOUT_AT(struct bpfring_loop_stats, polls, 8);
LAYOUT_AT(struct bpfring_loop_stats, sleeps, 16);
LAYOUT_AT(struct bpfring_loop_stats, asleep_ns, 24);
LAYOUT_AT(struct bpfring_loop_stats, windows, 32);
LAYOUT_AT(struct bpfring_loop_stats, arms, 40);
LAYOUT_AT(struct bpfring_loop_stats, rings, 48);
LAYOUT_AT(struct bpfring_loop_stats, active, 56);

#endif

int main(void)
{
	return 0;
}
