/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Ring groups, the BPF half of bpfring/group.h: a ring per CPU, so that CPUs do not wait for each
 * other's lock.
 *
 *	BPFRING_GROUP(events, 256 * 1024);
 *
 *	struct event *e = bpfring_group_reserve(events, struct event);
 *
 *	if (!e)
 *		return 0;                       counted as lost, with the cause
 *	e->pid = bpf_get_current_pid_tgid() >> 32;
 *	bpfring_group_submit(events, e, 0);
 *
 * User space calls bpfring_group_prepare() before it loads the object, and bpfring_group_create()
 * afterwards, before it attaches the programs. Until then every reserve counts as dropped_no_ring.
 *
 * Include <linux/bpf.h> or vmlinux.h, and <bpf/bpf_helpers.h>, before it. Needs Linux 5.8.
 */
#ifndef BPFRING_GROUP_BPF_H
#define BPFRING_GROUP_BPF_H

#include "account.bpf.h"

/*
 * BPFRING_GROUP() - define a group of rings and its counters.
 * @name:  of the group; the counters are in the map `NAME_account`
 * @bytes: of data of each ring, unless bpfring_group_create() is asked for another size
 *
 * The map has a slot for each CPU, and behind these as many for rings of NMI context.
 */
#define BPFRING_GROUP(name, bytes)                                  \
	struct {                                                    \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);           \
		__uint(max_entries, 2);                             \
		__type(key, __u32);                                 \
		__array(                                            \
			values, struct {                            \
				__uint(type, BPF_MAP_TYPE_RINGBUF); \
				__uint(max_entries, bytes);         \
			});                                         \
	} name SEC(".maps");                                        \
	BPFRING_ACCOUNT(name)

/* Which rings a record may go to. */
enum bpfring_priv_pick {
	BPFRING_PRIV_BY_CPU,
	BPFRING_PRIV_BY_KEY,
	BPFRING_PRIV_NMI,
};

/* There are as many slots as possible CPUs at least: the number of the CPU needs no mask. */
static __always_inline __u32 bpfring_priv_slot(void *account, const enum bpfring_priv_pick pick,
					       __u64 key)
{
	struct bpfring_account *a;

	if (pick == BPFRING_PRIV_BY_CPU)
		return bpf_get_smp_processor_id();
	a = bpfring_priv_account(account);
	if (!a)
		return ~0U;
	if (pick == BPFRING_PRIV_NMI)
		return a->mask + 1 + bpf_get_smp_processor_id();
	return (__u32)(key * 0x9e3779b97f4a7c15ULL >> 32) & a->mask;
}

static __always_inline void *bpfring_priv_other_ring(void *outer, __u32 mask)
{
	__u32 slot = bpf_get_prandom_u32() & mask;

	return bpf_map_lookup_elem(outer, &slot);
}

/* The emptier of two rings taken at random; NULL: not asked for. */
static __always_inline void *bpfring_priv_rescue_ring(void *outer, void *account)
{
	struct bpfring_account *a = bpfring_priv_account(account);
	void *one, *two;

	if (!a || !(a->flags & BPFRING_ACCOUNT_RESCUE))
		return (void *)0;
	one = bpfring_priv_other_ring(outer, a->mask);
	if (!one)
		return (void *)0;
	two = bpfring_priv_other_ring(outer, a->mask);
	if (two &&
	    bpf_ringbuf_query(two, BPF_RB_AVAIL_DATA) < bpf_ringbuf_query(one, BPF_RB_AVAIL_DATA))
		return two;
	return one;
}

static __always_inline void *bpfring_priv_group_reserve(void *outer, void *account,
							const __u64 size,
							const enum bpfring_priv_pick pick,
							__u64 key)
{
	__u32 slot = bpfring_priv_slot(account, pick, key);
	void *ring = bpf_map_lookup_elem(outer, &slot), *other, *record;

	if (bpfring_priv_unlikely(!ring)) {
		bpfring_priv_count(account, dropped_no_ring);
		return (void *)0;
	}
	record = bpf_ringbuf_reserve(ring, size, 0);
	if (!bpfring_priv_unlikely(!record))
		return record;
	if (pick == BPFRING_PRIV_BY_CPU) {
		other = bpfring_priv_rescue_ring(outer, account);
		if (other) {
			record = bpf_ringbuf_reserve(other, size, 0);
			if (record) {
				bpfring_priv_count(account, rescued);
				return record;
			}
		}
	}
	bpfring_priv_count_drop(ring, account, size);
	return (void *)0;
}

static __always_inline long bpfring_priv_group_output(void *outer, void *account, void *data,
						      __u64 size, __u64 flags,
						      const enum bpfring_priv_pick pick, __u64 key)
{
	__u32 slot = bpfring_priv_slot(account, pick, key);
	void *ring = bpf_map_lookup_elem(outer, &slot), *other;
	long err;

	if (bpfring_priv_unlikely(!ring)) {
		bpfring_priv_count(account, dropped_no_ring);
		return -2; /* -ENOENT */
	}
	err = bpf_ringbuf_output(ring, data, size, flags);
	if (bpfring_priv_unlikely(err) && pick == BPFRING_PRIV_BY_CPU) {
		other = bpfring_priv_rescue_ring(outer, account);
		if (other) {
			err = bpf_ringbuf_output(other, data, size, flags);
			if (!err)
				bpfring_priv_count(account, rescued);
		}
	}
	if (bpfring_priv_unlikely(err))
		bpfring_priv_count_drop(ring, account, size);
	else
		bpfring_priv_count(account, submitted);
	return err;
}

