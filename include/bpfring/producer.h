/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producer: puts samples into one BPF_MAP_TYPE_USER_RINGBUF map, from which BPF programs take them
 * with bpf_user_ringbuf_drain().
 *
 * A sample is reserved, written in place and submitted, or discarded. Several can be reserved at a
 * time and ended in any order. The kernel sees a sample once all samples reserved before it are
 * ended, and never one that is half written; a process that dies leaves nothing behind that could
 * block the ring (see user_ring.h).
 *
 * The kernel drains only when something runs a BPF program that does so. bpfring_producer_kick()
 * does, if the options name one, and the options also say when it is done by itself. What a
 * producer does while there is no space is in producer_wait.h.
 *
 * Threads: one thread at a time uses a producer. With BPFRING_PRODUCER_THREADS any number may call
 * any function at the same time, except open, close, resume, fd and arm, and a sample may be ended
 * by another thread than the one that reserved it. Nothing is locked while a sample is written.
 * Threads that do nothing but produce are slower together than one of them alone: see
 * docs/producer.md.
 *
 * bpfring_producer_stop() is for all threads and signal handlers in any case, and nothing else is
 * for signal handlers: what they interrupt may be a thread that keeps others out at that moment.
 * For the same reason a thread whose cancellation is asynchronous must not use a producer.
 *
 * Processes: one at a time. Opening takes an exclusive claim on the producer's end of the map,
 * which ends when the producer is closed or its process dies; -EBUSY for the second. To pass the
 * ring on, see bpfring_producer_claim_fd(). A forked child must not produce: what uses the ring
 * returns -ECHILD there. libbpf's user_ring_buffer knows no claim: if it moves the position of a
 * ring in use here, the next submit returns -EBUSY.
 *
 * Every call that is refused is explained in the log, once for each cause, at BPFRING_LOG_ERROR.
 * Space that is not there and a wait that is over are not logged.
 *
 * Needs: Linux 6.1. No capability is needed by a process that was handed the map's file descriptor;
 * running a BPF program (kick) needs CAP_BPF or that of its type.
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

/* Opaque, but begins with its struct bpfring_user_ring: see bpfring_producer_ring(). */
struct bpfring_producer;

/* Flags of struct bpfring_producer_opts. */
enum {
	/* Any number of threads use it. A sample then costs two locked instructions more. */
	BPFRING_PRODUCER_THREADS = 1U << 0,
	/* Take no claim, for users who keep other producers out themselves. */
	BPFRING_PRODUCER_UNCLAIMED = 1U << 1,
	/* Open also a ring whose positions contradict each other, and repair what an earlier one
	 * left as bpfring_producer_recover() (producer_recovery.h) does.
	 */
	BPFRING_PRODUCER_RECOVER = 1U << 2,
};

/**
 * typedef bpfring_kick_fn - makes the kernel drain the ring.
 * @ctx: the pointer given with it
 *
 * For instance a system call that a BPF program is attached to. With BPFRING_PRODUCER_THREADS it is
 * called by any of the threads, also by several at once. Nothing is locked meanwhile. It may
 * reserve and submit too, if it bears being called again for its own samples (@kick_samples), but
 * it must not wait for space. It may also close the producer. A call that is still in the producer
 * then returns -EBADF.
 *
 * It may leave by a C++ exception, longjmp() or the end of its thread; the sample that was
 * submitted stays submitted. A thread that leaves bpfring_producer_reserve_wait() by longjmp(), or
 * whose hook takes longer than 64 ms, loses its place among those that wait.
 *
 * Return: number of samples drained, 0 if not known, or a negative errno value.
 */
typedef int (*bpfring_kick_fn)(void *ctx);

