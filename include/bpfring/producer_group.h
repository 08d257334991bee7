/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producer group: several user rings in one ARRAY_OF_MAPS, so that threads which produce share
 * nothing. One BPF program drains them all: BPFRING_USER_GROUP() and BPFRING_DRAIN_GROUP_PROG() of
 * bpf/producer_group.bpf.h.
 *
 * A thread takes a ring with bpfring_producer_group_get() and uses it through the functions of
 * producer.h and producer_wait.h. It gets the ring with the fewest threads. If there are more
 * threads than rings, some share one, with the lock of BPFRING_PRODUCER_THREADS.
 *
 * Order holds within a ring only. A sample that a thread leaves open holds up its own ring alone.
 *
 * Threads: any thread may call any function, except close. Of these functions a signal handler may
 * call stop alone. Processes: as producer.h; in a forked child only close works.
 *
 * Needs: Linux 6.1, and the privilege to create maps.
 */
#ifndef BPFRING_PRODUCER_GROUP_H
#define BPFRING_PRODUCER_GROUP_H

#include <bpfring/producer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_object;
struct bpfring_producer_group;

/**
 * struct bpfring_producer_group_opts - how a group is made and opened.
 * @sz:         sizeof(struct bpfring_producer_group_opts)
 * @rings:      for prepare: number of rings, at most 1024. 0: as many as the BPF object declares
 * @ring_bytes: for create: size of each ring, rounded up to a power of two of pages, at most 2^31.
 *              0: 64 KiB
 * @producer:   how each ring is opened, as for bpfring_producer_open(); NULL for defaults. The
 *              group adds BPFRING_PRODUCER_THREADS; it has no claim_fd. Name the program that
 *              drains the group in kick_prog_fd
 */
struct bpfring_producer_group_opts {
	size_t sz;
	uint32_t rings;
	uint32_t ring_bytes;
	const struct bpfring_producer_opts *producer;
};

/**
 * bpfring_producer_group_prepare() - set the number of rings, before the object is loaded.
 * @obj:  an object that is open and not loaded
 * @name: what BPFRING_USER_GROUP() declared
 * @opts: NULL for defaults; only @rings counts
 *
 * Not needed if the number that the object declares is right. Does not block.
 *
 * Return: 0; -EINVAL: NULL, more than 1024 rings, or @name is not an array of maps; -ENOENT: no
 * such map; -EBUSY: the object is loaded; -E2BIG: @opts is from a newer library and asks for
 * something unknown.
 */
BPFRING_API int bpfring_producer_group_prepare(struct bpf_object *obj, const char *name,
					       const struct bpfring_producer_group_opts *opts);

/**
 * bpfring_producer_group_create() - create the rings, after the load, and open them.
 * @ret:  the group; free it with bpfring_producer_group_close()
 * @obj:  a loaded object
 * @name: what BPFRING_USER_GROUP() declared
 * @opts: NULL for defaults
 *
 * Rings that were there before are replaced. May wait for the kernel, some milliseconds per ring.
 *
 * Return: 0; -EINVAL: NULL, impossible options, or @name is not an array of user rings; -ENOENT: no
 * such map; -EBADF: the object is not loaded; -ENOMEM: out of memory, or the limit of the memory
 * cgroup; -EAGAIN: no thread-specific key is left (PTHREAD_KEYS_MAX); -EPERM: this process may not
 * create maps; -E2BIG: as prepare; others as bpfring_producer_open().
 */
BPFRING_API int bpfring_producer_group_create(struct bpfring_producer_group **ret,
					      const struct bpf_object *obj, const char *name,
					      const struct bpfring_producer_group_opts *opts);

/**
 * bpfring_producer_group_open() - open the rings of a group that exists.
 * @ret:      the group
 * @outer_fd: the array of maps; the caller keeps it
 * @opts:     NULL for defaults
 *
 * Return: as create; -ENOENT: a slot of the array is empty; -EBUSY: a producer has one of the
 * rings; -EPERM: this process may not open maps by their id (CAP_SYS_ADMIN).
 */
BPFRING_API int bpfring_producer_group_open(struct bpfring_producer_group **ret, int outer_fd,
					    const struct bpfring_producer_group_opts *opts);

/**
 * bpfring_producer_group_close() - close all rings; what was submitted stays in them.
 * @g: NULL is fine
 *
 * As for bpfring_producer_close(), no thread may be inside a function of one of its producers,
 * except to wait for space: waits end with -ECANCELED. No thread may be inside a function of the
 * group or be ending while it holds a ring. Threads that hold one and go on get -EBADF from it.
 */
BPFRING_API void bpfring_producer_group_close(struct bpfring_producer_group *g);

/**
 * bpfring_producer_group_get() - the calling thread's ring.
 * @g:   the group
 * @ret: its producer, which belongs to the group: do not close it
 *
 * The first call takes the ring with the fewest threads; later ones return the same ring. The ring
 * is given back by bpfring_producer_group_put() or when the thread ends, also when it is cancelled.
 * Takes no lock.
 *
 * Return: 0; -EINVAL: NULL; -ENOMEM; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_producer_group_get(struct bpfring_producer_group *g,
					   struct bpfring_producer **ret);

/**
 * bpfring_producer_group_put() - give the calling thread's ring back.
 * @g: the group
 *
 * Its open samples stay open; any thread may end them.
 *
 * Return: 0; -EINVAL: NULL; -ENOENT: this thread has none; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_producer_group_put(struct bpfring_producer_group *g);

/** bpfring_producer_group_count() - number of rings; 0: @g is NULL. */
BPFRING_API unsigned int bpfring_producer_group_count(const struct bpfring_producer_group *g);

/**
 * bpfring_producer_group_kick() - run the program that drains, once for all rings.
 * @g: the group
 *
 * Return: as bpfring_producer_kick(). A program of BPFRING_DRAIN_GROUP_PROG() may leave samples to
 * the next kick; 0 means that nothing is left.
 */
BPFRING_API int bpfring_producer_group_kick(struct bpfring_producer_group *g);

/** bpfring_producer_group_stop() - bpfring_producer_stop() for all rings; the first error. */
BPFRING_API int bpfring_producer_group_stop(struct bpfring_producer_group *g);

/** bpfring_producer_group_resume() - bpfring_producer_resume() for all rings; the first error. */
BPFRING_API int bpfring_producer_group_resume(struct bpfring_producer_group *g);

/**
 * struct bpfring_producer_group_stats - counters of all rings since the group was opened.
 * @sz:      set by the caller: sizeof(struct bpfring_producer_group_stats)
 * @rings:   number of rings
 * @threads: threads that hold a ring
 * Others: sums of those of struct bpfring_producer_stats.
 */
struct bpfring_producer_group_stats {
	size_t sz;
	uint64_t rings;
	uint64_t threads;
	uint64_t samples;
	uint64_t bytes;
	uint64_t discards;
	uint64_t full;
	uint64_t waits;
	uint64_t waited_ns;
	uint64_t kicks;
	uint64_t kick_errors;
	uint64_t drained;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_producer_group_stats() - read the counters. They are read one ring after another.
 * Return: 0; -EINVAL: NULL, or the size is too small.
 */
BPFRING_API int bpfring_producer_group_stats(const struct bpfring_producer_group *g,
					     struct bpfring_producer_group_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_GROUP_H */
