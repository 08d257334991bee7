/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The data path of a kernel-to-user ring (BPF_MAP_TYPE_RINGBUF), inline, on any memory.
 *
 * struct bpfring_ring is the consumer's end of one ring. It knows no file descriptors, allocates
 * nothing, makes no system call and never blocks; all functions here are wait-free. One thread at a
 * time uses a struct. A program that consumes a map gets the struct from consumer.h. On its own, it
 * serves rings that were mapped by other means, and tests.
 *
 * A ring has `size` bytes of data (a power of two, mapped twice in a row so that no record is ever
 * split), a producer position and a consumer position. Positions are byte counts that only grow.
 * They are compared by subtraction, so they may wrap. A record is an 8-byte header and its payload,
 * rounded up to 8. The kernel sets BUSY in a header when it reserves the record and clears it when
 * the BPF program submits or discards the record.
 *
 * Quiet publishing. When the kernel commits a record, it notifies the consumer only if the
 * published consumer position is the position of that very record: the consumer has caught up and
 * may be asleep (kernel/bpf/ringbuf.c, bpf_ringbuf_commit()). A consumer that is awake does not
 * need that interrupt, but the traced program pays for it. A quiet consumer therefore publishes
 * where the last released record starts, not where it ends. A record that is being committed lies
 * behind that position and less than a ring ahead, so the kernel never finds the two equal. Before
 * the consumer sleeps, bpfring_ring_arm() publishes the true position.
 *
 * The published position is always the start of a committed record, so any consumer can take over
 * from a process that was killed while it was quiet. A consumer of another library sees one record
 * twice. One of this library sees none twice, because a note beside the published position has the
 * true one; see bpfring_ring_set_note(). At most 1/16 of the ring is kept back like this; a larger
 * record is given back as a whole, and the next commit notifies.
 *
 * Memory order: docs/memory-model.md explains the labels A1, A2, R3, R7 and F4.
 */
#ifndef BPFRING_RING_H
#define BPFRING_RING_H

#include <bpfring/common.h>
#include <bpfring/ring_words.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * bpfring_ring_init() - take up the consumer's end of a ring where its position stands.
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
 * each other (more data than the ring holds, a position that is no multiple of 8); -EBUSY: somebody
 * is consuming the ring at this moment; -ECHILD in a forked child.
 */
BPFRING_INLINE int bpfring_ring_init(struct bpfring_ring *c, void *cons_word, const void *prod_word,
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
	c->released = word;
	c->pos = word;
	c->last = word;
	c->prod = word;
	err = word & 7 ? -EBADMSG : bpfring_priv_refresh(c);
	return err < 0 ? bpfring_priv_why(c, err) : 0;
}

/**
 * bpfring_ring_set_note() - name a place for the true position while another is published.
 * @c:    the ring, just initialised
 * @note: a word of word_size bytes, naturally aligned, in memory that all consumers share and that
 *        is zero at first: in a map, BPFRING_NOTE_OFFSET bytes into the page of the consumer
 *        position
 *
 * If the consumer before was killed while it was quiet, this one goes on where that one really
 * stood. The note is believed only if it is the end of the one committed record that starts at the
 * published position: a stale one is never that, and a forged one hides no more than a record.
 */
BPFRING_INLINE void bpfring_ring_set_note(struct bpfring_ring *c, void *note)
{
	uint64_t end = c->released;
	uint32_t len;

	c->note = note;
	if (c->prod == end)
		return;
	len = bpfring_priv_load_header(c->data + (end & c->mask));
	end += bpfring_priv_total(len);
	if ((len & BPFRING_BUSY_BIT) || end - c->released > c->prod - c->released ||
	    !bpfring_priv_noted(c, end))
		return;
	c->released = c->pos = c->last = end;
	c->max_fill = c->prod - end;
}

/*
 * Where a consumer stands, in registers: the chain from one header to the next is what a record
 * costs at least. So the pointer goes on by itself, without the mask, and flags are looked at
 * apart.
 */
struct bpfring_priv_cursor {
	uint64_t pos;
	uint64_t prod;
	const uint8_t *at; /* pos, as an address in the first copy of the data */
};

