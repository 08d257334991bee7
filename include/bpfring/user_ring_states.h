/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What a producer knows of its samples, beside the ring: for user_ring.h, which see. Nothing here is
 * for programs to call.
 *
 * A sample that is not published is `latest`, or its first word in `states` says whether it is reserved
 * or ended. Samples that are submitted in a row while one before them is still written, say by a thread
 * that was interrupted, are one run: noted with the first of them, or, the latest run, in the struct.
 * So a pile of any height is published at once, without another look at its headers.
 */
#ifndef BPFRING_USER_RING_STATES_H
#define BPFRING_USER_RING_STATES_H

#include <bpfring/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A word of bpfring_prod.states, where a sample starts that is not published: reserved, ended, or, if
 * both, the first of a run: samples behind one another that are submitted. Then the low bits of four
 * words are its length in words, and how many samples it has.
 */
#define BPFRING_STATE_RESERVED (1U << 15)
#define BPFRING_STATE_ENDED    (1U << 14)
#define BPFRING_STATE_RUN      (BPFRING_STATE_RESERVED | BPFRING_STATE_ENDED)
#define BPFRING_STATE_BITS     14
#define BPFRING_STATE_MASK     ((1U << BPFRING_STATE_BITS) - 1)

#define BPFRING_NO_RUN 1 /* no position */

/* Bytes of bpfring_prod.states for a ring of that size. */
#define BPFRING_STATES_SIZE(ring_size) ((ring_size) / 8 * sizeof(uint16_t))

/**
 * struct bpfring_prod - producer's end of a ring. Initialise with bpfring_prod_init(); the members
 * are for the functions here and in user_ring.h, and for reading in a debugger.
 */
struct bpfring_prod {
	/* Written once, or hardly ever. */
	uint8_t *data;	       /* data area, mapped twice */
	uint64_t mask;	       /* size - 1 */
	uint16_t *states;      /* two bytes per 8 of the ring */
	void *prod_word;       /* the shared producer position */
	const void *cons_word; /* the shared consumer position */
	const uint32_t *owner; /* reads 0 in a forked child */
	uint32_t indices;  /* of states; 0: these functions are not to be used, see producer.h */
	uint32_t limit;	   /* payloads must be smaller; 0: as with indices */
	uint32_t waiters;  /* a thread waits for space and comes first */
	uint8_t word_size; /* of the positions: the kernel's sizeof(long), 8 or 4 */
	uint8_t lost;	   /* a second producer was met: nothing is published any more */
	uint8_t reserved_0[2];
	uint32_t max_sample; /* largest payload */
	/* The latest run, which is not in the states yet. */
	uint32_t run_count; /* its samples */
	uint64_t run_from;  /* position of its first sample */
	uint64_t run_end;   /* and of what follows it; none: BPFRING_NO_RUN */
	uint8_t reserved_1[40];
	/* Written with every sample: one cache line. */
	uint64_t reserve_pos; /* next header to write; [published, reserve_pos) is not published */
	uint64_t published;   /* the producer position as last stored by this producer */
	uintptr_t latest;     /* the sample reserved last, not in the states; or 1: it is ended */
	uint64_t cons;	      /* consumer position as last read */
	uint64_t samples;     /* published so far */
	uint64_t discards;    /* passed over so far */
	/* Of producer.h, where many threads use all this: the lock, how often it was left, and who
	 * reserved last.
	 */
	uint32_t lock;
	uint32_t locks;
	uintptr_t user;
	/* When space is short. */
	uint64_t full;	   /* reservations refused for want of space */
	uint64_t max_fill; /* most bytes found in use */
	/* When threads take turns at reserving: see prod_lock.c. */
	int64_t lease_until;
	int64_t turn_at;
	int64_t phase_at;
	int64_t retry_at;
	uint32_t phase_from;
	uint32_t plain_cost;
	uint32_t turn_cpu;
	uint16_t phase_turns;
	uint16_t leasing;
};

