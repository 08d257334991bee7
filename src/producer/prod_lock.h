/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The lock of a producer that many threads use. A thread holds it for the few nanoseconds in which
 * it takes space or publishes, never while it writes a sample.
 *
 * Taking it costs one locked instruction, leaving it none, since leaving wakes no other thread: a
 * thread that finds it taken looks again after a pause.
 */
#ifndef BPFRING_SRC_PROD_LOCK_H
#define BPFRING_SRC_PROD_LOCK_H

#include <features.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
#define bpfring_single_threaded __libc_single_threaded
#endif
#endif
#ifndef bpfring_single_threaded
#define bpfring_single_threaded 0
#endif

struct prod_lock {
	uint32_t taken;
};

/* Ends with the lock. */
void bpfring_prod_lock_slowly(struct prod_lock *l);

static inline bool bpfring_prod_trylock(struct prod_lock *l)
{
	uint32_t unlocked = 0;

	/* The process has one thread only. */
	if (bpfring_single_threaded && !__atomic_load_n(&l->taken, __ATOMIC_RELAXED)) {
		__atomic_store_n(&l->taken, 1, __ATOMIC_RELAXED);
		return true;
	}
	/* P3: acquire, with the release of unlock: what the thread before did to positions, open
	 * bits and headers, and, by P1, the space that it knew to be free.
	 */
	return __atomic_compare_exchange_n(&l->taken, &unlocked, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void bpfring_prod_lock(struct prod_lock *l)
{
	if (!bpfring_prod_trylock(l))
		bpfring_prod_lock_slowly(l);
}

static inline void bpfring_prod_unlock(struct prod_lock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE); /* P3 */
}

#endif /* BPFRING_SRC_PROD_LOCK_H */