BPFRING_PRIV_HOT struct bpfring_priv_cursor bpfring_priv_cursor_at_pos(const struct bpfring_ring *c)
{
	const struct bpfring_priv_cursor cursor = {c->pos, c->prod, c->data + (c->pos & c->mask)};

	return cursor;
}

/*
 * From bpfring_priv_next(): 1/32 of the ring were discarded records. Give back what can be, go on.
 */
#define BPFRING_PRIV_SKIPPED (-4097)

/* What a header says, from bpfring_priv_read(). */
enum {
	BPFRING_PRIV_BUSY = 0,
	BPFRING_PRIV_RECORD = 1,
	BPFRING_PRIV_DISCARDED = 2,
};

/* Reads the header of @pos, at @header, with @room bytes to the producer position; or -EBADMSG. */
BPFRING_PRIV_HOT int bpfring_priv_read(const uint8_t *header, uint64_t pos, uint64_t room,
				       uint64_t *total, struct bpfring_record *ret)
{
	const uint32_t len = bpfring_priv_load_header(header); /* the only read of it */

	*total = ((uint64_t)len + BPFRING_HEADER_SIZE + 7) & ~(uint64_t)7;
	if (__builtin_expect((len & (BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT)) != 0, 0)) {
		if (len & BPFRING_BUSY_BIT)
			return BPFRING_PRIV_BUSY;
		*total = bpfring_priv_total(len);
	}
	if (__builtin_expect(*total > room, 0))
		return -EBADMSG;
	if (__builtin_expect((len & BPFRING_DISCARD_BIT) != 0, 0))
		return BPFRING_PRIV_DISCARDED;
	ret->data = header + BPFRING_HEADER_SIZE;
	ret->size = len;
	ret->reserved = 0;
	ret->pos = pos;
	return BPFRING_PRIV_RECORD;
}

/* The next record, for callers that keep the cursor over many. */
BPFRING_PRIV_HOT int bpfring_priv_next(struct bpfring_ring *c, struct bpfring_priv_cursor *cursor,
				       struct bpfring_record *ret)
{
	const uint64_t from = cursor->pos;

	for (;;) {
		const uint8_t *header = cursor->at;
		uint64_t start = cursor->pos, total;
		int found;

		if (start == cursor->prod) {
			int more = bpfring_priv_refresh(c);

			c->busy = 0;
			if (more <= 0)
				return more;
			cursor->prod = c->prod;
		}
		found = bpfring_priv_read(header, start, cursor->prod - start, &total, ret);
		if (__builtin_expect(found <= 0, 0)) {
			if (found == BPFRING_PRIV_BUSY)
				c->busy = 1;
			return found;
		}
		cursor->pos = start + total;
		cursor->at = header + total;
		if (cursor->at > c->data + c->mask)
			cursor->at -= c->mask + 1;
		c->pos = cursor->pos;
		c->last = start;
		if (found == BPFRING_PRIV_RECORD) {
			c->held_records++;
			return 1;
		}
		c->held_discards++;
		if (cursor->pos - from > c->mask / 32)
			return BPFRING_PRIV_SKIPPED;
	}
}

/* The position to publish after all before c->pos was released. */
BPFRING_PRIV_HOT uint64_t bpfring_priv_word(const struct bpfring_ring *c)
{
	return c->quiet && c->pos - c->last <= (c->mask + 1) / 16 ? c->last : c->pos;
}

BPFRING_PRIV_HOT void bpfring_priv_released(struct bpfring_ring *c)
{
	if (c->note)
		bpfring_priv_write_note(c, c->pos);
	c->released = c->pos;
	c->records += c->held_records;
	c->discards += c->held_discards;
	c->held_records = 0;
	c->held_discards = 0;
}

/*
 * There was nothing to read. No release will follow for the discarded records on the way, so they
 * are given back here, unless records are held before them. A consumer that has taken nothing yet
 * may only be looking while another one, whose note is in the ring, is at work: the first time it
 * leaves them to that one.
 */
