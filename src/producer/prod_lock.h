/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The lock of a producer that many threads use: for the few nanoseconds in which one of them takes
 * space or publishes, never while a sample is written.
 *
 * One locked instruction to take it, none to leave it. That there is no other to wake whoever waits is
 * what makes it so cheap: who finds it taken comes back after a while by itself. And one thread may
 * have it for itself for a while: see prod_lock.c.
 */
#ifndef BPFRING_SRC_PROD_LOCK_H
#define BPFRING_SRC_PROD_LOCK_H

#include <bpfring/user_ring.h>
#include <features.h>
#include <pthread.h>
#include <stdbool.h>

#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
#define bpfring_single_threaded __libc_single_threaded
#endif
#endif
#ifndef bpfring_single_threaded
#define bpfring_single_threaded 0
#endif

/* Ends with the lock. */
void bpfring_prod_lock_slowly(struct bpfring_prod *p);
/* Likewise, where the lock is taken, or another thread was the last to reserve. */
void bpfring_prod_take_turn(struct bpfring_prod *p, uintptr_t self, bool locked);

/* A number that no other running thread has. */
static inline uintptr_t bpfring_prod_self(void)
{
#if defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
	return (uintptr_t)__builtin_thread_pointer();
#endif
#endif
	return (uintptr_t)pthread_self();
}

static inline bool bpfring_prod_trylock(struct bpfring_prod *p)
{
	uint32_t unlocked = 0;

	/* A process that may have more than one thread, but has not. */
	if (bpfring_single_threaded && !__atomic_load_n(&p->lock, __ATOMIC_RELAXED)) {
		__atomic_store_n(&p->lock, 1, __ATOMIC_RELAXED);
		return true;
	}
	/* P3: acquire, with the release of unlock: what the thread before did to positions, states
	 * and headers, and, by P1, the space that it knew to be free.
	 */
	return __atomic_compare_exchange_n(&p->lock, &unlocked, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* To end samples, or to look. */
static inline void bpfring_prod_lock(struct bpfring_prod *p)
{
	if (!bpfring_prod_trylock(p))
		bpfring_prod_lock_slowly(p);
}

/* To reserve: when it is this thread's turn. */
static inline void bpfring_prod_lock_turn(struct bpfring_prod *p)
{
	const uintptr_t self = bpfring_prod_self();
	bool locked = bpfring_prod_trylock(p);

	if (!locked || p->user != self)
		bpfring_prod_take_turn(p, self, locked);
}

static inline void bpfring_prod_unlock(struct bpfring_prod *p)
{
	/* For who finds it taken: others get on. */
	__atomic_store_n(&p->locks, p->locks + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&p->lock, 0, __ATOMIC_RELEASE); /* P3 */
}

#endif /* BPFRING_SRC_PROD_LOCK_H */
