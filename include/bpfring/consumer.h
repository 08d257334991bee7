/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Consumer: takes records out of one BPF_MAP_TYPE_RINGBUF map.
 *
 * There are three ways to take records: a callback per record (bpfring_consumer_consume()), a
 * callback per batch (bpfring_consumer_consume_batch()), and peek and release, with which the
 * caller holds records in place for as long as it likes. A consumer can wait for records by itself
 * (bpfring_consumer_wait()) or together with others in a loop (loop.h).
 *
 * Threads: one thread at a time owns a consumer. Only bpfring_consumer_wakeup() may be called from
 * any thread and from signal handlers.
 *
 * Leaving: a callback may leave the call by a C++ exception, longjmp() or pthread_exit(), and a
 * thread may be cancelled; bpfring_consumer_wait() is the only call that is a cancellation point.
 * The record or batch that was handed out counts as consumed, as with an error, and the consumer
 * can be used and closed as if the call had returned. After longjmp() this is so from the next
 * wait, consume, add or close on, by the same thread or after its end, and peek and release belong
 * behind that. A consumer whose own callback closed it and jumped is freed by a second
 * bpfring_consumer_close(), and by that alone.
 *
 * Fork: a child process must not consume a ring of its parent. Every function that could touch the
 * ring returns -ECHILD there; the parent is not disturbed. The child may close the consumer and
 * open one of its own.
 *
 * Two consumers on one map take each other's records. If another consumer has moved the position,
 * the next release notices and fails with -EBUSY; BPFRING_CONSUMER_EXCLUSIVE keeps a second
 * consumer out from the start.
 *
 * Needs: Linux 5.8. No capability is needed by a process that was handed the map's file descriptor.
 */
#ifndef BPFRING_CONSUMER_H
#define BPFRING_CONSUMER_H

#include <bpfring/common.h>
#include <bpfring/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque, but begins with its struct bpfring_ring: see bpfring_consumer_ring(). */
struct bpfring_consumer;

/* Flags of struct bpfring_consumer_opts. */
enum {
	/* Refuse (-EBUSY) to open while another consumer has this claim on the same map. It ends
	 * when the consumer is closed or its process dies. Without privileges, across containers.
	 * Consumers that do not ask for the claim are not kept out.
	 */
	BPFRING_CONSUMER_EXCLUSIVE = 1U << 0,
	/* Repair a ring whose positions contradict each other, which a consumer of another
	 * library may have left, instead of failing with -EBADMSG. Consuming resumes where a
	 * consumer of this library stood last, if those records are still there, or else with the
	 * oldest record that the kernel still points at. A warning and the statistics say how much
	 * was given up. A ring in order is not touched. Implies BPFRING_CONSUMER_EXCLUSIVE. Needs a
	 * kernel that says where records begin: Linux 6.10, or a stable kernel with that change.
	 */
	BPFRING_CONSUMER_RECOVER = 1U << 1,
};

struct bpfring_consumer_opts {
	size_t sz;	/* sizeof(struct bpfring_consumer_opts) */
	uint32_t flags; /* BPFRING_CONSUMER_* */
	uint32_t reserved;
};

/**
 * bpfring_consumer_open() - open the consumer's end of a ring by file descriptor.
 * @ret:    the consumer; free it with bpfring_consumer_close()
 * @map_fd: a BPF_MAP_TYPE_RINGBUF map, opened for reading and writing; it is duplicated, the caller
 *          keeps and may close its own
 * @opts:   NULL for defaults
 *
 * Resumes where the ring stands: records that an earlier consumer did not release come again,
 * however it ended. Does not block. Opening a ring only to look at it (statistics, bytes available,
 * snapshot, peek and cancel) and closing it again does not disturb the consumer at work.
 *
 * Return: 0, or
 * -EINVAL: @ret is NULL, unknown flags, not a BPF map, or not a ring buffer (the log names the
 * type); -E2BIG: @opts is from a newer library and asks for something unknown, or the ring is too
 * large for the address space; -EBADF: @map_fd is closed; -EACCES: the descriptor is read-only or
 * write-only; -EPERM: the map is frozen, or neither bpf() nor /proc says what it is; -EOPNOTSUPP:
 * an overwrite-mode map (BPF_F_RB_OVERWRITE), which a tap can read (tap.h); -EBADMSG: the
 * positions in the ring contradict each other, or the consumer position is not that of a record
 * (BPFRING_CONSUMER_RECOVER repairs that); -EBUSY: claimed by another (BPFRING_CONSUMER_EXCLUSIVE);
 * -ENOMEM, -EMFILE, -ENFILE: out of memory or descriptors; -ENOLCK: out of file locks.
 */
