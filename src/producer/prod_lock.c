// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Turns at the lock of a producer.
 *
 * The lock is held for some ten nanoseconds, so what costs is not waiting for it but sharing: two
 * processors that reserve in turn send the ring's cache lines back and forth, and get less done together
 * than one alone. That does no harm as long as they meet now and then. If they do nothing else, one
 * should have the ring for itself for a while. So then the thread whose turn it is gets a lease: for
 * LEASE_NS the others keep away from the lock when they want to reserve, without even a look, for that
 * would take its line away. What is reserved already they end at any time.
 *
 * Whether leases are of use depends on what the threads do between their samples, so it is measured:
 * the time that a sample takes, of all threads together, in a phase of plain turns, then in one of
 * leases. The better goes on, and now and then the other is tried again.
 */
#include "producer/prod_lock.h"

#include "base/relax.h"
#include "base/sys.h"

#define LEASE_NS 50000

/* A phase of plain turns is long enough to be measured; one of leases to be judged, or for now. */
#define PLAIN_TURNS 32U
#define TRIAL_TURNS 4U
#define LEASE_TURNS 256U

/* How long to do without leases if they are not better. */
#define RETRY_NS 20000000

/* Turns further apart, and threads that come to the lock less often, are no crowd. */
#define IDLE_NS	  20000
#define CROWD_NS  1000
#define COST_UNIT 16 /* costs are in 1/16 ns */

/*
 * A taken lock is looked at again after a pause, ever longer ones. If nobody gets on meanwhile, who holds
 * it was interrupted: after SPIN_NS others may have our processor, after YIELD_NS we sleep.
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

static void pause_at_lock(int64_t now, int64_t stuck_ns, int64_t *pause_ns)
{
	if (stuck_ns < SPIN_NS) {
		spin_until(now + *pause_ns);
		if (*pause_ns < MAX_PAUSE_NS)
			*pause_ns *= 2;
	} else if (stuck_ns < YIELD_NS) {
		/* A sleep would end with our taking the processor away from whom we wait for. */
		bpfring_sys_yield();
	} else {
		sleep_until(now + SLEEP_NS); /* that thread may have a lower priority than ours */
	}
}

void bpfring_prod_lock_slowly(struct bpfring_prod *p)
{
	uint32_t locks = __atomic_load_n(&p->locks, __ATOMIC_RELAXED), locks_now;
	int64_t now = bpfring_sys_now(), moved_at = now, pause_ns = PAUSE_NS;

	while (!bpfring_prod_trylock(p)) {
		locks_now = __atomic_load_n(&p->locks, __ATOMIC_RELAXED);
		now = bpfring_sys_now();
		if (locks_now != locks) {
			locks = locks_now;
			moved_at = now;
		}
		pause_at_lock(now, now - moved_at, &pause_ns);
	}
}

static void begin_phase(struct bpfring_prod *p, bool leasing, int64_t now)
{
	p->leasing = leasing;
	p->phase_at = now;
	p->phase_from = p->locks;
	p->phase_turns = 0;
}

/* From one use of the lock to the next in this phase, of all threads: half of what a sample takes. */
static uint32_t phase_cost(const struct bpfring_prod *p, int64_t now)
{
	uint64_t ns = (uint64_t)(now - p->phase_at), locks = p->locks - p->phase_from;
	uint64_t cost = ns * COST_UNIT / (locks ? locks : 1);

	return cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
}

static void after_lease(struct bpfring_prod *p, int64_t now)
{
	if (now - p->lease_until > IDLE_NS || p->phase_turns >= LEASE_TURNS) {
		begin_phase(p, false, now);
	} else if (p->phase_turns >= TRIAL_TURNS && phase_cost(p, now) >= p->plain_cost) {
		p->retry_at = now + RETRY_NS;
		begin_phase(p, false, now);
	}
}

static void after_plain_turn(struct bpfring_prod *p, int64_t now)
{
	if (now - p->turn_at > IDLE_NS) {
		begin_phase(p, false, now);
	} else if (p->phase_turns >= PLAIN_TURNS) {
		p->plain_cost = phase_cost(p, now);
		begin_phase(p, p->plain_cost < CROWD_NS * COST_UNIT && now >= p->retry_at, now);
	}
}

/*
 * Another's lease: away from here until it ends. If that thread got it on our processor, it does not
 * run now, and spinning would keep it from running.
 */
static void wait_for_lease(int64_t until, uint32_t cpu)
{
	if (cpu == bpfring_sys_cpu())
		bpfring_sys_yield();
	else
		spin_until(until);
}

void bpfring_prod_take_turn(struct bpfring_prod *p, uintptr_t self, bool locked)
{
	int64_t now, until;
	uint32_t cpu;

	for (;; locked = false) {
		if (!locked)
			bpfring_prod_lock_slowly(p);
		if (p->user == self)
			return;
		now = bpfring_sys_now();
		until = p->lease_until;
		if (now >= until)
			break;
		cpu = p->turn_cpu;
		bpfring_prod_unlock(p);
		wait_for_lease(until, cpu);
	}
	p->phase_turns++;
	if (p->leasing)
		after_lease(p, now);
	else
		after_plain_turn(p, now);
	p->lease_until = p->leasing ? now + LEASE_NS : 0;
	p->turn_at = now;
	p->turn_cpu = bpfring_sys_cpu();
	p->user = self;
}
