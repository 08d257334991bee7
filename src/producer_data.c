// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The data path where it is not inline: many threads, kicks by itself, closed producers. */
#include <errno.h>

#include "options.h"
#include "prod_shared.h"
#include "producer.h"

static bool many_threads(const struct bpfring_producer *p)
{
	return p->flags & BPFRING_PRODUCER_THREADS;
}

/* With a second producer about, what is in the way will never be drained. */
static int full_or_lost(const struct bpfring_producer *p, int err)
{
	return err == -ENOSPC && __atomic_load_n(&p->prod.lost, __ATOMIC_RELAXED) ? -EBUSY : err;
}

static int end(struct bpfring_producer *p, void *data, uint32_t discard)
{
	if (many_threads(p))
		return bpfring_shared_end(&p->prod, data, discard);
	return bpfring_priv_prod_end(&p->prod, p->mapping.size / 8, data, discard);
}

int bpfring_producer_try(struct bpfring_producer *p, size_t size, void **ret)
{
	if (size > p->prod.max_sample)
		return -E2BIG;
	return full_or_lost(p, many_threads(p) ? bpfring_shared_reserve(&p->prod, size, ret)
					       : bpfring_priv_prod_reserve(&p->prod, size, ret));
}

/* Who may not reserve at all now. */
static int may_reserve(const struct bpfring_producer *p)
{
	if (atomic_load_explicit(&p->closed, memory_order_relaxed))
		return -EBADF;
	if (__atomic_load_n(&p->prod.waiters, __ATOMIC_RELAXED))
		return *p->guard ? -ENOSPC : -ECHILD; /* they come first */
	return 0;
}

int bpfring_priv_producer_reserve(struct bpfring_producer *p, size_t size, void **ret)
{
	int err = may_reserve(p);

	return err ? err : bpfring_producer_try(p, size, ret);
}

int bpfring_priv_producer_reserve_batch(struct bpfring_producer *p, struct bpfring_sample *samples,
					unsigned int count)
{
	int err = may_reserve(p);
	unsigned int n;

	if (err)
		return err;
	if (many_threads(p))
		return full_or_lost(p, bpfring_shared_reserve_batch(&p->prod, samples, count));
	for (n = 0; n < count && n < INT32_MAX && !err; n += !err)
		err = bpfring_producer_try(p, samples[n].size, &samples[n].data);
	return n ? (int)n : err;
}

int bpfring_priv_producer_end(struct bpfring_producer *p, void *data, uint32_t discard)
{
	int err;

	if (atomic_load_explicit(&p->closed, memory_order_relaxed))
		return -EBADF;
	err = end(p, data, discard);
	if (!err)
		bpfring_producer_kick_if_due(p);
	return err;
}

int bpfring_priv_producer_submit_batch(struct bpfring_producer *p,
				       const struct bpfring_sample *samples, unsigned int count)
{
	int err = 0, done = 0;

	if (atomic_load_explicit(&p->closed, memory_order_relaxed))
		return -EBADF;
	while (count--) { /* backwards, as bpfring_prod_submit_batch() */
		err = end(p, samples[count].data, 0);
		if (err && err != -EINVAL)
			return err;
		done += !err;
	}
	if (done)
		bpfring_producer_kick_if_due(p);
	return done ? done : err;
}

int bpfring_producer_stats(const struct bpfring_producer *p, struct bpfring_producer_stats *ret)
{
	const struct bpfring_prod *prod = &p->prod;
	struct bpfring_producer_stats now;
	uint64_t published, fill, max_fill;

	if (atomic_load(&p->closed))
		return -EBADF;
	published = __atomic_load_n(&prod->published, __ATOMIC_RELAXED);
	fill = published - bpfring_priv_load_cons(prod, published);
	max_fill = __atomic_load_n(&prod->max_fill, __ATOMIC_RELAXED);
	if (fill <= prod->mask + 1 && fill > max_fill)
		max_fill = fill;
	now = (struct bpfring_producer_stats){
		.samples = __atomic_load_n(&prod->samples, __ATOMIC_RELAXED),
		.bytes = published - p->opened_at,
		.discards = __atomic_load_n(&prod->discards, __ATOMIC_RELAXED),
		.full = __atomic_load_n(&prod->full, __ATOMIC_RELAXED),
		.waits = atomic_load_explicit(&p->waits, memory_order_relaxed),
		.waited_ns = atomic_load_explicit(&p->waited_ns, memory_order_relaxed),
		.kicks = atomic_load_explicit(&p->kick.kicks, memory_order_relaxed),
		.kick_errors = atomic_load_explicit(&p->kick.errors, memory_order_relaxed),
		.drained = atomic_load_explicit(&p->kick.drained, memory_order_relaxed),
		.max_fill = max_fill,
		.ring_size = p->mapping.size,
	};
	return bpfring_options_write(ret, &now, sizeof(now),
				     offsetof(struct bpfring_producer_stats, bytes));
}

size_t bpfring_producer_free_space(const struct bpfring_producer *p)
{
	return atomic_load(&p->closed) ? 0 : (size_t)bpfring_prod_free_space(&p->prod);
}

uint64_t bpfring_producer_cons_pos(const struct bpfring_producer *p)
{
	if (atomic_load(&p->closed))
		return 0;
	return bpfring_priv_load_cons(&p->prod, bpfring_producer_prod_pos(p));
}

uint64_t bpfring_producer_prod_pos(const struct bpfring_producer *p)
{
	return __atomic_load_n(&p->prod.published, __ATOMIC_RELAXED);
}
