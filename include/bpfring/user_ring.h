/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The data path of a user-to-kernel ring (BPF_MAP_TYPE_USER_RINGBUF), inline, on any memory.
 *
 * `struct bpfring_prod` is the producer's end of one ring. It knows no file descriptors, allocates
 * nothing, makes no system call and never blocks. One thread uses one struct at a time. Programs
 * that produce into a map use it through producer.h, which also has the way for many threads.
 *
 * The ring is laid out as in ring.h with the roles exchanged: this side writes records, here called
 * samples, and the producer position; bpf_user_ringbuf_drain() reads them and moves the consumer
 * position.
 *
 * Publish on submit. The kernel lets a producer move its position over a record that is still
 * being written, if the header says BUSY. When that record is never submitted, because its process
 * died, nothing behind it is ever drained. Here the position moves only over the longest prefix of
 * submitted samples. The kernel never meets BUSY, and what was reserved by a process that died was
 * never part of the ring. What is reserved is noted in `states`, memory of this process alone: two
 * bytes per 8 bytes of ring, non-zero where a sample starts that is not published yet; or in `latest`,
 * for who reserves one sample at a time. That also tells a pointer that may be submitted from one
 * that may not.
 *
 * Memory order: the labels P1 and P2 stand for the edges in docs/memory-model.md.
 */
#ifndef BPFRING_USER_RING_H
#define BPFRING_USER_RING_H

#include <bpfring/user_ring_states.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel hands a sample to BPF as a dynptr, which holds no more. */
#define BPFRING_MAX_SAMPLE ((1U << 24) - 1)

/**
 * struct bpfring_sample - one sample of a batch.
 * @data: payload, 8-byte aligned, writable; valid until it is submitted or discarded
 * @size: payload bytes
 */
struct bpfring_sample {
	void *data;
	uint32_t size;
	uint32_t reserved;
};

/* Writes the header of a sample; the kernel does not look at it before it is published. */
static inline void *bpfring_priv_begin(const struct bpfring_prod *p, uint64_t pos, uint32_t size)
{
	uint32_t *header = bpfring_priv_header(p, pos);

	header[0] = size;
	header[1] = 0;
	return header + 2;
}

/* Reads the consumer position again and says whether @total bytes are free now. */
static inline int bpfring_priv_prod_refresh(struct bpfring_prod *p, uint64_t total)
{
	uint64_t cons = bpfring_priv_load_cons(p, p->cons);
	uint64_t fill = p->reserve_pos - cons;

	if (fill > p->mask + 1)
		return p->lost ? -EBUSY : -EBADMSG;
	p->cons = cons;
	if (fill > p->max_fill)
		p->max_fill = fill;
	if (fill + total <= p->mask + 1)
		return 0;
	p->full++;
	return p->lost ? -EBUSY : -ENOSPC; /* what is in the way will never be drained */
}

/**
 * bpfring_prod_init() - take up the producer's end of a ring where its position stands.
 * @p:         written; no lifetime of its own
 * @cons_word: the consumer position, readable, word_size bytes, naturally aligned
 * @prod_word: the producer position, writable
 * @data:      the data area, writable, 2 * size bytes: the same size bytes mapped twice in a row
 * @states:    BPFRING_STATES_SIZE(size) bytes of zeroes, for as long as @p is used
 * @size:      bytes of data, a power of two, 16 to 2^31, or 2^30 where positions have 4 bytes
 * @word_size: sizeof(long) of the kernel that drains: 8 or 4, whatever the caller's own is
 * @owner:     a word that reads non-zero for as long as the caller may produce; it reads zero in a
 *             forked child if its page is MADV_WIPEONFORK. NULL: no such guard.
 *
 * Return: 0; -EINVAL for a size or word size that cannot be; -EBADMSG if the positions contradict
 * each other (more data than the ring holds, a producer position that is no multiple of 8).
 */
