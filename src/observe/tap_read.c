// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Hands out copies of records. */
#include <errno.h>
#include <limits.h>

#include "observe/log.h"
#include "observe/options.h"
#include "observe/sys.h"
#include "observe/tap.h"

struct reading {
	struct bpfring_tap *t;
	bpfring_tap_fn fn;
	void *ctx;
	struct bpfring_budget budget; /* 0 replaced by the largest number */
	int64_t deadline;
	uint64_t records;
	uint64_t bytes_before; /* of the statistics */
	enum bpfring_end end;
	int err;
};

static int read_budget(struct bpfring_budget *ret, const struct bpfring_budget *given)
{
	int err;

	*ret = (struct bpfring_budget){.sz = sizeof(*ret)};
	err = bpfring_observe_read_options(ret, sizeof(*ret), given, "struct bpfring_budget");
	if (err)
		return err;
	if (ret->ns < 0) {
		log_error("struct bpfring_budget: a time below 0\n");
		return -EINVAL;
	}
	if (!ret->records)
		ret->records = UINT64_MAX;
	if (!ret->bytes)
		ret->bytes = UINT64_MAX;
	return 0;
}

static bool out_of_time(const struct reading *r)
{
	return r->budget.ns && bpfring_observe_sys_now() >= r->deadline;
}

static bool ends(struct reading *r, enum bpfring_end end, int err)
{
	r->end = end;
	r->err = err;
	return false;
}

static void leave(struct bpfring_tap **t)
{
	(*t)->inside = false;
}

/* However it leaves, by an exception for example, it has had this record. */
static int call(struct reading *r)
{
	struct bpfring_tap *t __attribute__((cleanup(leave))) = r->t;

	t->inside = true;
	return r->fn(r->ctx, &t->batch[t->next++]);
}

/* Hands out what has been copied. False: that ends the call. */
static bool hand_out(struct reading *r)
{
	struct bpfring_tap *t = r->t;

	while (t->next < t->count) {
		int verdict;

		if (r->records >= r->budget.records || (r->records % 8 == 7 && out_of_time(r)))
			return ends(r, BPFRING_END_BUDGET, 0);
		verdict = call(r);
		if (verdict == BPFRING_KEEP) {
			t->next--;
			return ends(r, BPFRING_END_KEPT, 0);
		}
		r->records++;
		if (verdict == BPFRING_STOP)
			return ends(r, BPFRING_END_STOPPED, 0);
		if (verdict < 0)
			return ends(r, BPFRING_END_ERROR, verdict);
	}
	return true;
}

/* Copies more. False: that ends the call. */
static bool go_on(struct reading *r, uint64_t end)
{
	struct bpfring_tap *t = r->t;
	const uint64_t bytes = t->stats.bytes + t->stats.discarded_bytes - r->bytes_before;
	const struct tap_limit limit = {
		.end = end,
		.records = r->budget.records - r->records,
		.bytes = r->budget.bytes - bytes,
	};
	int got;

	if ((int64_t)(end - t->pos) <= 0)
		return ends(r, BPFRING_END_DRAINED, 0);
	if (r->records >= r->budget.records || bytes >= r->budget.bytes || out_of_time(r))
		return ends(r, BPFRING_END_BUDGET, 0);
	got = bpfring_tap_copy(t, &limit);
	if (got < 0)
		return ends(r, BPFRING_END_BROKEN, got);
	if (got == TAP_BUSY && hand_out(r))
		return ends(r, BPFRING_END_BUSY_HEAD, 0);
	return got != TAP_BUSY;
}

static void read_all(struct reading *r)
{
	struct bpfring_tap *t = r->t;
	int err = bpfring_tap_look(t);
	const uint64_t end = t->prod;

	if (err) { /* it went back, or is none */
		if (hand_out(r))
			ends(r, BPFRING_END_BROKEN, bpfring_tap_broken(t));
		return;
	}
	while (hand_out(r) && go_on(r, end))
		;
}

bool bpfring_tap_is_inside(struct bpfring_tap *t, const char *function)
{
	if (t->inside)
		log_once(t->said, TAP_SAID_INSIDE,
			 "map '%s' id %u: %s from the callback of that tap\n", t->ring.map_name,
			 t->ring.map_id, function);
	return t->inside;
}

int bpfring_tap_read(struct bpfring_tap *t, bpfring_tap_fn fn, void *ctx,
		     const struct bpfring_budget *budget, struct bpfring_tap_outcome *ret)
{
	struct reading r = {.t = t, .fn = fn, .ctx = ctx};
	struct bpfring_tap_outcome outcome = {0};
	uint64_t missed;
	int err;

	if (!t || bpfring_tap_is_inside(t, "bpfring_tap_read()"))
		return -EINVAL;
	if (!fn) {
		log_once(t->said, TAP_SAID_CALLBACK,
			 "map '%s' id %u: bpfring_tap_read() needs a callback\n", t->ring.map_name,
			 t->ring.map_id);
		return -EINVAL;
	}
	err = read_budget(&r.budget, budget);
	if (err)
		return err;
	if (r.budget.ns)
		r.deadline = bpfring_observe_sys_now() + r.budget.ns;
	missed = t->stats.missed;
	r.bytes_before = t->stats.bytes + t->stats.discarded_bytes;
	read_all(&r);
	err = bpfring_tap_make_room(t);
	if (err && !r.err)
		ends(&r, BPFRING_END_BROKEN, err);
	outcome.records = r.records;
	outcome.missed = t->stats.missed - missed;
	outcome.end = r.end;
	if (ret && bpfring_observe_write(ret, &outcome, sizeof(outcome),
					 offsetof(struct bpfring_tap_outcome, missed)))
		return -EINVAL;
	if (r.err)
		return r.err;
	return r.records < INT_MAX ? (int)r.records : INT_MAX;
}
