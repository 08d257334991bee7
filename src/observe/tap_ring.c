// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The words of a ring as somebody reads them whom nobody waits for: which positions are certain,
 * and what can have been written over.
 */
#include <errno.h>

#include "observe/tap.h"

/*
 * Positions only grow: a word of 32 bits is the next position of that value. Behind by 4 GiB, one
 * would not know.
 */
static uint64_t widen(const struct bpfring_tap *t, uint32_t word)
{
	return t->prod + (uint32_t)(word - (uint32_t)t->prod);
}

static uint64_t load_prod(const struct bpfring_tap *t)
{
	/* V1: acquire, so that headers are read after the position that covers them. Partner:
	 * smp_store_release(&rb->producer_pos) in __bpf_ringbuf_reserve(). Relaxed could find a
	 * header of the lap before, without BUSY.
	 */
	if (t->ring.word_size == 8)
		return __atomic_load_n((const uint64_t *)t->ring.prod_word, __ATOMIC_ACQUIRE);
	return widen(t, __atomic_load_n((const uint32_t *)t->ring.prod_word, __ATOMIC_ACQUIRE));
}

void bpfring_tap_look_first(struct bpfring_tap *t)
{
	t->prod = 0;
	t->prod = load_prod(t) & ~(uint64_t)7;
}

int bpfring_tap_look(struct bpfring_tap *t)
{
	const uint64_t before = t->prod, now = load_prod(t);

	t->prod = now & ~(uint64_t)7;
	return (now & 7) || (int64_t)(now - before) < 0 ? -EBADMSG : 0;
}

int bpfring_tap_look_again(struct bpfring_tap *t)
{
	/* V2: the loads of headers and payloads before, the load of the producer position after.
	 * Partner: the kernel moves the position before a record is written over the ones that
	 * were copied. Without it a copy could be checked before it was made.
	 */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return bpfring_tap_look(t);
}

/* A position at or behind the producer's, from the kernel's word. */
static uint64_t behind(const struct bpfring_tap *t, uint64_t word)
{
	return t->ring.word_size == 8 ? word : t->prod - (uint32_t)((uint32_t)t->prod - word);
}

/* Of consumer position or overwrite_pos: any value that they had will do. */
static uint64_t load_word(const struct bpfring_tap *t, const void *word)
{
	if (t->ring.word_size == 8)
		return __atomic_load_n((const uint64_t *)word, __ATOMIC_RELAXED);
	return __atomic_load_n((const uint32_t *)word, __ATOMIC_RELAXED);
}

bool bpfring_tap_intact(const struct bpfring_tap *t, uint64_t pos)
{
	const uint64_t size = t->mask + 1, ahead = t->prod - pos;

	if (ahead > size - 8)
		return false;
	if (ahead <= size - t->margin)
		return true;
	/* No record is written over before the consumer position is past it. */
	return !t->ring.overwrite_word &&
	       t->prod - behind(t, load_word(t, t->ring.cons_word)) >= ahead;
}

static uint64_t total_at(const struct bpfring_tap *t, uint64_t pos)
{
	return bpfring_priv_total(bpfring_priv_load_header(t->data + (pos & t->mask)));
}

/* Do headers lead from here to the producer position? */
static bool leads(struct bpfring_tap *t, uint64_t from)
{
	const uint64_t end = t->prod;
	uint64_t pos = from;

	if ((from & 7) || end - from > t->mask + 1)
		return false;
	while (pos != end) {
		uint64_t total = total_at(t, pos);

		if (total > end - pos)
			return false;
		pos += total;
	}
	return !bpfring_tap_look_again(t) && bpfring_tap_intact(t, from);
}

/* The word of the consumer: what one of this library keeps back to be quiet does not count. */
static uint64_t consumer_word(const struct bpfring_tap *t)
{
	struct bpfring_ring ring;

	if (bpfring_ring_init(&ring, (void *)(uintptr_t)t->ring.cons_word, t->ring.prod_word,
			      t->data, t->mask + 1, t->ring.word_size, NULL))
		return load_word(t, t->ring.cons_word);
	bpfring_ring_set_note(&ring, (char *)(uintptr_t)t->ring.cons_word + BPFRING_NOTE_OFFSET);
	return ring.released;
}

/*
 * From overwrite_pos on, to the first record whose bytes are beyond doubt, which on most machines
 * is that one.
 */
static uint64_t oldest_left(struct bpfring_tap *t)
{
	const uint64_t word = load_word(t, t->ring.overwrite_word), end = t->prod;
	const uint64_t first = behind(t, word);
	uint64_t pos = first;

	if ((pos & 7) || end - pos > t->mask + 1)
		return end;
	while (pos != end && !bpfring_tap_intact(t, pos)) {
		uint64_t total = total_at(t, pos);

		if (total > end - pos)
			return end;
		pos += total;
	}
	if (bpfring_tap_look_again(t) || t->prod - first > t->mask - 7)
		return t->prod;
	return pos;
}

/*
 * overwrite_pos and the producer position are the kernel's, and nobody else can write them: they
 * are certain. The consumer position is not, but nothing from there on is written over: if headers
 * lead from it to the producer position, it is good. pending_pos is certain too, but nearly always
 * that of the last record.
 */
uint64_t bpfring_tap_oldest(struct bpfring_tap *t)
{
	uint64_t word;

	if (t->ring.overwrite_word)
		return bpfring_tap_look(t) ? t->prod : oldest_left(t);
	word = consumer_word(t);
	if (!bpfring_tap_look(t) && leads(t, behind(t, word)))
		return behind(t, word);
	return t->prod;
}
