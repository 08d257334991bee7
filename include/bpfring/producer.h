/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producer: puts samples into one BPF_MAP_TYPE_USER_RINGBUF map. BPF programs take them out with
 * bpf_user_ringbuf_drain().
 *
 * A sample is reserved, written in place, and submitted or discarded. Several samples can be open
 * together and end in any order. The kernel sees a sample once all samples reserved before it have
 * ended, and never one that is half written. A process that dies leaves nothing behind that could
 * block the ring (see user_ring.h).
 *
 * The kernel drains only when something runs a BPF program that calls the drain helper.
 * bpfring_producer_kick() runs the program that the options name, and the options say when the
 * producer kicks automatically. producer_wait.h has the functions that wait for space.
 *
 * Threads: one thread at a time uses a producer. With BPFRING_PRODUCER_THREADS any number of
 * threads may call any function, except open, close, resume, fd and arm, and one thread may end a
 * sample that another reserved. No lock is held while a sample is written. Threads that do nothing
 * but produce are slower together than one of them alone: see docs/producer.md.
 *
 * Any thread and any signal handler may call bpfring_producer_stop(). A signal handler must call
 * nothing else here, since it may have interrupted a thread that holds the lock. For the same
 * reason a thread with asynchronous cancellation must not use a producer.
 *
 * Processes: one at a time. Opening takes an exclusive claim on the producer's end of the map; a
 * second producer gets -EBUSY. The claim ends when the producer is closed or its process dies.
 * bpfring_producer_claim_fd() passes it on. A forked child must not produce: functions that use the
 * ring return -ECHILD there. libbpf's user_ring_buffer ignores the claim. If it moves the position
 * of a ring that is in use here, the next submit returns -EBUSY.
 *
 * The log explains each refused call once per cause, at BPFRING_LOG_ERROR. A lack of space and the
 * end of a wait are not logged.
 *
 * Needs: Linux 6.1. A process that was handed the map's descriptor needs no capability. Running a
 * BPF program (kick) needs CAP_BPF or the capability of its type.
 */
#ifndef BPFRING_PRODUCER_H
#define BPFRING_PRODUCER_H

#include <bpfring/common.h>
#include <bpfring/user_ring.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bpfring_sample - one sample of a batch.
 * @data: payload, 8-byte aligned, writable; valid until it is submitted or discarded
 * @size: payload bytes
 */
struct bpfring_sample {
	void *data;
	uint32_t size;
	uint32_t reserved;
};

/* Opaque; begins with its struct bpfring_user_ring: see bpfring_producer_ring(). */
struct bpfring_producer;

/* Flags of struct bpfring_producer_opts. */
enum {
	/* Any number of threads use it. Each sample then costs two locked instructions. */
	BPFRING_PRODUCER_THREADS = 1U << 0,
	/* Take no claim: the program keeps other producers out by itself. */
	BPFRING_PRODUCER_UNCLAIMED = 1U << 1,
	/* Also open a ring whose positions contradict each other, and repair what an earlier
	 * producer left, as bpfring_producer_recover() (producer_recovery.h) does.
	 */
	BPFRING_PRODUCER_RECOVER = 1U << 2,
};

/**
 * typedef bpfring_kick_fn - makes the kernel drain the ring.
 * @ctx: the pointer given with it
 *
 * It can make a system call to which a BPF program is attached, for instance. With
 * BPFRING_PRODUCER_THREADS any of the threads calls it, also several at the same time. No lock is
 * held meanwhile. It must not wait for space. It may reserve and submit if it can be called again
 * for its own samples (@kick_samples). It may close the producer; a call that is still in the
 * producer then returns -EBADF.
 *
 * It may leave by a C++ exception, longjmp() or the end of its thread; the sample that was
 * submitted stays submitted. A thread that leaves bpfring_producer_reserve_wait() by longjmp(), or
 * whose hook takes longer than 64 ms, loses its place in the queue for space.
 *
 * Return: number of samples drained, 0 if not known, or a negative errno value.
 */
typedef int (*bpfring_kick_fn)(void *ctx);

