/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Producer: waiting for space, in a function or in another event loop. A drain of the kernel ends
 * the wait. A drain with BPF_RB_NO_WAKEUP does not; a timer finds it later.
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
 * @timeout_ns: -1 for ever, 0 to kick and look without waiting
 * @ret:        where to write the payload
 *
 * Kicks if the options name something to kick, then sleeps until the kernel has drained. A drain
 * with BPF_RB_NO_WAKEUP does not end the sleep: it is found after 1 ms, and in a longer wait after
 * up to 64 ms. With BPFRING_PRODUCER_THREADS, threads get space in the order in which they began
 * to wait.
 *
 * A thread that waits can be cancelled; it may notice after 64 ms only. It has then reserved
 * nothing.
 *
 * Return: as bpfring_producer_reserve() except -ENOSPC, and -ETIMEDOUT: no space in time;
 * -ECANCELED: bpfring_producer_stop(), or the producer is being closed; -EINVAL: NULL, a time-out
 * below -1; -ENOMEM, -EMFILE, -ENFILE, -ENOSPC: what the wait needs cannot be had (the
 * first wait only).
 */
BPFRING_API int bpfring_producer_reserve_wait(struct bpfring_producer *p, size_t size,
					      int64_t timeout_ns, void **ret);

/**
 * bpfring_producer_stop() - make all present and future waits for space return -ECANCELED.
 * @p: the producer
 *
 * Any thread and any signal handler may call it. It leaves errno alone. Reservations that find
 * space still succeed.
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
 * It becomes readable when bpfring_producer_arm() should be called again, and only after an arm
 * that returned 0, until an arm returns something else. Take it out of the event loop when you no
 * longer wait, or it stays ready there. Do not read or close it.
 *
 * Return: the descriptor; -EINVAL: NULL; -EMFILE, -ENFILE, -ENOMEM, -ENOSPC; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_fd(struct bpfring_producer *p);

/**
 * bpfring_producer_arm() - is there space? If not, make the descriptor readable when there may be.
 * @p:    the producer; bpfring_producer_fd() was called
 * @size: payload bytes of the sample that is to be reserved
 *
 * Without space it kicks, if the options name something to kick. Drains with BPF_RB_NO_WAKEUP are
 * found as in bpfring_producer_reserve_wait().
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
