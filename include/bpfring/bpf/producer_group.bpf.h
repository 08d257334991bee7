/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * For BPF programs: drain the user rings of a producer group (producer_group.h).
 *
 *	BPFRING_USER_GROUP(commands, 8);
 *
 *	BPFRING_DRAIN_FN(on_command, struct command, command, void, ctx)
 *	{
 *		return 0;
 *	}
 *
 *	BPFRING_DRAIN_GROUP_PROG(drain, commands, on_command, 256, 0)
 *
 * Include bpf/bpfring.bpf.h before it. Needs Linux 6.1.
 */
#ifndef BPFRING_BPF_PRODUCER_GROUP_H
#define BPFRING_BPF_PRODUCER_GROUP_H

#define BPFRING_PRIV_MAX_USER_RINGS 1024

/* BPFRING_USER_GROUP() - declare a group of user rings. @rings: how many, unless prepare says. */
#define BPFRING_USER_GROUP(name, rings)                              \
	struct bpfring_user_ring_of_##name {                         \
		__uint(type, BPF_MAP_TYPE_USER_RINGBUF);             \
		__uint(max_entries, 65536);                          \
	};                                                           \
	struct {                                                     \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);            \
		__uint(max_entries, rings);                          \
		__type(key, __u32);                                  \
		__array(values, struct bpfring_user_ring_of_##name); \
	} name SEC(".maps")

struct bpfring_priv_group_turn {
	long sum;
	long error;
	__u32 first;
	__u32 end; /* not this one */
};

/*
 * BPFRING_DRAIN_GROUP_PROG() - define a program for the group to kick.
 * @name:   of the program
 * @group:  of BPFRING_USER_GROUP()
 * @fn:     callback, as for BPFRING_DRAIN_PROG(); a result other than 0 ends the turn of its ring
 * @budget: samples per ring and run, so that one ring does not keep the others waiting
 * @flags:  as for BPFRING_DRAIN_PROG()
 *
 * Each run begins with another ring. The program returns the number of samples that it took of all
 * rings, or an error of one of them if it took none. Of two runs at the same time, one leaves out
 * the ring that the other drains.
 */
#define BPFRING_DRAIN_GROUP_PROG(name, group, fn, budget, flags)                            \
	/* In a variable: the verifier would follow the count down of a constant. */        \
	static volatile __u64 bpfring_budget_of_##name = (budget);                          \
	static __u32 bpfring_first_of_##name;                                               \
	static long bpfring_sample_of_##name(struct bpf_dynptr *sample, void *left)         \
	{                                                                                   \
		if (fn(sample, NULL))                                                       \
			return 1;                                                           \
		return --*(__u64 *)left == 0;                                               \
	}                                                                                   \
	static long bpfring_ring_of_##name(__u32 i, void *ctx)                              \
	{                                                                                   \
		struct bpfring_priv_group_turn *turn = ctx;                                 \
		__u32 ring = turn->first + i;                                               \
		__u64 left = bpfring_budget_of_##name;                                      \
		void *map;                                                                  \
		long done;                                                                  \
                                                                                            \
		if (ring >= turn->end)                                                      \
			return 1;                                                           \
		map = bpf_map_lookup_elem(&(group), &ring);                                 \
		if (!map)                                                                   \
			return 1;                                                           \
		done = bpf_user_ringbuf_drain(map, bpfring_sample_of_##name, &left, flags); \
		if (done > 0)                                                               \
			turn->sum += done;                                                  \
		else if (done && !turn->error)                                              \
			turn->error = done;                                                 \
		return 0;                                                                   \
	}                                                                                   \
	SEC("syscall")                                                                      \
	int name(void *bpfring_unused)                                                      \
	{                                                                                   \
		struct bpfring_priv_group_turn turn = {};                                   \
		__u32 first = bpfring_first_of_##name;                                      \
                                                                                            \
		if (!bpf_map_lookup_elem(&(group), &first))                                 \
			first = 0; /* behind the last */                                    \
		bpfring_first_of_##name = first + 1;                                        \
		turn.first = first;                                                         \
		turn.end = BPFRING_PRIV_MAX_USER_RINGS;                                     \
		bpf_loop(BPFRING_PRIV_MAX_USER_RINGS, bpfring_ring_of_##name, &turn, 0);    \
		turn.first = 0;                                                             \
		turn.end = first;                                                           \
		bpf_loop(BPFRING_PRIV_MAX_USER_RINGS, bpfring_ring_of_##name, &turn, 0);    \
		return (int)(turn.sum ? turn.sum : turn.error);                             \
	}

#endif /* BPFRING_BPF_PRODUCER_GROUP_H */
