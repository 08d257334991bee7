/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Merge: the records of many rings in the order of a key, one callback for all of them.
 *
 * A ring keeps the order in which its records were reserved; between rings there is none. A merge
 * takes consumers (of a group of rings, of several, of any rings) and hands out, of all records at
 * their heads, the one with the least key: a time that the BPF program wrote into the record, or
 * any other number. Records are handed out in place, as consumer.h does.
 *
 * Lateness. A ring that is empty now may get, a moment later, a record with a lesser key than those
 * at hand: its BPF program has read the clock already, or the record is reserved and still being
 * written. So an empty ring, and one whose head is busy, holds back the records of the others, but
 * none longer than max_lateness_ns after its key (or, where keys are no times, after it was seen
 * first). A record that comes later still is *late*: it is handed out, flagged and counted.
 *
 * What the order can mean: docs/merge.md.
 *
 * Streams. Where several threads drain rings and one merges, each thread copies its records into a
 * stream, a queue of one writing and one reading thread. A merge takes streams as it takes rings.
 *
 * Threads: one thread owns a merge, the consumers in it and the loop that it is in. Of a stream,
 * one thread writes; the one that owns the merge reads.
 *
 * Callbacks may leave by a C++ exception, longjmp(), cancellation or pthread_exit(), as in loop.h:
 * what was handed out counts as consumed, the rest comes again. They may add and remove anything,
 * close consumers and free the merge. In a forked child every function returns -ECHILD, and
 * bpfring_merge_free() gives back memory.
 *
 * Cost: about log2(rings) comparisons a record, and a look at every ring at the begin of each call.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_MERGE_H
#define BPFRING_MERGE_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>
#include <bpfring/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_merge;
struct bpfring_stream;

/* What the keys are. */
enum bpfring_merge_clock {
	BPFRING_KEY_MONOTONIC = 0, /* bpf_ktime_get_ns() */
	BPFRING_KEY_BOOTTIME = 1,  /* bpf_ktime_get_boot_ns() */
	BPFRING_KEY_TAI = 2,	   /* bpf_ktime_get_tai_ns() */
	BPFRING_KEY_NUMBER = 3,	   /* no time */
};

/* What a busy head, a record that is still being written, does to the other rings. */
enum bpfring_merge_busy {
	BPFRING_BUSY_WAIT = 0, /* holds them back, as an empty ring does */
	BPFRING_BUSY_SKIP = 1, /* nothing: its record is late if it has to be; counted */
};

#define BPFRING_DEFAULT_LATENESS_NS 1000000 /* 1 ms */

/**
 * typedef bpfring_key_fn - says the key of a record.
 *
 * Must return, and must not call the library. A record may be of any size.
 */
typedef uint64_t (*bpfring_key_fn)(void *ctx, const void *data, size_t size);

/**
 * struct bpfring_merge_opts - how to merge.
 * @sz:              sizeof(struct bpfring_merge_opts)
 * @key_offset:      where in a payload the key is: a uint64_t of this machine, at any alignment. A
 *                   record too short for it takes the key of the one before it in its ring, 0 if it
 *                   is the first; counted
 * @key_fn:          instead of @key_offset, if not NULL
 * @key_ctx:         for @key_fn
 * @clock:           enum bpfring_merge_clock. A key ahead of its clock is sorted as if it were now
 * @busy:            enum bpfring_merge_busy
 * @max_lateness_ns: longest time that a record is held back. 0: 1 ms; -1: none is, and what is at
 *                   hand goes in order
 * @budget_records:  limits of one turn in a loop, as in struct bpfring_loop_opts. 0: those of the
 *                   loop
 * @budget_bytes:
 * @budget_ns:
 */
struct bpfring_merge_opts {
	size_t sz;
	bpfring_key_fn key_fn;
	void *key_ctx;
	uint32_t key_offset;
	uint32_t clock;
	uint32_t busy;
	uint32_t reserved;
	int64_t max_lateness_ns;
	uint64_t budget_records;
	uint64_t budget_bytes;
	int64_t budget_ns;
};

/**
 * bpfring_merge_new() - create a merge of nothing yet.
 * @ret:  the merge; free it with bpfring_merge_free()
 * @opts: NULL for defaults: a bpf_ktime_get_ns() at the begin of each payload
 *
 * Return: 0, or -EINVAL: @ret is NULL, an unknown clock or policy, a time below -1; -E2BIG: options
 * from a newer library; -ENOMEM.
 */
BPFRING_API int bpfring_merge_new(struct bpfring_merge **ret,
				  const struct bpfring_merge_opts *opts);