BPFRING_API int bpfring_consumer_open(struct bpfring_consumer **ret, int map_fd,
				      const struct bpfring_consumer_opts *opts);

/**
 * bpfring_consumer_open_pinned() - the same for a map pinned in a BPF file system.
 * @path: the pin, "/sys/fs/bpf/events"
 *
 * Return: as bpfring_consumer_open(), and -ENOENT: no such pin; -EACCES, -EPERM: file permissions,
 * or the kernel refuses bpf() to this process.
 */
BPFRING_API int bpfring_consumer_open_pinned(struct bpfring_consumer **ret, const char *path,
					     const struct bpfring_consumer_opts *opts);

/**
 * bpfring_consumer_close() - leave the ring behind the last released record, for the next consumer.
 * @c: NULL is fine
 *
 * Removes it from its loop. May be called from its own callback: what is being consumed ends first.
 * Records that are held become invalid. In a forked child it frees memory and descriptors only.
 */
BPFRING_API void bpfring_consumer_close(struct bpfring_consumer *c);

/* What a callback returns besides 0 (go on) and a negative errno value (fail with it). */
#define BPFRING_STOP	     (-4096) /* this record is done; stop without an error */
#define BPFRING_KEEP	     (-4097) /* stop; this record stays in the ring and comes again */
#define BPFRING_KEEP_FROM(k) (BPFRING_KEEP - (int)(k)) /* of a batch: those from index k on */

/**
 * typedef bpfring_record_fn - takes one record.
 * @ctx:  the pointer given with the callback
 * @data: payload, in place, read-only, valid until the callback returns
 * @size: payload bytes
 *
 * It must not peek, release or cancel on its own consumer. A child forked in it must not return.
 *
 * Return: >= 0: go on; BPFRING_STOP: stop; BPFRING_KEEP: stop, and leave this record in the ring,
 * for a caller whose own queue is full; a negative errno value: stop and return it to the caller.
 * Except after BPFRING_KEEP the record counts as consumed.
 */
typedef int (*bpfring_record_fn)(void *ctx, const void *data, size_t size);

/**
 * typedef bpfring_batch_fn - takes several records, in ring order.
 * @ctx:     the pointer given with the callback
 * @records: valid until the callback returns
 * @count:   at least 1
 *
 * Return: as bpfring_record_fn, for the batch as a whole; or BPFRING_KEEP_FROM(k): the first k
 * records are consumed, the others stay.
 */
typedef int (*bpfring_batch_fn)(void *ctx, const struct bpfring_record *records,
				unsigned int count);

/**
 * struct bpfring_budget - limits of one call; what reaches its limit first ends it. 0: no limit.
 * @sz:      sizeof(struct bpfring_budget)
 * @records: records
 * @bytes:   ring bytes: payload, header and padding, those of discarded records too; the record
 *           that crosses the limit is still handled
 * @ns:      time; looked at after every record while callbacks are slow, else every 128 at the
 *           latest
 */
struct bpfring_budget {
	size_t sz;
	uint64_t records;
	uint64_t bytes;
	int64_t ns;
};

/* Why a call ended. */
enum bpfring_end {
	BPFRING_END_DRAINED = 0,   /* the ring is empty */
	BPFRING_END_BUSY_HEAD = 1, /* the next record is still being written */
	BPFRING_END_BUDGET = 2,	   /* a limit was reached; there may be more */
	BPFRING_END_STOPPED = 3,   /* a callback returned BPFRING_STOP, or closed the consumer */
	BPFRING_END_ERROR = 4,	   /* a callback failed: the return value is its own */
	BPFRING_END_BROKEN = 5,	   /* corrupt (-EBADMSG), or a second consumer (-EBUSY) */
	BPFRING_END_KEPT = 6,	   /* a callback returned BPFRING_KEEP: its record comes again */
	BPFRING_END_HELD = 7,	   /* of a merge: the rest is held back for the sake of order */
};

/**
 * struct bpfring_outcome - what one call did.
 * @sz:      set by the caller: sizeof(struct bpfring_outcome)
 * @records: records consumed, one whose callback failed included
 * @bytes:   ring bytes taken, discarded records included
 * @end:     why it ended
 */