/**
 * struct bpfring_producer_opts - how a producer is opened.
 * @sz:           sizeof(struct bpfring_producer_opts)
 * @flags:        BPFRING_PRODUCER_*
 * @claim_fd:     a claim that another process handed over, see bpfring_producer_claim_fd(); the
 *                library duplicates it. 0: take a new claim
 * @kick_prog_fd: a BPF program of type BPF_PROG_TYPE_SYSCALL, SEC("syscall"), that drains the ring
 *                and returns what bpf_user_ringbuf_drain() returned; the library duplicates it.
 *                0: none
 * @kick:         a function that makes the kernel drain, instead of @kick_prog_fd; NULL: none
 * @kick_ctx:     for @kick
 * @kick_samples: kick after this number of samples. 0: never
 * @kick_bytes:   kick when this number of ring bytes waits to be drained, at most the ring's size.
 *                0: never
 *
 * With @kick_samples or @kick_bytes, a reservation that finds no space kicks before it is refused,
 * if there is something to drain: otherwise a sample that does not fit could keep the level from
 * being reached. It kicks again after the kernel has drained something, or a millisecond later. A
 * reserve that waits for space always kicks before it sleeps, if there is something to kick.
 */
struct bpfring_producer_opts {
	size_t sz;
	uint32_t flags;
	int32_t claim_fd;
	int32_t kick_prog_fd;
	uint32_t reserved;
	bpfring_kick_fn kick;
	void *kick_ctx;
	uint64_t kick_samples;
	uint64_t kick_bytes;
};

/**
 * bpfring_producer_open() - open the producer's end of a ring by file descriptor.
 * @ret:    the producer; free it with bpfring_producer_close()
 * @map_fd: a BPF_MAP_TYPE_USER_RINGBUF map, opened for reading and writing; the library
 *          duplicates it, and the caller may close its own
 * @opts:   NULL for defaults
 *
 * Samples that an earlier producer submitted stay. Does not block. Takes memory of a 64th of the
 * ring's size.
 *
 * Return: 0, or -EINVAL: @ret is NULL, unknown flags, contradicting options, not a BPF map, not a
 * user ring (the log names the type), or @kick_prog_fd is not a SEC("syscall") program; -E2BIG:
 * @opts is from a newer library and asks for something unknown, or the ring is too large for the
 * address space; -EBADF: a descriptor is closed; -EACCES: the map's descriptor is read-only or
 * write-only; -EPERM: the map is frozen; -EBADMSG: the positions in the ring contradict each other,
 * see BPFRING_PRODUCER_RECOVER; -EBUSY: another producer holds the claim, and @claim_fd is not it;
 * -ENOMEM, -EMFILE, -ENFILE, -ENOLCK: out of memory, descriptors or locks.
 */
BPFRING_API int bpfring_producer_open(struct bpfring_producer **ret, int map_fd,
				      const struct bpfring_producer_opts *opts);

/**
 * bpfring_producer_open_pinned() - the same for a map pinned in a BPF file system.
 * @path: the pin, "/sys/fs/bpf/commands"
 *
 * Return: as bpfring_producer_open(), and -ENOENT: no such pin; -EACCES, -EPERM: file permissions,
 * or the kernel refuses bpf() to this process.
 */
BPFRING_API int bpfring_producer_open_pinned(struct bpfring_producer **ret, const char *path,
					     const struct bpfring_producer_opts *opts);

/**
 * bpfring_producer_close() - leave the ring; published samples stay in it.
 * @p: NULL is fine; no thread may be inside one of its functions, except to wait for space
 *
 * Waits of other threads end with -ECANCELED first. Open samples, and those submitted behind them,
 * never were part of the ring. In a forked child only the child's part is freed, without a wait.
 * Until the next producer is opened in this process, functions that can fail return -EBADF.
 */
BPFRING_API void bpfring_producer_close(struct bpfring_producer *p);

/**
 * bpfring_producer_ring() - the ring itself, for the functions of user_ring.h that look at it.
 * @p: the producer
 *
 * With BPFRING_PRODUCER_THREADS or automatic kicks, samples must not be reserved or ended through
 * it. While other threads use the producer, call bpfring_producer_free_space() and the like.
 */
BPFRING_INLINE struct bpfring_user_ring *bpfring_producer_ring(struct bpfring_producer *p)
{
	return (struct bpfring_user_ring *)(void *)p;
}

