/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Tap: copies of the records of a ring as they pass, without taking them.
 *
 * Part of libbpfring-observe (-lbpfring-observe, pkg-config bpfring-observe).
 *
 * A tap reads a ring that somebody else consumes, in this process or in another, with this library
 * or any other. It maps the ring read-only: it cannot disturb consumer or producers, wakes nobody,
 * and nobody waits for it (unless it is told to be the consumer: BPFRING_TAP_RECORDER). It reads
 * ordinary rings, and those that overwrite their oldest records (BPF_F_RB_OVERWRITE, Linux 6.19),
 * which cannot be consumed in place.
 *
 *	struct bpfring_tap *tap;
 *
 *	bpfring_tap_open_id(&tap, 42, NULL);
 *	bpfring_tap_run(tap, on_record, NULL);       until bpfring_tap_stop()
 *	bpfring_tap_close(tap);
 *
 * Producers do not wait for a tap. Records are copied out of the ring and count only if a look at
 * the producer position afterwards shows that none of their bytes can have been written over
 * meanwhile (docs/memory-model.md). A tap that was too slow says how many bytes it missed, and
 * where. All bytes from where it started are accounted for:
 *
 *	pos - start_pos == bytes + discarded_bytes + missed      (struct bpfring_tap_stats)
 *
 * Threads: one thread at a time uses a tap. Only bpfring_tap_stop() may be called from any thread
 * and from signal handlers. Fork: a child may close its tap, and must not use it otherwise.
 *
 * Needs: Linux 5.8. A descriptor of the map is all that the process needs.
 */
#ifndef BPFRING_TAP_H
#define BPFRING_TAP_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_tap;

/* Where a tap starts. */
enum bpfring_tap_start {
	/* The oldest record that the consumer has not taken yet; in a ring that overwrites its
	 * oldest records, the oldest one that is left.
	 */
	BPFRING_TAP_OLDEST = 0,
	BPFRING_TAP_NOW = 1, /* what is reserved from now on */
};

/* Flags of struct bpfring_tap_opts. */
enum {
	BPFRING_TAP_SHOW_DISCARDED = 1U << 0, /* hand out discarded records too */
	/* Go on past records that are still being written, and miss them, instead of waiting. */
	BPFRING_TAP_PASS_BUSY = 1U << 1,
	/* A flight recorder on any kernel: of an ordinary ring, be the consumer as well, and give
	 * up the oldest records so that half of it is free. Another consumer must not be there; the
	 * tap claims the ring as BPFRING_CONSUMER_EXCLUSIVE does. It needs bpfring_tap_run() or
	 * bpfring_tap_dispatch(), which take a callback of NULL then: to make room, and copy
	 * nothing. For a ring that overwrites its oldest records by itself this changes nothing.
	 */
	BPFRING_TAP_RECORDER = 1U << 2,
};

/**
 * struct bpfring_tap_opts - how a tap reads.
 * @sz:             sizeof(struct bpfring_tap_opts)
 * @start:          enum bpfring_tap_start
 * @flags:          BPFRING_TAP_*
 * @buffer:         memory for the copies, 8-byte aligned; it stays the caller's. NULL: the tap's
 *                  own
 * @buffer_size:    its bytes, or those of its own memory. A record that does not fit is missed.
 *                  0 without @buffer: what the largest record of the ring takes; memory is used
 *                  only as far as records reach
 * @max_latency_ns: for bpfring_tap_run() and bpfring_tap_fd(): look at least this often, if the CPU
 *                  budget permits. 0: 50 ms
 * @cpu_permille:   for these too: CPU time that the looks may take, the callback's included, in
 *                  thousandths of one processor. 0: 10, which is 1 %
 */
struct bpfring_tap_opts {
	size_t sz;
	uint32_t start;
	uint32_t flags;
	void *buffer;
	size_t buffer_size;
	int64_t max_latency_ns;
	uint32_t cpu_permille;
	uint32_t reserved;
};

