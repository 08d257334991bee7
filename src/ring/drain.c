// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Draining a ring into callbacks, within limits. */
#include <errno.h>
#include <limits.h>

#include "ring/consumer.h"
#include "ring/limits.h"
#include "ring/walk.h"

#define BATCH 64U

void bpfring_limits_init(struct limits *ret, const struct bpfring_budget *budget, int64_t now)
{
	ret->records = budget->records ? budget->records : UINT64_MAX;
	ret->bytes = budget->bytes ? budget->bytes : UINT64_MAX;
	ret->deadline = budget->ns && budget->ns < INT64_MAX - now ? now + budget->ns : INT64_MAX;
	ret->chase = true;
}

struct drain {
	struct bpfring_consumer *c;
	const struct handler *h;
	const struct limits *limits;
	struct bpfring_outcome *out;
	uint64_t start;	     /* position */
	uint64_t pass_start; /* where we were at the last look at the producer position */
	struct limit_clock clock;
};

static int end(struct drain *d, enum bpfring_end why, int err)
{
	d->out->end = why;
	return err;
}

static int end_of_peek(struct drain *d, int err)
{
	if (err < 0) {
		err = bpfring_priv_why(&d->c->cons, err);
		bpfring_consumer_log_broken(d->c, err);
		return end(d, BPFRING_END_BROKEN, err);
	}
	return end(d,
		   bpfring_ring_head_busy(&d->c->cons) ? BPFRING_END_BUSY_HEAD
						       : BPFRING_END_DRAINED,
		   0);
}

/* Puts records back that a callback did not want: the @count last ones, from @pos on. */
static void keep(struct drain *d, uint64_t pos, unsigned int count)
{
	struct bpfring_ring *ring = &d->c->cons;

	ring->pos = pos;
	ring->last = pos;
	bpfring_ring_recount(ring);
	d->out->records -= count;
}

/* The callback was given @count records and returned @verdict, which ends the drain. */
static int end_of_callback(struct drain *d, int verdict, const struct bpfring_record *records,
			   unsigned int count)
{
	unsigned int taken;

	if (!d->c->guard[GUARD_OWNER]) /* forked in it, and this is the child */
		return end(d, BPFRING_END_BROKEN, -ECHILD);
	if (verdict >= 0) /* it closed or removed its own consumer */
		return end(d, BPFRING_END_STOPPED, 0);
	if (verdict > BPFRING_STOP || verdict < BPFRING_KEEP_FROM(BATCH))
		return end(d, BPFRING_END_ERROR, verdict);
	taken = verdict == BPFRING_STOP ? count : (unsigned int)(BPFRING_KEEP - verdict);
	if (taken >= count)
		return end(d, BPFRING_END_STOPPED, BPFRING_STOP);
	keep(d, records[taken].pos, count - taken);
	return end(d, BPFRING_END_KEPT, BPFRING_STOP);
}

static int release(struct drain *d)
{
	int err = bpfring_ring_release(&d->c->cons);

	if (!err)
		return 0;
	bpfring_consumer_log_broken(d->c, err);
	return end(d, BPFRING_END_BROKEN, err);
}

/*
 * All that was there when we looked last is taken: look again. To go on until the ring is empty
 * means, behind a producer that is writing, to fetch each record from its cache line by line and to
 * slow both down. Who will be back soon anyway leaves a rest that is small against the pass before.
 *
 * 1: there is more; 0: enough; or an error.
 */
static int next_pass(struct drain *d)
{
	struct bpfring_ring *cons = &d->c->cons;
	uint64_t pass = cons->pos - d->pass_start, fresh;
	int more = bpfring_priv_refresh(cons);

	cons->busy = 0;
	if (more <= 0)
		return more;
	fresh = cons->prod - cons->pos;
	if (!d->limits->chase && fresh < pass / 2 && fresh < cons->mask / 4)
		return 0;
	d->pass_start = cons->pos;
	return 1;
}

