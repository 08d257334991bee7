// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Waiting for space. The first thread of the queue sleeps in an epoll on the map and takes space as
 * soon as there is enough; the others wait for their turn. So space goes to the thread that waited
 * longest, whatever size it needs, and a drain wakes one thread.
 */
#include <errno.h>

#include "base/sys.h"
#include "producer/producer.h"

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

void bpfring_patience_init(struct patience *ret, struct bpfring_producer *p)
{
	*ret = (struct patience){bpfring_producer_drained_to(p), DRAIN_TICK_MIN_NS, 0};
}

bool bpfring_patience_kicks(struct patience *w, struct bpfring_producer *p, int64_t now)
{
	uint64_t cons = bpfring_producer_drained_to(p);

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
	int err = bpfring_producer_usable(p); /* a signal handler may have forked */

	return err ? err : bpfring_producer_try(p, size, ret);
}

/* A hook may do anything: see wait_queue.h. Touches the producer only after stepping in again. */
static int run_hook(struct bpfring_producer *p, struct wait *w)
{
	const struct kick hook = {.fn = p->kick.fn, .ctx = p->kick.ctx};
	int drained, err;

	bpfring_queue_step_out(&p->queue, w);
	drained = bpfring_producer_run_kick(&hook);
	err = bpfring_queue_step_in(&p->queue, w);
	if (!err)
		bpfring_producer_note_kick(p, drained);
	return err;
}

static int kick_and_try(struct bpfring_producer *p, struct wait *w, size_t size, void **ret)
{
	int err = 0;

	if (p->kick.fn)
		err = run_hook(p, w);
	else
		bpfring_producer_kick(p);
	return err ? err : bpfring_producer_try(p, size, ret);
}

/*
 * Runs in the first thread of the queue. Every drain that notifies makes an edge. The thread looks
 * at the ring after each edge and before each sleep, and epoll keeps an edge that comes in between.
 * A level-triggered wait would not sleep: the kernel calls a ring writable if one byte is free.
 */
static int wait_for_space(struct bpfring_producer *p, struct wait *w, size_t size, int64_t deadline,
			  void **ret)
{
	struct waiter *waiter = atomic_load_explicit(&p->waiter, memory_order_relaxed);
	struct patience patience;
	int err = waiter ? 0 : make_waiter(p, &waiter);

	bpfring_patience_init(&patience, p);
	while (err >= 0) {
		struct epoll_event event;
		int64_t now = bpfring_sys_now(), until;

		err = try_space(p, size, ret);
		if (err == -ENOSPC) {
			bpfring_queue_keep_space(&p->queue, w);
			if (bpfring_patience_kicks(&patience, p, now))
				err = kick_and_try(p, w, size, ret);
		}
		if (err != -ENOSPC)
			return err;
		if (atomic_load(&p->queue.stopped)) /* P5 */
			return -ECANCELED;
		if (now >= deadline)
			return -ETIMEDOUT;
		pthread_testcancel();
		until = now + bpfring_patience_next(&patience);
		if (until > deadline)
			until = deadline;
		err = bpfring_waiter_wait(waiter, &event, 1, until);
	}
	return err;
}

/* What end_wait() needs to leave the queue, also when the thread is cancelled. */
struct waiting {
	struct wait wait;
	struct bpfring_producer *p;
	int64_t start;
};

static void end_wait(void *arg)
{
	struct waiting *w = arg;
	struct bpfring_producer *p = w->p;

	if (w->wait.queued) { /* else the producer may be closed */
		atomic_fetch_add_explicit(&p->waits, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&p->waited_ns, (uint64_t)(bpfring_sys_now() - w->start),
					  memory_order_relaxed);
	}
	bpfring_queue_leave(&p->queue, &w->wait);
}

static int wait_in_queue(struct waiting *w, size_t size, int64_t timeout_ns, void **ret)
{
	struct wait_queue *q = &w->p->queue;
	int64_t deadline = bpfring_deadline(w->start, timeout_ns);
	int err = bpfring_queue_join(q, &w->wait);

	if (!err)
		err = bpfring_queue_wait(q, &w->wait, deadline);
	return err ? err : wait_for_space(w->p, &w->wait, size, deadline, ret);
}

int bpfring_producer_reserve_wait(struct bpfring_producer *p, size_t size, int64_t timeout_ns,
				  void **ret)
{
	struct waiting w = {.p = p};
	int err;

	if (!p || !ret)
		return -EINVAL;
	if (timeout_ns < -1)
		return bpfring_producer_refuse(p, REFUSED_TIMEOUT, -EINVAL);
	err = bpfring_producer_reserve_now(p, size, ret);
	if (err != -ENOSPC)
		return err;
	w.start = bpfring_sys_now();
	pthread_cleanup_push(end_wait, &w);
	err = wait_in_queue(&w, size, timeout_ns, ret);
	pthread_cleanup_pop(1);
	return err;
}

int bpfring_producer_stop(struct bpfring_producer *p)
{
	struct waiter *w;
	int err = bpfring_producer_usable(p);

	if (err)
		return err;
	atomic_store(&p->queue.stopped, true); /* P5 */
	w = atomic_load(&p->waiter);	       /* P5 */
	if (w)
		bpfring_waiter_touch(w);
	return 0;
}

int bpfring_producer_resume(struct bpfring_producer *p)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	atomic_store(&p->queue.stopped, false);
	return 0;
}

void bpfring_producer_wait_fini(struct bpfring_producer *p)
{
	if (!bpfring_producer_stop(p)) /* else this is a child: threads of its parent wait */
		bpfring_queue_close(&p->queue);
	bpfring_waiter_free(atomic_exchange(&p->waiter, NULL));
}
