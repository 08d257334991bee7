// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Layout of the public structs where long has 64 bits. Compiling is the test: what is written here
 * was released, and programs were compiled with it. New members go to the end and get a line.
 */
#include <bpfring/bpfring.h>

#define LAYOUT_STRUCT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define LAYOUT_MEMBER(type, member, pos, size)                                                   \
	_Static_assert(offsetof(type, member) == (pos) && sizeof(((type *)0)->member) == (size), \
		       #type "." #member)

#if UINTPTR_MAX > 0xffffffffU

LAYOUT_STRUCT(struct bpfring_record, 24);
LAYOUT_MEMBER(struct bpfring_record, data, 0, 8);
LAYOUT_MEMBER(struct bpfring_record, size, 8, 4);
LAYOUT_MEMBER(struct bpfring_record, pos, 16, 8);

LAYOUT_STRUCT(struct bpfring_cons, 112);
LAYOUT_MEMBER(struct bpfring_cons, pos, 0, 8);
LAYOUT_MEMBER(struct bpfring_cons, prod, 8, 8);
LAYOUT_MEMBER(struct bpfring_cons, data, 16, 8);
LAYOUT_MEMBER(struct bpfring_cons, mask, 24, 8);
LAYOUT_MEMBER(struct bpfring_cons, released, 32, 8);
LAYOUT_MEMBER(struct bpfring_cons, published, 40, 8);
LAYOUT_MEMBER(struct bpfring_cons, cons_word, 48, 8);
LAYOUT_MEMBER(struct bpfring_cons, prod_word, 56, 8);
LAYOUT_MEMBER(struct bpfring_cons, owner, 64, 8);
LAYOUT_MEMBER(struct bpfring_cons, records, 72, 8);
LAYOUT_MEMBER(struct bpfring_cons, discards, 80, 8);
LAYOUT_MEMBER(struct bpfring_cons, max_fill, 88, 8);
LAYOUT_MEMBER(struct bpfring_cons, held_records, 96, 4);
LAYOUT_MEMBER(struct bpfring_cons, held_discards, 100, 4);
LAYOUT_MEMBER(struct bpfring_cons, word_size, 104, 1);
LAYOUT_MEMBER(struct bpfring_cons, quiet, 105, 1);
LAYOUT_MEMBER(struct bpfring_cons, busy, 106, 1);

LAYOUT_STRUCT(struct bpfring_consumer_opts, 16);
LAYOUT_MEMBER(struct bpfring_consumer_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_consumer_opts, flags, 8, 4);

LAYOUT_STRUCT(struct bpfring_budget, 32);
LAYOUT_MEMBER(struct bpfring_budget, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_budget, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_budget, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_budget, ns, 24, 8);

LAYOUT_STRUCT(struct bpfring_outcome, 24);
LAYOUT_MEMBER(struct bpfring_outcome, records, 0, 8);
LAYOUT_MEMBER(struct bpfring_outcome, bytes, 8, 8);
LAYOUT_MEMBER(struct bpfring_outcome, end, 16, 4);

LAYOUT_STRUCT(struct bpfring_consumer_stats, 96);
LAYOUT_MEMBER(struct bpfring_consumer_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, discards, 24, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, batches, 32, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, wakeups, 40, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, empty_wakeups, 48, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, busy_waits, 56, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, busy_max_ns, 64, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, asleep_ns, 72, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, max_fill, 80, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, ring_size, 88, 8);

LAYOUT_STRUCT(struct bpfring_loop_opts, 56);
LAYOUT_MEMBER(struct bpfring_loop_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, wait, 8, 4);
LAYOUT_MEMBER(struct bpfring_loop_opts, max_latency_ns, 16, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, tick_ns, 24, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_records, 32, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_bytes, 40, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_ns, 48, 8);

LAYOUT_STRUCT(struct bpfring_loop_stats, 64);
LAYOUT_MEMBER(struct bpfring_loop_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, polls, 8, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, sleeps, 16, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, asleep_ns, 24, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, windows, 32, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, arms, 40, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, rings, 48, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, active, 56, 8);

#endif

int main(void)
{
	return 0;
}