struct bpfring_outcome {
	size_t sz;
	uint64_t records;
	uint64_t bytes;
	enum bpfring_end end;
};

/**
 * bpfring_consumer_consume() - hand the records that are there to a callback, one by one.
 * @c:      the consumer; no records held
 * @fn:     called for every record, in ring order
 * @ctx:    for @fn
 * @budget: NULL for none: until the ring is empty, or for ever if the producers are faster
 * @ret:    what was done, also after an error; NULL if not wanted
 *
 * Space is given back to producers in batches while it runs, and at the end. Does not block.
 *
 * Return: number of records (at most INT_MAX), or the negative value of the callback, or
 * -EINVAL: records are held, @fn is NULL, a bad budget, or called from its own callback or while
 * another thread is in one of its calls; -E2BIG: a budget from a newer library; -EBADMSG: the ring
 * is corrupt; -EBUSY: a second consumer moved the position; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_consumer_consume(struct bpfring_consumer *c, bpfring_record_fn fn,
					 void *ctx, const struct bpfring_budget *budget,
					 struct bpfring_outcome *ret);

/**
 * bpfring_consumer_consume_batch() - the same with a callback per batch of up to 64 records.
 *
 * Return: as bpfring_consumer_consume().
 */
BPFRING_API int bpfring_consumer_consume_batch(struct bpfring_consumer *c, bpfring_batch_fn fn,
					       void *ctx, const struct bpfring_budget *budget,
					       struct bpfring_outcome *ret);

/**
 * bpfring_consumer_ring() - the ring itself, for the functions of ring.h.
 * @c: the consumer
 */
BPFRING_INLINE struct bpfring_ring *bpfring_consumer_ring(struct bpfring_consumer *c)
{
	return (struct bpfring_ring *)(void *)c;
}

/**
 * bpfring_consumer_peek() - look at the next record, in place; see bpfring_ring_peek().
 * Return: 1 with a record, 0 when there is none now, -EBADMSG, -EBUSY, -ECHILD.
 */
BPFRING_INLINE_HOT int bpfring_consumer_peek(struct bpfring_consumer *c, struct bpfring_record *ret)
{
	return bpfring_ring_peek(bpfring_consumer_ring(c), ret);
}

/**
 * bpfring_consumer_peek_batch() - look at several records; see bpfring_ring_peek_batch().
 * Return: number of records, 0, -EBADMSG, -EBUSY, -ECHILD.
 */
BPFRING_INLINE int bpfring_consumer_peek_batch(struct bpfring_consumer *c,
					       struct bpfring_record *ret, unsigned int max)
{
	return bpfring_ring_peek_batch(bpfring_consumer_ring(c), ret, max);
}

/**
 * bpfring_consumer_release() - give back all records peeked so far; see bpfring_ring_release().
 * Return: 0, -EBUSY, -ECHILD.
 */
BPFRING_INLINE_HOT int bpfring_consumer_release(struct bpfring_consumer *c)
{
	return bpfring_ring_release(bpfring_consumer_ring(c));
}

/**
 * bpfring_consumer_cancel() - un-peek: start again at the first record held.
 */
BPFRING_INLINE void bpfring_consumer_cancel(struct bpfring_consumer *c)
{
	bpfring_ring_cancel(bpfring_consumer_ring(c));
}

/**
 * bpfring_consumer_wait() - sleep until there is a record to read.
 * @c:          the consumer; no records held; not in a loop
 * @timeout_ns: -1 for ever, 0 to look only
 *
 * Sleeps through a busy head. While one is busy it looks again by itself after 1 ms, then ever more
 * rarely up to every 64 ms, because its commit may carry BPF_RB_NO_WAKEUP. Discarded records are
 * given back, and notifications without a record (BPF_RB_FORCE_WAKEUP) do not end the wait. From a
 * return of 1 to the next wait the consumer is quiet: commits do not notify (see ring.h). After a
 * return of 0 it is not: the next commit makes an edge on bpfring_consumer_map_fd().
 *
 * Return: 1: there is a record to read; 0: time is up, or bpfring_consumer_wakeup() was called;
 * -EINVAL: records are held, the consumer is in a loop, this is one of its callbacks, another
 * thread is in one of its calls, or a time-out below -1; -EBADMSG, -EBUSY, -ECHILD as
 * bpfring_consumer_consume(); -ENOMEM, -EMFILE, -ENFILE: at the first wait.
 */
BPFRING_API int bpfring_consumer_wait(struct bpfring_consumer *c, int64_t timeout_ns);

