/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Threads: drain many rings on several threads, each ring on one of them.
 *
 *	struct bpfring_threads *t;
 *
 *	err = bpfring_threads_start(&t, consumers, count, on_record, NULL);
 *	...
 *	err = bpfring_threads_join(t);		until bpfring_threads_stop(), or an error
 *	bpfring_threads_free(t);
 *
 * Every thread has a loop of its own (loop.h). Rings are dealt out in the order in which they are
 * given, neighbours to the same thread, or by the processors that they belong to. A thread that has
 * no time left to sleep gives rings away to threads that have.
 *
 * The callback runs on several threads at a time, but for one ring on one thread at a time. Records
 * of one ring come in order, also while the ring moves; between rings there is no order: see
 * merge.h.
 *
 * The threads block all signals. A C++ exception that a callback lets pass ends the process, as in
 * any thread. A callback that ends its thread stops the others, and join returns -ECANCELED.
 *
 * Threads: start, join and free belong to one thread at a time. Stop may be called from any thread,
 * from callbacks and from signal handlers; add, remove and stats from any thread and callbacks.
 *
 * Fork: the threads do not exist in a child. Every function returns -ECHILD there, and
 * bpfring_threads_free() gives back memory and descriptors.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_THREADS_H
#define BPFRING_THREADS_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>
#include <bpfring/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_threads;

/* Flags of struct bpfring_threads_opts. */
enum {
	/* Keep each thread on the processors of the rings that it is given first, if @cpus names
	 * them, or else on one processor of its own. Rings that it is given later do not change
	 * that.
	 */
	BPFRING_THREADS_PIN = 1U << 0,
	/* Deal rings out by the memory node of their processors: needs @cpus. */
	BPFRING_THREADS_NUMA = 1U << 1,
};

#define BPFRING_DEFAULT_REBALANCE_NS 100000000 /* 100 ms */

/**
 * struct bpfring_threads_opts - how to run the threads.
 * @sz:           sizeof(struct bpfring_threads_opts)
 * @flags:        BPFRING_THREADS_*
 * @threads:      how many. 0: one for eight rings. Never more than rings, nor than processors that
 *                this process may use if it is 0.
 * @loop:         options of each thread's loop; NULL for defaults
 * @cpus:         the processor that each ring belongs to, in the order of the rings; NULL: none
 * @rebalance_ns: how long a thread must have been busy for nine tenths of the time before it gives
 *                a ring away. 0: 100 ms; -1: rings stay where they are
 * @begin:        called on each thread before its first record; stores what its callbacks get as
 *                ctx. A negative value stops all threads, and join returns it. NULL: all callbacks
 *                get @ctx
 * @end:          called on each thread whose @begin succeeded, after its last record; may be NULL
 * @ctx:          for @begin and @end
 */
struct bpfring_threads_opts {
	size_t sz;
	uint32_t flags;
	uint32_t threads;
	const struct bpfring_loop_opts *loop;
	const uint32_t *cpus;
	int64_t rebalance_ns;
	int (*begin)(void *ctx, unsigned int thread, void **ret);
	void (*end)(void *ctx, unsigned int thread, void *thread_ctx);
	void *ctx;
};

/**
 * bpfring_threads_start() - start threads that hand the records of rings to a callback.
 * @ret:       the threads, set before the first callback; free them with bpfring_threads_free()
 * @consumers: one for each ring. They stay the caller's, who leaves them alone until they are
 *             removed or the threads are freed
 * @count:     how many, at least 1
 * @fn:        called for every record; BPFRING_STOP and BPFRING_KEEP stop all threads
 * @opts:      NULL for defaults
 *
 * Return: 0, or -EINVAL: NULL, no rings, unknown flags, BPFRING_THREADS_NUMA without @cpus, or what
 * bpfring_loop_new() and bpfring_loop_add() refuse; -EEXIST: a consumer is in a loop already, that
 * of other threads for example; -E2BIG: options from a newer library; -EAGAIN: no more threads;
 * -ENOMEM, -EMFILE, -ENFILE, -ENOSPC; -ECHILD: a consumer of a parent process. Then no thread runs,
 * and the consumers are in no loop.
 */
