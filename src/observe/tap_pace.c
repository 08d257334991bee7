// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * When a tap looks: nobody notifies it, so it looks by a timer, before the ring can be full again,
 * and no more often than its CPU budget permits.
 */
#include <errno.h>

#include "observe/log.h"
#include "observe/options.h"
#include "observe/sys.h"
#include "observe/tap.h"

#define NSEC_PER_SEC  1000000000LL
#define SHORTEST_NS   50000
#define LOOK_NS	      10000000	   /* longest time of one look */
#define SAVED_NS      NSEC_PER_SEC /* most time for which CPU budget is saved up */
#define SUDDEN_PER_US 16	   /* bytes: what an idle ring may suddenly get */

/* Until half of the ring may be full, if the rate doubles or comes out of nothing. */
static int64_t until_half_full(const struct bpfring_tap *t, int64_t elapsed, uint64_t produced)
{
	const uint64_t us = elapsed > 1000 ? (uint64_t)elapsed / 1000 : 1;
	uint64_t per_us = 2 * (produced / us + 1);

	if (per_us < SUDDEN_PER_US)
		per_us = SUDDEN_PER_US;
	return (int64_t)((t->mask + 1) / 2 * 1000 / per_us);
}

static int64_t next_interval(struct bpfring_tap *t, int64_t now)
{
	struct pace *p = &t->pace;
	int64_t interval = until_half_full(t, now - p->seen_at, t->prod - p->seen_prod);
	int64_t saving = 0;

	/* At once shorter, slowly longer: records come in bursts. */
	if (interval > p->interval_ns * 2 && p->interval_ns)
		interval = p->interval_ns * 2;
	if (interval > p->max_latency_ns)
		interval = p->max_latency_ns;
	if (interval < SHORTEST_NS)
		interval = SHORTEST_NS;
	p->interval_ns = interval;
	p->seen_at = now;
	p->seen_prod = t->prod;
	if (p->credit_ns < 0)
		saving = -p->credit_ns * 1000 / p->cpu_permille;
	return saving > interval ? saving : interval;
}

/* The budget earned since the last look, less what this one took. */
static void account(struct pace *p, int64_t now, int64_t cpu)
{
	int64_t earned = now - p->credited_at;

	if (earned > SAVED_NS)
		earned = SAVED_NS;
	p->credit_ns += earned * p->cpu_permille / 1000 - cpu;
	if (p->credit_ns > SAVED_NS * p->cpu_permille / 1000)
		p->credit_ns = SAVED_NS * p->cpu_permille / 1000;
	p->credited_at = now;
	p->looks++;
	p->cpu_ns += (uint64_t)cpu;
}

int bpfring_tap_fd(struct bpfring_tap *t)
{
	int fd;

	if (!t)
		return -EINVAL;
	fd = atomic_load(&t->pace.timer_fd);
	if (fd >= 0)
		return fd;
	fd = bpfring_observe_sys_timerfd();
	if (fd < 0) {
		log_error("map '%s' id %u: no timer for the tap: %s\n", t->ring.map_name,
			  t->ring.map_id, bpfring_errname(fd));
		return fd;
	}
	t->pace.seen_at = t->pace.credited_at = bpfring_observe_sys_now();
	t->pace.seen_prod = t->prod;
	bpfring_observe_sys_timerfd_set(fd, 1); /* look */
	atomic_store(&t->pace.timer_fd, fd);
	return fd;
}

/* Nothing is to be copied now. */
static int look_only(struct bpfring_tap *t, struct bpfring_tap_outcome *ret)
{
	const struct bpfring_tap_outcome nothing = {0};

	if (ret && bpfring_observe_write(ret, &nothing, sizeof(nothing),
					 offsetof(struct bpfring_tap_outcome, missed)))
		return -EINVAL;
	bpfring_tap_look(t);
	return bpfring_tap_make_room(t);
}

int bpfring_tap_dispatch(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx,
			 struct bpfring_tap_outcome *ret)
{
	BPFRING_OPTS(bpfring_budget, budget, .ns = LOOK_NS);
	int64_t began, now;
	int fd, got;

	if (!t)
		return -EINVAL;
	fd = atomic_load(&t->pace.timer_fd);
	if (fd < 0) {
		log_once(t->said, TAP_SAID_NO_FD,
			 "map '%s' id %u: bpfring_tap_dispatch() belongs to bpfring_tap_fd(), "
			 "which was never called\n",
			 t->ring.map_name, t->ring.map_id);
		return -EINVAL;
	}
	if (bpfring_tap_is_inside(t, "bpfring_tap_dispatch()"))
		return -EINVAL;
	began = bpfring_observe_sys_cpu_time();
	if (fn || !(t->flags & BPFRING_TAP_RECORDER))
		got = bpfring_tap_read(t, fn, ctx, &budget, ret);
	else
		got = look_only(t, ret);
	now = bpfring_observe_sys_now();
	account(&t->pace, now, bpfring_observe_sys_cpu_time() - began);
	bpfring_observe_sys_timerfd_set(fd, now + next_interval(t, now));
	return got;
}

int bpfring_tap_run(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx)
{
	BPFRING_OPTS(bpfring_tap_outcome, outcome);
	int fd = bpfring_tap_fd(t), got = 0;

	if (fd < 0)
		return fd;
	/* Stop sets the flag and then the timer: whoever sets the timer later sees the flag. */
	while (!atomic_exchange(&t->pace.stop, false)) {
		got = bpfring_observe_sys_wait_readable(fd);
		if (got == -EINTR || (!got && atomic_load(&t->pace.stop)))
			continue;
		if (!got)
			got = bpfring_tap_dispatch(t, fn, ctx, &outcome);
		if (got < 0)
			return got;
		if (outcome.end == BPFRING_END_STOPPED || outcome.end == BPFRING_END_KEPT)
			return 0;
	}
	return 0;
}

int bpfring_tap_stop(struct bpfring_tap *t)
{
	int fd;

	if (!t)
		return -EINVAL;
	atomic_store(&t->pace.stop, true);
	fd = atomic_load(&t->pace.timer_fd);
	if (fd >= 0)
		bpfring_observe_sys_timerfd_set(fd, 1);
	return 0;
}