/**
 * bpfring_consumer_wakeup() - make the present, or else the next, bpfring_consumer_wait() return 0.
 * @c: the consumer
 *
 * From any thread and from signal handlers. Does not touch errno.
 *
 * Return: 0; -ECHILD in a forked child.
 */
BPFRING_API int bpfring_consumer_wakeup(struct bpfring_consumer *c);

/* State of a record in bpfring_consumer_snapshot(). */
enum bpfring_record_state {
	BPFRING_RECORD_READY = 0,     /* complete */
	BPFRING_RECORD_BUSY = 1,      /* being written: the payload may change */
	BPFRING_RECORD_DISCARDED = 2, /* will be skipped */
};

/**
 * typedef bpfring_snapshot_fn - sees one pending record.
 * Return: 0 to go on; BPFRING_STOP to end the walk; another negative value to end it with an error.
 */
typedef int (*bpfring_snapshot_fn)(void *ctx, const struct bpfring_record *record,
				   enum bpfring_record_state state);

/**
 * bpfring_consumer_snapshot() - walk all that is pending without taking it.
 * @c:   the consumer
 * @fn:  called for every record from the first one not released, also for those behind a busy one
 * @ctx: for @fn
 *
 * For diagnosis: it shows what is stuck in the ring, and behind which record. A consumer that has
 * not taken anything yet can watch another one at work; what the other one releases meanwhile may
 * be overwritten, the payload at hand included.
 *
 * Return: number of records seen, or -EINVAL: @fn is NULL; -EBADMSG: the ring is corrupt; -EBUSY: a
 * second consumer moved the position; -ECHILD: in a forked child; or the value of the callback.
 */
BPFRING_API int bpfring_consumer_snapshot(struct bpfring_consumer *c, bpfring_snapshot_fn fn,
					  void *ctx);

/**
 * struct bpfring_consumer_stats - counters since the consumer was opened.
 * @sz:            set by the caller: sizeof(struct bpfring_consumer_stats)
 * @records:       records released
 * @bytes:         ring bytes released: payloads, headers, padding, discarded records
 * @discards:      discarded records skipped
 * @batches:       calls of a consume function that found records, also those of a loop
 * @wakeups:       notifications of the kernel that ended a sleep
 * @empty_wakeups: those after which there was nothing to read
 * @busy_waits:    times that it went to sleep before a busy head
 * @busy_max_ns:   longest such time, from the sleep to the first record read
 * @asleep_ns:     time it spent armed, waiting for a notification
 * @max_fill:      most bytes found waiting in the ring; compare with @ring_size
 * @ring_size:     bytes of data area, the map's max_entries
 * @repaired:      1 if BPFRING_CONSUMER_RECOVER had to repair the ring when it was opened
 * @given_up:      most bytes of unread records that the repair passed over
 * @map_id:        id of the map, 0 if the kernel does not say
 * @cons_pos:      position up to which all is released
 * @prod_pos:      position up to which producers have reserved
 * @map_name:      name of the map, "" if it has none
 */
struct bpfring_consumer_stats {
	size_t sz;
	uint64_t records;
	uint64_t bytes;
	uint64_t discards;
	uint64_t batches;
	uint64_t wakeups;
	uint64_t empty_wakeups;
	uint64_t busy_waits;
	uint64_t busy_max_ns;
	uint64_t asleep_ns;
	uint64_t max_fill;
	uint64_t ring_size;
	uint64_t repaired;
	uint64_t given_up;
	uint64_t map_id;
	uint64_t cons_pos;
	uint64_t prod_pos;
	char map_name[16];
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_consumer_stats() - read the counters.
 * @c:   the consumer
 * @ret: filled up to its @sz; members that a newer program knows and this library does not are
 *       zeroed
 *
 * Return: 0; -EINVAL: @ret is NULL or its size is less than that of the first member.
 */
BPFRING_API int bpfring_consumer_stats(const struct bpfring_consumer *c,
				       struct bpfring_consumer_stats *ret);
BPFRING_PRIV_NAMESAKE_END

/** bpfring_consumer_map_fd() - the consumer's own descriptor of the map; do not close it. */
BPFRING_API int bpfring_consumer_map_fd(const struct bpfring_consumer *c);

/** bpfring_consumer_avail_data() - bytes not yet released; see bpfring_ring_avail_data(). */
BPFRING_API size_t bpfring_consumer_avail_data(const struct bpfring_consumer *c);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_CONSUMER_H */