/* How far to go until the limits and the release have to be looked at. */
struct stretch {
	uint64_t records;
	uint64_t bytes; /* the record that crosses it is the last */
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes that a budget leaves; the record that crosses the limit is the last. */
static uint64_t bytes_left(const struct drain *d)
{
	uint64_t bytes = d->c->cons.pos - d->start;

	return bytes < d->limits->bytes ? d->limits->bytes - bytes : 0;
}

static bool spent(const struct drain *d)
{
	return d->out->records >= d->limits->records || !bytes_left(d);
}

static struct stretch plan_stretch(const struct drain *d)
{
	const struct bpfring_ring *cons = &d->c->cons;
	struct stretch s = {
		.records = d->limits->records - d->out->records,
		.bytes = bytes_left(d),
	};

	s.records = min_u64(s.records, d->clock.every ? d->clock.left : CLOCK_MOST);
	s.bytes = min_u64(s.bytes, min_u64(cons->prod - cons->pos, (cons->mask + 1) / HELD_MOST));
	return s;
}

/*
 * Hands over the records of a stretch. 1: go on; 0: the head is busy; -EBADMSG; or ENDED, and
 * *@verdict is what the callback returned. What a record costs here is instructions, and stores
 * most of all: of the ring only the position is kept up to date for each.
 */
#define ENDED INT_MIN
__attribute__((noinline)) static int each_of(struct drain *d, struct stretch most, int *verdict)
{
	struct bpfring_ring *const ring = &d->c->cons;
	const uint32_t *const ends = &d->c->guard[GUARD_ENDS];
	const bpfring_record_fn each = d->h->each;
	void *const ctx = d->h->ctx;
	const uint32_t before = ring->held_records, enough = before + (uint32_t)most.records;
	struct walk w = walk_begin(ring, most.bytes);
	uint32_t held = before;
	int err = 1;

	do {
		struct bpfring_record record;
		int ret;

		if (!walk_ready(&w, &record)) {
			int found = walk_step(&w, &record);

			if (found <= 0) {
				ring->busy = found == BPFRING_PRIV_BUSY;
				err = found;
				break;
			}
			if (found == BPFRING_PRIV_DISCARDED) {
				ring->held_discards++;
				walk_hold(&w, ring, held);
				continue;
			}
		}
		/* Before the callback, which may not come back: see bpfring_ring_recount(). */
		ring->pos = w.base + (uintptr_t)w.at;
		held++;
		ret = each(ctx, record.data, record.size);
		if (__builtin_expect((uint32_t)ret >= *ends, 0)) {
			*verdict = ret;
			err = ENDED;
			break;
		}
	} while (walk_goes_on(&w) && held != enough);
	walk_hold(&w, ring, held);
	d->out->records += held - before;
	return err;
}

static int drain_each(struct drain *d)
{
	struct bpfring_ring *const ring = &d->c->cons;
	int err;

	while (ring->pos != ring->prod || (err = next_pass(d)) > 0) {
		const struct stretch most = plan_stretch(d);
		const uint64_t before = d->out->records;
		int verdict, more = each_of(d, most, &verdict);

		if (more == ENDED) {
			const struct bpfring_record record = {.pos = ring->last};

			return end_of_callback(d, verdict, &record, 1);
		}
		if (more <= 0)
			return end_of_peek(d, more);
		if (release_is_due(ring)) {
			err = release(d);
			if (err)
				return err;
		}
		if (spent(d) ||
		    limit_clock_late(&d->clock,
				     d->out->records > before ? d->out->records - before : 1))
			return end(d, BPFRING_END_BUDGET, 0);
	}
	return end_of_peek(d, err);
}

#define SKIPPED INT_MIN /* from gather(): there were discarded records only */

/*
 * Fills @records up to the limits, or until there is a row of discarded records that is worth
 * giving back. How many; 0: the head is busy; -EBADMSG; or SKIPPED.
 */
static int gather(struct drain *d, struct bpfring_record *records)
{
	struct bpfring_ring *const ring = &d->c->cons;
	const uint64_t max = min_u64(d->limits->records - d->out->records, BATCH);
	const uint64_t row = (ring->mask + 1) / HELD_MOST;
	unsigned int n = 0;
	bool more;

	do {
		struct walk w = walk_begin(ring, min_u64(bytes_left(d), ring->prod - ring->pos));
		const uint8_t *row_at = w.at;
		const unsigned int before = n;
		int found;

		more = true;
		do {
			found = BPFRING_PRIV_RECORD;
			if (!walk_ready(&w, &records[n]))
				found = walk_step(&w, &records[n]);
			if (__builtin_expect(found == BPFRING_PRIV_RECORD, 1)) {
				n++;
				row_at = w.at;
			} else if (found == BPFRING_PRIV_DISCARDED) {
				ring->held_discards++;
				more = (uint64_t)(w.at - row_at) < row;
			} else {
				more = false;
			}
		} while (more && walk_goes_on(&w) && n < max);
		walk_hold(&w, ring, ring->held_records + n - before);
		if (found <= 0) { /* which the next round finds again, if there is one */
			ring->busy = found == BPFRING_PRIV_BUSY;
			return n ? (int)n : found;
		}
		more = more && bytes_left(d) && ring->pos != ring->prod;
	} while (more && n < max);
	return n ? (int)n : SKIPPED;
}

static int drain_batches(struct drain *d)
{
	struct bpfring_ring *const cons = &d->c->cons;
	struct bpfring_record records[BATCH] = {{0}};
	int err;

	while (cons->pos != cons->prod || (err = next_pass(d)) > 0) {
		int count = gather(d, records);

		if (count <= 0 && count != SKIPPED)
			return end_of_peek(d, count);
		if (count > 0) {
			d->out->records += (unsigned int)count;
			err = d->h->batch(d->h->ctx, records, (unsigned int)count);
			if ((uint32_t)err >= d->c->guard[GUARD_ENDS])
				return end_of_callback(d, err, records, (unsigned int)count);
		}
		err = release(d);
		if (err)
			return err;
		if (spent(d) || limit_clock_late(&d->clock, count > 0 ? (unsigned int)count : 1))
			return end(d, BPFRING_END_BUDGET, 0);
	}
	return end_of_peek(d, err);
}

/* A handler: a callback is left by an exception, or its thread is cancelled. */
static void leave(struct drain *d)
{
	if (d->c)
		bpfring_consumer_left(d->c);
}

int bpfring_consumer_drain(struct bpfring_consumer *c, const struct handler *h,
			   const struct limits *limits, struct bpfring_outcome *ret, bool *closed)
{
	struct drain d __attribute__((cleanup(leave))) = {
		.h = h,
		.limits = limits,
		.out = ret,
		.start = c->cons.pos,
		.pass_start = c->cons.pos,
		.clock = limit_clock_begin(limits->deadline),
	};
	int err;

	*ret = (struct bpfring_outcome){.sz = sizeof(*ret)};
	*closed = false;
	if (!bpfring_call_begin(&c->call, call_place_here()))
		return end(&d, BPFRING_END_ERROR,
			   bpfring_consumer_refuse(c, CALL_THEIRS, "consume"));
	d.c = c;
	c->consuming = true;
	c->guard[GUARD_ENDS] = 1U << 31;
	err = h->each ? drain_each(&d) : drain_batches(&d);
	if (err != -EBUSY || ret->end != BPFRING_END_BROKEN) {
		int release_err = release(&d);

		if (!err || (err == BPFRING_STOP && release_err))
			err = release_err;
	}
	ret->bytes = c->cons.released - d.start;
	if (ret->records)
		c->batches++;
	d.c = NULL;
	c->consuming = false;
	bpfring_call_end(&c->call);
	if (c->closing) {
		*closed = true;
		bpfring_consumer_free(c);
	}
	return err;
}
