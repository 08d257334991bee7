// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Draining a ring into callbacks, within limits. */
#include <errno.h>
#include <limits.h>

#include "ring/consumer.h"
#include "base/options.h"
#include "base/sys.h"

#define BATCH	    64U
#define CLOCK_MOST  128U  /* records between two looks at the clock, which costs as much as a few */
#define CLOCK_FAST  5000  /* ns; they went by faster: look less often */
#define CLOCK_SLOW  50000 /* slower: more often */
#define FEW_RECORDS 16U

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
	uint64_t start;	      /* position */
	uint64_t pass_start;  /* where we were at the last look at the producer position */
	uint64_t clock_every; /* records; 0: no deadline */
	uint64_t clock_left;  /* records until the next look at the clock */
	int64_t clock_at;     /* the last look */
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

static int end_of_callback(struct drain *d, int err)
{
	if (!d->c->guard[GUARD_OWNER]) /* forked in it, and this is the child */
		return end(d, BPFRING_END_BROKEN, -ECHILD);
	if (err == BPFRING_STOP || err >= 0) /* >= 0: it closed or removed its own consumer */
		return end(d, BPFRING_END_STOPPED, err < 0 ? err : 0);
	return end(d, BPFRING_END_ERROR, err);
}

static bool spent(const struct drain *d)
{
	return d->out->records >= d->limits->records ||
	       d->c->cons.pos - d->start >= d->limits->bytes;
}

