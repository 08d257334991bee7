// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "producer/wait_queue.h"

#include <errno.h>
#include <stddef.h>

#include "base/sys.h"
#include "base/sys_bpf.h"

void bpfring_queue_init(struct wait_queue *q)
{
	const unsigned int life = q->life + 1;

	*q = (struct wait_queue){.life = life};
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
}

static int64_t away_until(const struct wait_queue *q)
{
	return atomic_load_explicit(&q->away_until, memory_order_relaxed);
}

static void set_away(struct wait_queue *q, int64_t until)
{
	atomic_store_explicit(&q->away_until, until, memory_order_relaxed);
}

static void set_keeps_space(struct wait_queue *q, bool keeps)
{
	atomic_store_explicit(&q->keeps_space, keeps, memory_order_relaxed);
}

/* Inside the lock, like what follows: gives the first the turn, unless the head is kept. */
static void settle_turn(struct wait_queue *q, int64_t now)
{
	if (away_until(q) > now || !q->first)
		return;
	if (away_until(q)) { /* a thread did not come back from its hook */
		set_keeps_space(q, false);
		set_away(q, 0);
	}
	/* P4: release, with the acquire in bpfring_queue_wait(): what the first one knew of the
	 * ring. Inside the lock, for the struct is on the stack of a thread that needs it to leave.
	 */
	__atomic_store_n(&q->first->turn, 1, __ATOMIC_RELEASE);
	bpfring_sys_futex_wake(&q->first->turn);
}

static void insert(struct wait_queue *q, struct wait **link, struct wait *w)
{
	w->next = *link;
	*link = w;
	if (!w->next)
		q->last = &w->next;
	w->queued = true;
	settle_turn(q, bpfring_sys_now());
}

static void unlink_wait(struct wait_queue *q, struct wait *w)
{
	struct wait **link = &q->first;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	if (q->last == &w->next)
		q->last = link;
	w->queued = false;
}

int bpfring_queue_join(struct wait_queue *q, struct wait *w)
{
	w->thread = bpfring_sys_gettid();
	pthread_mutex_lock(&q->lock);
	w->life = q->life;
	if (!q->closed)
		insert(q, q->last, w);
	pthread_mutex_unlock(&q->lock);
	return w->queued ? 0 : -EBADF;
}

int bpfring_queue_wait(struct wait_queue *q, struct wait *w, int64_t deadline)
{
	while (!__atomic_load_n(&w->turn, __ATOMIC_ACQUIRE)) { /* P4 */
		int64_t now = bpfring_sys_now(), tick = now + QUEUE_TICK_NS;

		if (now >= deadline)
			return -ETIMEDOUT;
		if (atomic_load(&q->stopped))
			return -ECANCELED;
		bpfring_sys_futex_wait(&w->turn, 0, tick < deadline ? tick : deadline);
		pthread_testcancel();
		if (w->thread != bpfring_sys_gettid())
			return -ECHILD;
		pthread_mutex_lock(&q->lock);
		settle_turn(q, bpfring_sys_now());
		pthread_mutex_unlock(&q->lock);
	}
	return 0;
}

void bpfring_queue_leave(struct wait_queue *q, struct wait *w)
{
	if (w->thread != bpfring_sys_gettid())
		return; /* the lock may be that of a thread which only the parent has */
	pthread_mutex_lock(&q->lock);
	if (w->queued)
		unlink_wait(q, w);
	if (w->life == q->life) {
		if (w->away)
			set_away(q, 0);
		if (w->keeps_space)
			set_keeps_space(q, false);
		settle_turn(q, bpfring_sys_now());
		if (q->closed && !q->first) {
			q->empty = 1;
			bpfring_sys_futex_wake(&q->empty);
		}
	}
	pthread_mutex_unlock(&q->lock);
}

void bpfring_queue_step_out(struct wait_queue *q, struct wait *w)
{
	pthread_mutex_lock(&q->lock);
	unlink_wait(q, w);
	w->away = true;
	set_away(q, bpfring_sys_now() + QUEUE_TICK_NS);
	pthread_mutex_unlock(&q->lock);
}

int bpfring_queue_step_in(struct wait_queue *q, struct wait *w)
{
	if (w->thread != bpfring_sys_gettid())
		return -ECHILD;
	pthread_mutex_lock(&q->lock);
	if (!q->closed && w->life == q->life) {
		w->away = false;
		set_away(q, 0);
		insert(q, &q->first, w);
	}
	pthread_mutex_unlock(&q->lock);
	return w->queued ? 0 : -EBADF;
}

void bpfring_queue_keep_space(struct wait_queue *q, struct wait *w)
{
	w->keeps_space = true;
	set_keeps_space(q, true);
}

bool bpfring_queue_still_keeps_space(struct wait_queue *q)
{
	int64_t until = away_until(q);

	if (!until || bpfring_sys_now() < until)
		return true;
	set_keeps_space(q, false); /* for one that did not come back from its hook */
	return false;
}

void bpfring_queue_close(struct wait_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	while (q->first) {
		pthread_mutex_unlock(&q->lock);
		bpfring_sys_futex_wait(&q->empty, 0, INT64_MAX);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
}
