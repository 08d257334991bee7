/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Group: a ring per CPU, made, watched and counted as one thing.
 *
 * A ring is a lock: on a machine with many CPUs the producers wait for each other. In a group each
 * CPU has a ring of its own. The BPF half is bpf/group.bpf.h.
 *
 *	BPFRING_OPTS(bpfring_group_opts, opts, .total_bytes = 64 << 20);
 *	struct bpfring_group *group;
 *
 *	skel = my_bpf__open();
 *	bpfring_group_prepare(skel->obj, "events", &opts);
 *	my_bpf__load(skel);
 *	bpfring_group_create(&group, skel->obj, "events", &opts);
 *	my_bpf__attach(skel);
 *	bpfring_loop_add_group(loop, group, on_event, NULL);
 *	bpfring_loop_run(loop);
 *
 * Order: each ring is in the order in which its CPU reserved. Between rings there is none.
 *
 * Threads: one thread at a time owns a group. Its consumers (bpfring_group_consumer()) are
 * consumers as any other, and can be given to several threads, each of them to one.
 *
 * Fork: as consumers, see consumer.h.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_GROUP_H
#define BPFRING_GROUP_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>
#include <bpfring/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_object;
struct bpfring_group;

/* Flags of struct bpfring_group_opts. */
enum {
	/* The memory of each ring is on the NUMA node of its CPU. */
	BPFRING_GROUP_NUMA = 1U << 0,
	/* When the ring of a CPU is full, programs try the emptier of two others. The records of a
	 * CPU are then not in one ring, and so in no order.
	 */
	BPFRING_GROUP_RESCUE = 1U << 1,
};

/**
 * struct bpfring_group_opts - what a group is made of. Prepare and create get the same.
 * @sz:          sizeof(struct bpfring_group_opts)
 * @flags:       BPFRING_GROUP_*
 * @rings:       how many rings; CPU i uses ring i % @rings. More than CPUs make sense where
 *               programs choose by a key. 0: one for each CPU of @cpus, or else
 *               for each possible CPU
 * @nmi_rings:   how many more for programs in NMI context. 0: none
 * @cpus:        CPUs that get the rings, each one; the other CPUs share these. NULL: all
 * @cpu_count:   length of @cpus
 * @account_fd:  for bpfring_group_open(): the map `NAME_account`; 0: it is looked for
 * @ring_bytes:  of data in each ring, rounded up to a power of two of pages. 0: by @total_bytes, or
 *               else as declared in BPFRING_GROUP()
 * @total_bytes: most bytes of data in all rings; each gets an equal share, rounded down. 0: no
 *               limit
 * @wake_bytes:  policy of bpfring_group_wake_flags(): notify when a ring has come to hold so much.
 *               0: not by bytes
 * @wake_ns:     and when so much time has passed since the last notification. 0: not by time
 */
struct bpfring_group_opts {
	size_t sz;
	uint32_t flags;
	uint32_t rings;
	uint32_t nmi_rings;
	uint32_t cpu_count;
	const uint32_t *cpus;
	int account_fd;
	uint32_t reserved;
	uint64_t ring_bytes;
	uint64_t total_bytes;
	uint64_t wake_bytes;
	int64_t wake_ns;
};

/**
 * bpfring_group_prepare() - give the group's map the form that this machine needs.
 * @obj:  opened, not loaded
 * @name: of BPFRING_GROUP()
 * @opts: NULL for defaults
 *
 * Return: 0; -EINVAL: NULL, bad options, or @name is not a group; -ENOENT: no such map; -E2BIG:
 * options from a newer library; -EBUSY: the object is loaded already.
 */
BPFRING_API int bpfring_group_prepare(struct bpf_object *obj, const char *name,
				      const struct bpfring_group_opts *opts);

/**
 * bpfring_group_create() - make the rings of a group.
 * @ret:  the group; free it with bpfring_group_close()
 * @obj:  loaded; better not attached yet, for what programs write before is lost (and counted)
 * @name: of BPFRING_GROUP()
 * @opts: as bpfring_group_prepare() got them
 *
 * Return: 0, or -EINVAL: NULL, bad options, not prepared, or @name is not a group; -ENOENT: no such
 * map; -EBADF: the object is not loaded; -EBUSY: the group has rings already; -ENOSPC: @total_bytes
 * is less than a page for each ring; -E2BIG: options from a newer library; -ENOMEM: out of memory;
 * the log says how much was asked for, and that a memory cgroup may be the limit; -EPERM: bpf() is
 * refused, or RLIMIT_MEMLOCK is too small (before Linux 5.11); -EMFILE, -ENFILE: each ring takes
 * two descriptors.
 */
BPFRING_API int bpfring_group_create(struct bpfring_group **ret, struct bpf_object *obj,
				     const char *name, const struct bpfring_group_opts *opts);

/**
 * bpfring_group_open() - open a group that another process has made.
 * @ret:      the group; free it with bpfring_group_close()
 * @outer_fd: the map of BPFRING_GROUP(); it is duplicated
 * @opts:     @account_fd, or NULL; the rest must be 0
 *
 * Opening maps by their ids needs CAP_SYS_ADMIN. As with single rings, one process at a time
 * consumes.
 *
 * Return: 0, or -EINVAL: NULL, bad options, or @outer_fd is not a group; -ENOENT: the group has no
 * rings, or no program that uses it was found and with it no counters: give @account_fd; -EPERM:
 * bpf() is refused; and what bpfring_consumer_open() returns.
 */
