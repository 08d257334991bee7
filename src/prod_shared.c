// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Many threads reserve by compare-and-swap on reserve_pos and write without holding anything.
 * Whoever submits the sample at the published position has the *turn*: the right to store the
 * producer position. It passes on by position, not by lock. The holder publishes its sample, and if
 * the next one is submitted already, takes that turn too; if not, the next one's submitter finds
 * that the published position is its own. So nobody waits for anybody, and a thread that sleeps
 * between reserve and submit holds up what is reserved behind it, as order demands, but no thread.
 */
#include "prod_shared.h"

#include <stdbool.h>

/* Failed swaps mean that another core wants the same lines: let it have them for a while, or both
 * spend their time on waiting for them. Times the pause instruction.
 */
#define BACKOFF_MIN 32U
#define BACKOFF_MAX 1024U

/* The number of the lap that a sample is in, as far as it fits between flags and length. */
#define STATE_LAP (0x1fU << 24)

static uint32_t lap(const struct bpfring_prod *p, uint64_t pos)
{
	return (uint32_t)(pos >> __builtin_ctzll(p->mask + 1)) << 24 & STATE_LAP;
}

/*
 * Whether the sample of that offset and state is the one at @pos. The offset alone does not tell: a
 * thread that was interrupted between storing the producer position and storing published leaves
 * the latter behind, and the kernel is fast enough to make room for a sample one lap ahead of it.
 */
static bool is_at(const struct bpfring_prod *p, uint64_t pos, uint64_t offset, uint32_t word)
{
	return (pos & p->mask) == offset && lap(p, pos) == (word & STATE_LAP);
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static void back_off(unsigned int *pauses)
{
	for (unsigned int i = 0; i < *pauses; i++)
		relax();
	if (*pauses < BACKOFF_MAX)
		*pauses *= 2;
}

/* Ring bytes of the first samples that fit into @space; their number is in @count. */
static uint64_t fit(const struct bpfring_sample *samples, unsigned int *count, uint64_t space)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < *count; i++) {
		uint64_t more = bpfring_priv_total(samples[i].size);

		if (total + more > space) {
			*count = i;
			break;
		}
		total += more;
	}
	return total;
}

static void note_fill(struct bpfring_prod *p, uint64_t fill)
{
	if (fill > __atomic_load_n(&p->max_fill, __ATOMIC_RELAXED))
		__atomic_store_n(&p->max_fill, fill, __ATOMIC_RELAXED);
}

/* Reads the consumer position again. 1: it moved; 0: it did not; -EBADMSG. */
static int refresh(struct bpfring_prod *p, uint64_t known)
{
	uint64_t cons = bpfring_priv_load_cons(p, known);
	/* Read after the consumer position, so never behind it. */
	uint64_t fill = __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED) - cons;

	if (fill > p->mask + 1) {
		/* The kernel's position may be one lap of reservations old by now. */
		if (bpfring_priv_load_cons(p, known) != cons)
			return 1;
		return -EBADMSG;
	}
	note_fill(p, fill);
	if (cons == known)
		return 0;
	/* S9: see below. An older value may overwrite a newer one: it is refreshed again. */
	__atomic_store_n(&p->cons, cons, __ATOMIC_RELEASE);
	return 1;
}

/* Takes space for the first of the samples; their number is in @count. */
static int take_space(struct bpfring_prod *p, const struct bpfring_sample *samples,
		      unsigned int *count, uint64_t *ret)
{
	unsigned int pauses = BACKOFF_MIN;

	for (;;) {
		/* S9: acquire, with the release in refresh(): carries A7 to the threads that did
		 * not read the kernel's position themselves, and keeps the next load behind this
		 * one, so that pos is never behind cons.
		 */
		uint64_t cons = __atomic_load_n(&p->cons, __ATOMIC_ACQUIRE);
		uint64_t pos = __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED);
		unsigned int n = *count;
		uint64_t used = pos - cons, total;

		total = used > p->mask + 1 ? 0 : fit(samples, &n, p->mask + 1 - used);
		if (!total) {
			int moved = refresh(p, cons);

			if (moved > 0)
				continue;
			__atomic_fetch_add(&p->full, !moved, __ATOMIC_RELAXED);
			return moved ? moved : -ENOSPC;
		}
		if (__atomic_compare_exchange_n(&p->reserve_pos, &pos, pos + total, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			*count = n;
			*ret = pos;
			return 0;
		}
		back_off(&pauses);
	}
}

