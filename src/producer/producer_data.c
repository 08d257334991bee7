// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The data path where it is not inline: many threads, automatic kicks, closed producers. */
#include <errno.h>

#include "base/options.h"
#include "producer/producer.h"

/*
 * Largest sample that is copied inside the lock. For larger ones the copy takes most of the time.
 */
#define MAX_INSIDE 256

static bool many_threads(const struct bpfring_producer *p)
{
	return p->flags & BPFRING_PRODUCER_THREADS;
}

static void enter(struct bpfring_producer *p)
{
	if (many_threads(p))
		bpfring_prod_lock(&p->lock);
}

static void leave(struct bpfring_producer *p)
{
	if (many_threads(p))
		bpfring_prod_unlock(&p->lock);
}

/*
 * @ended: samples have ended. The kick is outside the lock: a hook may come back to the producer.
 */
static void leave_and_kick(struct bpfring_producer *p, bool ended)
{
	bool kick = ended && bpfring_producer_kicks_by_itself(p) && bpfring_producer_kick_due(p);

	leave(p);
	if (kick)
		bpfring_producer_kick(p);
}

/* take() and end() run inside the lock. */
static int take(struct bpfring_producer *p, size_t size, void **ret)
{
	return size > p->prod.max_sample ? -E2BIG : bpfring_priv_prod_reserve(&p->prod, size, ret);
}

static int end(struct bpfring_producer *p, void *data, uint32_t discard)
{
	return bpfring_priv_prod_end(&p->prod, data, discard);
}

int bpfring_producer_try(struct bpfring_producer *p, size_t size, void **ret)
{
	int err;

	enter(p);
	err = take(p, size, ret);
	leave(p);
	return err;
}

/* Before the lock, which a child may find taken for ever. Waiting threads come first. */
static int may_reserve(struct bpfring_producer *p)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	return bpfring_queue_keeps_space(&p->queue) ? -ENOSPC : 0;
}

/*
 * There was no space. 0: a kick may have made some; -ENOSPC: no kick; -ECHILD, -EBADF: a hook
 * forked or closed the producer.
 */
static int make_space(struct bpfring_producer *p)
{
	bool kick;

	enter(p);
	kick = bpfring_producer_kick_may_help(p);
	leave(p);
	if (!kick)
		return -ENOSPC;
	bpfring_producer_kick_for_space(p);
	return bpfring_producer_usable(p);
}

/* -ENOSPC becomes -E2BIG for what will never fit: waiting for it would not end. */
static int refuse_size(const struct bpfring_producer *p, size_t size, int err)
{
	if (err == -ENOSPC && size > p->prod.max_sample)
		err = -E2BIG;
	return bpfring_producer_refuse_space(p, err);
}

int bpfring_producer_reserve_now(struct bpfring_producer *p, size_t size, void **ret)
{
	int err = may_reserve(p);

	if (!err)
		err = bpfring_producer_try(p, size, ret);
	return err ? refuse_size(p, size, err) : 0;
}

int bpfring_priv_producer_reserve(struct bpfring_producer *p, size_t size, void **ret)
{
	int err = may_reserve(p);

	if (err)
		return refuse_size(p, size, err);
	err = bpfring_producer_try(p, size, ret);
	if (!err)
		return 0;
	if (err == -ENOSPC) {
		err = make_space(p);
		if (!err)
			err = bpfring_producer_try(p, size, ret);
	}
	return err ? bpfring_producer_refuse_space(p, err) : 0;
}

static int reserve_batch(struct bpfring_producer *p, struct bpfring_sample *samples,
			 unsigned int count)
{
	unsigned int n;
	int err = 0;

	enter(p);
	for (n = 0; n < count && n < INT32_MAX && !err; n += !err)
		err = take(p, samples[n].size, &samples[n].data);
	leave(p);
	return n ? (int)n : err;
}

int bpfring_producer_reserve_batch(struct bpfring_producer *p, struct bpfring_sample *samples,
				   unsigned int count)
{
	int err = may_reserve(p);

	if (err || (!samples && count))
		return err ? err : -EINVAL;
	err = reserve_batch(p, samples, count);
	if (err == -ENOSPC) {
		err = make_space(p);
		if (!err)
			err = reserve_batch(p, samples, count);
	}
	return err < 0 ? bpfring_producer_refuse_space(p, err) : err;
}

int bpfring_priv_producer_end(struct bpfring_producer *p, void *data, uint32_t discard)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	enter(p);
	err = end(p, data, discard);
	leave_and_kick(p, !err);
	if (err)
		bpfring_priv_producer_explain_end(p, err);
	return err;
}

/* Faults the payload in before the lock is taken: a fault inside would keep the others out. */
static void touch(const void *data, size_t size)
{
	const volatile char *bytes = data;

	if (size) {
		(void)bytes[0];
		(void)bytes[size - 1];
	}
}