#define bpfring_priv_group_reserve_as(name, size, pick, key) \
	bpfring_priv_group_reserve(&(name), &name##_account, size, pick, key)
#define bpfring_priv_group_output_as(name, data, size, flags, pick, key) \
	bpfring_priv_group_output(&(name), &name##_account, data, size, flags, pick, key)

/*
 * bpfring_group_reserve() - get space for a record in this CPU's ring, or count it as dropped.
 * @name: of BPFRING_GROUP()
 * @type: of the record
 *
 * If the ring is full and the group was created with BPFRING_GROUP_RESCUE, the emptier of two other
 * rings is tried. Not for programs that run in NMI context, see bpfring_group_reserve_nmi().
 *
 * Return: the record, which the program must submit or discard; NULL: it was dropped.
 */
#define bpfring_group_reserve(name, type) ((type *)bpfring_group_reserve_size(name, sizeof(type)))

/* bpfring_group_reserve_size() - the same for a number of bytes, a constant. */
#define bpfring_group_reserve_size(name, size) \
	bpfring_priv_group_reserve_as(name, size, BPFRING_PRIV_BY_CPU, 0)

/*
 * bpfring_group_reserve_by() - the same in the ring of a key, whatever the CPU.
 * @key: u64; records of one key go to one ring, and so stay in the order of their reserve
 *
 * Where order per process or flow matters more than locality. Never rescued by another ring.
 */
#define bpfring_group_reserve_by(name, type, key) \
	((type *)bpfring_priv_group_reserve_as(name, sizeof(type), BPFRING_PRIV_BY_KEY, key))

/*
 * bpfring_group_reserve_nmi() - the same in a ring that only programs of NMI context use.
 *
 * For programs on hardware perf events, and for kprobes in code that NMIs run. A program in NMI
 * context that shares a ring with others may find its lock taken; kernels from 6.15 on can then
 * stand still for milliseconds. Needs bpfring_group_opts.nmi_rings.
 */
#define bpfring_group_reserve_nmi(name, type) \
	((type *)bpfring_priv_group_reserve_as(name, sizeof(type), BPFRING_PRIV_NMI, 0))

/*
 * bpfring_group_submit() - hand the record to the consumer, whatever ring it is in.
 * @name:   of BPFRING_GROUP()
 * @record: not NULL
 * @flags:  0, BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, or bpfring_group_wake_flags(name)
 *
 * It is counted first: a consumer that has the record finds it counted.
 */
#define bpfring_group_submit(name, record, flags) bpfring_ring_submit(name, record, flags)

/* bpfring_group_discard() - give the record up. It is counted as discarded. */
#define bpfring_group_discard(name, record, flags) bpfring_ring_discard(name, record, flags)

/*
 * bpfring_group_output() - copy a record into this CPU's ring, or count it as dropped.
 * @name:  of BPFRING_GROUP()
 * @data:  the record
 * @size:  its bytes, may vary
 * @flags: as for bpfring_group_submit()
 *
 * It is counted afterwards, so its consumer may have it a moment before it is counted.
 *
 * Return: 0; negative: it was dropped.
 */
#define bpfring_group_output(name, data, size, flags) \
	bpfring_priv_group_output_as(name, data, size, flags, BPFRING_PRIV_BY_CPU, 0)

/* bpfring_group_output_by() - the same into the ring of a key. */
#define bpfring_group_output_by(name, data, size, flags, key) \
	bpfring_priv_group_output_as(name, data, size, flags, BPFRING_PRIV_BY_KEY, key)

/* bpfring_group_output_nmi() - the same into a ring of NMI context. */
#define bpfring_group_output_nmi(name, data, size, flags) \
	bpfring_priv_group_output_as(name, data, size, flags, BPFRING_PRIV_NMI, 0)

static __always_inline __u64 bpfring_priv_wake_flags(void *outer, void *account)
{
	struct bpfring_account *a = bpfring_priv_account(account);
	__u64 flags = BPF_RB_NO_WAKEUP, now;
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring;

	if (!a || (!a->wake_bytes && !a->wake_ns))
		return 0;
	if (a->wake_bytes) {
		ring = bpf_map_lookup_elem(outer, &cpu);
		if (!ring)
			return 0;
		if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < a->wake_bytes) {
			a->above = 0;
		} else if (!a->above) {
			a->above = 1;
			flags = BPF_RB_FORCE_WAKEUP;
		}
	}
	if (a->wake_ns) {
		now = bpf_ktime_get_ns();
		if (now - a->woken_at >= a->wake_ns)
			flags = BPF_RB_FORCE_WAKEUP;
		if (flags == BPF_RB_FORCE_WAKEUP)
			a->woken_at = now;
	}
	return flags;
}

/*
 * bpfring_group_wake_flags() - flags for submit and output by the group's wake-up policy.
 * @name: of BPFRING_GROUP()
 *
 * BPF_RB_FORCE_WAKEUP when this CPU's ring has just come to hold wake_bytes, or when wake_ns have
 * passed since the last one; otherwise BPF_RB_NO_WAKEUP. A record after which no other comes is not
 * reported: the consumer looks by itself, every bpfring_loop_opts.tick_ns.
 *
 * A consumer of this library needs no policy: it keeps the kernel from notifying while it is awake
 * (loop.h). It serves consumers of other libraries.
 *
 * Return: the flags; 0, the kernel's own policy, if the group was created without one.
 */
#define bpfring_group_wake_flags(name) bpfring_priv_wake_flags(&(name), &name##_account)

#endif /* BPFRING_GROUP_BPF_H */
