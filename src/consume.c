// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Draining a ring into callbacks, within limits. */
#include <errno.h>
#include <limits.h>

#include "consumer.h"
#include "options.h"
#include "sys.h"

#define BATCH	      64U
#define CLOCK_RECORDS 16U /* how often a drain looks at the clock: it costs as much as a few records */

/*
 * How many consumed bytes may be held back before they are released in the middle of a drain. Each
 * release takes the cache line of the consumer position from the producers, which read it for every
 * record; but a ring that fills up needs its space back soon, and bytes that are a small part of
 * the ring cannot decide between a record that fits and one that does not.
 */
static uint64_t release_step(const struct bpfring_cons *cons)
{
	uint64_t size = cons->mask + 1;

	return cons->prod - cons->released > size / 2 ? size / 256 : size / 32;
}

void bpfring_limits_init(struct limits *ret, const struct bpfring_budget *budget, int64_t now)
{
	ret->records = budget->records ? budget->records : UINT64_MAX;
	ret->bytes = budget->bytes ? budget->bytes : UINT64_MAX;
	ret->deadline = budget->ns && budget->ns < INT64_MAX - now ? now + budget->ns : INT64_MAX;
}

struct drain {
	struct bpfring_consumer *c;
	const struct handler *h;
	const struct limits *limits;
	struct bpfring_outcome *out;
	uint64_t start; /* position */
	uint64_t step;
};

static int end(struct drain *d, enum bpfring_end why, int err)
{
	d->out->end = why;
	return err;
}

static int end_of_peek(struct drain *d, int err)
{
	if (err < 0) {
		bpfring_consumer_log_broken(d->c, err);
		return end(d, BPFRING_END_BROKEN, err);
	}
	return end(d, bpfring_cons_head_busy(&d->c->cons) ? BPFRING_END_BUSY_HEAD
							  : BPFRING_END_DRAINED, 0);
}

static int end_of_callback(struct drain *d, int err)
{
	if (err == BPFRING_STOP || err >= 0) /* >= 0: it closed or removed its own consumer */
		return end(d, BPFRING_END_STOPPED, err < 0 ? err : 0);
	return end(d, BPFRING_END_ERROR, err);
}

static bool spent(const struct drain *d)
{
	return d->out->records >= d->limits->records ||
	       d->c->cons.pos - d->start >= d->limits->bytes;
}

static bool late(const struct drain *d)
{
	return d->limits->deadline != INT64_MAX && bpfring_sys_now() >= d->limits->deadline;
}

static int release(struct drain *d)
{
	int err = bpfring_cons_release(&d->c->cons);

	if (err) {
		bpfring_consumer_log_broken(d->c, err);
		return end(d, BPFRING_END_BROKEN, err);
	}
	d->step = release_step(&d->c->cons);
	return 0;
}

static int drain_each(struct drain *d)
{
	struct bpfring_cons *cons = &d->c->cons;
	struct bpfring_record record;

	for (;;) {
		int err = bpfring_cons_peek(cons, &record);

		if (err <= 0)
			return end_of_peek(d, err);
		d->out->records++;
		err = d->h->each(d->h->ctx, record.data, record.size);
		if (err < 0 || d->c->leaving)
			return end_of_callback(d, err);
		if (cons->pos - cons->released >= d->step) {
			err = release(d);
			if (err)
				return err;
		}
		if (spent(d) || (d->out->records % CLOCK_RECORDS == 0 && late(d)))
			return end(d, BPFRING_END_BUDGET, 0);
	}
}

/* Fills @records up to the limits; what stopped it is for the next round to find. */
static int gather(struct drain *d, struct bpfring_record *records)
{
	uint64_t left = d->limits->records - d->out->records;
	unsigned int max = left < BATCH ? (unsigned int)left : BATCH, n = 0;

	while (n < max) {
		int err = bpfring_cons_peek(&d->c->cons, &records[n]);

		if (err <= 0)
			return n ? (int)n : err;
		n++;
		if (d->c->cons.pos - d->start >= d->limits->bytes)
			break;
	}
	return (int)n;
}

static int drain_batches(struct drain *d)
{
	struct bpfring_record records[BATCH];

	for (;;) {
		int count = gather(d, records), err;

		if (count <= 0)
			return end_of_peek(d, count);
		d->out->records += (unsigned int)count;
		err = d->h->batch(d->h->ctx, records, (unsigned int)count);
		if (err < 0 || d->c->leaving)
			return end_of_callback(d, err);
		err = release(d);
		if (err)
			return err;
		if (spent(d) || late(d))
			return end(d, BPFRING_END_BUDGET, 0);
	}
}

int bpfring_consumer_drain(struct bpfring_consumer *c, const struct handler *h,
			   const struct limits *limits, struct bpfring_outcome *ret, bool *closed)
{
	struct drain d = {
		.c = c,
		.h = h,
		.limits = limits,
		.out = ret,
		.start = c->cons.pos,
		.step = release_step(&c->cons),
	};
	int err;

	*ret = (struct bpfring_outcome){0};
	*closed = false;
	c->consuming = true;
	c->leaving = false;
	err = h->each ? drain_each(&d) : drain_batches(&d);
	c->consuming = false;
	if (err != -EBUSY || ret->end != BPFRING_END_BROKEN) {
		int release_err = release(&d);

		if (!err || (err == BPFRING_STOP && release_err))
			err = release_err;
	}
	ret->bytes = c->cons.released - d.start;
	if (ret->records)
		c->batches++;
	if (c->closing) {
		*closed = true;
		bpfring_consumer_close(c);
	}
	return err;
}

static int consume(struct bpfring_consumer *c, const struct handler *h,
		   const struct bpfring_budget *budget, struct bpfring_outcome *ret)
{
	struct bpfring_budget known = {.sz = sizeof(known)};
	struct bpfring_outcome outcome = {.end = BPFRING_END_ERROR};
	struct limits limits;
	bool closed;
	int err;

	if (ret)
		*ret = outcome;
	if (!c || (!h->each && !h->batch))
		return -EINVAL;
	if (!*c->guard)
		return -ECHILD;
	if (c->consuming || c->cons.pos != c->cons.released)
		return -EINVAL;
	err = bpfring_options_read(&known, sizeof(known), budget, "struct bpfring_budget");
	if (err)
		return err;
	if (known.ns < 0)
		return -EINVAL;
	bpfring_limits_init(&limits, &known, known.ns ? bpfring_sys_now() : 0);
	err = bpfring_consumer_drain(c, h, &limits, &outcome, &closed);
	if (ret)
		*ret = outcome;
	if (err && err != BPFRING_STOP)
		return err;
	return outcome.records > INT_MAX ? INT_MAX : (int)outcome.records;
}

int bpfring_consumer_consume(struct bpfring_consumer *c, bpfring_record_fn fn, void *ctx,
			     const struct bpfring_budget *budget, struct bpfring_outcome *ret)
{
	const struct handler h = {.each = fn, .ctx = ctx};

	return consume(c, &h, budget, ret);
}

int bpfring_consumer_consume_batch(struct bpfring_consumer *c, bpfring_batch_fn fn, void *ctx,
				   const struct bpfring_budget *budget,
				   struct bpfring_outcome *ret)
{
	const struct handler h = {.batch = fn, .ctx = ctx};

	return consume(c, &h, budget, ret);
}