static inline int bpfring_prod_init(struct bpfring_prod *p, const void *cons_word, void *prod_word,
				    void *data, uint16_t *states, uint64_t size,
				    unsigned int word_size, const uint32_t *owner)
{
	static const uint32_t always = 1;
	uint64_t pos;

	if (size < 16 || size > 1ULL << (word_size == 4 ? 30 : 31) || (size & (size - 1)) ||
	    (word_size != 8 && word_size != 4))
		return -EINVAL;
	memset(p, 0, sizeof(*p));
	p->data = (uint8_t *)data;
	p->mask = size - 1;
	p->states = states;
	p->prod_word = prod_word;
	p->cons_word = cons_word;
	p->owner = owner ? owner : &always;
	p->word_size = (uint8_t)word_size;
	p->max_sample = size - BPFRING_HEADER_SIZE < BPFRING_MAX_SAMPLE
				? (uint32_t)(size - BPFRING_HEADER_SIZE)
				: BPFRING_MAX_SAMPLE;
	p->limit = p->max_sample + 1;
	p->indices = (uint32_t)(size / 8);
	p->run_end = BPFRING_NO_RUN;
	/* Written by this process or a dead one: nothing to be ordered after. */
	if (word_size == 8)
		pos = __atomic_load_n((const uint64_t *)prod_word, __ATOMIC_RELAXED);
	else
		pos = __atomic_load_n((const uint32_t *)prod_word, __ATOMIC_RELAXED);
	p->published = pos;
	p->latest = 1;
	p->reserve_pos = pos;
	p->cons = bpfring_priv_load_cons(p, pos);
	p->max_fill = pos - p->cons;
	return p->max_fill > size || (pos & 7) ? -EBADMSG : 0;
}

/* Takes space for a payload that is known not to be too large. */
static inline int bpfring_priv_prod_reserve(struct bpfring_prod *p, uint64_t size, void **ret)
{
	uint64_t pos = p->reserve_pos, total = bpfring_priv_total((uint32_t)size);

	if (!*p->owner)
		return -ECHILD;
	if (pos + total - p->cons > p->mask + 1) {
		int err = bpfring_priv_prod_refresh(p, total);

		if (err)
			return err;
	}
	*ret = bpfring_priv_begin(p, pos, (uint32_t)size);
	if (p->latest != 1) /* still open: who ends it will look into the states */
		p->states[bpfring_priv_index(p, (void *)p->latest)] = BPFRING_STATE_RESERVED;
	p->latest = (uintptr_t)*ret;
	p->reserve_pos = pos + total;
	/* The next header, while the caller writes this payload: it is not in the nearest cache. */
	__builtin_prefetch(p->data + ((pos + total) & p->mask), 1);
	return 0;
}

/**
 * bpfring_prod_reserve() - take space for one sample.
 * @p:    the ring
 * @size: payload bytes, 0 allowed
 * @ret:  where to write the payload; what was there before is still there
 *
 * Several samples can be reserved at once, submitted and discarded in any order; the kernel gets
 * them in the order of reservation.
 *
 * Return: 0; -ENOSPC: no space until the kernel drains; -E2BIG: larger than bpfring_prod.max_sample,
 * it would never fit or the kernel could never take it; -EBADMSG: the kernel's position is not
 * within the ring; -EBUSY: no space, and a second producer was met; -ECHILD: in a forked child.
 */
static inline int bpfring_prod_reserve(struct bpfring_prod *p, uint64_t size, void **ret)
{
	return size < p->limit ? bpfring_priv_prod_reserve(p, size, ret) : -E2BIG;
}

/* Ends the sample at @index. Apart, so that the way that most samples take needs few registers. */
__attribute__((noinline, unused)) static int
bpfring_priv_prod_end_at(struct bpfring_prod *p, uint64_t index, void *data, uint32_t discard)
{
	uint64_t pos = p->published + ((8 * index - p->published) & p->mask);
	uint32_t *header = (uint32_t *)data - 2;

	if (pos - p->published >= p->reserve_pos - p->published) /* passed over */
		return bpfring_priv_broken(p);
	*header |= discard;
	if (pos == p->published)
		return bpfring_priv_prod_publish(p, *header);
	bpfring_priv_note_ended(p, pos, *header);
	return p->lost ? -EBUSY : 0;
}

