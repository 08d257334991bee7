// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Any sequence of calls of a producer and drains of the kernel against a list of what was reserved:
 * the kernel gets the longest prefix that was ended, once, in order, and whole; it never meets a
 * busy header or an error; what may not be ended is refused.
 */
#include <bpfring/user_ring.h>
#include <errno.h>

#include "fuzz.h"
#include "sim_user.h"

#define MAX_SAMPLES 1024

/* A sample that is filled with that or more makes the callback stop. */
#define STOPS 0xf0

struct entry {
	uint8_t *data;
	uint32_t size;
	uint8_t fill;
	enum { RESERVED, SUBMITTED, DISCARDED } state;
};

struct model {
	struct sim_ring *r;
	struct bpfring_user_ring p;
	uint64_t *open;
	struct entry entries[MAX_SAMPLES];
	unsigned int count;
	unsigned int published; /* all before are ended */
	unsigned int drained;
	uint64_t used; /* ring bytes from drained on */
	int err;
};

static uint64_t total_of(uint32_t size)
{
	return ((uint64_t)size + 15) & ~(uint64_t)7;
}

static void attach(struct model *m)
{
	memset(m->open, 0, BPFRING_OPEN_SIZE(m->r->size));
	require(!bpfring_user_ring_init(&m->p, m->r->cons_word, m->r->prod_word, m->r->data,
					m->open, m->r->size, m->r->word_size, NULL));
}

static void reserve(struct model *m, uint64_t size, uint8_t fill)
{
	void *data = NULL;
	int err = bpfring_user_ring_reserve(&m->p, size, &data);

	if (size > m->r->size - 8) {
		require(err == -E2BIG);
		return;
	}
	require(err == (m->used + total_of((uint32_t)size) <= m->r->size ? 0 : -ENOSPC));
	if (err)
		return;
	memset(data, fill, (size_t)size);
	m->entries[m->count++] = (struct entry){data, (uint32_t)size, fill, RESERVED};
	m->used += total_of((uint32_t)size);
}

static int end(struct model *m, void *data, uint32_t discard)
{
	return discard ? bpfring_user_ring_discard(&m->p, data)
		       : bpfring_user_ring_submit(&m->p, data);
}

/* Any pointer: it is good if it is one that is reserved. */
static void end_any(struct model *m, uint8_t *data, int discard)
{
	int err = end(m, data, discard ? BPFRING_DISCARD_BIT : 0);

	for (unsigned int i = m->published; i < m->count; i++) {
		struct entry *e = &m->entries[i];

		if (e->data == data && e->state == RESERVED) {
			require(!err);
			e->state = discard ? DISCARDED : SUBMITTED;
			while (m->published < m->count &&
			       m->entries[m->published].state != RESERVED)
				m->published++;
			return;
		}
	}
	require(err == -EINVAL);
}

static int take(void *ctx, uint8_t *data, uint32_t size)
{
	struct model *m = ctx;
	struct entry *e;

	while (m->drained < m->published && m->entries[m->drained].state == DISCARDED)
		m->used -= total_of(m->entries[m->drained++].size);
	require(m->drained < m->published);
	e = &m->entries[m->drained++];
	require(e->size == size && e->state == SUBMITTED);
	for (uint32_t i = 0; i < size; i++)
		require(data[i] == e->fill);
	m->used -= total_of(size);
	return e->fill >= STOPS;
}

static void drain(struct model *m)
{
	unsigned int before = m->drained;
	int n = sim_drain(m->r, take, m, 0);

	require(n >= 0 && (unsigned int)n <= m->drained - before);
	/* discarded ones at the end were passed over, if the drain got that far */
	if (m->drained == before || m->entries[m->drained - 1].fill < STOPS)
		while (m->drained < m->published && m->entries[m->drained].state == DISCARDED)
			m->used -= total_of(m->entries[m->drained++].size);
	require(bpfring_user_ring_free_space(&m->p) == m->r->size - m->used);
}

/*
 * What piles up behind a thread that was interrupted, or several: in order, but for the first ones.
 */
static void end_behind(struct model *m, unsigned int skipped)
{
	for (unsigned int i = m->published; i < m->count; i++)
		if (m->entries[i].state == RESERVED && !skipped--) {
			end_any(m, m->entries[i].data, 0);
			return;
		}
}

/* The process dies: what is not published never was. */
static void die(struct model *m)
{
	while (m->count > m->published)
		m->used -= total_of(m->entries[--m->count].size);
	attach(m);
}

static void step(struct model *m, struct input *in)
{
	uint8_t op = take_u8(in);
	uint16_t arg = take_u16(in);

	if (m->count == MAX_SAMPLES)
		return;
	switch (op % 8) {
	case 0:
	case 1:
		reserve(m, arg % 5000, op);
		break;
	case 2:
		reserve(m, arg % 64, op);
		break;
	case 3:
		end_behind(m, arg % 4);
		break;
	case 4:
		if (m->count)
			end_any(m, m->entries[arg % m->count].data, op & 8);
		break;
	case 5:
		end_any(m, m->r->data + arg % (2 * m->r->size), op & 8);
		break;
	case 6:
		drain(m);
		break;
	default:
		if (arg % 8 == 0)
			die(m);
		else if (m->count > m->published) /* in order */
			end_any(m, m->entries[m->published].data, 0);
	}
	require(!m->p.lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t starts[] = {0, 4096 - 8, UINT32_MAX - 4095, UINT64_MAX - 4095};
	struct model *m = calloc(1, sizeof(*m));
	struct input in = {data, size};
	uint8_t setup = take_u8(&in);

	require(m && !sim_user_ring_new(&m->r, 4096, setup & 1 ? 4 : 8, starts[setup >> 1 & 3]));
	m->open = calloc(1, BPFRING_OPEN_SIZE(m->r->size));
	require(m->open);
	attach(m);
	while (in.size)
		step(m, &in);
	for (unsigned int i = m->published; i < m->count; i++)
		if (m->entries[i].state == RESERVED)
			end_any(m, m->entries[i].data, 0);
	require(m->published == m->count);
	for (uint64_t i = 0; i < BPFRING_OPEN_SIZE(m->r->size) / 8; i++)
		require(!m->open[i]);
	require(!m->p.latest);
	while (m->drained < m->count) { /* as often as callbacks stop */
		unsigned int before = m->drained;

		drain(m);
		require(m->drained > before); /* or it would go on for ever */
	}
	require(m->used == 0);
	sim_ring_free(m->r);
	free(m->open);
	free(m);
	return 0;
}
