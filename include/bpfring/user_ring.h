/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The data path of a user-to-kernel ring (BPF_MAP_TYPE_USER_RINGBUF), inline, on any memory.
 *
 * `struct bpfring_user_ring` is the producer's end of one ring. It knows no file descriptors,
 * allocates nothing, makes no system call and never blocks. One thread uses one struct at a time.
 * Programs that produce into a map use producer.h, which also lets many threads share a ring.
 *
 * The ring is laid out as in ring.h with the roles exchanged: this side writes records, here called
 * samples, and the producer position; bpf_user_ringbuf_drain() moves the consumer position.
 *
 * Publish on submit. The kernel lets a producer move its position over a sample that is still
 * being written, if the header says BUSY. If the process dies before it submits that sample, the
 * kernel never drains anything behind it. Here the position moves only over samples that have
 * ended (submitted or discarded), up to the first that has not. What a dead process had reserved
 * was never part of the ring.
 *
 * Only this process knows which samples are open (reserved and not ended): `open` has a bit for
 * every 8 bytes of the ring, set where an open sample starts. The position may move up to the
 * first such bit. The sample that was reserved last is in `latest` instead, so that a program that
 * reserves one at a time never touches the bits. Nothing in the ring itself decides how far the
 * position moves, so memory that others can write cannot publish an open sample. The labels P1 and
 * P2 are explained in docs/memory-model.md.
 */
#ifndef BPFRING_USER_RING_H
#define BPFRING_USER_RING_H

#include <bpfring/common.h>
#include <bpfring/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Largest sample: the kernel hands it to BPF as a dynptr, which holds no more. */
#define BPFRING_MAX_SAMPLE	     ((1U << 24) - 1)
/* Bytes of bpfring_user_ring.open for a ring of this size. */
#define BPFRING_OPEN_SIZE(ring_size) ((ring_size) / 64)

/**
 * struct bpfring_user_ring - producer's end of a ring. Initialise with bpfring_user_ring_init();
 * the members are for the functions here, and for reading in a debugger.
 */
struct bpfring_user_ring {
	/* Written once, or rarely. */
	uint8_t *data;	       /* data area, mapped twice */
	uint64_t mask;	       /* size - 1 */
	uint64_t *open;	       /* a bit per 8 bytes: an open sample starts there */
	void *prod_word;       /* the shared producer position */
	const void *cons_word; /* the shared consumer position */
	const uint32_t *owner; /* reads 0 in a forked child */
	uint32_t limit;	       /* payloads are smaller; 0: through producer.h only */
	uint32_t max_sample;   /* largest payload */
	uint8_t word_size;     /* of the positions: the kernel's sizeof(long), 8 or 4 */
	uint8_t lost;	       /* why nothing is published any more: EBUSY, EBADMSG; or 0 */
	uint8_t reserved_0[6];
	/* When space is short. */
	uint64_t full;	   /* reservations refused for want of space */
	uint64_t max_fill; /* most bytes found in use */
	uint8_t reserved_1[48];
	/* Written with every sample: one cache line. */
	uint64_t reserve_pos; /* next header to write; [published, reserve_pos) is not published */
	uint64_t published;   /* the producer position as stored by this producer, unless lost */
	uintptr_t latest;     /* the sample reserved last, see below; 0: it is ended */
	uint64_t cons;	      /* consumer position as last read */
	uint64_t samples;     /* submitted so far */
	uint64_t discards;    /* discarded so far */
	uint64_t reserved_2[2];
};

#if UINTPTR_MAX > 0xffffffffU && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct bpfring_user_ring) == 192, "programs are compiled with this layout");
_Static_assert(offsetof(struct bpfring_user_ring, reserve_pos) == 128, "own cache line");
#endif

/* Added to the address in bpfring_user_ring.latest: everything before that sample is published. */
#define BPFRING_PRIV_FIRST 1U

static inline uint64_t bpfring_priv_load_cons(const struct bpfring_user_ring *p, uint64_t near)
{
	/* P1: acquire, so that the kernel has read a sample before we write over it. Partner:
	 * smp_store_release(&rb->consumer_pos) in __bpf_user_ringbuf_sample_release(). Relaxed
	 * would let our writes of the next lap appear too early.
	 */
	if (p->word_size == 8)
		return __atomic_load_n((const uint64_t *)p->cons_word, __ATOMIC_ACQUIRE);
	return bpfring_priv_widen(
		near, __atomic_load_n((const uint32_t *)p->cons_word, __ATOMIC_ACQUIRE));
}