/* The parts of the functions below that are not inline. The last logs why an end was refused. */
BPFRING_API int bpfring_priv_producer_reserve(struct bpfring_producer *p, size_t size, void **ret);
BPFRING_API int bpfring_priv_producer_end(struct bpfring_producer *p, void *data, uint32_t discard);
BPFRING_API int bpfring_priv_producer_output(struct bpfring_producer *p, const void *data,
					     size_t size);
BPFRING_API void bpfring_priv_producer_explain_end(const struct bpfring_producer *p, int err);

/**
 * bpfring_producer_reserve() - take space for one sample.
 * @p:    the producer
 * @size: payload bytes, 0 allowed
 * @ret:  where to write the payload, 8-byte aligned; it still holds whatever was there before
 *
 * Return: 0; -ENOSPC: no space until the kernel drains, or another thread waits for space and comes
 * first; -E2BIG: larger than bpfring_producer_max_sample(); -EBUSY: no space, and a second producer
 * was met; -EBADMSG: the kernel's position is not within the ring, or there is no space and a
 * header was written over; -ECHILD: in a forked child; -EBADF: closed.
 */
BPFRING_INLINE int bpfring_producer_reserve(struct bpfring_producer *p, size_t size, void **ret)
{
	if (size < bpfring_producer_ring(p)->limit) {
		int err = bpfring_user_ring_reserve(bpfring_producer_ring(p), size, ret);

		if (!err || err == -ENOSPC)
			return err;
	}
	return bpfring_priv_producer_reserve(p, size, ret); /* logs what is wrong, too */
}

/**
 * bpfring_producer_reserve_batch() - take space for several samples.
 * @p:       the producer
 * @samples: @count samples with their sizes; their @data is set, as far as there is space
 * @count:   length of @samples
 *
 * Return: number of samples reserved, or an error as bpfring_producer_reserve() if the first sample
 * met one. An error of a later sample is left to the next call.
 */
BPFRING_API int bpfring_producer_reserve_batch(struct bpfring_producer *p,
					       struct bpfring_sample *samples, unsigned int count);

/**
 * bpfring_producer_submit() - hand a sample to the kernel.
 * @p:    the producer
 * @data: the payload that a reserve returned; not to be used any more
 *
 * Return: 0; -EINVAL: not an open sample of this producer; -EBUSY: a second producer moved the
 * position, and nothing is published any more; -EBADMSG: something wrote over the header of a
 * sample, and nothing is published until bpfring_producer_recover(); -ECHILD: in a forked child;
 * -EBADF: closed. After -EBUSY and -EBADMSG the sample has ended, too. If an automatic kick fails,
 * the sample is submitted all the same; the failure is counted and logged, not returned.
 */
BPFRING_INLINE int bpfring_producer_submit(struct bpfring_producer *p, void *data)
{
	struct bpfring_user_ring *prod = bpfring_producer_ring(p);

	if (prod->limit) {
		int err = bpfring_user_ring_submit(prod, data);

		if (err)
			bpfring_priv_producer_explain_end(p, err);
		return err;
	}
	return bpfring_priv_producer_end(p, data, 0);
}

/**
 * bpfring_producer_discard() - give up a reservation; the kernel skips it.
 * Return: as bpfring_producer_submit().
 */
BPFRING_INLINE int bpfring_producer_discard(struct bpfring_producer *p, void *data)
{
	struct bpfring_user_ring *prod = bpfring_producer_ring(p);

	if (prod->limit) {
		int err = bpfring_user_ring_discard(prod, data);

		if (err)
			bpfring_priv_producer_explain_end(p, err);
		return err;
	}
	return bpfring_priv_producer_end(p, data, BPFRING_DISCARD_BIT);
}

/**
 * bpfring_producer_submit_batch() - hand several samples to the kernel.
 * @samples: in the order of their reservation
 *
 * Return: number of samples submitted, less than @count if some were refused with -EINVAL; -EINVAL
 * if all were; other errors as bpfring_producer_submit().
 */
BPFRING_API int bpfring_producer_submit_batch(struct bpfring_producer *p,
					      const struct bpfring_sample *samples,
					      unsigned int count);

/**
 * bpfring_producer_output() - copy a sample into the ring: reserve, copy, submit. With
 * BPFRING_PRODUCER_THREADS this is faster for a small sample than the three steps.
 * Return: as bpfring_producer_reserve() and bpfring_producer_submit().
 */