/**
 * struct bpfring_producer_opts - how a producer is opened.
 * @sz:           sizeof(struct bpfring_producer_opts)
 * @flags:        BPFRING_PRODUCER_*
 * @claim_fd:     a claim that another process handed over, see bpfring_producer_claim_fd(); it is
 *                duplicated. 0: take one.
 * @kick_prog_fd: a BPF program of type BPF_PROG_TYPE_SYSCALL, SEC("syscall"), that drains the ring
 *                and returns what bpf_user_ringbuf_drain() returned; it is duplicated. 0: none.
 * @kick:         or else a function that does; not both
 * @kick_ctx:     for @kick
 * @kick_samples: kick after every so many samples. 0: not
 * @kick_bytes:   kick when so many bytes of the ring are waiting to be drained, at most all. 0: not
 *
 * With @kick_samples or @kick_bytes, a reservation that finds no space kicks before it is refused,
 * if there is something to drain: the next sample may be the one that does not fit. It does so
 * again after the kernel has drained something, or a millisecond later. A reserve that waits for
 * space always kicks before it sleeps, if there is something to kick.
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
 * @map_fd: a BPF_MAP_TYPE_USER_RINGBUF map, opened for reading and writing; it is duplicated, the
 *          caller keeps and may close its own
 * @opts:   NULL for defaults
 *
 * Goes on where the ring stands: what an earlier producer submitted stays. Does not block. Takes
 * memory of a 64th of the ring's size.
 *
 * Return: 0, or -EINVAL: @ret is NULL, unknown flags, contradicting options, not a BPF map, not a
 * user ring (the log names the type), or @kick_prog_fd is not a SEC("syscall") program; -E2BIG:
 * @opts is from a newer library and asks for something unknown, or the ring is too large for the
 * address space; -EBADF: a descriptor is closed; -EACCES: the map's descriptor is read-only or
 * write-only; -EPERM: the map is frozen; -EBADMSG: the positions in the ring contradict each other,
 * see BPFRING_PRODUCER_RECOVER; -EBUSY: another producer holds the claim, or @claim_fd is not it;
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
 * bpfring_producer_close() - leave the ring; samples that were submitted stay in it.
 * @p: NULL is fine; no thread may be inside one of its functions, except that it waits for space
 *
 * Threads that wait return -ECANCELED first. Reservations that are not ended yet never were part of
 * the ring, nor was what was submitted behind them. In a forked child it frees the child's part
 * only, and waits for nobody. Until the next producer is opened in this process, functions that can
 * fail return -EBADF.
 */
BPFRING_API void bpfring_producer_close(struct bpfring_producer *p);

/**
 * bpfring_producer_ring() - the ring itself, for the functions of user_ring.h that look at it. With
 * BPFRING_PRODUCER_THREADS, or a kick by itself, samples must not be reserved and ended through it;
 * while other threads use it, bpfring_producer_free_space() and the like are what looks at it.
 * @p: the producer
 */
BPFRING_INLINE struct bpfring_user_ring *bpfring_producer_ring(struct bpfring_producer *p)
{
	return (struct bpfring_user_ring *)(void *)p;
}

/*
 * What the functions below do where they cannot do it inline; the last one logs why an end was
 * refused.
 */
BPFRING_API int bpfring_priv_producer_reserve(struct bpfring_producer *p, size_t size, void **ret);
BPFRING_API int bpfring_priv_producer_end(struct bpfring_producer *p, void *data, uint32_t discard);
BPFRING_API int bpfring_priv_producer_output(struct bpfring_producer *p, const void *data,
					     size_t size);
BPFRING_API void bpfring_priv_producer_explain_end(const struct bpfring_producer *p, int err);

/**
 * bpfring_producer_reserve() - take space for one sample.
 * @p:    the producer
 * @size: payload bytes, 0 allowed
 * @ret:  where to write the payload, 8-byte aligned; what was there before is still there
 *
 * Return: 0; -ENOSPC: no space until the kernel drains, or another thread waits for space: it comes
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
	return bpfring_priv_producer_reserve(p, size, ret); /* which also says what is wrong */
}

/**
 * bpfring_producer_reserve_batch() - take space for several samples.
 * @p:       the producer
 * @samples: @count samples with their sizes; gets their payloads, as far as there is space
 * @count:   its length
 *
 * Return: number of samples reserved; errors as bpfring_producer_reserve(), but only if the first
 * sample met one (the next call returns it then).
 */
BPFRING_API int bpfring_producer_reserve_batch(struct bpfring_producer *p,
					       struct bpfring_sample *samples, unsigned int count);

