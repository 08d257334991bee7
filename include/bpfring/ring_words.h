/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The words of a kernel-to-user ring that a consumer shares with the kernel and with other
 * processes: the positions, the headers of the records and the note. What ring.h is made of;
 * include that one.
 */
#ifndef BPFRING_RING_WORDS_H
#define BPFRING_RING_WORDS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where in the page of the consumer position the note stands, see bpfring_ring_set_note(). */
#define BPFRING_NOTE_OFFSET 512

/* The header word of a record, as in the kernel's uapi (linux/bpf.h). */
#define BPFRING_BUSY_BIT    (1U << 31) /* reserved, not yet submitted or discarded */
#define BPFRING_DISCARD_BIT (1U << 30) /* to be skipped */
#define BPFRING_HEADER_SIZE 8U	       /* bytes before the payload */

/**
 * struct bpfring_ring - consumer's end of a ring. Initialise with bpfring_ring_init(); the members
 * are for the functions below and for reading in a debugger.
 */
struct bpfring_ring {
	/* What a record takes: the first cache line. */
	uint64_t pos;		/* next header to look at; [released, pos) is held by the caller */
	uint64_t prod;		/* producer position as last read */
	const uint8_t *data;	/* data area, mapped twice */
	uint64_t mask;		/* size - 1 */
	uint64_t last;		/* header of the record passed last, discarded or not */
	uint64_t released;	/* all before this is given back */
	const uint32_t *owner;	/* reads 0 in a forked child */
	uint32_t held_records;	/* records in [released, pos) */
	uint32_t held_discards; /* discarded ones in [released, pos) */
	/* What a release takes besides. */
	uint64_t published;    /* the shared consumer position as last stored or seen */
	void *cons_word;       /* the shared consumer position */
	void *note;	       /* where `released` is noted; NULL: nowhere */
	const void *prod_word; /* the shared producer position */
	uint64_t records;      /* released so far */
	uint64_t discards;     /* skipped so far, released */
	uint64_t max_fill;     /* most bytes ever found waiting */
	uint8_t word_size;     /* of the positions: the kernel's sizeof(long), 8 or 4 */
	uint8_t quiet;	       /* keep the last record back, see above */
	uint8_t busy;	       /* the last peek or arm met a busy record */
	uint8_t looked;	       /* took nothing yet; left discarded records to another, once */
	uint8_t reserved[4];
};

#if UINTPTR_MAX > 0xffffffffU && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct bpfring_ring) == 128, "layout is ABI: it is inlined into programs");
_Static_assert(offsetof(struct bpfring_ring, published) == 64,
	       "the first cache line is the hot one");
#endif

/*
 * For what runs per record: a compiler that finds it called twice may think that a call is cheaper.
 */
#define BPFRING_PRIV_HOT static inline __attribute__((always_inline))

/* Ordered accesses. GCC's builtins, so that C and C++ agree on one implementation. */

static inline uint32_t bpfring_priv_load_header(const void *header)
{
	/* A2: acquire, so that the payload is read after the header says it is complete. Partner:
	 * xchg(&hdr->len) in bpf_ringbuf_commit(). Relaxed would let the CPU read payload from
	 * before the commit.
	 */
	return __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE);
}

static inline uint64_t bpfring_priv_widen(uint64_t near, uint32_t word)
{
	return near + (uint64_t)(int64_t)(int32_t)(word - (uint32_t)near);
}

static inline uint64_t bpfring_priv_load_prod(const struct bpfring_ring *c)
{
	/* A1: acquire, so that the header is read after the position that covers it. Partner:
	 * smp_store_release(&rb->producer_pos) in __bpf_ringbuf_reserve(). Relaxed could find the
	 * header of a record of the previous lap, without BUSY.
	 */
	if (c->word_size == 8)
		return __atomic_load_n((const uint64_t *)c->prod_word, __ATOMIC_ACQUIRE);
	return bpfring_priv_widen(
		c->released, __atomic_load_n((const uint32_t *)c->prod_word, __ATOMIC_ACQUIRE));
}

/* Bytes in the ring of a record with this header. */
static inline uint64_t bpfring_priv_total(uint32_t len)
{
	uint32_t size = len & ~(BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT);

	return ((uint64_t)size + BPFRING_HEADER_SIZE + 7) & ~(uint64_t)7;
}

static inline uint64_t bpfring_priv_load_published(const struct bpfring_ring *c)
{
	/* Read only to see whether somebody else wrote it: no order needed. */
	if (c->word_size == 8)
		return __atomic_load_n((const uint64_t *)c->cons_word, __ATOMIC_RELAXED);
	return bpfring_priv_widen(
		c->published, __atomic_load_n((const uint32_t *)c->cons_word, __ATOMIC_RELAXED));
}

/*
 * Somebody else moved the consumer position. That is harmless if nothing between our position and
 * that one is still to be read: another process may have taken up what we keep back, or given
 * discarded records back that it met. Then we go on from there; else it is a second consumer.
 */
__attribute__((noinline, cold, unused)) static int bpfring_priv_meet(struct bpfring_ring *c)
{
	uint64_t seen = bpfring_priv_load_published(c), pos = c->released, prod, discards = 0;
	uint64_t kept = c->released - c->published;

	if (kept <= c->mask + 1 && seen - c->published <= kept) {
		c->published = seen;
		return 0;
	}
	for (; pos != seen; discards++) {
		uint32_t len = bpfring_priv_load_header(c->data + (pos & c->mask));
		uint64_t total = bpfring_priv_total(len);

		if (seen - pos > c->mask + 1 || total > seen - pos ||
		    (len & (BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT)) != BPFRING_DISCARD_BIT)
			return -EBUSY;
		pos += total;
	}
	prod = bpfring_priv_load_prod(c);
	if (prod - c->released > c->mask + 1 || prod - seen > c->mask + 1)
		return -EBUSY; /* that may have been new records, written over them */
	c->published = seen;
	if (seen - c->released >= c->pos - c->released) {
		c->pos = c->released = c->last = seen;
		c->prod = prod;
		c->discards += discards;
		c->held_discards = 0;
	}
	return 0;
}

