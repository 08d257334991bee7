// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Waiting for space. Threads queue up in the order in which they came; the first sleeps in an epoll
 * on the map and takes space when there is, the others sleep on a word of their own until it is
 * their turn. So space goes to the one that waited longest, whatever size it needs, and a drain
 * wakes one thread.
 */
#include <errno.h>

#include "producer/producer.h"
#include "base/sys.h"

/* Joins the queue; the first one's turn is at once. */
static void enqueue(struct bpfring_producer *p, struct wait_node *node)
{
	pthread_mutex_lock(&p->queue_lock);
	node->next = NULL;
	node->turn = !p->first;
	*p->last = node;
	p->last = &node->next;
	pthread_mutex_unlock(&p->queue_lock);
}

/* Leaves the queue, from wherever in it, and passes the turn on. */
static void dequeue(struct bpfring_producer *p, struct wait_node *node)
{
	struct wait_node **link = &p->first;

	pthread_mutex_lock(&p->queue_lock);
	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	if (p->last == &node->next)
		p->last = link;
	if (link == &p->first && p->first) {
		/* P4: release, with the acquire in wait_for_turn(): what the first one knew of the
		 * ring. Under the lock, for the node is on the stack of a thread that needs it to leave.
		 */
		__atomic_store_n(&p->first->turn, 1, __ATOMIC_RELEASE);
		bpfring_sys_futex_wake(&p->first->turn);
	}
	pthread_mutex_unlock(&p->queue_lock);
}

static int wait_for_turn(struct wait_node *node, int64_t deadline)
{
	while (!__atomic_load_n(&node->turn, __ATOMIC_ACQUIRE)) { /* P4 */
		if (deadline != INT64_MAX && bpfring_sys_now() >= deadline)
			return -ETIMEDOUT;
		bpfring_sys_futex_wait(&node->turn, 0, deadline);
	}
	return 0;
}

static int make_waiter(struct bpfring_producer *p, struct waiter **ret)
{
	struct waiter *w;
	int err = bpfring_waiter_new(&w, p->map.fd, EPOLLOUT | EPOLLET);

	if (err)
		return err;
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

void bpfring_patience_init(struct patience *ret, const struct bpfring_producer *p)
{
	*ret = (struct patience){bpfring_producer_cons_pos(p), DRAIN_TICK_MIN_NS, 0};
}

void bpfring_patience_tick(struct patience *w, struct bpfring_producer *p, int64_t now)
{
	uint64_t cons = bpfring_producer_cons_pos(p);

	if (cons != w->seen)
		bpfring_patience_init(w, p);
	if (bpfring_producer_can_kick(p) && now >= w->kick_at) {
		w->kick_at = now + w->tick;
		bpfring_producer_kick(p);
	}
}

int64_t bpfring_patience_next(struct patience *w)
{
	int64_t tick = w->tick;

	if (tick < DRAIN_TICK_MAX_NS)
		w->tick *= 2;
	return tick;
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

/* After a kick: a hook may have forked, and its child come back. */
static int try_again(struct bpfring_producer *p, size_t size, void **ret)
{
	int err = bpfring_producer_usable(p);

	return err ? err : bpfring_producer_try(p, size, ret);
}

/*
 * The first of the queue. The map's edge comes with every drain that notifies. It is looked at the
 * ring after each edge and before each sleep, and an edge that comes in between is kept by epoll.
 * Level-triggered it would not sleep: the kernel calls a ring writable if one byte is free.
 */
static int wait_for_space(struct bpfring_producer *p, size_t size, int64_t deadline, void **ret)
{
	struct waiter *w = atomic_load_explicit(&p->waiter, memory_order_relaxed);
	struct patience patience;
	int err = w ? 0 : make_waiter(p, &w);

	bpfring_patience_init(&patience, p);
	while (err >= 0) {
		struct epoll_event event;
		int64_t now = bpfring_sys_now(), until;

		err = bpfring_producer_try(p, size, ret);
		if (err == -ENOSPC) {
			come_first(p, true);
			bpfring_patience_tick(&patience, p, now);
			err = try_again(p, size, ret);
		}
		if (err != -ENOSPC)
			return err;
		if (atomic_load(&p->stopped)) /* P5 */
			return -ECANCELED;
		if (now >= deadline)
			return -ETIMEDOUT;
		until = now + bpfring_patience_next(&patience);
		if (until > deadline)
			until = deadline;
		err = bpfring_waiter_wait(w, &event, 1, until);
	}
	return err;
}

int bpfring_producer_reserve_wait(struct bpfring_producer *p, size_t size, int64_t timeout_ns,
				  void **ret)
{
	struct wait_node node;
	int64_t start, deadline;
	int err, cancel;

	if (!p || !ret || timeout_ns < -1)
		return -EINVAL;
	err = bpfring_producer_reserve(p, size, ret);
	if (err != -ENOSPC)
		return err;
	start = bpfring_sys_now();
	deadline = timeout_ns < 0 || timeout_ns > INT64_MAX - start ? INT64_MAX
								    : start + timeout_ns;
	/* The node is on our stack, and the hook that kicks may have cancellation points. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	enqueue(p, &node);
	err = wait_for_turn(&node, deadline);
	if (!err) {
		err = wait_for_space(p, size, deadline, ret);
		come_first(p, false);
	}
	dequeue(p, &node);
	pthread_setcancelstate(cancel, &cancel);
	atomic_fetch_add_explicit(&p->waits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->waited_ns, (uint64_t)(bpfring_sys_now() - start),
				  memory_order_relaxed);
	return err;
}

int bpfring_producer_stop(struct bpfring_producer *p)
{
	struct waiter *w;
	int err = p ? bpfring_producer_usable(p) : -EINVAL;

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
	int err = p ? bpfring_producer_usable(p) : -EINVAL;

	if (!err)
		atomic_store(&p->stopped, false);
	return err;
}
