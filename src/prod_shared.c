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

/*
 * A failed swap means that another core wants the same lines: let it have them for a while, or both
 * spend their time on waiting for them. In pause instructions.
 */
#define BACKOFF_MIN 2048U
#define BACKOFF_MAX 16384U

/* Samples published with one store of the position. */
#define MAX_PILE 64U

/* Of a state: the number of the lap that its sample is in, as far as there is room. */
#define STATE_LAP 0x3fffU

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

static uint16_t lap(const struct bpfring_prod *p, uint64_t pos)
{
	return (uint16_t)(pos >> __builtin_ctzll(p->mask + 1)) & STATE_LAP;
}

/*
 * Whether the sample of that place and state is the one at @pos. The place alone does not tell: a
 * thread that was interrupted between storing the producer position and storing published leaves
 * the latter behind, and the kernel is fast enough to make room for a sample one lap ahead of it.
 */
static bool is_at(const struct bpfring_prod *p, uint64_t pos, uint64_t index, uint16_t state)
{
	return (pos & p->mask) >> 3 == index && lap(p, pos) == (state & STATE_LAP);
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

	if (fill > p->mask + 1) /* unless others used space that was drained in between */
		return bpfring_priv_load_cons(p, known) != cons ? 1 : -EBADMSG;
	note_fill(p, fill);
	if (cons == known)
		return 0;
	/* P3: see below. An older value may overwrite a newer one: it is refreshed again. */
	__atomic_store_n(&p->cons, cons, __ATOMIC_RELEASE);
	return 1;
}

static int take_space(struct bpfring_prod *p, uint64_t total, uint64_t *ret)
{
	unsigned int pauses = BACKOFF_MIN;

	for (;;) {
		/* P3: acquire, with the release in refresh(): carries P1 to the threads that did
		 * not read the kernel's position themselves, and keeps the next load behind this
		 * one, so that pos is never behind cons.
		 */
		uint64_t cons = __atomic_load_n(&p->cons, __ATOMIC_ACQUIRE);
		uint64_t pos = __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED);

		if (pos + total - cons > p->mask + 1) {
			int moved = refresh(p, cons);

			if (moved > 0)
				continue;
			__atomic_fetch_add(&p->full, !moved, __ATOMIC_RELAXED);
			return moved ? moved : -ENOSPC;
		}
		if (__atomic_compare_exchange_n(&p->reserve_pos, &pos, pos + total, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			*ret = pos;
			return 0;
		}
		back_off(&pauses);
	}
}

static void *begin(struct bpfring_prod *p, uint64_t pos, uint32_t size)
{
	void *data = bpfring_priv_begin(p, pos, size);

	/* Who looks at it before that finds 0, which means the same: wait. */
	__atomic_store_n(bpfring_priv_state(p, pos),
			 (uint16_t)(BPFRING_STATE_RESERVED | lap(p, pos)), __ATOMIC_RELAXED);
	return data;
}

int bpfring_shared_reserve(struct bpfring_prod *p, uint64_t size, void **ret)
{
	uint64_t pos;
	int err;

	if (size > p->max_sample)
		return -E2BIG;
	if (!*p->owner)
		return -ECHILD;
	err = take_space(p, bpfring_priv_total((uint32_t)size), &pos);
	if (!err)
		*ret = begin(p, pos, (uint32_t)size);
	return err;
}

/* Ring bytes of as many samples as are possible and fit; their number replaces @count. */
static uint64_t fit(const struct bpfring_prod *p, const struct bpfring_sample *samples,
		    unsigned int *count, uint64_t space)
{
	uint64_t total = 0;
	unsigned int n;

	for (n = 0; n < *count && samples[n].size <= p->max_sample; n++) {
		uint64_t more = bpfring_priv_total(samples[n].size);

		if (total + more > space)
			break;
		total += more;
	}
	*count = n;
	return total;
}

int bpfring_shared_reserve_batch(struct bpfring_prod *p, struct bpfring_sample *samples,
				 unsigned int count)
{
	unsigned int n = count > INT32_MAX ? INT32_MAX : count;
	uint64_t total = fit(p, samples, &n, p->mask + 1), pos;
	int err;

	while (n > 1) {
		if (!*p->owner)
			return -ECHILD;
		err = take_space(p, total, &pos);
		if (!err)
			goto begin;
		if (err != -ENOSPC)
			return err;
		total = fit(p, samples, &n, bpfring_prod_free_space(p));
	}
	if (!count)
		return 0;
	err = bpfring_shared_reserve(p, samples[0].size, &samples[0].data);
	return err ? err : 1;

begin:
	for (unsigned int i = 0; i < n; i++) {
		samples[i].data = begin(p, pos, samples[i].size);
		pos += bpfring_priv_total(samples[i].size);
	}
	return (int)n;
}