/* Publishes a position, unless it would go back: what is behind it may be written over by now. */
BPFRING_PRIV_HOT int bpfring_priv_publish(struct bpfring_ring *c, uint64_t word)
{
	if (__builtin_expect(bpfring_priv_load_published(c) != c->published, 0)) {
		int err = bpfring_priv_meet(c);

		if (err)
			return err;
	}
	if ((int64_t)(word - c->published) <= 0)
		return 0;
	/* R3: release, so that all reads of the payload are done before the kernel may overwrite
	 * it. Partner: smp_load_acquire(&rb->consumer_pos) in __bpf_ringbuf_reserve(). Relaxed
	 * would let the CPU still read a payload that is being replaced.
	 */
	if (c->word_size == 8)
		__atomic_store_n((uint64_t *)c->cons_word, word, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)c->cons_word, (uint32_t)word, __ATOMIC_RELEASE);
	c->published = word;
	return 0;
}

/* Stores a position only if nobody else has stored one since c->published; 1 if it did. */
static inline int bpfring_priv_exchange(struct bpfring_ring *c, uint64_t word)
{
	uint64_t wide = c->published;
	uint32_t narrow = (uint32_t)wide;
	int done;

	/* R3: as in bpfring_priv_publish(), for the same reason. */
	if (c->word_size == 8)
		done = __atomic_compare_exchange_n((uint64_t *)c->cons_word, &wide, word, 0,
						   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	else
		done = __atomic_compare_exchange_n((uint32_t *)c->cons_word, &narrow,
						   (uint32_t)word, 0, __ATOMIC_RELEASE,
						   __ATOMIC_RELAXED);
	if (done)
		c->published = word;
	return done;
}

/*
 * Publishes where another process may be the one that consumes, and must not lose what it publishes
 * at this moment. A release looks and then stores, which costs less; it races with a second
 * consumer only.
 */
__attribute__((noinline, cold, unused)) static int
bpfring_priv_publish_shared(struct bpfring_ring *c, uint64_t word)
{
	int err = *c->owner ? 0 : -ECHILD;

	while (!err) {
		int ahead = (int64_t)(word - c->published) > 0;

		if (ahead ? bpfring_priv_exchange(c, word)
			  : bpfring_priv_load_published(c) == c->published)
			return 0;
		err = bpfring_priv_meet(c);
	}
	return err;
}

/* A page that nobody wrote a note into says nothing, whatever word it holds. */
#define BPFRING_PRIV_NOTE 0x6270665f6e6f7465ULL

static inline int bpfring_priv_noted(const struct bpfring_ring *c, uint64_t pos)
{
	/* Written by a dead process, or by a live one that we only look at: no order needed. */
	if (c->word_size == 8)
		return __atomic_load_n((const uint64_t *)c->note, __ATOMIC_RELAXED) ==
		       (pos ^ BPFRING_PRIV_NOTE);
	return __atomic_load_n((const uint32_t *)c->note, __ATOMIC_RELAXED) ==
	       (uint32_t)(pos ^ BPFRING_PRIV_NOTE);
}

/* Has a consumer of this library ever released anything in this ring? */
static inline int bpfring_priv_has_note(const struct bpfring_ring *c)
{
	if (!c->note)
		return 0;
	return c->word_size == 8
		       ? __atomic_load_n((const uint64_t *)c->note, __ATOMIC_RELAXED) != 0
		       : __atomic_load_n((const uint32_t *)c->note, __ATOMIC_RELAXED) != 0;
}

BPFRING_PRIV_HOT void bpfring_priv_write_note(const struct bpfring_ring *c, uint64_t pos)
{
	/* R7: release, after R3. Whoever is killed between the two leaves a note that does not fit
	 * the position: the record comes again whose release has not returned. The other way round
	 * it would no longer fit the position before, and one would come again whose release has
	 * returned.
	 */
	if (c->word_size == 8)
		__atomic_store_n((uint64_t *)c->note, pos ^ BPFRING_PRIV_NOTE, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)c->note, (uint32_t)(pos ^ BPFRING_PRIV_NOTE),
				 __ATOMIC_RELEASE);
}

/*
 * What seems to be a corrupt ring may be one that somebody else consumes: producers went on over
 * us.
 */
__attribute__((noinline, cold, unused)) static int bpfring_priv_why(const struct bpfring_ring *c,
								    int err)
{
	return err == -EBADMSG && bpfring_priv_load_published(c) != c->published ? -EBUSY : err;
}

/* Reads the producer position again; 1 if there is something behind c->pos. */
static inline int bpfring_priv_refresh(struct bpfring_ring *c)
{
	uint64_t prod, fill;

	if (!*c->owner)
		return -ECHILD;
	prod = bpfring_priv_load_prod(c);
	fill = prod - c->released;
	if (fill > c->mask + 1 || prod - c->pos > fill || (prod & 7))
		return -EBADMSG;
	c->prod = prod;
	if (fill > c->max_fill)
		c->max_fill = fill;
	return prod != c->pos;
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_RING_WORDS_H */