static inline int bpfring_priv_lost(const struct bpfring_user_ring *p)
{
	return p->lost == EBUSY ? -EBUSY : -EBADMSG;
}

/* From here on nothing is published, even if the position should happen to equal ours again. */
static inline int bpfring_priv_prod_lose(struct bpfring_user_ring *p, uint8_t why)
{
	__atomic_store_n(&p->lost, why, __ATOMIC_RELAXED);
	return bpfring_priv_lost(p);
}

/* P2: moves the producer position, if it is where we left it. Release, so that headers and payloads
 * are complete before the position covers them. Partner: smp_load_acquire(&rb->producer_pos) in
 * __bpf_user_ringbuf_peek(). Relaxed would let the kernel read what the ring held a lap ago. The
 * load only detects that another producer wrote our word: no order needed.
 */
static inline int bpfring_priv_prod_publish(struct bpfring_user_ring *p, uint64_t to)
{
	const uint64_t from = p->published;

	p->published = to;
	if (p->lost)
		return bpfring_priv_lost(p);
	if (p->word_size == 8) {
		if (__atomic_load_n((const uint64_t *)p->prod_word, __ATOMIC_RELAXED) != from)
			return bpfring_priv_prod_lose(p, EBUSY);
		__atomic_store_n((uint64_t *)p->prod_word, to, __ATOMIC_RELEASE); /* P2 */
	} else {
		if (__atomic_load_n((const uint32_t *)p->prod_word, __ATOMIC_RELAXED) !=
		    (uint32_t)from)
			return bpfring_priv_prod_lose(p, EBUSY);
		__atomic_store_n((uint32_t *)p->prod_word, (uint32_t)to, __ATOMIC_RELEASE); /* P2 */
	}
	return 0;
}

/* Offset of a sample's header in the ring; any number if @data is not a sample. */
static inline uint64_t bpfring_priv_offset(const struct bpfring_user_ring *p, uintptr_t data)
{
	return (uint64_t)(data - (uintptr_t)p->data) - BPFRING_HEADER_SIZE;
}

static inline uint64_t bpfring_priv_latest_offset(const struct bpfring_user_ring *p)
{
	return bpfring_priv_offset(p, p->latest & ~(uintptr_t)BPFRING_PRIV_FIRST);
}

/* The word of bpfring_user_ring.open that covers this position, and the bit in it. */
static inline uint64_t *bpfring_priv_open_word(const struct bpfring_user_ring *p, uint64_t pos)
{
	return &p->open[(pos & p->mask) >> 9];
}

static inline uint64_t bpfring_priv_open_bit(uint64_t pos)
{
	return 1ULL << (pos >> 3 & 63);
}

__attribute__((noinline, unused)) static void bpfring_priv_mark_open(struct bpfring_user_ring *p)
{
	uint64_t offset = bpfring_priv_latest_offset(p);

	*bpfring_priv_open_word(p, offset) |= bpfring_priv_open_bit(offset);
}

/* The first open sample from @pos on, or the end. A step of the loop covers 512 bytes of ring. */
static inline uint64_t bpfring_priv_first_open(const struct bpfring_user_ring *p, uint64_t pos)
{
	const uint64_t latest = bpfring_priv_latest_offset(p);
	const uint64_t end = p->latest ? pos + ((latest - pos) & p->mask) : p->reserve_pos;
	const uint64_t length = end - pos;
	uint64_t at = pos & ~(uint64_t)511;
	uint64_t bits = *bpfring_priv_open_word(p, at) & ~(bpfring_priv_open_bit(pos) - 1);

	while (!bits) {
		at += 512;
		if (at - pos >= length)
			return end;
		bits = *bpfring_priv_open_word(p, at);
	}
	at += 8 * (uint64_t)__builtin_ctzll(bits);
	return at - pos < length ? at : end;
}

/*
 * A header is the size and, in the half that the kernel ignores, its complement, so that submit
 * notices if something has written over it.
 */
static inline void *bpfring_priv_begin(const struct bpfring_user_ring *p, uint64_t pos,
				       uint32_t size)
{
	uint32_t *header = (uint32_t *)(void *)(p->data + (pos & p->mask));

	header[0] = size;
	header[1] = ~size;
	return header + 2;
}

/* A header was written over, by a second producer or by this process. */
__attribute__((noinline, unused)) static void bpfring_priv_prod_broken(struct bpfring_user_ring *p)
{
	if (!bpfring_priv_prod_publish(p, p->published))
		bpfring_priv_prod_lose(p, EBADMSG);
}