#if UINTPTR_MAX > 0xffffffffU && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct bpfring_prod) == 256, "layout is ABI: it is inlined into programs");
_Static_assert(offsetof(struct bpfring_prod, reserve_pos) == 128, "apart from what is only read");
_Static_assert(offsetof(struct bpfring_prod, full) == 192, "one line of what is always written");
#endif

static inline uint64_t bpfring_priv_load_cons(const struct bpfring_prod *p, uint64_t near)
{
	/* P1: acquire, so that what the kernel read of a sample was read before we write over it.
	 * Partner: smp_store_release(&rb->consumer_pos) in __bpf_user_ringbuf_sample_release().
	 * Relaxed would let our writes of the next lap appear before that.
	 */
	if (p->word_size == 8)
		return __atomic_load_n((const uint64_t *)p->cons_word, __ATOMIC_ACQUIRE);
	return bpfring_priv_widen(
		near, __atomic_load_n((const uint32_t *)p->cons_word, __ATOMIC_ACQUIRE));
}

/* P2: stores the producer position, if it is where we left it. Release, so that headers and payloads
 * are complete before the position covers them. Partner: smp_load_acquire(&rb->producer_pos) in
 * __bpf_user_ringbuf_peek(). Relaxed would let the kernel read what the ring held a lap ago. The load
 * is of our own word, to see whether somebody else wrote it: no order needed. Once that was so, the
 * other's position says nothing any more, even where it happens to be the one that we would store.
 */
static inline int bpfring_priv_store_prod(struct bpfring_prod *p, uint64_t from, uint64_t to)
{
	if (p->lost)
		return -EBUSY;
	if (p->word_size == 8) {
		if (__atomic_load_n((const uint64_t *)p->prod_word, __ATOMIC_RELAXED) != from)
			goto moved;
		__atomic_store_n((uint64_t *)p->prod_word, to, __ATOMIC_RELEASE); /* P2 */
	} else {
		if (__atomic_load_n((const uint32_t *)p->prod_word, __ATOMIC_RELAXED) !=
		    (uint32_t)from)
			goto moved;
		__atomic_store_n((uint32_t *)p->prod_word, (uint32_t)to, __ATOMIC_RELEASE); /* P2 */
	}
	return 0;
moved:
	__atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
	return -EBUSY;
}

static inline uint32_t *bpfring_priv_header(const struct bpfring_prod *p, uint64_t pos)
{
	return (uint32_t *)(void *)(p->data + (pos & p->mask));
}

/*
 * Which word of the states stands for what claims to be a sample: that of its header. Rotating puts
 * the low bits, which must be 0, on top, so that one comparison refuses all that cannot be.
 */
static inline uint64_t bpfring_priv_index(const struct bpfring_prod *p, const void *data)
{
	uint64_t offset = (uint64_t)((uintptr_t)data - (uintptr_t)p->data) - BPFRING_HEADER_SIZE;

	return offset >> 3 | offset << 61;
}

static inline void bpfring_priv_count(struct bpfring_prod *p, uint32_t header)
{
	if (header & BPFRING_DISCARD_BIT)
		p->discards++;
	else
		p->samples++;
}

static inline uint16_t *bpfring_priv_state(const struct bpfring_prod *p, uint64_t pos)
{
	return &p->states[(pos & p->mask) >> 3];
}

static inline void bpfring_priv_forget_run(struct bpfring_prod *p)
{
	p->run_count = 0;
	p->run_end = BPFRING_NO_RUN;
}

/* Another begins: what the latest run is goes into the states. */
static inline void bpfring_priv_close_run(struct bpfring_prod *p)
{
	const uint32_t words = (uint32_t)((p->run_end - p->run_from) / 8);
	const uint32_t values[] = {words, words >> BPFRING_STATE_BITS, p->run_count,
				   p->run_count >> BPFRING_STATE_BITS};

	if (p->run_count < 2)
		return;
	for (unsigned int i = 0; i < 4; i++)
		*bpfring_priv_state(p, p->run_from + 8 * i) =
			(uint16_t)((values[i] & BPFRING_STATE_MASK) | (i ? 0 : BPFRING_STATE_RUN));
}