BPFRING_API int bpfring_group_open(struct bpfring_group **ret, int outer_fd,
				   const struct bpfring_group_opts *opts);

/** bpfring_group_open_pinned() - the same for an outer map pinned at @path. */
BPFRING_API int bpfring_group_open_pinned(struct bpfring_group **ret, const char *path,
					  const struct bpfring_group_opts *opts);

/**
 * bpfring_group_close() - leave all rings and free the group.
 * @g: NULL is fine
 *
 * Takes the consumers out of their loop. The BPF programs keep the rings as long as they are
 * loaded.
 */
BPFRING_API void bpfring_group_close(struct bpfring_group *g);

/** bpfring_group_count() - number of rings. -EINVAL: NULL. */
BPFRING_API int bpfring_group_count(const struct bpfring_group *g);

/**
 * bpfring_group_consumer() - the consumer of a ring.
 * @g: the group; it owns the consumer, do not close it
 * @i: 0 to bpfring_group_count() - 1; numbers change when a CPU is removed
 *
 * Return: the consumer; NULL: @g is NULL, or there is no such ring.
 */
BPFRING_API struct bpfring_consumer *bpfring_group_consumer(const struct bpfring_group *g,
							    unsigned int i);

/**
 * bpfring_group_account_fd() - the map of the counters, for bpfring_loss_open().
 *
 * Return: the descriptor, which is the group's; -EINVAL: NULL.
 */
BPFRING_API int bpfring_group_account_fd(const struct bpfring_group *g);

/**
 * bpfring_loop_add_group() - hand the records of all rings to a callback.
 * @l:   the loop
 * @g:   the group; rings that are added to it later are added to the loop too
 * @fn:  called for every record
 * @ctx: for @fn
 *
 * Return: 0, or what bpfring_loop_add() returns; then none of the rings is in the loop. -EEXIST:
 * the group is in a loop already.
 */
BPFRING_API int bpfring_loop_add_group(struct bpfring_loop *l, struct bpfring_group *g,
				       bpfring_record_fn fn, void *ctx);

/** bpfring_loop_add_group_batch() - the same with a callback per batch of up to 64 records. */
BPFRING_API int bpfring_loop_add_group_batch(struct bpfring_loop *l, struct bpfring_group *g,
					     bpfring_batch_fn fn, void *ctx);

/**
 * bpfring_loop_remove_group() - take all rings out.
 *
 * Return: 0; -ENOENT: it is not in this loop; -EINVAL: NULL.
 */
BPFRING_API int bpfring_loop_remove_group(struct bpfring_loop *l, struct bpfring_group *g);

/**
 * bpfring_group_add_cpu() - give a CPU a ring of its own, of the size of the others.
 * @g:   the group
 * @cpu: that has shared another's so far
 *
 * May wait some milliseconds, until the kernel has replaced the ring.
 *
 * Return: 0, or -EINVAL: NULL, or no such CPU; -EEXIST: it has one; and what bpfring_group_create()
 * and bpfring_loop_add() return.
 */
BPFRING_API int bpfring_group_add_cpu(struct bpfring_group *g, unsigned int cpu);

/**
 * bpfring_group_remove_cpu() - take a CPU's ring away; it then shares another's.
 * @g:   the group
 * @cpu: whose ring it is
 *
 * Programs write to another ring from now on. What is left in the ring goes to the callback of
 * bpfring_loop_add_group(), from this call, and the ring is closed. Waits until no program that is
 * running knows the ring any more, some milliseconds for each slot that it has.
 *
 * Not from a callback of the group.
 *
 * Return: 0, or -EINVAL: NULL, or no such CPU; -ENOENT: it has no ring of its own; -EBUSY: it is
 * the last ring; -EAGAIN: a record in it is still being written, or the group is in no loop and
 * there are records to read: call again after a while, or after reading them; what the
 * callback returns.
 */
BPFRING_API int bpfring_group_remove_cpu(struct bpfring_group *g, unsigned int cpu);

/**
 * struct bpfring_group_stats - counters of all rings in sum, those removed since included.
 * @sz:            set by the caller: sizeof(struct bpfring_group_stats)
 * @rings:         rings now
 * @nmi_rings:     of these, rings for NMI context
 * @records:       released, as in struct bpfring_consumer_stats
 * @bytes:
 * @discards:
 * @batches:
 * @wakeups:
 * @empty_wakeups:
 * @busy_waits:
 * @asleep_ns:
 * @max_fill:      of the ring that was fullest
 * @ring_size:     of data in all rings now
 */
struct bpfring_group_stats {
	size_t sz;
	uint64_t rings;
	uint64_t nmi_rings;
	uint64_t records;
	uint64_t bytes;
	uint64_t discards;
	uint64_t batches;
	uint64_t wakeups;
	uint64_t empty_wakeups;
	uint64_t busy_waits;
	uint64_t asleep_ns;
	uint64_t max_fill;
	uint64_t ring_size;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/** bpfring_group_stats() - read the counters. 0; -EINVAL: NULL, or a size too small. */
BPFRING_API int bpfring_group_stats(const struct bpfring_group *g, struct bpfring_group_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_GROUP_H */
