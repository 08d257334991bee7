// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Consuming by callbacks, as programs ask for it. */
#include <errno.h>
#include <limits.h>

#include "ring/consumer.h"
#include "base/options.h"
#include "base/sys.h"

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

/* Is there a place for the outcome, if one is wanted? */
static int check_outcome(struct bpfring_consumer *c, struct bpfring_outcome *ret)
{
	const struct bpfring_outcome none = {.sz = sizeof(none), .end = BPFRING_END_ERROR};

	if (!ret || !bpfring_options_write(ret, &none, sizeof(none),
					   offsetof(struct bpfring_outcome, bytes)))
		return 0;
	log_once(c->said, CONSUMER_SAID_OUTCOME, ERROR,
		 "map '%s' id %u: struct bpfring_outcome without its size: declare it with "
		 "BPFRING_OPTS()\n",
		 c->map.name, c->map.id);
	return -EINVAL;
}

static int consume(struct bpfring_consumer *c, const struct handler *h,
		   const struct bpfring_budget *budget, struct bpfring_outcome *ret,
		   struct call_place here)
{
	struct bpfring_budget known = {.sz = sizeof(known)};
	struct bpfring_outcome outcome;
	struct limits limits;
	bool closed;
	int err;

	if (!c)
		return -EINVAL;
	err = bpfring_consumer_check(c, "consume", here);
	if (!err)
		err = check_outcome(c, ret);
	if (!err)
		err = check_arguments(c, h, budget, &known);
	if (err)
		return err;
	bpfring_limits_init(&limits, &known, known.ns ? bpfring_sys_now() : 0);
	err = bpfring_consumer_drain(c, h, &limits, &outcome, &closed);
	if (ret)
		bpfring_options_write(ret, &outcome, sizeof(outcome), 0);
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
