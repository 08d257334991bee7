// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Follows bpf_user_ringbuf_drain() and __bpf_user_ringbuf_peek() of kernel/bpf/ringbuf.c. */
#include "sim_user.h"

#include <errno.h>
#include <unistd.h>

#define BUSY	    (1U << 31)
#define DISCARD	    (1U << 30)
#define HEADER_SIZE 8U
#define MAX_DYNPTR  ((1U << 24) - 1)

int sim_user_ring_new(struct sim_ring **ret, size_t size, unsigned int word_size, uint64_t start)
{
	int err = sim_ring_new(ret, size, word_size, start);

	if (!err)
		(*ret)->user = true;
	return err;
}

static uint64_t word(const struct sim_ring *r, uint64_t value)
{
	return r->word_size == 8 ? value : (uint32_t)value;
}

static uint64_t total_of(uint32_t len)
{
	return ((uint64_t)len + HEADER_SIZE + 7) & ~(uint64_t)7;
}

/*
 * 0 with a sample; -ENODATA: none, or the head is busy; -EAGAIN: passed over a discarded one. The
 * kernel compares positions by size and so stops for ever where their word wraps; the model does
 * not.
 */
static int peek(struct sim_ring *r, uint8_t **data, uint32_t *size)
{
	uint64_t prod = sim_ring_prod(r), cons, pending;
	uint32_t header, len;

	if (prod % 8)
		return -EINVAL;
	cons = sim_ring_cons(r);
	pending = word(r, prod - cons);
	if (!pending || pending > UINT32_MAX) /* the producer behind the consumer */
		return -ENODATA;
	header = __atomic_load_n(sim_ring_header(r, cons), __ATOMIC_ACQUIRE);
	len = header & ~(BUSY | DISCARD);
	if (total_of(len) > pending)
		return -EINVAL;
	if (total_of(len) > r->size || len > MAX_DYNPTR)
		return -E2BIG;
	if (header & DISCARD) {
		sim_ring_set_cons(r, cons + total_of(len));
		return -EAGAIN;
	}
	if (header & BUSY)
		return -ENODATA;
	*data = (uint8_t *)sim_ring_header(r, cons) + HEADER_SIZE;
	*size = len;
	return 0;
}

/* Whoever waits for EPOLLOUT on the event_fd gets an edge: reading makes an eventfd writable. */
static void notify(struct sim_ring *r)
{
	uint64_t count = 1;
	ssize_t n;

	__atomic_fetch_add(&r->notified, 1, __ATOMIC_RELAXED);
	n = write(r->event_fd, &count, sizeof(count));
	n = read(r->event_fd, &count, sizeof(count));
	(void)n;
}

int sim_drain(struct sim_ring *r, sim_drain_fn fn, void *ctx, unsigned int flags)
{
	int taken = 0, passed = 0, err = 0, stop = 0;

	if (flags & ~(unsigned int)(SIM_NO_WAKEUP | SIM_FORCE_WAKEUP))
		return -EINVAL;
	if (pthread_mutex_trylock(&r->lock))
		return -EBUSY;
	while (taken + passed < SIM_MAX_DRAIN && !stop) {
		uint8_t *data;
		uint32_t size;

		err = peek(r, &data, &size);
		if (err == -EAGAIN) {
			passed++;
			continue;
		}
		if (err)
			break;
		if (fn)
			stop = fn(ctx, data, size);
		sim_ring_set_cons(r, sim_ring_cons(r) + total_of(size));
		taken++;
	}
	pthread_mutex_unlock(&r->lock);
	if ((flags & SIM_FORCE_WAKEUP) || (taken + passed && !(flags & SIM_NO_WAKEUP)))
		notify(r);
	return err == -EINVAL || err == -E2BIG ? err : taken;
}
