// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Writes into a group and into a single ring when a test says so, and counts what it does. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/group.bpf.h>

#include "group_test.h"

BPFRING_GROUP(events, RING_BYTES);
BPFRING_RING(alone, RING_BYTES);

struct huge {
	char bytes[2 * RING_BYTES];
};

__u64 nested_attempts, forced;

#define FOR_EACH(i) for (int i = 0; i < RUN_COUNT && i < (int)ctx->args[GROUP_COUNT]; i++)

#define FILL(e)                                               \
	do {                                                  \
		(e)->writer = (__u32)ctx->args[GROUP_WRITER]; \
		(e)->cpu = bpf_get_smp_processor_id();        \
		(e)->number = ctx->args[GROUP_NUMBER] + i;    \
	} while (0)

#define WRITE(reserve, submit, flags)              \
	do {                                       \
		FOR_EACH(i)                        \
		{                                  \
			struct event *e = reserve; \
			if (!e)                    \
				continue;          \
			FILL(e);                   \
			submit(e, flags);          \
			done++;                    \
		}                                  \
	} while (0)

#define OUTPUT(output)                  \
	do {                            \
		FOR_EACH(i)             \
		{                       \
			struct event e; \
			FILL(&e);       \
			if (!output)    \
				done++; \
		}                       \
	} while (0)

#define SUBMIT(e, flags) bpfring_group_submit(events, e, flags)
#define DISCARD(e, flags)                                        \
	do {                                                     \
		if (i & 1)                                       \
			bpfring_group_discard(events, e, flags); \
		else                                             \
			bpfring_group_submit(events, e, flags);  \
	} while (0)

SEC("raw_tp/sys_enter")
int group_submit(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_group_reserve(events, struct event), SUBMIT, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int group_discard(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_group_reserve(events, struct event), DISCARD, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int group_output(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	OUTPUT(bpfring_group_output(events, &e, sizeof(e), 0));
	return done;
}

SEC("raw_tp/sys_enter")
int group_by(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_group_reserve_by(events, struct event, ctx->args[GROUP_KEY]), SUBMIT, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int group_nmi(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_group_reserve_nmi(events, struct event), SUBMIT, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int group_output_by(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	OUTPUT(bpfring_group_output_by(events, &e, sizeof(e), 0, ctx->args[GROUP_KEY]));
	return done;
}

SEC("raw_tp/sys_enter")
int group_output_nmi(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	OUTPUT(bpfring_group_output_nmi(events, &e, sizeof(e), 0));
	return done;
}

static __always_inline __u64 policy(void)
{
	__u64 flags = bpfring_group_wake_flags(events);

	if (flags == BPF_RB_FORCE_WAKEUP)
		__sync_fetch_and_add(&forced, 1);
	return flags;
}

SEC("raw_tp/sys_enter")
int group_policy(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_group_reserve(events, struct event), SUBMIT, policy());
	return done;
}

#undef SUBMIT
#undef DISCARD
#define SUBMIT(e, flags) bpfring_ring_submit(alone, e, flags)
#define DISCARD(e, flags)                                      \
	do {                                                   \
		if (i & 1)                                     \
			bpfring_ring_discard(alone, e, flags); \
		else                                           \
			bpfring_ring_submit(alone, e, flags);  \
	} while (0)

SEC("raw_tp/sys_enter")
int ring_submit(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_ring_reserve(alone, struct event), SUBMIT, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int ring_discard(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	WRITE(bpfring_ring_reserve(alone, struct event), DISCARD, 0);
	return done;
}

SEC("raw_tp/sys_enter")
int ring_output(struct bpf_raw_tracepoint_args *ctx)
{
	int done = 0;

	OUTPUT(bpfring_ring_output(alone, &e, sizeof(e), 0));
	return done;
}

/* Larger than the ring: neither space nor time would help. */
SEC("raw_tp/sys_enter")
int ring_huge(void *ctx)
{
	struct huge *huge = bpfring_ring_reserve(alone, struct huge);

	(void)ctx;
	if (!huge)
		return 0;
	bpfring_ring_discard(alone, huge, 0);
	return 1;
}

/* Interrupts the programs above, and others of its own kind that it is told of. */
SEC("perf_event")
int interrupt(void *ctx)
{
	struct event e = {.writer = 99};

	(void)ctx;
	__sync_fetch_and_add(&nested_attempts, 2);
	bpfring_group_output(events, &e, sizeof(e), 0);
	bpfring_ring_output(alone, &e, sizeof(e), 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