/**
 * bpfring_tap_open() - open a tap on a ring, by file descriptor.
 * @ret:    the tap; free it with bpfring_tap_close()
 * @map_fd: a BPF_MAP_TYPE_RINGBUF map, opened for reading and writing (the kernel maps a ring
 *          through no other descriptor); the caller may close it afterwards
 * @opts:   NULL for defaults
 *
 * Does not block.
 *
 * Return: 0, or -EINVAL: @ret is NULL, unknown options, a buffer that is misaligned or has no size,
 * not a BPF map, or not a kernel-to-user ring; -E2BIG: @opts is from a newer library and asks for
 * something unknown, or the ring is too large for the address space; -EBADF: @map_fd is closed;
 * -EACCES: the descriptor is read-only or write-only; -EPERM: neither bpf() nor /proc says what it
 * is; -ENOMEM, -EMFILE, -ENFILE. With BPFRING_TAP_RECORDER also what bpfring_consumer_open()
 * returns, -EBUSY and -EBADMSG for example.
 */
BPFRING_API int bpfring_tap_open(struct bpfring_tap **ret, int map_fd,
				 const struct bpfring_tap_opts *opts);

/**
 * bpfring_tap_open_pinned() - the same for a map pinned in a BPF file system.
 *
 * Return: as bpfring_tap_open(), and -ENOENT: no such pin; -EACCES, -EPERM: file permissions, or
 * the kernel refuses bpf() to this process.
 */
BPFRING_API int bpfring_tap_open_pinned(struct bpfring_tap **ret, const char *path,
					const struct bpfring_tap_opts *opts);

/**
 * bpfring_tap_open_id() - the same for any map of the system, by its id. Needs CAP_SYS_ADMIN.
 *
 * Return: as bpfring_tap_open(), and -ENOENT: no map has this id; -EPERM: not allowed.
 */
BPFRING_API int bpfring_tap_open_id(struct bpfring_tap **ret, uint32_t map_id,
				    const struct bpfring_tap_opts *opts);

/**
 * bpfring_tap_close() - close a tap. @t: NULL is fine
 *
 * Not from its own callback: the log says so, and it stays.
 */
BPFRING_API void bpfring_tap_close(struct bpfring_tap *t);

/**
 * struct bpfring_tap_record - a copy of one record.
 * @data:   payload, 8-byte aligned, valid until the callback returns
 * @size:   payload bytes
 * @state:  BPFRING_RECORD_READY, or BPFRING_RECORD_DISCARDED
 * @pos:    position of the record's header in the stream of bytes: a unique, growing number
 * @missed: bytes of records directly before it that the tap did not see
 */
struct bpfring_tap_record {
	const void *data;
	uint32_t size;
	uint32_t state;
	uint64_t pos;
	uint64_t missed;
};

/**
 * typedef bpfring_tap_fn - takes the copy of one record.
 *
 * It must not use the tap that called it, except for bpfring_tap_stats() and bpfring_tap_stop(). It
 * may leave by a C++ exception or pthread_exit(), which counts as a return of 0, but not by
 * longjmp().
 *
 * Return: >= 0: go on; BPFRING_STOP: stop; BPFRING_KEEP: stop, and hand out this record again next
 * time; a negative errno value: stop and return it to the caller.
 */
typedef int (*bpfring_tap_fn)(void *ctx, const struct bpfring_tap_record *record);

/**
 * struct bpfring_tap_outcome - what one call did.
 * @sz:      set by the caller: sizeof(struct bpfring_tap_outcome)
 * @records: records handed out, one whose callback failed included
 * @missed:  bytes that it found it had missed
 * @end:     why it ended: enum bpfring_end
 */
struct bpfring_tap_outcome {
	size_t sz;
	uint64_t records;
	uint64_t missed;
	enum bpfring_end end;
};

/**
 * bpfring_tap_read() - hand out copies of all records that the ring has at this moment.
 * @t:      the tap
 * @fn:     called for every record, in ring order
 * @ctx:    for @fn
 * @budget: NULL for none. It ends by itself: what is reserved after the call began is for the next
 *          one. Of its bytes those missed do not count
 * @ret:    what was done, also after an error; NULL if not wanted
 *
 * Does not block. Records after the one at which a callback stopped come with the next call, and so
 * do up to 64 behind the end of a budget, although the ring may have lost them by then.
 *
 * Return: number of records (at most INT_MAX), or the negative value of the callback, or -EINVAL: a
 * NULL, a bad budget, or called from its own callback; -E2BIG: a budget from a newer library;
 * -EBADMSG: what is in the ring contradicts itself. The tap gives up what is in it, counts that as
 * missed, and goes on with the next call. With BPFRING_TAP_RECORDER also -EBUSY: somebody else
 * consumes the ring.
 */
BPFRING_API int bpfring_tap_read(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx,
				 const struct bpfring_budget *budget,
				 struct bpfring_tap_outcome *ret);