BPFRING_PRIV_HOT void bpfring_priv_finish(struct bpfring_user_ring *p, void *data, uint32_t discard)
{
	uint32_t *header = (uint32_t *)data - 2;
	uint32_t size = __atomic_load_n(&header[0], __ATOMIC_RELAXED);

	if (__atomic_load_n(&header[1], __ATOMIC_RELAXED) != ~size)
		bpfring_priv_prod_broken(p);
	if (!discard) {
		p->samples++;
		return;
	}
	p->discards++;
	if (!p->lost) /* else the header may belong to another producer's sample */
		__atomic_store_n(&header[0], size | discard, __ATOMIC_RELAXED);
}

/* Reads the consumer position again. 0 if @total bytes are free now. */
static inline int bpfring_priv_prod_refresh(struct bpfring_user_ring *p, uint64_t total)
{
	uint64_t cons = bpfring_priv_load_cons(p, p->cons);
	uint64_t fill = p->reserve_pos - cons;

	if (fill > p->mask + 1)
		return p->lost ? bpfring_priv_lost(p) : -EBADMSG;
	p->cons = cons;
	if (fill > p->max_fill)
		p->max_fill = fill;
	if (fill + total <= p->mask + 1)
		return 0;
	p->full++;
	/* After a loss nothing more is published, so no drain makes space. */
	return p->lost ? bpfring_priv_lost(p) : -ENOSPC;
}

/**
 * bpfring_user_ring_init() - take the producer's end of a ring, from its current position.
 * @p:         written
 * @cons_word: the consumer position, readable, word_size bytes, naturally aligned
 * @prod_word: the producer position, writable
 * @data:      the data area, writable, 2 * size bytes: the same size bytes mapped twice in a row
 * @open:      BPFRING_OPEN_SIZE(size) bytes of zeroes, for as long as @p is used
 * @size:      bytes of data, a power of two, 512 to 2^31, or 2^30 where positions have 4 bytes
 * @word_size: sizeof(long) of the kernel that drains, 8 or 4, whatever it is in this process
 * @owner:     a word that is non-zero while the caller may produce. A page with MADV_WIPEONFORK
 *             makes it zero in a forked child. NULL: no such guard.
 *
 * Return: 0; -EINVAL: an impossible size or word size; -EBADMSG: the positions contradict each
 * other (more data than the ring holds, or a producer position that is no multiple of 8).
 */
BPFRING_INLINE int bpfring_user_ring_init(struct bpfring_user_ring *p, const void *cons_word,
					  void *prod_word, void *data, uint64_t *open,
					  uint64_t size, unsigned int word_size,
					  const uint32_t *owner)
{
	static const uint32_t always = 1;
	uint64_t pos;

	if (size < 512 || size > 1ULL << (word_size == 4 ? 30 : 31) || size & (size - 1) ||
	    (word_size != 8 && word_size != 4))
		return -EINVAL;
	memset(p, 0, sizeof(*p));
	p->data = (uint8_t *)data;
	p->mask = size - 1;
	p->open = open;
	p->prod_word = prod_word;
	p->cons_word = cons_word;
	p->owner = owner ? owner : &always;
	p->word_size = (uint8_t)word_size;
	size -= BPFRING_HEADER_SIZE;
	p->max_sample = (uint32_t)(size < BPFRING_MAX_SAMPLE ? size : BPFRING_MAX_SAMPLE);
	p->limit = p->max_sample + 1;
	/* This process or a dead one wrote it: no order needed. */
	pos = word_size == 8 ? __atomic_load_n((const uint64_t *)prod_word, __ATOMIC_RELAXED)
			     : __atomic_load_n((const uint32_t *)prod_word, __ATOMIC_RELAXED);
	p->published = pos;
	p->reserve_pos = pos;
	p->cons = bpfring_priv_load_cons(p, pos);
	p->max_fill = pos - p->cons;
	return p->max_fill > p->mask + 1 || (pos & 7) ? -EBADMSG : 0;
}

/* Takes space for a payload of at most max_sample bytes. */
BPFRING_PRIV_HOT int bpfring_priv_prod_reserve(struct bpfring_user_ring *p, uint64_t size,
					       void **ret)
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
	if (p->latest) /* still open */
		bpfring_priv_mark_open(p);
	p->latest = (uintptr_t)*ret + (pos == p->published ? BPFRING_PRIV_FIRST : 0);
	p->reserve_pos = pos + total;
	/* The next header, to be in the cache when the caller has written this payload. */
	__builtin_prefetch(p->data + ((pos + total) & p->mask), 1);
	return 0;
}

