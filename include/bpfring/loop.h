/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Loop: waits for many consumers and plain file descriptors on one thread.
 *
 * The loop decides for each ring whether the kernel notifies it or whether it looks by itself, as
 * drivers of network cards do under load. A ring is *armed* while the loop sleeps until the kernel
 * notifies it. It is *quiet* (see ring.h) while the loop looks at it from time to time; its
 * producers then pay for no notification.
 *
 * Threads: one thread owns a loop and everything in it. From any thread, and from signal handlers:
 * bpfring_loop_stop() and bpfring_loop_wakeup(). Callbacks run on the thread that polls; they may
 * add, remove and close anything, themselves included.
 *
 * Time: a timer ends windows, ticks and time-outs; timer slack (PR_SET_TIMERSLACK) does not delay
 * it. A thread that gets no processor, or is stopped, still looks late. The loop takes into account
 * how late it was lately: see max_latency_ns.
 *
 * Leaving: a callback may leave poll, run and dispatch by a C++ exception, longjmp() or
 * pthread_exit(), and a thread in them may be cancelled; they are the only calls that are
 * cancellation points, while they sleep. The record or batch that was handed out counts as
 * consumed, as with an error; the rest, and whatever else was ready, comes with the next poll.
 * Asynchronous cancellation is not supported. After longjmp() the loop belongs to the thread that
 * jumped until that polls it again, frees it, or ends.
 *
 * Fork: in a child every function that could disturb the parent returns -ECHILD. Counters can be
 * read, and bpfring_loop_free() gives back memory and descriptors, also if another thread was
 * polling at the time.
 *
 * Log: each refusal is explained once per object and cause. With BPFRING_LOG_LEVEL=debug, loops and
 * consumers log what they do: armed, window, sleeping, woken and why; at most 40 lines a second
 * each.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_LOOP_H
#define BPFRING_LOOP_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_loop;

enum bpfring_wait {
	/* Quiet while records keep coming, looking once per window; armed as soon as records come
	 * more rarely than a window, so that a rare record is delivered without delay.
	 */
	BPFRING_WAIT_ADAPTIVE = 0,
	/* Arm and sleep whenever the rings are empty: least latency, a notification per wake-up. */
	BPFRING_WAIT_SLEEP = 1,
	/* At most one wake-up per window, also at low rates; armed only after an empty window. */
	BPFRING_WAIT_COALESCE = 2,
	/* Never sleep: for a core that has nothing else to do. */
	BPFRING_WAIT_SPIN = 3,
};

#define BPFRING_DEFAULT_LATENCY_NS 200000 /* 200 us; docs/performance.md says why */

/**
 * struct bpfring_loop_opts - how a loop waits.
 * @sz:             sizeof(struct bpfring_loop_opts)
 * @wait:           enum bpfring_wait
 * @max_latency_ns: longest window: how long a committed record may wait before the loop looks, not
 *                  counting the time until the scheduler runs the thread. 0: 200 us. The window is
 *                  shorter while the ring could fill in it, given its size, the rate measured, and
 *                  by how much looks came late; where no window is short enough the ring is armed.
 * @tick_ns:        look at least this often even if nothing notifies, for BPF programs that use
 *                  BPF_RB_NO_WAKEUP. 0: no tick, an idle loop makes no system call. (While a busy
 *                  head is in the way the loop looks again by itself, every 1 to 64 ms.)
 * @budget_records: limits of one ring's turn, so that a busy ring does not starve the others, as in
 * @budget_bytes:   struct bpfring_budget. 0: 4096 records, no limit of bytes, 10 ms.
 * @budget_ns:
 */
struct bpfring_loop_opts {
	size_t sz;
	uint32_t wait;
	uint32_t reserved;
	int64_t max_latency_ns;
	int64_t tick_ns;
	uint64_t budget_records;
	uint64_t budget_bytes;
	int64_t budget_ns;
};

/**
 * bpfring_loop_new() - create an empty loop.
 * @ret:  the loop; free it with bpfring_loop_free()
 * @opts: NULL for defaults
 *
 * Return: 0, or -EINVAL: @ret is NULL, an unknown wait mode, a negative time; -E2BIG: options from
 * a newer library; -ENOMEM, -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_loop_new(struct bpfring_loop **ret, const struct bpfring_loop_opts *opts);

/**
 * bpfring_loop_free() - free a loop. Consumers and descriptors in it stay open and are removed.
 * @l: NULL is fine
 *
 * Not from one of its callbacks, nor while another thread polls: the log says so, and it stays.
 */
