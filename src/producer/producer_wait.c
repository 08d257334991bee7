// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Waiting for space. Threads queue up in the order in which they came; the first sleeps in an epoll
 * on the map and takes space when there is, the others sleep on a word of their own until it is
 * their turn. So space goes to the one that waited longest, whatever size it needs, and a drain
 * wakes one thread.
 *
 * A hook that kicks is foreign code. It may throw, longjmp(), end its thread, fork, close the producer
 * or take long. While it runs, its thread is not in the queue. Its place at the head is kept until
 * away_until, and no longer, for it may never come back.
 */
#include <errno.h>

#include "base/sys.h"
#include "producer/producer.h"

static int64_t away_until(const struct bpfring_producer *p)
{
	return atomic_load_explicit(&p->away_until, memory_order_relaxed);
}

static void set_away(struct bpfring_producer *p, int64_t until)
{
	atomic_store_explicit(&p->away_until, until, memory_order_relaxed);
}

/*
 * From now on space is for the first of the queue, until it has some. Not for those behind it: as long
 * as they have not looked, there may be enough for all, and if whoever comes now had to queue up as
 * well, the queue would never end. Relaxed: a thread that does not see it yet came before us.
 */
static void come_first(struct bpfring_producer *p, bool first)
{
	__atomic_store_n(&p->prod.waiters, first, __ATOMIC_RELAXED);
}

/* Inside the lock of the queue, as what follows: whoever is first has the turn, unless it is kept. */
static void settle_turn(struct bpfring_producer *p, int64_t now)
{
	if (away_until(p) > now || !p->first)
		return;
	if (away_until(p)) {
		come_first(p, false); /* for one that did not come back */
		set_away(p, 0);
	}
	/* P4: release, with the acquire in wait_for_turn(): what the first one knew of the ring. Inside
	 * the lock, for the struct is on the stack of a thread that needs it to leave.
	 */
	__atomic_store_n(&p->first->turn, 1, __ATOMIC_RELEASE);
	bpfring_sys_futex_wake(&p->first->turn);
}

static void unlink_from_queue(struct bpfring_producer *p, struct wait *w)
{
	struct wait **link = &p->first;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	if (p->last == &w->next)
		p->last = link;
	w->queued = false;
}

/* At its end, or for the thread that kept its place there, at its head. -EBADF: nobody is to join. */
static int join_queue(struct bpfring_producer *p, struct wait *w)
{
	pthread_mutex_lock(&p->queue_lock);
	if (!p->closing) {
		struct wait **link = w->away ? &p->first : p->last;

		w->next = *link;
		*link = w;
		if (!w->next)
			p->last = &w->next;
		w->queued = true;
		if (w->away)
			set_away(p, 0);
		w->away = false;
		settle_turn(p, bpfring_sys_now());
	}
	pthread_mutex_unlock(&p->queue_lock);
	return w->queued ? 0 : -EBADF;
}

/* Leaves the queue on the way into a hook. */
static void step_out(struct bpfring_producer *p, struct wait *w)
{
	pthread_mutex_lock(&p->queue_lock);
	unlink_from_queue(p, w);
	w->away = true;
	set_away(p, bpfring_sys_now() + DRAIN_TICK_MAX_NS);
	pthread_mutex_unlock(&p->queue_lock);
}

bool bpfring_producer_space_is_taken(struct bpfring_producer *p)
{
	int64_t until;

	if (!__atomic_load_n(&p->prod.waiters, __ATOMIC_RELAXED))
		return false;
	until = away_until(p);
	if (!until || bpfring_sys_now() < until)
		return true;
	come_first(p, false); /* for a thread that did not come back from its hook */
	return false;
}

/* However the wait ended, by cancellation or an exception too. Not by longjmp(): then it was away. */
static void end_wait(void *arg)
{
	struct wait *w = arg;
	struct bpfring_producer *p = w->p;
	int64_t now;

	if (bpfring_producer_usable(p))
		return; /* the queue of a parent, or the hook closed the producer */
	now = bpfring_sys_now();
	atomic_fetch_add_explicit(&p->waits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->waited_ns, (uint64_t)(now - w->start), memory_order_relaxed);
	if (w->first)
		come_first(p, false);
	pthread_mutex_lock(&p->queue_lock);
	if (w->queued)
		unlink_from_queue(p, w);
	else if (w->away)
		set_away(p, 0);
	settle_turn(p, now);
	if (p->closing && !p->first) {
		p->queue_empty = 1;
		bpfring_sys_futex_wake(&p->queue_empty);
	}
	pthread_mutex_unlock(&p->queue_lock);
}

static int wait_for_turn(struct bpfring_producer *p, struct wait *w)
{
	int err = 0;

	while (!err && !__atomic_load_n(&w->turn, __ATOMIC_ACQUIRE)) { /* P4 */
		int64_t now = bpfring_sys_now(), until = now + DRAIN_TICK_MAX_NS;

		if (now >= w->deadline)
			return -ETIMEDOUT;
		if (atomic_load(&p->stopped))
			return -ECANCELED;
		bpfring_sys_futex_wait(&w->turn, 0, until < w->deadline ? until : w->deadline);
		pthread_testcancel();
		err = bpfring_producer_usable(p); /* a signal handler may have forked */
		if (err)
			return err;
		pthread_mutex_lock(&p->queue_lock);
		settle_turn(p, bpfring_sys_now());
		pthread_mutex_unlock(&p->queue_lock);
	}
	return err;
}

