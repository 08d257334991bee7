/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The data path of a kernel-to-user ring (BPF_MAP_TYPE_RINGBUF), inline, on any memory.
 *
 * `struct bpfring_cons` is the consumer's end of one ring. It knows no file descriptors, allocates
 * nothing, makes no system call and never blocks; all functions here are wait-free. One thread uses
 * one struct at a time. Programs that consume a map use it through consumer.h; it stands alone for
 * rings that were mapped by other means, and for tests.
 *
 * A ring is `size` bytes of data (a power of two, mapped twice in a row so that no record is ever
 * split), a producer position and a consumer position. Positions are byte counts that only grow;
 * they are compared by subtraction, so that their wrap is harmless. A record is an 8 byte header
 * and its payload, rounded up to 8. The kernel sets BUSY in a header when it reserves the record
 * and clears it when the BPF program submits or discards it.
 *
 * Quiet publishing. When the kernel commits a record it notifies the consumer only if the published
 * consumer position equals the position of that very record: the consumer has caught up and may be
 * asleep (kernel/bpf/ringbuf.c, bpf_ringbuf_commit()). A consumer that is awake has no use for that
 * interrupt, but the traced program pays for it. While it is awake, a quiet consumer therefore
 * publishes its position minus one. Records start at multiples of 8, so the kernel never finds them
 * equal and no commit notifies. The missing byte costs no reservation: sizes are multiples of 8 and
 * the kernel asks whether `new_producer_pos - consumer_pos <= size - 1`, for which `- 1` makes no
 * difference. Before the consumer sleeps, bpfring_cons_arm() publishes the true position. A position
 * that is not a multiple of 8 tells the next consumer, after a crash, that it was left quiet, and
 * where the next record starts.
 *
 * Memory order: the labels A1, A2, R3, F4 stand for the edges in docs/memory-model.md.
 */
#ifndef BPFRING_RING_H
#define BPFRING_RING_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The header word of a record, as in the kernel's uapi (linux/bpf.h). */
#define BPFRING_BUSY_BIT    (1U << 31) /* reserved, not yet submitted or discarded */
#define BPFRING_DISCARD_BIT (1U << 30) /* to be skipped */
#define BPFRING_HEADER_SIZE 8U	       /* bytes before the payload */

/**
 * struct bpfring_record - one record, in place.
 * @data: payload, 8-byte aligned, read-only; valid until its record is released
 * @size: payload bytes
 * @pos:  position of the record's header in the stream of bytes: a unique, growing number
 */
struct bpfring_record {
	const void *data;
	uint32_t size;
	uint32_t reserved;
	uint64_t pos;
};

/**
 * struct bpfring_cons - consumer's end of a ring. Initialise with bpfring_cons_init(); the members
 * are for the functions below and for reading in a debugger.
 */
struct bpfring_cons {
	uint64_t pos;		/* next header to look at; [released, pos) is held by the caller */
	uint64_t prod;		/* producer position as last read */
	const uint8_t *data;	/* data area, mapped twice */
	uint64_t mask;		/* size - 1 */
	uint64_t released;	/* all before this is given back */
	uint64_t published;	/* the word this consumer last stored as consumer position */
	void *cons_word;	/* the shared consumer position */
	const void *prod_word;	/* the shared producer position */
	const uint32_t *owner;	/* reads 0 in a forked child */
	uint64_t records;	/* released so far */
	uint64_t discards;	/* skipped so far, released */
	uint64_t max_fill;	/* most bytes ever found waiting */
	uint32_t held_records;	/* records in [released, pos) */
	uint32_t held_discards; /* discarded ones in [released, pos) */
	uint8_t word_size;	/* of the positions: the kernel's sizeof(long), 8 or 4 */
	uint8_t quiet;		/* publish pos - 1, see above */
	uint8_t busy;		/* the last peek or arm met a busy record */
	uint8_t reserved[5];
};

#if UINTPTR_MAX > 0xffffffffU && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct bpfring_cons) == 112, "layout is ABI: it is inlined into programs");
_Static_assert(offsetof(struct bpfring_cons, owner) == 64, "the second cache line is the cold one");
#endif