BPFRING_API void bpfring_loop_free(struct bpfring_loop *l);

/**
 * bpfring_loop_add() - hand the records of a consumer to a callback.
 * @l:   the loop
 * @c:   the consumer; it stays the caller's and is removed when it is closed
 * @fn:  called for every record
 * @ctx: for @fn
 *
 * While it is in the loop, only the loop takes its records: a turn that finds some held by a peek,
 * or that comes up inside one of its own callbacks, fails with -EINVAL.
 *
 * Return: 0, or -EINVAL: NULL, @c holds records, or this is its own callback; -EEXIST: @c is in a
 * loop already; -ENOMEM; -ENOSPC: too many epoll watches of this user; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_loop_add(struct bpfring_loop *l, struct bpfring_consumer *c,
				 bpfring_record_fn fn, void *ctx);

/** bpfring_loop_add_batch() - the same with a callback per batch of up to 64 records. */
BPFRING_API int bpfring_loop_add_batch(struct bpfring_loop *l, struct bpfring_consumer *c,
				       bpfring_batch_fn fn, void *ctx);

/**
 * bpfring_loop_add_map() - open a consumer of a map and add it.
 * @l:      the loop; it owns the consumer, and bpfring_loop_free() closes it
 * @map_fd: as for bpfring_consumer_open()
 * @fn:     called for every record
 * @ctx:    for @fn
 * @opts:   NULL for defaults
 * @ret:    the consumer, for statistics for example; NULL if not wanted
 *
 * bpfring_loop_remove() takes the consumer out of the loop, which still owns it;
 * bpfring_consumer_close() closes it earlier.
 *
 * Return: 0, or what bpfring_consumer_open() and bpfring_loop_add() return; then nothing is open.
 */
BPFRING_API int bpfring_loop_add_map(struct bpfring_loop *l, int map_fd, bpfring_record_fn fn,
				     void *ctx, const struct bpfring_consumer_opts *opts,
				     struct bpfring_consumer **ret);

/**
 * bpfring_loop_remove() - take a consumer out of its loop.
 *
 * Its records stay in the ring. Callbacks may call it, its own callback too.
 *
 * Return: 0; -ENOENT: it is not in this loop; -EINVAL: NULL.
 */
BPFRING_API int bpfring_loop_remove(struct bpfring_loop *l, struct bpfring_consumer *c);

/**
 * typedef bpfring_fd_fn - a plain descriptor is ready.
 * @ctx:    the pointer given with the callback
 * @fd:     the descriptor
 * @events: EPOLLIN and the like
 *
 * Return: >= 0: go on; BPFRING_STOP: end this poll or run; another negative value: end it with
 * that.
 */
typedef int (*bpfring_fd_fn)(void *ctx, int fd, uint32_t events);

/**
 * bpfring_loop_add_fd() - watch a plain descriptor: signalfd, timerfd, socket, BPF link.
 * @l:      the loop
 * @fd:     stays the caller's; remove it before closing it
 * @events: EPOLLIN, EPOLLOUT, ...; level-triggered unless EPOLLET is given
 * @fn:     called while it is ready
 * @ctx:    for @fn
 *
 * Return: 0, or -EINVAL: NULL, or the loop's own descriptor; -EEXIST: watched already; -EBADF:
 * closed; -EPERM: such a file cannot be watched (regular files); -ELOOP: two loops that watch each
 * other; -ENOMEM, -ENOSPC; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_loop_add_fd(struct bpfring_loop *l, int fd, uint32_t events,
				    bpfring_fd_fn fn, void *ctx);

/**
 * bpfring_loop_remove_fd() - stop watching a descriptor. From callbacks too.
 *
 * Return: 0; -ENOENT: it is not watched; -EINVAL: NULL.
 */
BPFRING_API int bpfring_loop_remove_fd(struct bpfring_loop *l, int fd);