/* Whether a sample can be one of a run: two of these have room for what is noted of a run. */
static inline int bpfring_priv_runs(uint32_t header)
{
	return bpfring_priv_total(header) >= 16 && !(header & BPFRING_DISCARD_BIT);
}

/*
 * Notes that the sample at @pos is ended, one that cannot be published yet. To publish what has piled
 * up behind a sample whose thread was interrupted would take long if every sample had to be looked at
 * again: those submitted in a row are noted as one.
 */
static inline void bpfring_priv_note_ended(struct bpfring_prod *p, uint64_t pos, uint32_t header)
{
	const int runs = bpfring_priv_runs(header);

	if (runs && pos == p->run_end) {
		p->run_count++;
	} else {
		bpfring_priv_close_run(p);
		*bpfring_priv_state(p, pos) = BPFRING_STATE_ENDED;
		p->run_from = pos;
		p->run_count = (uint32_t)runs;
	}
	p->run_end = runs ? pos + bpfring_priv_total(header) : BPFRING_NO_RUN;
}

/* Passes over what is ended at @pos, a sample or a run, and counts it. Returns its bytes, or 0. */
static inline uint64_t bpfring_priv_pass_ended(struct bpfring_prod *p, uint64_t pos)
{
	const uint16_t state = *bpfring_priv_state(p, pos);
	uint64_t bytes;

	if (!(state & BPFRING_STATE_ENDED))
		return 0;
	if (pos == p->run_from && p->run_count > 1) {
		bytes = p->run_end - pos;
		p->samples += p->run_count;
		*bpfring_priv_state(p, pos) = 0;
	} else if (state & BPFRING_STATE_RESERVED) {
		uint32_t value[4];

		for (unsigned int i = 0; i < 4; i++) {
			uint16_t *word = bpfring_priv_state(p, pos + 8 * i);

			value[i] = *word & BPFRING_STATE_MASK;
			*word = 0;
		}
		bytes = 8ULL * (value[0] | value[1] << BPFRING_STATE_BITS);
		p->samples += value[2] | value[3] << BPFRING_STATE_BITS;
	} else {
		const uint32_t header = *bpfring_priv_header(p, pos);

		bytes = bpfring_priv_total(header);
		bpfring_priv_count(p, header);
		*bpfring_priv_state(p, pos) = 0;
	}
	if (pos == p->run_from)
		bpfring_priv_forget_run(p);
	return bytes;
}

/* Whether the sample at @pos is still written. What the states say of the latest is a lap old. */
static inline int bpfring_priv_is_open(const struct bpfring_prod *p, uint64_t pos)
{
	return (uintptr_t)(bpfring_priv_header(p, pos) + 2) == p->latest ||
	       *bpfring_priv_state(p, pos) == BPFRING_STATE_RESERVED;
}

/* A header was written over: by a second producer, or by something in this process. */
static inline int bpfring_priv_broken(struct bpfring_prod *p)
{
	int err = bpfring_priv_store_prod(p, p->published, p->published);

	__atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
	return err ? err : -EBADMSG;
}

/*
 * Moves the producer position over the sample at the published position, whose header says @header,
 * and over those behind it that are ended already.
 */
static inline int bpfring_priv_prod_publish(struct bpfring_prod *p, uint32_t header)
{
	const uint64_t from = p->published, samples = p->samples, discards = p->discards;
	uint64_t pos = from + bpfring_priv_total(header), bytes;

	bpfring_priv_count(p, header);
	while (pos - from < p->reserve_pos - from && !bpfring_priv_is_open(p, pos)) {
		bytes = bpfring_priv_pass_ended(p, pos);
		if (!bytes) /* no sample begins there */
			goto broken;
		pos += bytes;
	}
	if (pos - from > p->reserve_pos - from)
		goto broken;
	if (pos == p->reserve_pos && (p->latest != 1 || p->run_count)) /* passed over it */
		goto broken;
	p->published = pos;
	return bpfring_priv_store_prod(p, from, pos);
broken:
	p->samples = samples;
	p->discards = discards;
	return bpfring_priv_broken(p);
}

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_USER_RING_STATES_H */