__attribute__((noinline, cold, unused)) static int bpfring_priv_nothing(struct bpfring_ring *c,
									int why)
{
	int err, tentative = !(c->records | c->discards) && !c->looked && bpfring_priv_has_note(c);

	if (!c->held_discards || c->held_records || (tentative && why == BPFRING_PRIV_SKIPPED))
		return bpfring_priv_why(c, why);
	err = tentative ? 0 : bpfring_priv_publish_shared(c, bpfring_priv_word(c));
	if (err || tentative) {
		c->looked = 1;
		c->pos = c->released;
		c->held_discards = 0;
		return err ? err : bpfring_priv_why(c, why);
	}
	bpfring_priv_released(c);
	return bpfring_priv_why(c, why);
}

/**
 * bpfring_ring_peek() - look at the next record, in place.
 * @c:   the ring
 * @ret: the record; its payload stays valid until bpfring_ring_release()
 *
 * Every call goes one record further; discarded records are skipped and counted. Several records
 * can be held at once; bpfring_ring_release() gives all of them back, bpfring_ring_cancel() starts
 * again at the first.
 *
 * Return: 1 with a record; 0 when there is none now, either because the ring is empty or because
 * the next record is still being written (bpfring_ring_head_busy() says which): discarded records
 * before it are given back then, unless records are held before them (a consumer that has taken
 * nothing yet does so the second time, if a consumer of this library was there before: it may be at
 * work); -EBADMSG if the ring is corrupt: nothing of it is read, and the position does not move;
 * -EBUSY: somebody else consumes the ring, which is noticed here only if producers went on over our
 * position or discarded records are in it; -ECHILD in a forked child.
 */
BPFRING_INLINE_HOT int bpfring_ring_peek(struct bpfring_ring *c, struct bpfring_record *ret)
{
	int more;

	if (!*c->owner)
		return -ECHILD;
	do {
		struct bpfring_priv_cursor cursor = bpfring_priv_cursor_at_pos(c);

		more = bpfring_priv_next(c, &cursor, ret);
		if (more == 1)
			return 1;
		if (__builtin_expect(more < 0 || c->held_discards, 0))
			more = bpfring_priv_nothing(c, more);
	} while (__builtin_expect(more == BPFRING_PRIV_SKIPPED, 0));
	return more < 0 ? more : 0; /* compilers see that @ret is written for 1 only */
}

/**
 * bpfring_ring_peek_batch() - look at several records at once.
 * @c:   the ring
 * @ret: array of @max records, in ring order
 * @max: its length
 *
 * Return: number of records, 0 when there is none now; -EBADMSG, -EBUSY, -ECHILD as
 * bpfring_ring_peek(), but only if no record came before the error (the next call returns it then).
 */
BPFRING_INLINE int bpfring_ring_peek_batch(struct bpfring_ring *c, struct bpfring_record *ret,
					   unsigned int max)
{
	struct bpfring_priv_cursor cursor;
	unsigned int n = 1;
	int more;

	if (!max)
		return *c->owner ? 0 : -ECHILD;
	more = bpfring_ring_peek(c, ret);
	if (more <= 0)
		return more;
	cursor = bpfring_priv_cursor_at_pos(c);
	while (n < max && n < INT32_MAX && bpfring_priv_next(c, &cursor, &ret[n]) == 1)
		n++;
	return (int)n;
}

/**
 * bpfring_ring_release() - give back every record peeked so far, with one store.
 * @c: the ring
 *
 * The payloads must not be read any more.
 *
 * Return: 0; -EBUSY if the consumer position was moved by somebody else, a second consumer on the
 * same map: nothing was stored and the records stay held; -ECHILD in a forked child.
 */
BPFRING_INLINE_HOT int bpfring_ring_release(struct bpfring_ring *c)
{
	uint64_t word = bpfring_priv_word(c);
	int err;

	if (!*c->owner)
		return -ECHILD;
	err = bpfring_priv_publish(c, word);
	if (err)
		return err;
	bpfring_priv_released(c);
	return 0;
}

/**
 * bpfring_ring_cancel() - un-peek: the next peek starts again at the first record held.
 * @c: the ring
 */
BPFRING_INLINE void bpfring_ring_cancel(struct bpfring_ring *c)
{
	c->pos = c->released;
	c->held_records = 0;
	c->held_discards = 0;
}

/**
 * bpfring_ring_set_quiet() - say that this consumer is awake and needs no notifications.
 * @c:     the ring
 * @quiet: non-zero: after the next record released commits do not notify, until bpfring_ring_arm();
 *         0: from the next release on they do
 */
