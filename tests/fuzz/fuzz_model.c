// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Any sequence of calls on a ring that works as it should, against a list of what is in it: every
 * record comes once and in order, also for the next consumer, notifications come when they were
 * asked for, and only then, and what is published is the place of a record always.
 */
#include <bpfring/ring.h>
#include <unistd.h>

#include "fuzz.h"
#include "sim.h"

#define MAX_RECORDS 2048

struct entry {
	void *payload;
	uint64_t pos; /* as the ring's word has it */
	uint32_t size;
	uint8_t fill;
	enum { BUSY, READY, DISCARDED } state;
};

struct model {
	struct sim_ring *r;
	struct bpfring_ring c;
	struct entry entries[MAX_RECORDS]; /* all that were ever reserved, in order */
	unsigned int count;
	unsigned int released; /* all before are given back */
	unsigned int held;     /* all before were peeked */
	unsigned int busy;     /* how many are not committed */
};

static void init(struct model *m)
{
	int err = bpfring_ring_init(&m->c, m->r->cons_word, m->r->prod_word, m->r->data, m->r->size,
				    m->r->word_size, NULL);

	require(!err);
	bpfring_ring_set_note(&m->c, (char *)m->r->cons_word + BPFRING_NOTE_OFFSET);
	m->held = m->released;
}

static uint64_t word(const struct model *m, uint64_t pos)
{
	return m->r->word_size == 8 ? pos : (uint32_t)pos;
}

/* The position of an entry, or of what comes behind the last. */
static uint64_t pos_of(const struct model *m, unsigned int index)
{
	return index < m->count ? m->entries[index].pos : sim_ring_prod(m->r);
}

/* Discarded ones may have been given back on the way, from the first not released on. */
static void follow_released(struct model *m)
{
	while (word(m, m->c.released) != pos_of(m, m->released)) {
		require(m->released < m->held);
		require(m->entries[m->released].state == DISCARDED);
		m->released++;
	}
}

static void check_published(const struct model *m)
{
	uint64_t cons = sim_ring_cons(m->r);
	unsigned int i = m->released;

	while (i && pos_of(m, i) != cons)
		i--;
	require(pos_of(m, i) == cons);
	require(word(m, m->c.released - cons) <= m->r->size / 16);
}

static void reserve(struct model *m, uint32_t size, uint8_t fill)
{
	uint64_t pos = sim_ring_prod(m->r);
	void *payload;

	if (m->count == MAX_RECORDS)
		return;
	payload = sim_reserve(m->r, size);
	if (!payload)
		return;
	memset(payload, fill, size);
	m->entries[m->count++] = (struct entry){payload, pos, size, fill, BUSY};
	m->busy++;
}

static void commit(struct model *m, unsigned int which, unsigned int flags, int discard)
{
	uint64_t notified = sim_ring_notified(m->r), cons = sim_ring_cons(m->r);
	struct entry *e = NULL;
	uint64_t offset;
	int caught_up;

	if (!m->busy)
		return;
	which %= m->busy;
	for (unsigned int i = 0; i < m->count; i++)
		if (m->entries[i].state == BUSY && !which--) {
			e = &m->entries[i];
			break;
		}
	offset = (uint64_t)((uint8_t *)e->payload - 8 - m->r->data);
	caught_up = (cons & (m->r->size - 1)) == offset;
	if (discard)
		sim_discard(m->r, e->payload, flags);
	else
		sim_submit(m->r, e->payload, flags);
	e->state = discard ? DISCARDED : READY;
	m->busy--;
	require(sim_ring_notified(m->r) - notified ==
		(uint64_t)((flags & SIM_FORCE_WAKEUP) || (caught_up && !(flags & SIM_NO_WAKEUP))));
	if (cons != word(m, m->c.released) && !(flags & SIM_FORCE_WAKEUP)) /* quiet is quiet */
		require(sim_ring_notified(m->r) == notified);
}

/* Where the peek has to come to: past discarded records, to the first that is not. */
static void skip_discarded(struct model *m)
{
	while (m->held < m->count && m->entries[m->held].state == DISCARDED)
		m->held++;
}

static void check_payload(const struct entry *e, const struct bpfring_record *record)
{
	require(record->size == e->size);
	require(record->data == e->payload);
	for (uint32_t i = 0; i < e->size; i++)
		require(((const uint8_t *)record->data)[i] == e->fill);
}