int bpfring_shared_reserve(struct bpfring_prod *p, struct bpfring_sample *samples,
			   unsigned int count)
{
	unsigned int possible = 0;
	uint64_t pos;
	int err;

	if (count > INT32_MAX)
		count = INT32_MAX;
	while (possible < count && samples[possible].size <= p->max_sample)
		possible++;
	if (!count)
		return 0;
	if (!possible)
		return -E2BIG;
	count = possible; /* the next call returns the error */
	if (!*p->owner)
		return -ECHILD;
	err = take_space(p, samples, &count, &pos);
	if (err)
		return err;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t size = samples[i].size;

		samples[i].data = bpfring_priv_begin(p, pos, size);
		/* Who looks at it meanwhile finds 0, which means the same: wait. */
		__atomic_store_n(bpfring_priv_state(p, pos),
				 BPFRING_STATE_RESERVED | lap(p, pos) | size, __ATOMIC_RELAXED);
		pos += bpfring_priv_total(size);
	}
	return (int)count;
}

static void count_sample(struct bpfring_prod *p, uint32_t word)
{
	/* Only the holder of the turn writes them; others may read them for statistics. */
	uint64_t *counter = word & BPFRING_STATE_DISCARD ? &p->discards : &p->samples;

	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* Publishes the sample at @pos, of which we have the turn, and those behind it. */
static int publish(struct bpfring_prod *p, uint64_t pos, uint32_t word)
{
	uint32_t *state;

	do {
		if (bpfring_priv_prod_moved(p, pos)) { /* the turn then stays here, unused */
			__atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
			return -EBUSY;
		}
		count_sample(p, word);
		pos += bpfring_priv_total(word & BPFRING_STATE_LEN);
		bpfring_priv_store_prod(p, pos);
		/* S10: sequentially consistent, and so is all else about published and states after
		 * a submit. We store published, then look at the state; the submitter stores the
		 * state, then looks at published. Weaker, both could miss the other's store, and
		 * the sample would stay unpublished until the next submit.
		 */
		__atomic_store_n(&p->published, pos, __ATOMIC_SEQ_CST);
		state = bpfring_priv_state(p, pos);
		word = __atomic_load_n(state, __ATOMIC_SEQ_CST);
		if (!(word & BPFRING_STATE_SUBMITTED))
			return 0;
	} while (__atomic_compare_exchange_n(state, &word, 0, false, __ATOMIC_SEQ_CST,
					     __ATOMIC_RELAXED));
	return 0; /* its submitter was faster */
}

/* Marks a sample as submitted; publishes it if its turn came meanwhile. */
static int offer(struct bpfring_prod *p, uint64_t offset, uint32_t word)
{
	uint32_t *state = bpfring_priv_state(p, offset);

	for (;;) {
		uint32_t expected = word;
		uint64_t pos;

		__atomic_store_n(state, word, __ATOMIC_SEQ_CST);	 /* S10 */
		pos = __atomic_load_n(&p->published, __ATOMIC_SEQ_CST); /* S10 */
		if (!is_at(p, pos, offset, word))
			return __atomic_load_n(&p->lost, __ATOMIC_RELAXED) ? -EBUSY : 0;
		if (!__atomic_compare_exchange_n(state, &expected, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return 0; /* the one before took it */
		if (__atomic_load_n(&p->published, __ATOMIC_SEQ_CST) == pos)
			return publish(p, pos, word);
		/* We slept for a lap of the ring, our sample was taken and published, and this is a
		 * later one in its place, not yet at its turn: put it back on its submitter's behalf.
		 */
	}
}

int bpfring_shared_end(struct bpfring_prod *p, void *data, uint32_t discard)
{
	uint64_t offset = bpfring_priv_offset(p, data), pos;
	uint32_t *state, word;

	if (offset > p->mask)
		return -EINVAL;
	state = bpfring_priv_state(p, offset);
	word = __atomic_load_n(state, __ATOMIC_RELAXED);
	if (!(word & BPFRING_STATE_RESERVED))
		return -EINVAL;
	if (!*p->owner)
		return -ECHILD;
	/* From here on the sample is ours alone: of two threads that end it one is refused. */
	if (!__atomic_compare_exchange_n(state, &word, 0, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return -EINVAL;
	if (discard)
		*(uint32_t *)(void *)(p->data + offset) |= BPFRING_DISCARD_BIT;
	word ^= BPFRING_STATE_RESERVED | BPFRING_STATE_SUBMITTED | discard;
	/* S10: acquire, with the store in publish(): the counters of the turn before. While the state
	 * is 0 nobody takes the turn from us.
	 */
	pos = __atomic_load_n(&p->published, __ATOMIC_ACQUIRE);
	return is_at(p, pos, offset, word) ? publish(p, pos, word) : offer(p, offset, word);
}