BPFRING_API int bpfring_threads_start(struct bpfring_threads **ret,
				      struct bpfring_consumer *const *consumers, unsigned int count,
				      bpfring_record_fn fn,
				      const struct bpfring_threads_opts *opts);

/** bpfring_threads_start_batch() - the same with a callback per batch of up to 64 records. */
BPFRING_API int bpfring_threads_start_batch(struct bpfring_threads **ret,
					    struct bpfring_consumer *const *consumers,
					    unsigned int count, bpfring_batch_fn fn,
					    const struct bpfring_threads_opts *opts);

/**
 * bpfring_threads_add() - one ring more, for the thread with the fewest.
 * @t:   the threads
 * @c:   its consumer
 *
 * Returns before the thread has taken it.
 *
 * Return: 0; -EEXIST: they have it already; -ESHUTDOWN: they have been stopped; -EINVAL: NULL;
 * -ENOMEM; -ECHILD. What bpfring_loop_add() refuses stops the threads, and join returns it.
 */
BPFRING_API int bpfring_threads_add(struct bpfring_threads *t, struct bpfring_consumer *c);

/**
 * bpfring_threads_remove() - take a ring away from its thread.
 *
 * Waits until the thread has let go of it, which takes no longer than one turn of its loop. From a
 * callback only for a ring of the same thread. Its records stay in the ring.
 *
 * Return: 0: @c is the caller's alone; -ENOENT: they do not have it; -EDEADLK: from a callback, for
 * a ring of another thread; -EINVAL: NULL; -ECHILD.
 */
BPFRING_API int bpfring_threads_remove(struct bpfring_threads *t, struct bpfring_consumer *c);

/**
 * bpfring_threads_stop() - end all threads.
 *
 * What a ring's turn has begun is finished first; other records stay in their rings. Does not wait.
 * From any thread, callbacks and signal handlers. Does not touch errno.
 *
 * Return: 0; -EINVAL: NULL; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_threads_stop(struct bpfring_threads *t);

/**
 * bpfring_threads_join() - wait until all threads have ended.
 *
 * They end by bpfring_threads_stop(), by BPFRING_STOP of a callback, or by the first error of a
 * callback or a ring.
 *
 * Return: 0, or that error; -EDEADLK: from one of the threads; -EINVAL: NULL; -ECHILD.
 */
BPFRING_API int bpfring_threads_join(struct bpfring_threads *t);

/**
 * bpfring_threads_free() - stop, wait, and free. The consumers stay open and are in no loop.
 * @t: NULL is fine
 *
 * Not from one of the threads: the log says so, and it stays.
 */
BPFRING_API void bpfring_threads_free(struct bpfring_threads *t);

/**
 * struct bpfring_thread_stats - what one thread does.
 * @sz:        set by the caller: sizeof(struct bpfring_thread_stats)
 * @rings:     rings that it has now
 * @records:   records handed to callbacks
 * @given:     rings given away to threads that had more time
 * @taken:     rings taken from others
 * @busy_ppt:  thousandths of the time for which it was awake, when it looked last
 */
struct bpfring_thread_stats {
	size_t sz;
	uint64_t rings;
	uint64_t records;
	uint64_t given;
	uint64_t taken;
	uint64_t busy_ppt;
};

/** bpfring_threads_count() - how many threads there are; 0: NULL. */
BPFRING_API unsigned int bpfring_threads_count(const struct bpfring_threads *t);

/**
 * bpfring_threads_stats() - read the counters of one thread.
 * @t:      the threads
 * @thread: from 0 to bpfring_threads_count() - 1
 * @ret:    filled up to its @sz
 *
 * Return: 0; -EINVAL: NULL, no such thread, or a size less than that of the first member.
 */
BPFRING_API int bpfring_threads_stats(struct bpfring_threads *t, unsigned int thread,
				      struct bpfring_thread_stats *ret);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_THREADS_H */