/**
 * bpfring_merge_free() - free a merge. Consumers and streams in it stay open and are removed.
 * @m: NULL is fine
 *
 * Takes it out of its loop. From its own callback too: the call in progress ends then. Not while
 * another thread is in one of its calls: the log says so, and it stays.
 */
BPFRING_API void bpfring_merge_free(struct bpfring_merge *m);

/**
 * bpfring_merge_add() - take the records of a consumer.
 * @m: the merge
 * @c: the consumer; it stays the caller's, and is removed when it is closed
 *
 * While it is in the merge, only the merge takes its records: its own consume and wait are refused.
 * From callbacks too; its records come from the next look at all rings on.
 *
 * Return: 0, or -EINVAL: NULL, @c holds records, or is in one of its own callbacks; -EEXIST: @c is
 * in a merge or a loop already; -ENOMEM; -ENOSPC: too many epoll watches; -ECHILD.
 */
BPFRING_API int bpfring_merge_add(struct bpfring_merge *m, struct bpfring_consumer *c);

/**
 * bpfring_merge_remove() - leave a consumer alone. Its records stay in the ring.
 *
 * From callbacks too: a record that is handed out stays valid until the callback returns.
 *
 * Return: 0; -ENOENT: it is not in this merge; -EINVAL: NULL.
 */
BPFRING_API int bpfring_merge_remove(struct bpfring_merge *m, struct bpfring_consumer *c);

/**
 * struct bpfring_merged - one record, in place.
 * @record:   as in ring.h
 * @key:      its key
 * @consumer: whose it is; NULL: it came through @stream
 * @stream:   or NULL
 * @late:     1: its key is less than one that was handed out before
 */
struct bpfring_merged {
	struct bpfring_record record;
	uint64_t key;
	struct bpfring_consumer *consumer;
	struct bpfring_stream *stream;
	uint32_t late;
	uint32_t reserved;
};

/**
 * typedef bpfring_merged_fn - takes one record. Returns what bpfring_record_fn does.
 */
typedef int (*bpfring_merged_fn)(void *ctx, const struct bpfring_merged *record);

/**
 * typedef bpfring_merged_batch_fn - takes several records, in order. Returns what bpfring_batch_fn
 * does.
 */
typedef int (*bpfring_merged_batch_fn)(void *ctx, const struct bpfring_merged *records,
				       unsigned int count);

/**
 * bpfring_merge_consume() - hand out the records that are there and not held back.
 * @m:      the merge; not in a loop
 * @fn:     called for every record, in order
 * @ctx:    for @fn
 * @budget: as bpfring_consumer_consume()
 * @ret:    what was done; BPFRING_END_HELD: the rest is held back until bpfring_merge_next_due()
 *
 * Does not block. Space is given back to the producers while it runs, and at the end.
 *
 * Return: number of records (at most INT_MAX), or the negative value of the callback, or
 * -EINVAL: NULL, a bad budget, called from its own callback, while another thread is in one of its
 * calls, or @m is in a loop; -E2BIG: a budget from a newer library; -EBADMSG, -EBUSY: a ring is
 * corrupt or has a second consumer: it has been removed from the merge, the log names it, and the
 * next call goes on with the others; -ENOMEM: after an addition; -ECHILD: in a forked child.
 */
BPFRING_API int bpfring_merge_consume(struct bpfring_merge *m, bpfring_merged_fn fn, void *ctx,
				      const struct bpfring_budget *budget,
				      struct bpfring_outcome *ret);

/**
 * bpfring_merge_consume_batch() - the same with a callback per batch of up to 64 records.
 *
 * Return: as bpfring_merge_consume().
 */
BPFRING_API int bpfring_merge_consume_batch(struct bpfring_merge *m, bpfring_merged_batch_fn fn,
					    void *ctx, const struct bpfring_budget *budget,
					    struct bpfring_outcome *ret);

/**
 * bpfring_merge_flush() - hold nothing back in the next consume, or the next turn in the loop.
 *
 * For the end: what is in the rings then is handed out in order, as far as no head is busy.
 *
 * Return: 0; -EINVAL: NULL; -ECHILD.
 */
BPFRING_API int bpfring_merge_flush(struct bpfring_merge *m);

/**
 * bpfring_merge_next_due() - when to consume again if no ring notifies before.
 *
 * For callers that wait by themselves, after a consume. Rings notify as after
 * bpfring_consumer_consume(); loops do all of this.
 *
 * Return: a time of CLOCK_MONOTONIC in ns; 0: now, a budget was spent; INT64_MAX: nothing is held
 * back.
 */
