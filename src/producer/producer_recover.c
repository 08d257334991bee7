// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What another producer left in a ring. bpf_user_ringbuf_drain() stops at a busy header and fails
 * at one that it cannot take, and as it does not pass over either, nothing behind is ever drained.
 * The rules are those of __bpf_user_ringbuf_peek() in kernel/bpf/ringbuf.c.
 */
#include <errno.h>

#include "base/options.h"
#include "producer/producer.h"
#include "base/sys.h"
#include "base/sys_bpf.h"

/* Of a struct bpfring_recovery, that a program must have room for. */
#define MIN_RESULT offsetof(struct bpfring_recovery, discards)

/* The longest discarded sample that the kernel passes over, in ring bytes. */
#define MAX_SKIP ((uint64_t)BPFRING_MAX_SAMPLE + 1)

struct ring {
	const struct mapping *mapping;
	unsigned int word_size;
	uint64_t cons;
	uint64_t prod;
};

/* P6: as P1 and P2, and for the headers as for the positions. */
static uint64_t load(const void *word, unsigned int word_size)
{
	if (word_size == 8)
		return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE);
	return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE);
}

static void store(void *word, unsigned int word_size, uint64_t value)
{
	if (word_size == 8)
		__atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)word, (uint32_t)value, __ATOMIC_RELEASE);
}

static uint32_t *header_at(const struct ring *r, uint64_t pos)
{
	char *data = bpfring_mapping_data(r->mapping);

	/* Of any position: where the header would be, and never outside of the ring. */
	return (uint32_t *)(void *)(data + (pos & (r->mapping->size - 1) & ~(uint64_t)7));
}

/*
 * The producer position as it should be: not beyond what the ring holds, and a multiple of 8.
 * Rounded down, for what a position in the middle of a word was meant to cover cannot be told.
 */
static void read_positions(struct ring *r, struct bpfring_recovery *ret)
{
	uint64_t fill;

	r->cons = load(r->mapping->cons, r->word_size);
	r->prod = load(r->mapping->prod, r->word_size);
	fill = r->prod - r->cons;
	if (r->word_size == 4)
		fill = (uint32_t)fill;
	ret->moved = fill > r->mapping->size ? fill : fill & 7;
	r->prod = r->cons + fill - ret->moved;
}

/*
 * Discards everything from @pos on. Written from the end, so that a drain that runs meanwhile still
 * meets the old header until the new ones behind it are complete.
 */
static void discard_rest(const struct ring *r, uint64_t pos)
{
	uint64_t end = r->prod;

	while (end != pos) {
		uint64_t skip = end - pos > MAX_SKIP ? (end - pos) % MAX_SKIP : end - pos;

		if (!skip)
			skip = MAX_SKIP;
		end -= skip;
		/* P6: release, for the same reason as P2, to the acquire load of the header. */
		__atomic_store_n(header_at(r, end),
				 (uint32_t)(skip - BPFRING_HEADER_SIZE) | BPFRING_DISCARD_BIT,
				 __ATOMIC_RELEASE);
	}
}

/* Looks at one header. Ring bytes to the next header; 0: this one is broken. */
static uint64_t look(const struct ring *r, uint64_t pos, bool repair, struct bpfring_recovery *ret)
{
	uint32_t *header = header_at(r, pos);
	uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
	uint32_t len = word & ~(BPFRING_BUSY_BIT | BPFRING_DISCARD_BIT);
	uint64_t total = bpfring_priv_total(len);

	if (total > r->prod - pos || len > BPFRING_MAX_SAMPLE)
		return 0;
	if (word & BPFRING_DISCARD_BIT) { /* busy or not, the kernel skips it */
		ret->discards++;
	} else if (word & BPFRING_BUSY_BIT) {
		ret->busy++;
		if (repair)
			__atomic_store_n(header, len | BPFRING_DISCARD_BIT,
					 __ATOMIC_RELEASE); /* P6 */
	} else {
		ret->samples++;
	}
	return total;
}

int bpfring_ring_recover(const struct mapping *mapping, unsigned int word_size, bool repair,
			 struct bpfring_recovery *ret)
{
	struct ring ring = {.mapping = mapping, .word_size = word_size};
	uint64_t pos, bad = UINT64_MAX;

	*ret = (struct bpfring_recovery){.sz = sizeof(*ret)};
	read_positions(&ring, ret);
	for (pos = ring.cons; pos != ring.prod;) {
		uint64_t busy = ret->busy;
		uint64_t total = look(&ring, pos, repair, ret);

		if (bad == UINT64_MAX && (!total || busy != ret->busy))
			bad = pos;
		if (!total) {
			ret->broken++;
			ret->broken_bytes = ring.prod - pos;
			if (repair)
				discard_rest(&ring, pos);
			break;
		}
		pos += total;
	}
	if (repair && ret->moved)
		store(mapping->prod, word_size, ring.prod);
	ret->position = bad == UINT64_MAX ? ring.prod : bad;
	return ret->busy || ret->broken || ret->moved;
}

static int recover(const struct bpfring_producer *p, bool repair, struct bpfring_recovery *ret)
{
	struct bpfring_recovery found;
	int blocked = bpfring_ring_recover(&p->mapping, p->prod.word_size, repair, &found);

	if (ret && bpfring_options_write(ret, &found, sizeof(found), MIN_RESULT))
		return bpfring_producer_refuse(p, REFUSED_STRUCT, -EINVAL);
	return blocked;
}

int bpfring_producer_check(const struct bpfring_producer *p, struct bpfring_recovery *ret)
{
	int err = bpfring_producer_usable(p);
	bool held;

	if (err)
		return bpfring_producer_refuse_use(p, err);
	/* What is drained meanwhile would be written over, and look like anything. */
	held = bpfring_producer_hold(p);
	err = recover(p, false, ret);
	bpfring_producer_let_go(p, held);
	return err;
}

/* With nothing reserved. Takes up the position anew, which another producer may have moved. */
static int recover_held(struct bpfring_producer *p, struct bpfring_recovery *ret)
{
	int blocked;

	if (p->prod.reserve_pos != p->prod.published)
		return -EBUSY; /* samples are reserved */
	blocked = recover(p, true, ret);
	p->opened_at -= p->prod.published;
	p->prod.published = load(p->mapping.prod, p->prod.word_size);
	p->opened_at += p->prod.published;
	p->prod.reserve_pos = p->prod.published;
	p->prod.cons = bpfring_priv_load_cons(&p->prod, p->prod.published);
	p->prod.lost = 0;
	p->kick.next_pos = p->prod.published; /* look at the fill: it may be far back now */
	return blocked;
}

int bpfring_producer_recover(struct bpfring_producer *p, struct bpfring_recovery *ret)
{
	int err = bpfring_producer_usable(p);
	bool held;

	if (err)
		return bpfring_producer_refuse_use(p, err);
	if (p->claim.fd < 0)
		return bpfring_producer_refuse(p, REFUSED_RECOVER_CLAIM, -EPERM);
	if (ret && ret->sz < MIN_RESULT) /* before anything is discarded */
		return bpfring_producer_refuse(p, REFUSED_STRUCT, -EINVAL);
	held = bpfring_producer_hold(p);
	err = recover_held(p, ret);
	bpfring_producer_let_go(p, held);
	return err == -EBUSY ? bpfring_producer_refuse(p, REFUSED_RECOVER_OPEN, err) : err;
}