/* A small sample with one lock: copying it takes less time than taking the lock again. */
static int output_inside(struct bpfring_producer *p, const void *data, size_t size)
{
	void *sample;
	int err;

	touch(data, size);
	enter(p);
	err = take(p, size, &sample);
	if (!err) {
		if (size)
			memcpy(sample, data, size);
		err = end(p, sample, 0);
	}
	leave_and_kick(p, !err);
	return err;
}

int bpfring_priv_producer_output(struct bpfring_producer *p, const void *data, size_t size)
{
	int err = may_reserve(p);
	void *sample;

	if (!err && size <= MAX_INSIDE) {
		err = output_inside(p, data, size);
		if (err == -ENOSPC) {
			err = make_space(p);
			if (!err)
				err = output_inside(p, data, size);
		}
		return err ? bpfring_producer_refuse_space(p, err) : 0;
	}
	err = bpfring_priv_producer_reserve(p, size, &sample);
	if (err)
		return err;
	memcpy(sample, data, size);
	return bpfring_priv_producer_end(p, sample, 0);
}

int bpfring_producer_submit_batch(struct bpfring_producer *p, const struct bpfring_sample *samples,
				  unsigned int count)
{
	int err = bpfring_producer_usable(p), done = 0;

	if (err)
		return bpfring_producer_refuse_use(p, err);
	if (!samples && count)
		return -EINVAL;
	enter(p);
	/* The first one last: its end publishes all of them with one store. */
	for (unsigned int i = 0; i < count && (!err || err == -EINVAL); i++) {
		err = end(p, samples[i + 1 < count ? i + 1 : 0].data, 0);
		done += !err;
	}
	leave_and_kick(p, done);
	if ((unsigned int)done < count)
		bpfring_priv_producer_explain_end(p, err ? err : -EINVAL);
	return err && err != -EINVAL ? err : done ? done : err;
}

/*
 * For functions that only look, and so take the producer as const; the lock is all that they write.
 * In a forked child, a thread that does not exist there may hold the lock.
 */
bool bpfring_producer_hold(const struct bpfring_producer *p)
{
	if (!*p->guard)
		return false;
	enter((struct bpfring_producer *)(uintptr_t)p);
	return true;
}

void bpfring_producer_let_go(const struct bpfring_producer *p, bool held)
{
	if (held)
		leave((struct bpfring_producer *)(uintptr_t)p);
}

int bpfring_producer_stats(const struct bpfring_producer *p, struct bpfring_producer_stats *ret)
{
	const struct bpfring_user_ring *prod;
	struct bpfring_producer_stats now;
	uint64_t cons, fill;
	bool held;

	if (!p)
		return -EINVAL;
	if (atomic_load(&p->closed))
		return bpfring_producer_refuse(p, REFUSED_CLOSED, -EBADF);
	prod = &p->prod;
	held = bpfring_producer_hold(p);
	cons = bpfring_priv_load_cons(prod, prod->published);
	fill = prod->published - cons;
	if (fill > prod->mask + 1 || fill < prod->max_fill)
		fill = prod->max_fill;
	now = (struct bpfring_producer_stats){
		.samples = prod->samples,
		.bytes = prod->published - p->opened_at,
		.discards = prod->discards,
		.full = prod->full,
		.waits = atomic_load_explicit(&p->waits, memory_order_relaxed),
		.waited_ns = atomic_load_explicit(&p->waited_ns, memory_order_relaxed),
		.kicks = atomic_load_explicit(&p->kick.kicks, memory_order_relaxed),
		.kick_errors = atomic_load_explicit(&p->kick.errors, memory_order_relaxed),
		.drained = atomic_load_explicit(&p->kick.drained, memory_order_relaxed),
		.max_fill = fill,
		.ring_size = p->mapping.size,
		.cons_pos = cons,
		.prod_pos = prod->published,
		.map_id = p->map.id,
	};
	_Static_assert(sizeof(now.map_name) <= sizeof(p->map.name), "as long as the kernel's");
	memcpy(now.map_name, p->map.name, sizeof(now.map_name));
	bpfring_producer_let_go(p, held);
	if (bpfring_options_write(ret, &now, sizeof(now),
				  offsetof(struct bpfring_producer_stats, bytes)))
		return ret ? bpfring_producer_refuse(p, REFUSED_STRUCT, -EINVAL) : -EINVAL;
	return 0;
}

size_t bpfring_producer_free_space(const struct bpfring_producer *p)
{
	uint64_t space;
	bool held;

	if (!p || atomic_load(&p->closed))
		return 0;
	held = bpfring_producer_hold(p);
	space = bpfring_user_ring_free_space(&p->prod);
	bpfring_producer_let_go(p, held);
	return (size_t)space;
}

uint64_t bpfring_producer_drained_to(const struct bpfring_producer *p)
{
	const bool held = bpfring_producer_hold(p);
	const uint64_t near = p->prod.published;

	bpfring_producer_let_go(p, held);
	return bpfring_priv_load_cons(&p->prod, near);
}