static void count_sample(struct bpfring_prod *p, uint32_t header)
{
	/* Only the holder of the turn writes them; others may read them for statistics. */
	uint64_t *counter = header & BPFRING_DISCARD_BIT ? &p->discards : &p->samples;

	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* Takes the sample at @pos if it is submitted. */
static bool take_submitted(struct bpfring_prod *p, uint64_t pos)
{
	uint16_t *state = bpfring_priv_state(p, pos);
	uint16_t word = __atomic_load_n(state, __ATOMIC_SEQ_CST); /* P4 */

	return (word & BPFRING_STATE_SUBMITTED) &&
	       __atomic_compare_exchange_n(state, &word, 0, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/*
 * Publishes the sample at @pos, of which we have the turn, and those behind it. Many may have piled
 * up while a thread was interrupted between reserve and submit: they are published MAX_PILE at once.
 */
static int publish(struct bpfring_prod *p, uint64_t pos)
{
	do {
		const uint64_t from = pos;
		unsigned int n = 0;
		int err;

		do {
			uint32_t header = *bpfring_priv_header(p, pos);

			count_sample(p, header);
			pos += bpfring_priv_total(header);
			if (pos - from >
			    __atomic_load_n(&p->reserve_pos, __ATOMIC_RELAXED) - from) {
				__atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
				return -EBADMSG; /* the turn stays here, unused, as with -EBUSY */
			}
		} while (++n < MAX_PILE && take_submitted(p, pos));
		err = bpfring_priv_store_prod(p, from, pos);
		if (err)
			return err;
		/* P4: sequentially consistent, and so is all else about published and states after
		 * a submit. We store published, then look at the state; the submitter stores the
		 * state, then looks at published. Weaker, both could miss the other's store, and
		 * the sample would stay unpublished until the next submit.
		 */
		__atomic_store_n(&p->published, pos, __ATOMIC_SEQ_CST);
	} while (take_submitted(p, pos)); /* else its submitter finds it to be its turn */
	return 0;
}

/* A sample is marked as submitted: publishes it if its turn came meanwhile. */
static int offer(struct bpfring_prod *p, uint64_t index, uint16_t word)
{
	uint16_t *state = &p->states[index];

	for (;;) {
		uint64_t pos = __atomic_load_n(&p->published, __ATOMIC_SEQ_CST); /* P4 */
		uint16_t expected = word;

		if (!is_at(p, pos, index, word))
			return __atomic_load_n(&p->lost, __ATOMIC_RELAXED) ? -EBUSY : 0;
		if (!__atomic_compare_exchange_n(state, &expected, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return 0; /* the one before took it */
		if (__atomic_load_n(&p->published, __ATOMIC_SEQ_CST) == pos)
			return publish(p, pos);
		/* We slept for so many laps that our sample was taken and published long ago, and
		 * what we took is a later one in its place, whose turn has not come: put it back,
		 * on its submitter's behalf.
		 */
		__atomic_store_n(state, word, __ATOMIC_SEQ_CST); /* P4 */
	}
}

/*
 * P4: moves a sample on, if it is as we saw it: of two threads that end it one is refused. From
 * RESERVED to 0 it is ours alone, and nobody takes its turn from us.
 */
static bool advance(uint16_t *state, uint16_t from, uint16_t to)
{
	return __atomic_compare_exchange_n(state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

int bpfring_shared_end(struct bpfring_prod *p, void *data, uint32_t discard)
{
	uint64_t index = bpfring_priv_index(p, data), pos;
	uint16_t *state, word, submitted;

	if (!*p->owner)
		return -ECHILD;
	if (index > p->mask >> 3)
		return -EINVAL;
	state = &p->states[index];
	word = __atomic_load_n(state, __ATOMIC_RELAXED);
	if (!(word & BPFRING_STATE_RESERVED))
		return -EINVAL;
	submitted = (uint16_t)((word & STATE_LAP) | BPFRING_STATE_SUBMITTED);
	/* P4: acquire, with the store in publish(): the counters of the turn before. */
	pos = __atomic_load_n(&p->published, __ATOMIC_ACQUIRE);
	if (!discard && !is_at(p, pos, index, word))
		return advance(state, word, submitted) ? offer(p, index, submitted) : -EINVAL;
	if (!advance(state, word, 0))
		return -EINVAL;
	if (discard)
		((uint32_t *)data)[-2] |= discard;
	if (is_at(p, pos, index, word))
		return publish(p, pos);
	__atomic_store_n(state, submitted, __ATOMIC_SEQ_CST); /* P4 */
	return offer(p, index, submitted);
}