/* For what runs per record: a compiler that finds it called twice may think that a call is cheaper. */
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

static inline uint64_t bpfring_priv_load_prod(const struct bpfring_cons *c)
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

/*
 * Our own word, read to see whether somebody else wrote it: no order needed. Somebody who only opens the
 * ring and closes it, to look at what is pending, removes our quiet mark: that does no harm.
 */
static inline int bpfring_priv_cons_moved(const struct bpfring_cons *c)
{
	uint64_t clean = (c->published + 7) & ~(uint64_t)7;

	if (c->word_size == 8) {
		uint64_t word = __atomic_load_n((const uint64_t *)c->cons_word, __ATOMIC_RELAXED);

		return word != c->published && word != clean;
	} else {
		uint32_t word = __atomic_load_n((const uint32_t *)c->cons_word, __ATOMIC_RELAXED);

		return word != (uint32_t)c->published && word != (uint32_t)clean;
	}
}

static inline int bpfring_priv_publish(struct bpfring_cons *c, uint64_t word)
{
	if (word == c->published)
		return 0;
	if (!*c->owner)
		return -ECHILD;
	if (bpfring_priv_cons_moved(c))
		return -EBUSY;
	/* R3: release, so that all reads of the payload are done before the kernel may overwrite it.
	 * Partner: smp_load_acquire(&rb->consumer_pos) in __bpf_ringbuf_reserve(). Relaxed would let
	 * the CPU still read a payload that is being replaced.
	 */
	if (c->word_size == 8)
		__atomic_store_n((uint64_t *)c->cons_word, word, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)c->cons_word, (uint32_t)word, __ATOMIC_RELEASE);
	c->published = word;
	return 0;
}

/* Bytes in the ring of a record with this header. */
static inline uint64_t bpfring_priv_total(uint32_t len)
{
	uint32_t size = len & ~(BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT);

	return ((uint64_t)size + BPFRING_HEADER_SIZE + 7) & ~(uint64_t)7;
}

/* Reads the producer position again; 1 if there is something behind c->pos. */
static inline int bpfring_priv_refresh(struct bpfring_cons *c)
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

/**
 * bpfring_cons_init() - take up the consumer's end of a ring where its position stands.
 * @c:         written; no lifetime of its own
 * @cons_word: the consumer position, writable, word_size bytes, naturally aligned
 * @prod_word: the producer position, readable
 * @data:      the data area, 2 * size bytes: the same size bytes mapped twice in a row
 * @size:      bytes of data, a power of two, at least 8
 * @word_size: sizeof(long) of the kernel that produces: 8 or 4, whatever the caller's own is
 * @owner:     a word that reads non-zero for as long as the caller may consume; it reads zero in a
 *             forked child if its page is MADV_WIPEONFORK. NULL: no such guard.
 *
 * Return: 0; -EINVAL for a size or word size that cannot be; -EBADMSG if the positions contradict
 * each other (more data than the ring holds, a producer position that is no multiple of 8).
 */
static inline int bpfring_cons_init(struct bpfring_cons *c, void *cons_word, const void *prod_word,
				    const void *data, uint64_t size, unsigned int word_size,
				    const uint32_t *owner)
{
	static const uint32_t always = 1;
	uint64_t word;
	int err;

	if (size < 8 || (size & (size - 1)) || (word_size != 8 && word_size != 4))
		return -EINVAL;
	memset(c, 0, sizeof(*c));
	c->data = (const uint8_t *)data;
	c->mask = size - 1;
	c->cons_word = cons_word;
	c->prod_word = prod_word;
	c->owner = owner ? owner : &always;
	c->word_size = (uint8_t)word_size;
	/* Written by this process or a dead one: nothing to be ordered after. */
	if (word_size == 8)
		word = __atomic_load_n((const uint64_t *)cons_word, __ATOMIC_RELAXED);
	else
		word = __atomic_load_n((const uint32_t *)cons_word, __ATOMIC_RELAXED);
	c->published = word;
	c->released = (word + 7) & ~(uint64_t)7; /* the mark of a consumer that died quiet */
	c->pos = c->released;
	c->prod = c->released;
	err = bpfring_priv_refresh(c);
	return err < 0 ? err : 0;
}