BPFRING_API int64_t bpfring_merge_next_due(const struct bpfring_merge *m);

/**
 * bpfring_loop_add_merge() - let a loop consume a merge.
 * @l:   the loop: it watches all consumers of @m, also those added later
 * @m:   the merge; it stays the caller's
 * @fn:  called for every record, in order
 * @ctx: for @fn
 *
 * Each round in which a ring of @m was due or notified, or held records have become due, has one
 * turn of the merge after those of the rings. bpfring_loop_remove() is refused for its consumers.
 *
 * Return: 0, or -EINVAL: NULL, or from a callback of @m; -EEXIST: @m is in a loop already; -ENOMEM,
 * -ENOSPC; -ECHILD.
 */
BPFRING_API int bpfring_loop_add_merge(struct bpfring_loop *l, struct bpfring_merge *m,
				       bpfring_merged_fn fn, void *ctx);

/** bpfring_loop_add_merge_batch() - the same with a callback per batch of up to 64 records. */
BPFRING_API int bpfring_loop_add_merge_batch(struct bpfring_loop *l, struct bpfring_merge *m,
					     bpfring_merged_batch_fn fn, void *ctx);

/**
 * bpfring_loop_remove_merge() - take a merge and its consumers out of the loop. From callbacks too.
 *
 * Return: 0; -ENOENT: it is not in this loop; -EINVAL: NULL.
 */
BPFRING_API int bpfring_loop_remove_merge(struct bpfring_loop *l, struct bpfring_merge *m);

/**
 * struct bpfring_merge_stats - counters since the merge was created.
 * @sz:          set by the caller: sizeof(struct bpfring_merge_stats)
 * @records:     handed out
 * @late:        of them late
 * @late_max:    most by which a key was less than one handed out before: the lateness that would
 *               have been needed, if keys are times and the record was not behind a greater one in
 *               its own ring
 * @misordered:  late ones that stood behind a greater key in their own ring: no lateness helps
 * @busy_passed: times that records were handed out past a busy head
 * @held:        calls that ended with records held back
 * @ahead:       keys that were ahead of their clock
 * @keyless:     records too short to have a key
 * @sources:     rings and streams in the merge now
 */
struct bpfring_merge_stats {
	size_t sz;
	uint64_t records;
	uint64_t late;
	uint64_t late_max;
	uint64_t misordered;
	uint64_t busy_passed;
	uint64_t held;
	uint64_t ahead;
	uint64_t keyless;
	uint64_t sources;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_merge_stats() - read the counters.
 * Return: 0; -EINVAL: NULL, or a size less than that of the first member.
 */
BPFRING_API int bpfring_merge_stats(const struct bpfring_merge *m, struct bpfring_merge_stats *ret);
BPFRING_PRIV_NAMESAKE_END

/**
 * bpfring_stream_new() - create a stream.
 * @ret:   the stream; free it with bpfring_stream_free()
 * @bytes: a power of two of at least 64; a record takes 8 bytes more than its payload, rounded up
 *         to 8
 *
 * Return: 0, or -EINVAL: NULL, or such a size cannot be; -ENOMEM.
 */
BPFRING_API int bpfring_stream_new(struct bpfring_stream **ret, size_t bytes);

/**
 * bpfring_stream_free() - free a stream; what is in it is lost.
 * @s: NULL is fine
 *
 * Removes it from its merge. By the thread that owns the merge, when the writing one has ended or
 * will not write any more.
 */
BPFRING_API void bpfring_stream_free(struct bpfring_stream *s);

/**
 * bpfring_stream_push() - copy a record into a stream. Wait-free; by one thread.
 *
 * Return: 0; 1: the reader had taken everything before it and may be asleep, so wake it, by
 * bpfring_loop_wakeup() for example; -EAGAIN: full; -E2BIG: it can never fit, more than half of the
 * stream; -EINVAL: NULL.
 */
BPFRING_API int bpfring_stream_push(struct bpfring_stream *s, const void *data, size_t size);

/** bpfring_merge_add_stream() - take the records of a stream. Return: as bpfring_merge_add(). */
BPFRING_API int bpfring_merge_add_stream(struct bpfring_merge *m, struct bpfring_stream *s);

/** bpfring_merge_remove_stream() - leave a stream alone. Return: as bpfring_merge_remove(). */
BPFRING_API int bpfring_merge_remove_stream(struct bpfring_merge *m, struct bpfring_stream *s);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_MERGE_H */