/**
 * bpfring_tap_run() - read until stopped, looking by a timer.
 *
 * Looks before the ring can be half full, judged by the rate, at least every max_latency_ns, and
 * rarely enough to keep within cpu_permille. What producers write faster than that permits is
 * missed.
 *
 * @fn may be NULL for a tap with BPFRING_TAP_RECORDER.
 *
 * Return: 0 after bpfring_tap_stop(), BPFRING_STOP or BPFRING_KEEP; a negative value as
 * bpfring_tap_read(); -EMFILE, -ENFILE, -ENOMEM: no timer.
 */
BPFRING_API int bpfring_tap_run(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx);

/**
 * bpfring_tap_stop() - end the present, or else the next, bpfring_tap_run().
 *
 * From any thread and from signal handlers. Does not touch errno.
 *
 * Return: 0; -EINVAL: NULL.
 */
BPFRING_API int bpfring_tap_stop(struct bpfring_tap *t);

/**
 * bpfring_tap_fd() - a descriptor for a loop, bpfring_loop_add_fd() or any other.
 *
 * Readable when it is time to look: call bpfring_tap_dispatch() then. It belongs to the tap: do not
 * read or close it, and take it out of the loop before bpfring_tap_close().
 *
 * Return: the descriptor; -EINVAL: NULL; -EMFILE, -ENFILE, -ENOMEM at the first call.
 */
BPFRING_API int bpfring_tap_fd(struct bpfring_tap *t);

/**
 * bpfring_tap_dispatch() - read as bpfring_tap_read(), for 10 ms at most, and set the time of the
 * next look. @fn may be NULL for a tap with BPFRING_TAP_RECORDER.
 *
 * Return: as bpfring_tap_read(); -EINVAL also if bpfring_tap_fd() was never called.
 */
BPFRING_API int bpfring_tap_dispatch(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx,
				     struct bpfring_tap_outcome *ret);

/**
 * bpfring_tap_seek() - go to the oldest record again, or to now.
 * @where: enum bpfring_tap_start
 *
 * Statistics begin anew. With BPFRING_TAP_OLDEST before every bpfring_tap_read(), a ring that
 * overwrites its oldest records is a flight recorder, of which each read is a picture.
 *
 * Return: 0; -EINVAL: NULL, an unknown @where, or called from its own callback.
 */
BPFRING_API int bpfring_tap_seek(struct bpfring_tap *t, enum bpfring_tap_start where);

/**
 * struct bpfring_tap_stats - counters since the tap was opened, or bpfring_tap_seek().
 * @sz:              set by the caller: sizeof(struct bpfring_tap_stats)
 * @records:         records copied, discarded ones not included
 * @bytes:           their ring bytes: payloads, headers, padding
 * @discards:        discarded records, shown or not
 * @discarded_bytes: their ring bytes
 * @missed:          bytes not seen, whatever the reason
 * @overruns:        times that producers were faster
 * @passed:          records missed because they were being written (BPFRING_TAP_PASS_BUSY)
 * @too_large:       records missed because the buffer is too small
 * @start_pos:       position at which it started
 * @pos:             position up to which it has read
 * @prod_pos:        position up to which producers have reserved
 * @ring_size:       bytes of data area, the map's max_entries
 * @looks:           looks of bpfring_tap_run() and bpfring_tap_dispatch()
 * @cpu_ns:          CPU time that they took
 * @map_id:          id of the map, 0 if the kernel does not say
 * @map_flags:       flags of its creation, BPF_F_RB_OVERWRITE for one
 * @map_name:        name of the map, "" if it has none
 */
struct bpfring_tap_stats {
	size_t sz;
	uint64_t records;
	uint64_t bytes;
	uint64_t discards;
	uint64_t discarded_bytes;
	uint64_t missed;
	uint64_t overruns;
	uint64_t passed;
	uint64_t too_large;
	uint64_t start_pos;
	uint64_t pos;
	uint64_t prod_pos;
	uint64_t ring_size;
	uint64_t looks;
	uint64_t cpu_ns;
	uint32_t map_id;
	uint32_t map_flags;
	char map_name[16];
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_tap_stats() - read the counters.
 * @ret: filled up to its @sz; members that this library does not know are zeroed
 *
 * Return: 0; -EINVAL: NULL, or a size less than that of the first member.
 */
BPFRING_API int bpfring_tap_stats(const struct bpfring_tap *t, struct bpfring_tap_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_TAP_H */
