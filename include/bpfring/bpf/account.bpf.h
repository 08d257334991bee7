/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Accounting for BPF programs: what became of every record that a program wanted to write. User
 * space reads it with bpfring/loss.h.
 *
 *	BPFRING_RING(events, 256 * 1024);
 *
 *	struct event *e = bpfring_ring_reserve(events, struct event);
 *
 *	if (!e)
 *		return 0;                       counted as lost, with the cause
 *	e->pid = bpf_get_current_pid_tgid() >> 32;
 *	bpfring_ring_submit(events, e, 0);
 *
 * Every reserve that returns a record is followed by one submit or discard, so the attempts are the
 * sum of the records submitted, discarded and dropped. The counters only grow, and nobody resets
 * them. Each CPU has its own; they are changed by atomic additions, because programs can interrupt
 * each other on a CPU.
 *
 * Include <linux/bpf.h> or vmlinux.h, and <bpf/bpf_helpers.h>, before it. Needs Linux 5.8. For a
 * ring per CPU see group.bpf.h.
 */
#ifndef BPFRING_ACCOUNT_BPF_H
#define BPFRING_ACCOUNT_BPF_H

/* User space has the same struct in src/group/account.h. It grows at its end only. */
struct bpfring_account {
	__u64 submitted;
	__u64 discarded;
	__u64 dropped_full;    /* there was no space in the ring */
	__u64 dropped_no_ring; /* the group has no ring for this CPU */
	__u64 dropped_other;   /* larger than the ring, or its lock was not to be had (in NMI) */
	__u64 rescued;	       /* submitted or discarded, but taken from another ring */
	/* Written by user space when it creates the group. */
	__u32 mask; /* slots - 1 */
	__u32 flags;
	__u64 wake_bytes;
	__u64 wake_ns;
	/* The wake-up policy's own. */
	__u64 woken_at;
	__u64 above; /* the ring has been above wake_bytes since it was reported */
	__u64 reserved[4];
};

#define BPFRING_ACCOUNT_RESCUE (1U << 0) /* flag: try other rings when one is full */

/* Map @name_account: the counters of @name. */
#define BPFRING_ACCOUNT(name)                            \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, 1);                  \
		__type(key, __u32);                      \
		__type(value, struct bpfring_account);   \
	} name##_account SEC(".maps")

/*
 * BPFRING_RING() - define a ring and its counters.
 * @name:  of the ring; the counters are in the map `NAME_account`
 * @bytes: of data, a power of two and a multiple of the page size; libbpf rounds it up when it
 *         loads the object
 */
#define BPFRING_RING(name, bytes)                   \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, bytes);         \
	} name SEC(".maps");                        \
	BPFRING_ACCOUNT(name)

#define bpfring_priv_unlikely(condition) __builtin_expect(!!(condition), 0)

static __always_inline struct bpfring_account *bpfring_priv_account(void *account)
{
	__u32 zero = 0;

	return (struct bpfring_account *)bpf_map_lookup_elem(account, &zero);
}

/* The map has one element, so the kernel always finds it. */
#define bpfring_priv_count(account, member)                                     \
	do {                                                                    \
		struct bpfring_account *count_ = bpfring_priv_account(account); \
		if (count_)                                                     \
			__sync_fetch_and_add(&count_->member, 1);               \
	} while (0)

/*
 * Why was there no record of @size bytes? The ring is looked at afterwards, so a consumer may have
 * made space by then: one that is still more than half filled was full.
 */
static __always_inline void bpfring_priv_count_drop(void *ring, void *account, __u64 size)
{
	struct bpfring_account *a = bpfring_priv_account(account);
	__u64 need = (size + 8 + 7) & ~7ULL, used, all;

	if (!a)
		return;
	used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	all = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
	if (need < all && (used + need > all || used > all / 2))
		__sync_fetch_and_add(&a->dropped_full, 1);
	else
		__sync_fetch_and_add(&a->dropped_other, 1);
}

static __always_inline void *bpfring_priv_ring_reserve(void *ring, void *account, const __u64 size)
{
	void *record = bpf_ringbuf_reserve(ring, size, 0);

	if (bpfring_priv_unlikely(!record))
		bpfring_priv_count_drop(ring, account, size);
	return record;
}

static __always_inline long bpfring_priv_ring_output(void *ring, void *account, void *data,
						     __u64 size, __u64 flags)
{
	long err = bpf_ringbuf_output(ring, data, size, flags);

	if (bpfring_priv_unlikely(err))
		bpfring_priv_count_drop(ring, account, size);
	else
		bpfring_priv_count(account, submitted);
	return err;
}

/*
 * bpfring_ring_reserve() - get space for a record, or count it as dropped.
 * @name: of BPFRING_RING()
 * @type: of the record
 *
 * Return: the record, which the program must submit or discard; NULL: it was dropped.
 */
#define bpfring_ring_reserve(name, type) \
	((type *)bpfring_priv_ring_reserve(&(name), &name##_account, sizeof(type)))

/* bpfring_ring_reserve_size() - the same for a number of bytes, a constant. */
#define bpfring_ring_reserve_size(name, size) \
	bpfring_priv_ring_reserve(&(name), &name##_account, size)

/*
 * bpfring_ring_submit() - hand the record to the consumer.
 * @name:   of BPFRING_RING()
 * @record: of bpfring_ring_reserve(), not NULL
 * @flags:  0, BPF_RB_NO_WAKEUP or BPF_RB_FORCE_WAKEUP
 *
 * It is counted first: a consumer that has the record finds it counted.
 */
#define bpfring_ring_submit(name, record, flags)                \
	do {                                                    \
		bpfring_priv_count(&name##_account, submitted); \
		bpf_ringbuf_submit(record, flags);              \
	} while (0)

/* bpfring_ring_discard() - give the record up. It is counted as discarded. */
#define bpfring_ring_discard(name, record, flags)               \
	do {                                                    \
		bpfring_priv_count(&name##_account, discarded); \
		bpf_ringbuf_discard(record, flags);             \
	} while (0)

/*
 * bpfring_ring_output() - copy a record into the ring, or count it as dropped.
 * @name:  of BPFRING_RING()
 * @data:  the record
 * @size:  its bytes, may vary
 * @flags: as for bpfring_ring_submit()
 *
 * It is counted afterwards, so its consumer may have it a moment before it is counted.
 *
 * Return: 0; negative: it was dropped.
 */
#define bpfring_ring_output(name, data, size, flags) \
	bpfring_priv_ring_output(&(name), &name##_account, data, size, flags)

#endif /* BPFRING_ACCOUNT_BPF_H */