/* Has the deadline passed, @records later? */
static bool late(struct drain *d, uint64_t records)
{
	int64_t now, ns;

	if (!d->clock_every)
		return false;
	if (records < d->clock_left) {
		d->clock_left -= records;
		return false;
	}
	now = bpfring_sys_now();
	ns = now - d->clock_at;
	if (ns < CLOCK_FAST && d->clock_every < CLOCK_MOST)
		d->clock_every *= 2;
	else if (ns > CLOCK_SLOW && d->clock_every > 1)
		d->clock_every /= 2;
	d->clock_left = d->clock_every;
	d->clock_at = now;
	return now >= d->limits->deadline;
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
 * Whether the records consumed but not yet released are to be given back in the middle of a drain.
 * Each release takes the cache line of the consumer position from the producers, which read it for
 * every record. But what is held back is missing in the ring, and BPF programs that notify by fill
 * level take it for unread: so never more than 1/32 of the ring, and 1/256 or a few records
 * usually.
 */
static bool release_is_due(const struct bpfring_ring *cons)
{
	uint64_t size = cons->mask + 1, held = cons->pos - cons->released;

	return held >= size / 32 || (held >= size / 256 && cons->held_records >= FEW_RECORDS);
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

static struct stretch plan_stretch(const struct drain *d)
{
	const struct bpfring_ring *cons = &d->c->cons;
	struct stretch s = {
		.records = d->limits->records - d->out->records,
		.bytes = d->limits->bytes - (cons->pos - d->start),
	};

	s.records = min_u64(s.records, d->clock_every ? d->clock_left : FEW_RECORDS);
	s.bytes = min_u64(s.bytes, min_u64(cons->prod - cons->pos, (cons->mask + 1) / 32));
	return s;
}

/* Not inlined: what is around it would take registers from the loop inside. */
__attribute__((noinline)) static int drain_each(struct drain *d)
{
	struct bpfring_consumer *const c = d->c;
	const bpfring_record_fn fn = d->h->each;
	const uint32_t *const ends = &c->guard[GUARD_ENDS];
	void *const ctx = d->h->ctx;
	int err;

	while (c->cons.pos != c->cons.prod || (err = next_pass(d)) > 0) {
		const struct stretch most = plan_stretch(d);
		struct bpfring_priv_cursor cursor = bpfring_priv_cursor_at_pos(&c->cons);
		const uint64_t until = cursor.pos + most.bytes;
		uint64_t left = most.records, n;
		int more;

		do {
			struct bpfring_record record;

			more = bpfring_priv_next(&c->cons, &cursor, &record);
			if (more <= 0)
				break;
			left--;
			err = fn(ctx, record.data, record.size);
			if ((uint32_t)err >= *ends) {
				d->out->records += most.records - left;
				return end_of_callback(d, err);
			}
		} while (left && (int64_t)(until - cursor.pos) > 0);
		n = most.records - left;
		d->out->records += n;
		if (more <= 0 && more != BPFRING_PRIV_SKIPPED)
			return end_of_peek(d, more);
		if (release_is_due(&c->cons)) {
			err = release(d);
			if (err)
				return err;
		}
		if (spent(d) || late(d, n ? n : 1))
			return end(d, BPFRING_END_BUDGET, 0);
	}
	return end_of_peek(d, err);
}

/* Fills @records up to the limits; what stopped it is for the next round to find. */
static int gather(struct drain *d, struct bpfring_record *records)
{
	struct bpfring_ring *const cons = &d->c->cons;
	struct bpfring_priv_cursor cursor = bpfring_priv_cursor_at_pos(cons);
	const uint64_t start = cursor.pos;
	const uint64_t bytes = min_u64(d->limits->bytes - (start - d->start), cursor.prod - start);
	const uint64_t max = min_u64(d->limits->records - d->out->records, BATCH);
	unsigned int n;

	for (n = 0; n < max && cursor.pos - start < bytes; n++) {
		int err = bpfring_priv_next(cons, &cursor, &records[n]);

		if (err <= 0)
			return n ? (int)n : err;
	}
	return (int)n;
}

static int drain_batches(struct drain *d)
{
	struct bpfring_ring *const cons = &d->c->cons;
	struct bpfring_record records[BATCH];
	int err;

	while (cons->pos != cons->prod || (err = next_pass(d)) > 0) {
		int count = gather(d, records);

		if (count <= 0 && count != BPFRING_PRIV_SKIPPED)
			return end_of_peek(d, count);
		if (count > 0) {
			d->out->records += (unsigned int)count;
			err = d->h->batch(d->h->ctx, records, (unsigned int)count);
			if ((uint32_t)err >= d->c->guard[GUARD_ENDS])
				return end_of_callback(d, err);
		}
		err = release(d);
		if (err)
			return err;
		if (spent(d) || late(d, count > 0 ? (unsigned int)count : 1))
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
		.clock_every = limits->deadline != INT64_MAX,
		.clock_left = 1,
	};
	int err;

	*ret = (struct bpfring_outcome){0};
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
		bpfring_consumer_close(c);
	}
	return err;
}

static int check_arguments(struct bpfring_consumer *c, const struct handler *h,
			   const struct bpfring_budget *budget, struct bpfring_budget *ret)
{
	int err;

	if (!h->each && !h->batch) {
		log_once(c->said, CONSUMER_SAID_NO_CALLBACK, ERROR,
			 "map '%s' id %u: consume needs a callback\n", c->map.name, c->map.id);
		return -EINVAL;
	}
	err = bpfring_options_read(ret, sizeof(*ret), budget, NULL);
	if (err == -E2BIG)
		log_once(c->said, CONSUMER_SAID_BUDGET_NEWER, ERROR,
			 "map '%s' id %u: struct bpfring_budget has members set that only a "
			 "newer libbpfring knows: update the library\n",
			 c->map.name, c->map.id);
	else if (err)
		log_once(c->said, CONSUMER_SAID_BUDGET_SIZE, ERROR,
			 "map '%s' id %u: struct bpfring_budget without its size: declare it "
			 "with BPFRING_OPTS()\n",
			 c->map.name, c->map.id);
	if (err || ret->ns >= 0)
		return err;
	log_once(c->said, CONSUMER_SAID_BUDGET_TIME, ERROR,
		 "map '%s' id %u: struct bpfring_budget: a negative time; 0 means no limit\n",
		 c->map.name, c->map.id);
	return -EINVAL;
}

static int consume(struct bpfring_consumer *c, const struct handler *h,
		   const struct bpfring_budget *budget, struct bpfring_outcome *ret,
		   struct call_place here)
{
	struct bpfring_budget known = {.sz = sizeof(known)};
	struct bpfring_outcome outcome = {.end = BPFRING_END_ERROR};
	struct limits limits;
	bool closed;
	int err;

	if (ret)
		*ret = outcome;
	if (!c)
		return -EINVAL;
	err = bpfring_consumer_check(c, "consume", here);
	if (!err)
		err = check_arguments(c, h, budget, &known);
	if (err)
		return err;
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

	return consume(c, &h, budget, ret, call_place_here());
}

int bpfring_consumer_consume_batch(struct bpfring_consumer *c, bpfring_batch_fn fn, void *ctx,
				   const struct bpfring_budget *budget, struct bpfring_outcome *ret)
{
	const struct handler h = {.batch = fn, .ctx = ctx};

	return consume(c, &h, budget, ret, call_place_here());
}
