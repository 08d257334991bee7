// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Only the producer position is sure to be true: user space cannot write it. Behind it in the same
 * page, kernels that have it (Linux 6.10, and the stable ones of that time) keep `pending_pos`: the
 * start of the oldest record that was not committed when a record was reserved last. It is the
 * position of a record always, and nothing from there on is ever written over. So from it the
 * headers lead to the producer position, and every record passed on the way is certain.
 *
 * What lies before it is committed. Headers that lead from a position exactly to pending_pos are
 * taken for true if also their second word is right, in which the kernel notes the page of the
 * record for itself: a payload full of zeroes would be taken for a row of empty records otherwise.
 * Whether this kernel does so is read off the record at pending_pos.
 */
#include "ring/positions.h"

#include <errno.h>

#include "base/sys.h"

/* Pages before the data in struct bpf_ringbuf: its own, one for each position. */
#define PAGES_BEFORE 3

struct ring {
	const struct bpfring_ring *c;
	uint64_t prod;
	uint64_t pending; /* meaningless unless has_pending */
	bool has_pending;
	bool has_tags; /* the second words are as we know them */
	size_t page;
};

static const uint32_t *header_at(const struct ring *r, uint64_t pos)
{
	return (const uint32_t *)(const void *)(r->c->data + (pos & r->c->mask));
}

static bool tag_fits(const struct ring *r, uint64_t pos)
{
	return header_at(r, pos)[1] == (uint32_t)((pos & r->c->mask) / r->page) + PAGES_BEFORE;
}

/* Do the headers lead from one position to the other? */
static bool leads(const struct ring *r, uint64_t from, uint64_t to)
{
	if (to - from > r->c->mask + 1)
		return false;
	while (from != to) {
		uint64_t total = bpfring_priv_total(bpfring_priv_load_header(header_at(r, from)));

		if (total > to - from || (r->has_tags && !tag_fits(r, from)))
			return false;
		from += total;
	}
	return true;
}

static uint64_t load_pending(const struct bpfring_ring *c)
{
	const char *word = (const char *)c->prod_word + c->word_size;

	/* It moves inside the kernel's lock; any earlier value is as true. */
	if (c->word_size == 8)
		return __atomic_load_n((const uint64_t *)(const void *)word, __ATOMIC_RELAXED);
	return __atomic_load_n((const uint32_t *)(const void *)word, __ATOMIC_RELAXED);
}

static struct ring look(const struct bpfring_ring *c)
{
	struct ring r = {.c = c, .pending = load_pending(c), .page = bpfring_sys_page_size()};

	r.prod = bpfring_priv_load_prod(c);
	if (c->word_size == 4)
		r.pending = bpfring_priv_widen(r.prod, (uint32_t)r.pending);
	if (!(r.pending & 7) && leads(&r, r.pending, r.prod)) {
		r.has_pending = true;
		r.has_tags = r.pending != r.prod && tag_fits(&r, r.pending);
	}
	return r;
}

static bool fits(const struct ring *r, uint64_t pos)
{
	if ((pos & 7) || r->prod - pos > r->c->mask + 1)
		return false;
	if (!r->has_pending)
		return leads(r, pos, r->prod);
	if (r->prod - pos > r->prod - r->pending)
		return leads(r, pos, r->pending);
	return leads(r, r->pending, pos);
}

bool bpfring_position_fits(const struct bpfring_ring *c, uint64_t pos)
{
	const struct ring r = look(c);

	return fits(&r, pos);
}

/* What the consumer before us noted, if it was one of this library. */
static uint64_t noted(const struct ring *r)
{
	if (r->c->word_size == 8)
		return *(const uint64_t *)r->c->note ^ BPFRING_PRIV_NOTE;
	return bpfring_priv_widen(r->prod,
				  *(const uint32_t *)r->c->note ^ (uint32_t)BPFRING_PRIV_NOTE);
}

int bpfring_position_find(const struct bpfring_ring *c, uint64_t *ret)
{
	const struct ring r = look(c);

	if (fits(&r, noted(&r)))
		*ret = noted(&r);
	else if (r.has_pending)
		*ret = r.pending;
	else
		return -EOPNOTSUPP;
	return 0;
}