BPFRING_INLINE void bpfring_ring_set_quiet(struct bpfring_ring *c, int quiet)
{
	c->quiet = quiet ? 1 : 0;
}

/* Is there a record? It stays where it is; discarded ones before it are passed. */
static inline int bpfring_priv_look(struct bpfring_ring *c)
{
	struct bpfring_priv_cursor cursor;
	struct bpfring_record record;
	int more = bpfring_priv_refresh(c);

	c->busy = 0;
	if (more <= 0)
		return more;
	cursor = bpfring_priv_cursor_at_pos(c);
	more = bpfring_priv_next(c, &cursor, &record);
	if (more == 1) { /* for the next peek */
		c->pos = record.pos;
		c->last = record.pos;
		c->held_records = 0;
	}
	return more;
}

/**
 * bpfring_ring_arm() - ask for a notification before going to sleep.
 * @c: the ring; no records held
 *
 * If there is nothing to read, publishes the true position and looks once more, past discarded
 * records. After a 0, the commit of the next record makes an edge on the map's file descriptor
 * (epoll with EPOLLET), unless the BPF program suppresses it with BPF_RB_NO_WAKEUP. Sleep
 * edge-triggered only: level-triggered readiness is true all the time that a head is busy. The
 * consumer is not quiet any more.
 *
 * Return: 1: there is a record to read, do not sleep; 0: sleep, the ring is empty or its head is
 * busy (bpfring_ring_head_busy()); -EINVAL: records are held; -EBUSY, -ECHILD as
 * bpfring_ring_release(); -EBADMSG: the ring is corrupt.
 */
BPFRING_INLINE int bpfring_ring_arm(struct bpfring_ring *c)
{
	if (c->pos != c->released)
		return -EINVAL;
	c->quiet = 0;
	/* A record that is there already is taken without: a commit between the store and the fence
	 * would notify a consumer that is awake.
	 */
	if (bpfring_priv_look(c) == 1 && c->pos == c->released &&
	    bpfring_priv_load_published(c) == c->published)
		return 1;
	bpfring_ring_cancel(c);
	for (;;) {
		int more = bpfring_priv_publish_shared(c, c->released);

		if (more)
			return more;
		/* F4: full fence between our store of the consumer position (R3) and the loads of
		 * producer position and header. Partner: the full barrier of xchg(&hdr->len)
		 * between the header and the load of consumer_pos in bpf_ringbuf_commit(). Either
		 * the kernel sees our position and notifies, or we see its record: without the
		 * fence both can miss, and we sleep for ever.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		more = bpfring_priv_look(c);
		if (c->pos == c->released)
			return bpfring_priv_why(c, more);
		bpfring_priv_released(c); /* discarded ones: publish, and look again */
	}
}

/**
 * bpfring_ring_head_busy() - did the last peek or arm stop at a record that is being written?
 * @c: the ring; meaningful after one of them returned 0
 *
 * Return: 1 or 0.
 */
BPFRING_INLINE int bpfring_ring_head_busy(const struct bpfring_ring *c)
{
	return c->busy;
}

/** bpfring_ring_cons_pos() - position up to which all records are released. */
BPFRING_INLINE uint64_t bpfring_ring_cons_pos(const struct bpfring_ring *c)
{
	return c->released;
}

/** bpfring_ring_prod_pos() - position up to which the kernel has reserved, as it is now. */
BPFRING_INLINE uint64_t bpfring_ring_prod_pos(const struct bpfring_ring *c)
{
	return bpfring_priv_load_prod(c);
}

/** bpfring_ring_size() - bytes of data. */
BPFRING_INLINE uint64_t bpfring_ring_size(const struct bpfring_ring *c)
{
	return c->mask + 1;
}

/**
 * bpfring_ring_avail_data() - bytes not yet released, headers and busy records included.
 * @c: the ring
 *
 * Return: bytes, as the kernel's BPF_RB_AVAIL_DATA. Reads the producer position: do not poll it.
 */
BPFRING_INLINE uint64_t bpfring_ring_avail_data(const struct bpfring_ring *c)
{
	return bpfring_priv_load_prod(c) - c->released;
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_RING_H */