static void peek(struct model *m)
{
	struct bpfring_record record = {0};
	int n = bpfring_ring_peek(&m->c, &record);

	skip_discarded(m);
	follow_released(m);
	if (!n && m->c.looked && m->c.pos == m->c.released &&
	    word(m, m->c.pos) != pos_of(m, m->held)) {
		m->held = m->released; /* the first look of a new consumer */
		return;
	}
	if (m->held == m->count || m->entries[m->held].state == BUSY) {
		require(n == 0);
		require(m->released == m->held || m->c.held_records);
		require(bpfring_ring_head_busy(&m->c) == (m->held < m->count));
		return;
	}
	require(n == 1);
	check_payload(&m->entries[m->held++], &record);
}

static void peek_batch(struct model *m, unsigned int most)
{
	struct bpfring_record records[16];
	int n = bpfring_ring_peek_batch(&m->c, records, most);

	require(n >= 0 && (unsigned int)n <= most);
	for (int i = 0; i < n; i++) {
		skip_discarded(m);
		require(m->held < m->count && m->entries[m->held].state == READY);
		check_payload(&m->entries[m->held++], &records[i]);
	}
	/* It may end early in a long row of discarded ones. */
	while (word(m, m->c.pos) != pos_of(m, m->held)) {
		require(m->held < m->count && m->entries[m->held].state == DISCARDED);
		m->held++;
	}
	follow_released(m);
	if (!n && most && !m->c.looked)
		require(m->held == m->count || m->entries[m->held].state == BUSY);
}

static void release(struct model *m)
{
	require(bpfring_ring_release(&m->c) == 0);
	m->released = m->held;
	require(m->c.released == m->c.pos);
	require(m->c.records + m->c.discards <= m->count);
}

static void arm(struct model *m)
{
	int n = bpfring_ring_arm(&m->c);

	if (m->held != m->released) {
		require(n == -EINVAL);
		return;
	}
	skip_discarded(m);
	m->released = m->held;
	if (n != 1) /* a record is taken without */
		require(sim_ring_cons(m->r) == pos_of(m, m->held));
	if (m->held == m->count)
		require(n == 0 && !bpfring_ring_head_busy(&m->c));
	else if (m->entries[m->held].state == BUSY)
		require(n == 0 && bpfring_ring_head_busy(&m->c));
	else
		require(n == 1);
}

static void step(struct model *m, struct input *in)
{
	uint8_t what = take_u8(in), more = take_u8(in);

	switch (what % 12) {
	case 0:
	case 1:
		reserve(m, what & 0x40 ? (uint32_t)more * 16 : more % 32, what);
		break;
	case 2:
	case 3:
		commit(m, more, what >> 6, 0);
		break;
	case 4:
		commit(m, more, what >> 6, 1);
		break;
	case 5:
	case 6:
		peek(m);
		break;
	case 7:
		peek_batch(m, more % 17);
		break;
	case 8:
		release(m);
		break;
	case 9:
		bpfring_ring_cancel(&m->c);
		m->held = m->released;
		break;
	case 10:
		if (more & 1)
			bpfring_ring_set_quiet(&m->c, more & 2);
		else
			arm(m);
		break;
	default:
		if (!(more & 7)) /* another consumer takes over */
			init(m);
		break;
	}
	check_published(m);
	require(word(m, m->c.released) == pos_of(m, m->released));
}

/* Made once, and put back to a start: what an earlier lap left in the data may be there. */
static struct sim_ring *ring_at(unsigned int word_size, uint64_t start)
{
	static struct sim_ring *rings[2];
	struct sim_ring **r = &rings[word_size == 8];

	if (!*r)
		require(!sim_ring_new(r, (size_t)sysconf(_SC_PAGESIZE), word_size, start));
	sim_ring_set_cons(*r, start);
	sim_ring_set_prod(*r, start);
	memset((char *)(*r)->cons_word + BPFRING_NOTE_OFFSET, 0, 8);
	(*r)->pending = sim_ring_prod(*r);
	return *r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t starts[] = {0,	      0xffffff80,     0xfffffff8,
					  0x7fffffc0, (uint64_t)-128, (uint64_t)-8};
	static struct model *m;
	struct input in = {data, size};
	uint8_t shape = take_u8(&in);

	if (!m)
		m = calloc(1, sizeof(*m));
	require(m != NULL);
	memset(m, 0, sizeof(*m));
	m->r = ring_at(shape & 0x80 ? 4 : 8, starts[shape % 6]);
	init(m);
	while (in.size)
		step(m, &in);
	/* all is committed and taken in the end */
	while (m->busy)
		commit(m, 0, 0, 0);
	bpfring_ring_cancel(&m->c);
	m->held = m->released;
	while (m->held < m->count)
		peek(m);
	release(m);
	require(sim_ring_prod(m->r) ==
		(m->r->word_size == 8 ? m->c.released : (uint32_t)m->c.released));
	return 0;
}