static int make_waiter(struct bpfring_producer *p, struct waiter **ret)
{
	struct waiter *w;
	int err = bpfring_waiter_new(&w, p->map.fd, EPOLLOUT | EPOLLET);

	if (err)
		return bpfring_producer_refuse(p, REFUSED_NO_WAITER, err);
	/* P5: sequentially consistent, like the other accesses of waiter and stopped: either a
	 * bpfring_producer_stop() at this moment sees the waiter, or we see that we are stopped.
	 */
	atomic_store(&p->waiter, w);
	*ret = w;
	return 0;
}

void bpfring_producer_wait_fini(struct bpfring_producer *p)
{
	bpfring_waiter_free(atomic_exchange(&p->waiter, NULL));
}

void bpfring_patience_init(struct patience *ret, struct bpfring_producer *p)
{
	*ret = (struct patience){bpfring_producer_cons_pos(p), DRAIN_TICK_MIN_NS, 0};
}

bool bpfring_patience_kicks(struct patience *w, struct bpfring_producer *p, int64_t now)
{
	uint64_t cons = bpfring_producer_cons_pos(p);

	if (cons != w->seen)
		bpfring_patience_init(w, p);
	if (!bpfring_producer_can_kick(p) || now < w->kick_at)
		return false;
	w->kick_at = now + w->tick;
	return true;
}

int64_t bpfring_patience_next(struct patience *w)
{
	int64_t tick = w->tick;

	if (tick < DRAIN_TICK_MAX_NS)
		w->tick *= 2;
	return tick;
}

static int try_space(struct bpfring_producer *p, size_t size, void **ret)
{
	int err = bpfring_producer_usable(p);

	return err ? err : bpfring_producer_try(p, size, ret);
}

static int kick_and_try(struct bpfring_producer *p, struct wait *w, size_t size, void **ret)
{
	int err;

	if (!p->kick.fn) {
		bpfring_producer_kick(p);
		return bpfring_producer_try(p, size, ret);
	}
	step_out(p, w);
	bpfring_producer_kick(p);
	err = bpfring_producer_usable(p);
	if (!err)
		err = join_queue(p, w);
	return err ? err : bpfring_producer_try(p, size, ret);
}

/*
 * The first of the queue. The map's edge comes with every drain that notifies. It is looked at the
 * ring after each edge and before each sleep, and an edge that comes in between is kept by epoll.
 * Level-triggered it would not sleep: the kernel calls a ring writable if one byte is free.
 */
static int wait_for_space(struct bpfring_producer *p, struct wait *w, size_t size, void **ret)
{
	struct waiter *waiter = atomic_load_explicit(&p->waiter, memory_order_relaxed);
	struct patience patience;
	int err = waiter ? 0 : make_waiter(p, &waiter);

	bpfring_patience_init(&patience, p);
	while (err >= 0) {
		struct epoll_event event;
		int64_t now = bpfring_sys_now(), left;

		err = try_space(p, size, ret);
		if (err == -ENOSPC) {
			w->first = true;
			come_first(p, true);
			if (bpfring_patience_kicks(&patience, p, now))
				err = kick_and_try(p, w, size, ret);
		}
		if (err != -ENOSPC)
			return err;
		if (atomic_load(&p->stopped)) /* P5 */
			return -ECANCELED;
		if (now >= w->deadline)
			return -ETIMEDOUT;
		pthread_testcancel();
		left = bpfring_patience_next(&patience);
		if (left > w->deadline - now)
			left = w->deadline - now;
		err = bpfring_waiter_wait(waiter, &event, 1, left);
	}
	return err;
}

static int wait_in_queue(struct bpfring_producer *p, struct wait *w, size_t size, void **ret)
{
	int err = join_queue(p, w);

	if (!err)
		err = wait_for_turn(p, w);
	return err ? err : wait_for_space(p, w, size, ret);
}

int bpfring_producer_reserve_wait(struct bpfring_producer *p, size_t size, int64_t timeout_ns,
				  void **ret)
{
	struct wait w = {.p = p};
	int err;

	if (!p || !ret)
		return -EINVAL;
	if (timeout_ns < -1)
		return bpfring_producer_refuse(p, REFUSED_TIMEOUT, -EINVAL);
	err = bpfring_producer_reserve(p, size, ret);
	if (err != -ENOSPC)
		return err;
	w.start = bpfring_sys_now();
	w.deadline = timeout_ns < 0 || timeout_ns > INT64_MAX - w.start ? INT64_MAX
									: w.start + timeout_ns;
	pthread_cleanup_push(end_wait, &w);
	err = wait_in_queue(p, &w, size, ret);
	pthread_cleanup_pop(1);
	return err;
}

int bpfring_producer_stop(struct bpfring_producer *p)
{
	struct waiter *w;
	int err = bpfring_producer_usable(p);

	if (err)
		return err;
	atomic_store(&p->stopped, true); /* P5 */
	w = atomic_load(&p->waiter);	 /* P5 */
	if (w)
		bpfring_waiter_touch(w);
	return 0;
}

int bpfring_producer_resume(struct bpfring_producer *p)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	atomic_store(&p->stopped, false);
	return 0;
}

void bpfring_producer_end_waits(struct bpfring_producer *p)
{
	if (bpfring_producer_stop(p))
		return; /* a child: who waits is a thread of its parent */
	pthread_mutex_lock(&p->queue_lock);
	p->closing = true;
	while (p->first) {
		pthread_mutex_unlock(&p->queue_lock);
		bpfring_sys_futex_wait(&p->queue_empty, 0, INT64_MAX);
		pthread_mutex_lock(&p->queue_lock);
	}
	pthread_mutex_unlock(&p->queue_lock);
}