/**
 * bpfring_loop_poll() - wait for work and do one round of it: each ready ring and descriptor once.
 * @l:          the loop
 * @timeout_ns: longest wait, in nanoseconds; -1 for ever; 0 to do only what is ready now
 *
 * The next call does the work that a budget left, without waiting. When the time is up, the loop
 * looks at all rings once more, so `while (bpfring_loop_poll(l, 100000000) >= 0)` also finds
 * records that were committed with BPF_RB_NO_WAKEUP, or that follow a record discarded with it.
 * With a time-out of 0 it does so if nothing else was ready, and leaves out quiet rings, which are
 * ready when their windows are over. To take everything that is in the rings, before closing them
 * for example, call bpfring_loop_wakeup() first.
 *
 * Return: records handled (at most INT_MAX), one at which a callback returned BPFRING_STOP
 * included. After BPFRING_KEEP the next call hands out the same record, without waiting. 0: time is
 * up, bpfring_loop_wakeup() or bpfring_loop_stop() was called, or only
 * descriptors were ready. Negative: what a callback returned (records before it are counted in the
 * consumers' statistics, other rings keep their turn for the next call); -EBADMSG, -EBUSY: a ring
 * is corrupt or has a second consumer: it has been removed from the loop, the log names it;
 * -ECHILD: in a forked child; -EINVAL: NULL, a time-out below -1, called from one of its own
 * callbacks or while another thread polls, or a ring whose records are held outside the loop.
 */
BPFRING_API int bpfring_loop_poll(struct bpfring_loop *l, int64_t timeout_ns);

/**
 * bpfring_loop_run() - poll until stopped.
 *
 * Return: 0 after bpfring_loop_stop(), BPFRING_STOP or BPFRING_KEEP; a negative value as
 * bpfring_loop_poll().
 */
BPFRING_API int bpfring_loop_run(struct bpfring_loop *l);

/**
 * bpfring_loop_stop() - end the present, or else the next, bpfring_loop_run().
 *
 * The present, or else the next, bpfring_loop_poll() returns too. What a ring's turn has begun is
 * finished first. From any thread and from signal handlers. Does not touch errno.
 *
 * Return: 0; -EINVAL: NULL; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_loop_stop(struct bpfring_loop *l);

/**
 * bpfring_loop_wakeup() - make the present, or else the next, bpfring_loop_poll() look at all rings
 * and return, also if there is nothing. From any thread and from signal handlers.
 *
 * All records committed with BPF_RB_NO_WAKEUP before the call are found too.
 *
 * Return: 0; -EINVAL: NULL; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_loop_wakeup(struct bpfring_loop *l);

/**
 * bpfring_loop_fd() - a descriptor for an outer event loop (sd-event, libuv, epoll, poll).
 * @l: the loop
 *
 * Readable when there is work, work left by a budget included: call bpfring_loop_dispatch() then.
 * It stays readable while a dispatch is under way, and if that is left by longjmp() or an
 * exception. Level- or edge-triggered. It belongs to the loop: do not read or close it. Between
 * dispatches do not call bpfring_loop_poll().
 *
 * Return: the descriptor; -EOPNOTSUPP for BPFRING_WAIT_SPIN; -EINVAL: NULL; -ECHILD: in a forked
 * child; -ENOMEM, -EMFILE, -ENFILE at the first call.
 */
BPFRING_API int bpfring_loop_fd(struct bpfring_loop *l);

/**
 * bpfring_loop_dispatch() - do the work for which bpfring_loop_fd() is readable; never blocks.
 *
 * Called although there was none, when the outer loop's time-out is over for example, it looks at
 * all rings that are armed, as bpfring_loop_poll() does.
 *
 * Return: as bpfring_loop_poll(); -EINVAL also if bpfring_loop_fd() was never called.
 */
BPFRING_API int bpfring_loop_dispatch(struct bpfring_loop *l);

/**
 * struct bpfring_loop_stats - counters since the loop was created.
 * @sz:        set by the caller: sizeof(struct bpfring_loop_stats)
 * @polls:     rounds
 * @sleeps:    system calls that waited
 * @asleep_ns: time in them
 * @windows:   sleeps in which at least one ring was quiet instead of armed
 * @arms:      times that a ring was armed and found nothing
 * @rings:     consumers in the loop now
 * @active:    those at which it looks without being notified
 */
struct bpfring_loop_stats {
	size_t sz;
	uint64_t polls;
	uint64_t sleeps;
	uint64_t asleep_ns;
	uint64_t windows;
	uint64_t arms;
	uint64_t rings;
	uint64_t active;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_loop_stats() - read the counters.
 * Return: 0; -EINVAL: NULL, or a size less than that of the first member.
 */
BPFRING_API int bpfring_loop_stats(const struct bpfring_loop *l, struct bpfring_loop_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_LOOP_H */
