// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "producer/prod_lock.h"

#include "base/relax.h"
#include "base/sys.h"

/*
 * The lock is held for some ten nanoseconds. A thread that finds it taken looks again after a
 * pause. Pauses grow, since each look takes the line away from the thread inside. After SPIN_NS
 * that thread has probably been interrupted: we yield our processor, and after YIELD_NS we sleep.
 */
#define PAUSE_NS     100
#define MAX_PAUSE_NS 800
#define SPIN_NS	     3000
#define YIELD_NS     100000
#define SLEEP_NS     50000

static void spin_until(int64_t end)
{
	while (bpfring_sys_now() < end)
		for (int i = 0; i < 16; i++)
			bpfring_relax();
}

static void sleep_until(int64_t end)
{
	uint32_t nobody_wakes = 0;

	bpfring_sys_futex_wait(&nobody_wakes, 0, end);
}

void bpfring_prod_lock_slowly(struct prod_lock *l)
{
	int64_t start = bpfring_sys_now(), now = start, pause_ns = PAUSE_NS;

	do {
		if (now - start < SPIN_NS) {
			spin_until(now + pause_ns);
			if (pause_ns < MAX_PAUSE_NS)
				pause_ns *= 2;
		} else if (now - start < YIELD_NS) {
			/*
			 * A sleep would end with our taking the processor away from whom we wait
			 * for.
			 */
			bpfring_sys_yield();
		} else {
			sleep_until(now + SLEEP_NS); /* that thread may have a lower priority */
		}
		now = bpfring_sys_now();
	} while (!bpfring_prod_trylock(l));
}