/*
 * Where a consumer stands, in registers: the chain from one header to the next is what a record costs
 * at least. So the pointer goes on by itself, without the mask, and flags are looked at apart.
 */
struct bpfring_priv_cursor {
	uint64_t pos;
	uint64_t prod;
	const uint8_t *at; /* pos, as an address in the first copy of the data */
};

BPFRING_PRIV_HOT struct bpfring_priv_cursor bpfring_priv_cursor_at_pos(const struct bpfring_cons *c)
{
	const struct bpfring_priv_cursor cursor = {c->pos, c->prod, c->data + (c->pos & c->mask)};

	return cursor;
}

/* The next record, for callers that keep the cursor over many. */
BPFRING_PRIV_HOT int bpfring_priv_next(struct bpfring_cons *c, struct bpfring_priv_cursor *cursor,
				       struct bpfring_record *ret)
{
	for (;;) {
		const uint8_t *header = cursor->at;
		uint64_t start = cursor->pos, total;
		uint32_t len;

		if (start == cursor->prod) {
			int more = bpfring_priv_refresh(c);

			c->busy = 0;
			if (more <= 0)
				return more;
			cursor->prod = c->prod;
		}
		len = bpfring_priv_load_header(header); /* the only read of it */
		total = ((uint64_t)len + BPFRING_HEADER_SIZE + 7) & ~(uint64_t)7;
		if (__builtin_expect((len & (BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT)) != 0, 0)) {
			if (len & BPFRING_BUSY_BIT) {
				c->busy = 1;
				return 0;
			}
			total = bpfring_priv_total(len);
		}
		if (total > cursor->prod - start)
			return -EBADMSG;
		cursor->pos = start + total;
		cursor->at = header + total;
		if (cursor->at > c->data + c->mask)
			cursor->at -= c->mask + 1;
		c->pos = cursor->pos;
		if (!(len & BPFRING_DISCARD_BIT)) {
			c->held_records++;
			ret->data = header + BPFRING_HEADER_SIZE;
			ret->size = len;
			ret->reserved = 0;
			ret->pos = start;
			return 1;
		}
		if (c->released == start) { /* nothing held before it: give it back with the next */
			c->released = cursor->pos;
			c->discards++;
		} else {
			c->held_discards++;
		}
	}
}

/**
 * bpfring_cons_peek() - look at the next record, in place.
 * @c:   the ring
 * @ret: the record; its payload stays valid until bpfring_cons_release()
 *
 * Every call goes one record further; discarded records are skipped and counted. Several records
 * can be held at once; bpfring_cons_release() gives all of them back, bpfring_cons_cancel() starts
 * again at the first.
 *
 * Return: 1 with a record; 0 when there is none now, either because the ring is empty or because
 * the next record is still being written (bpfring_cons_head_busy() tells which); -EBADMSG if the
 * ring is corrupt: nothing of it is read, and the position does not move; -ECHILD in a forked child.
 */
BPFRING_PRIV_HOT int bpfring_cons_peek(struct bpfring_cons *c, struct bpfring_record *ret)
{
	struct bpfring_priv_cursor cursor = bpfring_priv_cursor_at_pos(c);

	if (!*c->owner)
		return -ECHILD;
	return bpfring_priv_next(c, &cursor, ret);
}

/**
 * bpfring_cons_peek_batch() - look at several records at once.
 * @c:   the ring
 * @ret: array of @max records, in ring order
 * @max: its length
 *
 * Return: number of records, 0 when there is none now; -EBADMSG, -ECHILD as bpfring_cons_peek(),
 * but only if no record came before the error (the next call returns it then).
 */