/**
 * bpfring_producer_submit() - hand a sample to the kernel.
 * @p:    the producer
 * @data: as it was reserved; not to be used any more
 *
 * Return: 0; -EINVAL: not a reserved sample of this producer, or ended before; -EBUSY: a second
 * producer moved the position: nothing is published any more; -EBADMSG: something wrote over the
 * header of a sample: likewise, until bpfring_producer_recover(); -ECHILD: in a forked child;
 * -EBADF: closed. With -EBUSY and -EBADMSG the sample is ended, too. A kick by itself that fails is
 * counted and logged, not returned: the sample is submitted.
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
 * bpfring_producer_discard() - give a reservation up; the kernel passes over it.
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
 * Return: number of samples submitted, less than @count if some met -EINVAL; -EINVAL if all did;
 * other errors as bpfring_producer_submit().
 */
BPFRING_API int bpfring_producer_submit_batch(struct bpfring_producer *p,
					      const struct bpfring_sample *samples,
					      unsigned int count);

/**
 * bpfring_producer_output() - copy a sample into the ring: reserve, copy, submit. With
 * BPFRING_PRODUCER_THREADS a small one takes less time than in these steps.
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
 * bpfring_producer_kick() - make the kernel drain: runs the program or the hook of the options.
 * @p: the producer
 *
 * Return: number of samples that the BPF program took; 0 also if a hook does not know; -EOPNOTSUPP:
 * the options named nothing to kick; -EBUSY: another drain is running at this moment; -E2BIG,
 * -EINVAL: the kernel met a header or position that it cannot pass, left by another producer: see
 * producer_recovery.h; -EPERM: this process may not run BPF programs; another error that the hook
 * or the program made up; -ECHILD, -EBADF. The log explains each, once.
 */
BPFRING_API int bpfring_producer_kick(struct bpfring_producer *p);

/**
 * bpfring_producer_claim_fd() - the claim on this end of the ring, to be handed to another process.
 * @p: the producer
 *
 * The claim lives as long as a copy of this descriptor is open anywhere. To pass the ring on: end
 * all samples, send the descriptor (SCM_RIGHTS, or inherited through exec), close the producer; the
 * other process then opens the map with it in bpfring_producer_opts.claim_fd. Nobody can come
 * between.
 *
 * Return: the descriptor, the producer's own: do not close it; -ENOENT: it was opened without one;
 * -EBADF.
 */
BPFRING_API int bpfring_producer_claim_fd(const struct bpfring_producer *p);

/**
 * struct bpfring_producer_stats - counters since the producer was opened.
 * @sz:          set by the caller: sizeof(struct bpfring_producer_stats)
 * @samples:     samples submitted; they are published once all before them are ended
 * @bytes:       ring bytes published: payloads, headers, padding, discarded samples
 * @discards:    samples discarded
 * @full:        times that a reservation found no space
 * @waits:       reservations that had to wait
 * @waited_ns:   time that they waited, of all threads together
 * @kicks:       kicks, also those done by itself
 * @kick_errors: those that failed
 * @drained:     samples that kicks said were taken
 * @max_fill:    most bytes seen in use, at the times when the consumer position was read
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
 * @ret: filled up to its @sz; members that this library does not know yet are zeroed
 *
 * Return: 0; -EINVAL: @ret is NULL or its size is less than that of the first member; -EBADF.
 */
BPFRING_API int bpfring_producer_stats(const struct bpfring_producer *p,
				       struct bpfring_producer_stats *ret);
BPFRING_PRIV_NAMESAKE_END

/** bpfring_producer_map_fd() - the producer's own descriptor, not to be closed; -EBADF. */
BPFRING_API int bpfring_producer_map_fd(const struct bpfring_producer *p);

/** bpfring_producer_max_sample() - largest payload: all but 8 bytes of the ring, or 2^24 - 1. */
BPFRING_API size_t bpfring_producer_max_sample(const struct bpfring_producer *p);

/** bpfring_producer_free_space() - see bpfring_user_ring_free_space(). */
BPFRING_API size_t bpfring_producer_free_space(const struct bpfring_producer *p);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_H */
