/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producer: waiting for space, in a function or in another event loop. A drain of the kernel wakes
 * who waits, unless it is told not to (BPF_RB_NO_WAKEUP); then time does.
 */
#ifndef BPFRING_PRODUCER_WAIT_H
#define BPFRING_PRODUCER_WAIT_H

#include <bpfring/producer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * bpfring_producer_reserve_wait() - take space for one sample, waiting for it.
 * @p:          the producer
 * @size:       payload bytes
 * @timeout_ns: -1 for ever, 0 to kick and look only
 * @ret:        where to write the payload
 *
 * Kicks if it can, then sleeps until the kernel has drained. A drain with BPF_RB_NO_WAKEUP wakes
 * nobody: it is noticed after 1 ms, later ever more rarely up to every 64 ms. With
 * BPFRING_PRODUCER_THREADS, threads get space in the order in which they began to wait.
 *
 * A thread that waits can be cancelled; it may take 64 ms until it notices. It has reserved nothing
 * then.
 *
 * Return: as bpfring_producer_reserve() except -ENOSPC, and -ETIMEDOUT: no space in time;
 * -ECANCELED: bpfring_producer_stop(), or the producer is being closed; -EINVAL: NULL, a time-out
 * below -1; -ENOMEM, -EMFILE, -ENFILE, -ENOSPC: nothing to wait with (the first time only).
 */
BPFRING_API int bpfring_producer_reserve_wait(struct bpfring_producer *p, size_t size,
					      int64_t timeout_ns, void **ret);

/**
 * bpfring_producer_stop() - make all present and future waits for space return -ECANCELED.
 * @p: the producer
 *
 * From any thread and from signal handlers. Does not touch errno. Reservations that find space
 * still succeed.
 *
 * Return: 0; -EINVAL: NULL; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_stop(struct bpfring_producer *p);

/** bpfring_producer_resume() - let reservations wait again. Return: as bpfring_producer_stop(). */
BPFRING_API int bpfring_producer_resume(struct bpfring_producer *p);

/**
 * bpfring_producer_fd() - a descriptor for another event loop, to wait for space with.
 * @p: the producer
 *
 * It becomes readable when bpfring_producer_arm() should be called again, and only between an arm
 * that returned 0 and the next one that does not. Who waits no longer takes it out of the event
 * loop, where it would go on being ready. Do not read or close it.
 *
 * Return: the descriptor; -EINVAL: NULL; -EMFILE, -ENFILE, -ENOMEM, -ENOSPC; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_fd(struct bpfring_producer *p);

/**
 * bpfring_producer_arm() - is there space? If not, make the descriptor readable when there may be.
 * @p:    the producer; bpfring_producer_fd() was called
 * @size: payload bytes of the sample that is to be reserved
 *
 * Kicks if it can and there is no space. Drains with BPF_RB_NO_WAKEUP are noticed as in
 * bpfring_producer_reserve_wait().
 *
 * Return: 1: there is space now; 0: wait for the descriptor; -EINVAL: NULL, or no descriptor yet;
 * -E2BIG: larger than bpfring_producer_max_sample(); -ENOSPC: too many epoll watches of this user;
 * -ENOMEM; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_arm(struct bpfring_producer *p, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_WAIT_H */