/* Ends a sample; publishes it if it is the first that is not published. The states have @indices. */
static inline int bpfring_priv_prod_end(struct bpfring_prod *p, uint64_t indices, void *data,
					uint32_t discard)
{
	uint64_t index, from = p->published, pos;
	uint32_t header;

	if (!*p->owner)
		return -ECHILD;
	if ((uintptr_t)data != p->latest || (uintptr_t)data == 1) { /* 1 is no sample */
		index = bpfring_priv_index(p, data);
		if (index >= indices || p->states[index] != BPFRING_STATE_RESERVED)
			return -EINVAL;
		p->states[index] = 0;
		return bpfring_priv_prod_end_at(p, index, data, discard);
	}
	p->latest = 1;
	index = bpfring_priv_index(p, data);
	header = *((uint32_t *)data - 2);
	pos = p->reserve_pos - bpfring_priv_total(header);
	if (!discard && (pos & p->mask) >> 3 == index) { /* nobody wrote over the header */
		if (pos == from) {			 /* the only one that is not published */
			p->samples++;
			p->published = p->reserve_pos;
			return bpfring_priv_store_prod(p, from, p->reserve_pos);
		}
		if (pos == p->run_end && bpfring_priv_runs(header)) {
			p->run_count++;
			p->run_end = p->reserve_pos;
			return p->lost ? -EBUSY : 0;
		}
	}
	return bpfring_priv_prod_end_at(p, index, data, discard);
}

/**
 * bpfring_prod_submit() - hand a sample to the kernel.
 * @p:    the ring
 * @data: as bpfring_prod_reserve() gave it; not to be used any more
 *
 * The kernel can drain it as soon as all samples reserved before are submitted or discarded too.
 *
 * Return: 0; -EINVAL: not a reserved sample of this ring, or ended before; -EBUSY: somebody else
 * moved the producer position, a second producer on the same map: nothing is published any more;
 * -EBADMSG: a header in the ring was written over, likewise; -ECHILD: in a forked child.
 */
static inline int bpfring_prod_submit(struct bpfring_prod *p, void *data)
{
	return bpfring_priv_prod_end(p, p->indices, data, 0);
}

/**
 * bpfring_prod_discard() - give a reservation up; the kernel passes over it.
 * Return: as bpfring_prod_submit().
 */
static inline int bpfring_prod_discard(struct bpfring_prod *p, void *data)
{
	return bpfring_priv_prod_end(p, p->indices, data, BPFRING_DISCARD_BIT);
}

/**
 * bpfring_prod_reserve_batch() - take space for several samples.
 * @p:       the ring
 * @samples: @count samples with their sizes; gets their payloads, in order, as far as there is space
 * @count:   its length
 *
 * Return: number of samples reserved; errors as bpfring_prod_reserve(), but only if the first sample
 * met one.
 */
static inline int bpfring_prod_reserve_batch(struct bpfring_prod *p, struct bpfring_sample *samples,
					     unsigned int count)
{
	unsigned int n;

	for (n = 0; n < count && n < INT32_MAX; n++) {
		int err = bpfring_prod_reserve(p, samples[n].size, &samples[n].data);

		if (err)
			return n ? (int)n : err;
	}
	return (int)n;
}

/**
 * bpfring_prod_submit_batch() - hand several samples to the kernel, all at one moment.
 * @samples: in the order of their reservation
 *
 * Return: number of samples submitted, less than @count if some met -EINVAL; -EINVAL if all did;
 * other errors as bpfring_prod_submit().
 */
static inline int bpfring_prod_submit_batch(struct bpfring_prod *p,
					    const struct bpfring_sample *samples,
					    unsigned int count)
{
	int done = 0, err = 0;

	/* The first one last: the others are noted only, the first publishes them with one store. */
	for (unsigned int i = 0; i < count; i++) {
		err = bpfring_prod_submit(p, samples[i + 1 < count ? i + 1 : 0].data);
		if (err && err != -EINVAL)
			return err;
		done += !err;
	}
	return done ? done : err;
}

/**
 * bpfring_prod_free_space() - bytes free, headers included; what the kernel has drained by now.
 * @p: the ring
 *
 * Reads the consumer position: do not poll it.
 */
static inline uint64_t bpfring_prod_free_space(const struct bpfring_prod *p)
{
	uint64_t cons = bpfring_priv_load_cons(p, __atomic_load_n(&p->cons, __ATOMIC_RELAXED));
	uint64_t fill = __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED) - cons;

	return fill > p->mask + 1 ? 0 : p->mask + 1 - fill; /* another thread was faster */
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_USER_RING_H */