static inline int bpfring_cons_peek_batch(struct bpfring_cons *c, struct bpfring_record *ret,
					  unsigned int max)
{
	struct bpfring_priv_cursor cursor = bpfring_priv_cursor_at_pos(c);
	unsigned int n;

	if (!*c->owner)
		return -ECHILD;
	for (n = 0; n < max && n < INT32_MAX; n++) {
		int more = bpfring_priv_next(c, &cursor, &ret[n]);

		if (more <= 0)
			return n ? (int)n : more;
	}
	return (int)n;
}

/**
 * bpfring_cons_release() - give back every record peeked so far, with one store.
 * @c: the ring
 *
 * The payloads must not be read any more.
 *
 * Return: 0; -EBUSY if the consumer position was moved by somebody else, a second consumer on the
 * same map: nothing was stored and the records stay held; -ECHILD in a forked child.
 */
BPFRING_PRIV_HOT int bpfring_cons_release(struct bpfring_cons *c)
{
	int err = bpfring_priv_publish(c, c->pos - c->quiet);

	if (err)
		return err;
	c->released = c->pos;
	c->records += c->held_records;
	c->discards += c->held_discards;
	c->held_records = 0;
	c->held_discards = 0;
	return 0;
}

/**
 * bpfring_cons_cancel() - un-peek: the next peek starts again at the first record held.
 * @c: the ring
 */
static inline void bpfring_cons_cancel(struct bpfring_cons *c)
{
	c->pos = c->released;
	c->held_records = 0;
	c->held_discards = 0;
}

/**
 * bpfring_cons_set_quiet() - say that this consumer is awake and needs no notifications.
 * @c:     the ring
 * @quiet: non-zero: from the next release on commits do not notify, until bpfring_cons_arm()
 */
static inline void bpfring_cons_set_quiet(struct bpfring_cons *c, int quiet)
{
	c->quiet = quiet ? 1 : 0;
}

/**
 * bpfring_cons_arm() - ask for a notification before going to sleep.
 * @c: the ring; no records held
 *
 * Publishes the true position and looks once more. After a 0, the commit of the next record makes
 * an edge on the map's file descriptor (epoll with EPOLLET), unless the BPF program suppresses it
 * with BPF_RB_NO_WAKEUP. Sleep edge-triggered only: level-triggered readiness is true all the time
 * that a head is busy.
 *
 * Return: 1: there is a record to read, do not sleep; 0: sleep, the ring is empty or its head is
 * busy (bpfring_cons_head_busy()); -EINVAL: records are held; -EBUSY, -ECHILD as
 * bpfring_cons_release(); -EBADMSG: the ring is corrupt.
 */
static inline int bpfring_cons_arm(struct bpfring_cons *c)
{
	int more;

	if (c->pos != c->released)
		return -EINVAL;
	c->quiet = 0;
	more = bpfring_priv_publish(c, c->released);
	if (more)
		return more;
	/* F4: full fence between our store of the consumer position (R3) and the loads of producer
	 * position and header. Partner: the full barrier of xchg(&hdr->len) between the header and
	 * the load of consumer_pos in bpf_ringbuf_commit(). Either the kernel sees our position and
	 * notifies, or we see its record: without the fence both can miss, and we sleep for ever.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	more = bpfring_priv_refresh(c);
	c->busy = 0;
	if (more <= 0)
		return more;
	if (bpfring_priv_load_header(c->data + (c->pos & c->mask)) & BPFRING_BUSY_BIT) {
		c->busy = 1;
		return 0;
	}
	return 1;
}

/**
 * bpfring_cons_head_busy() - did the last peek or arm stop at a record that is being written?
 * @c: the ring; meaningful after one of them returned 0
 *
 * Return: 1 or 0.
 */
static inline int bpfring_cons_head_busy(const struct bpfring_cons *c)
{
	return c->busy;
}

/**
 * bpfring_cons_avail_data() - bytes not yet released, headers and busy records included.
 * @c: the ring
 *
 * Return: bytes, as the kernel's BPF_RB_AVAIL_DATA. Reads the producer position: do not poll it.
 */
static inline uint64_t bpfring_cons_avail_data(const struct bpfring_cons *c)
{
	return bpfring_priv_load_prod(c) - c->released;
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_RING_H */