/**
 * bpfring_user_ring_reserve() - take space for one sample.
 * @p:    the ring
 * @size: payload bytes, 0 allowed
 * @ret:  where to write the payload; it still holds whatever was there before
 *
 * Several samples can be open together and end in any order; the kernel gets them in the order of
 * reservation.
 *
 * Return: 0; -ENOSPC: no space until the kernel drains; -E2BIG: larger than
 * bpfring_user_ring.max_sample; -EBADMSG: the kernel's position is not within the ring, or there is
 * no space and a header was written over; -EBUSY: there is no space, and a second producer was met;
 * -ECHILD: in a forked child.
 */
BPFRING_INLINE_HOT int bpfring_user_ring_reserve(struct bpfring_user_ring *p, uint64_t size,
						 void **ret)
{
	return size < p->limit ? bpfring_priv_prod_reserve(p, size, ret) : -E2BIG;
}

/* Ends any sample. Not inline, so that the common path needs few registers. */
__attribute__((noinline, unused)) static int bpfring_priv_prod_end_any(struct bpfring_user_ring *p,
								       void *data, uint32_t discard)
{
	const uint64_t offset = bpfring_priv_offset(p, (uintptr_t)data);
	const uint64_t bit = bpfring_priv_open_bit(offset);

	if (offset > p->mask || offset & 7)
		return -EINVAL;
	if ((uintptr_t)data == p->latest)
		p->latest = 0;
	else if (*bpfring_priv_open_word(p, offset) & bit)
		*bpfring_priv_open_word(p, offset) &= ~bit;
	else
		return -EINVAL;
	bpfring_priv_finish(p, data, discard);
	if (offset != (p->published & p->mask))
		return p->lost ? bpfring_priv_lost(p) : 0;
	return bpfring_priv_prod_publish(p, bpfring_priv_first_open(p, p->published));
}

/* Ends a sample. If it was the first open one, publishes it and the ended ones behind it. */
BPFRING_PRIV_HOT int bpfring_priv_prod_end(struct bpfring_user_ring *p, void *data,
					   uint32_t discard)
{
	if (!*p->owner)
		return -ECHILD;
	if ((uintptr_t)data + BPFRING_PRIV_FIRST != p->latest || !(p->latest & BPFRING_PRIV_FIRST))
		return bpfring_priv_prod_end_any(p, data, discard);
	p->latest = 0; /* the only open one */
	bpfring_priv_finish(p, data, discard);
	return bpfring_priv_prod_publish(p, p->reserve_pos);
}

/**
 * bpfring_user_ring_submit() - hand a sample to the kernel.
 * @p:    the ring
 * @data: the payload that bpfring_user_ring_reserve() returned; not to be used any more
 *
 * The kernel can drain it once all samples reserved before it have ended too.
 *
 * Return: 0; -EINVAL: not an open sample of this ring; -EBUSY: a second producer moved the
 * position; -EBADMSG: a header was written over. After these two nothing is published any more, but
 * the sample has ended. -ECHILD: in a forked child.
 */
BPFRING_INLINE_HOT int bpfring_user_ring_submit(struct bpfring_user_ring *p, void *data)
{
	return bpfring_priv_prod_end(p, data, 0);
}

/**
 * bpfring_user_ring_discard() - give up a reservation; the kernel skips it.
 * Return: as bpfring_user_ring_submit().
 */
BPFRING_INLINE_HOT int bpfring_user_ring_discard(struct bpfring_user_ring *p, void *data)
{
	return bpfring_priv_prod_end(p, data, BPFRING_DISCARD_BIT);
}

/**
 * bpfring_user_ring_free_space() - bytes that are free now, for headers and payloads.
 * @p: the ring
 *
 * Reads the consumer position, which costs a cache miss: not for polling.
 */
BPFRING_INLINE uint64_t bpfring_user_ring_free_space(const struct bpfring_user_ring *p)
{
	uint64_t cons = bpfring_priv_load_cons(p, __atomic_load_n(&p->cons, __ATOMIC_RELAXED));
	uint64_t fill = __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED) - cons;

	return fill > p->mask + 1 ? 0 : p->mask + 1 - fill; /* another thread may be ahead */
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_USER_RING_H */