BPFRING_INLINE int bpfring_producer_output(struct bpfring_producer *p, const void *data,
					   size_t size)
{
	void *sample;
	int err;

	if (!bpfring_producer_ring(p)->limit)
		return bpfring_priv_producer_output(p, data, size);
	err = bpfring_producer_reserve(p, size, &sample);
	if (err)
		return err;
	if (size)
		memcpy(sample, data, size);
	return bpfring_producer_submit(p, sample);
}

/**
 * bpfring_producer_kick() - run the program or the hook of the options, so that the kernel drains.
 * @p: the producer
 *
 * Return: number of samples that the BPF program took, 0 also if a hook does not know it;
 * -EOPNOTSUPP: the options named nothing to kick; -EBUSY: another drain is running at this moment;
 * -E2BIG, -EINVAL: the kernel met a header or position that it cannot pass, left by another
 * producer: see producer_recovery.h; -EPERM: this process may not run BPF programs; any other error
 * of the hook or the program; -ECHILD, -EBADF. The log explains each once.
 */
BPFRING_API int bpfring_producer_kick(struct bpfring_producer *p);

/**
 * bpfring_producer_claim_fd() - the claim on this end of the ring, to be handed to another process.
 * @p: the producer
 *
 * The claim lives as long as a copy of this descriptor is open anywhere. To pass the ring on, end
 * all samples, send the descriptor (SCM_RIGHTS, or inherited through exec) and close the producer.
 * The other process then opens the map with it in bpfring_producer_opts.claim_fd. No third process
 * can take the claim in between.
 *
 * Return: the descriptor, which belongs to the producer: do not close it; -ENOENT: the producer was
 * opened without a claim; -EBADF.
 */
BPFRING_API int bpfring_producer_claim_fd(const struct bpfring_producer *p);

/**
 * struct bpfring_producer_stats - counters since the producer was opened.
 * @sz:          set by the caller: sizeof(struct bpfring_producer_stats)
 * @samples:     samples submitted; each is published once all before it have ended
 * @bytes:       ring bytes published: payloads, headers, padding, discarded samples
 * @discards:    samples discarded
 * @full:        times that a reservation found no space
 * @waits:       reservations that had to wait
 * @waited_ns:   time of these waits, of all threads together
 * @kicks:       kicks, automatic ones included
 * @kick_errors: kicks that failed
 * @drained:     samples drained, as the kicks reported it
 * @max_fill:    most bytes in use, as seen whenever the consumer position was read
 * @ring_size:   bytes of data area (the map's max_entries)
 * @map_id:      id of the map, 0 if the kernel does not say
 * @cons_pos:    position up to which the kernel has drained
 * @prod_pos:    position up to which samples are published
 * @map_name:    name of the map, "" if it has none
 */
struct bpfring_producer_stats {
	size_t sz;
	uint64_t samples;
	uint64_t bytes;
	uint64_t discards;
	uint64_t full;
	uint64_t waits;
	uint64_t waited_ns;
	uint64_t kicks;
	uint64_t kick_errors;
	uint64_t drained;
	uint64_t max_fill;
	uint64_t ring_size;
	uint64_t map_id;
	uint64_t cons_pos;
	uint64_t prod_pos;
	char map_name[16];
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_producer_stats() - read the counters.
 * @p:   the producer
 * @ret: filled up to its @sz; members that this library does not know are zeroed
 *
 * Return: 0; -EINVAL: @ret is NULL or its size is less than that of the first member; -EBADF.
 */
BPFRING_API int bpfring_producer_stats(const struct bpfring_producer *p,
				       struct bpfring_producer_stats *ret);
BPFRING_PRIV_NAMESAKE_END

/** bpfring_producer_map_fd() - the producer's own descriptor: do not close it; -EBADF. */
BPFRING_API int bpfring_producer_map_fd(const struct bpfring_producer *p);

/** bpfring_producer_max_sample() - largest payload: all but 8 bytes of the ring, or 2^24 - 1. */
BPFRING_API size_t bpfring_producer_max_sample(const struct bpfring_producer *p);

/** bpfring_producer_free_space() - see bpfring_user_ring_free_space(). */
BPFRING_API size_t bpfring_producer_free_space(const struct bpfring_producer *p);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_H */
