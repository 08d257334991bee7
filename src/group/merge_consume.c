// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Merging by callbacks, as programs ask for it. */
#include <errno.h>
#include <limits.h>

#include "group/merge.h"
#include "base/options.h"
#include "base/sys.h"

int bpfring_merge_check_handler(struct bpfring_merge *m, const struct merge_handler *h)
{
	if (h->each || h->batch)
		return 0;
	log_once(m->said, MERGE_SAID_NO_CALLBACK, ERROR, "merge %p: it needs a callback\n",
		 (void *)m);
	return -EINVAL;
}

static int check_budget(struct bpfring_merge *m, const struct bpfring_budget *budget,
			struct bpfring_budget *ret)
{
	int err = bpfring_options_read(ret, sizeof(*ret), budget, NULL);

	if (!err && ret->ns < 0)
		err = -EINVAL;
	if (err)
		log_once(m->said, MERGE_SAID_BUDGET, ERROR, "merge %p: struct bpfring_budget: %s\n",
			 (void *)m,
			 err == -E2BIG ? "members set that only a newer libbpfring knows"
			 : ret->ns < 0 ? "a negative time; 0 means no limit"
				       : "no size: declare it with BPFRING_OPTS()");
	return err;
}

static int check_outcome(struct bpfring_merge *m, struct bpfring_outcome *ret)
{
	const struct bpfring_outcome none = {.sz = sizeof(none), .end = BPFRING_END_ERROR};

	if (!ret || !bpfring_options_write(ret, &none, sizeof(none),
					   offsetof(struct bpfring_outcome, bytes)))
		return 0;
	log_once(m->said, MERGE_SAID_OUTCOME, ERROR,
		 "merge %p: struct bpfring_outcome without its size: declare it with "
		 "BPFRING_OPTS()\n",
		 (void *)m);
	return -EINVAL;
}

static int check_loop(struct bpfring_merge *m)
{
	if (!m->joint.source)
		return 0;
	log_once(m->said, MERGE_SAID_IN_LOOP, ERROR,
		 "merge %p: is in a loop, which takes its records: bpfring_loop_poll() that\n",
		 (void *)m);
	return -EINVAL;
}

static int consume(struct bpfring_merge *m, const struct merge_handler *h,
		   const struct bpfring_budget *budget, struct bpfring_outcome *ret,
		   struct call_place here)
{
	struct bpfring_budget known = {.sz = sizeof(known)};
	struct bpfring_outcome outcome;
	struct limits limits;
	bool freed;
	int err;

	if (!m)
		return -EINVAL;
	err = check_outcome(m, ret);
	if (!err)
		err = bpfring_merge_check(m, here, "consume");
	if (!err)
		err = bpfring_merge_check_handler(m, h);
	if (!err)
		err = check_budget(m, budget, &known);
	if (!err)
		err = check_loop(m);
	if (err)
		return err;
	bpfring_limits_init(&limits, &known, known.ns ? bpfring_sys_now() : 0);
	err = bpfring_merge_drain(m, h, &limits, &outcome, &freed);
	if (ret)
		bpfring_options_write(ret, &outcome, sizeof(outcome), 0);
	if (err && err != BPFRING_STOP)
		return err;
	return outcome.records > INT_MAX ? INT_MAX : (int)outcome.records;
}

int bpfring_merge_consume(struct bpfring_merge *m, bpfring_merged_fn fn, void *ctx,
			  const struct bpfring_budget *budget, struct bpfring_outcome *ret)
{
	const struct merge_handler h = {.each = fn, .ctx = ctx};

	return consume(m, &h, budget, ret, call_place_here());
}

int bpfring_merge_consume_batch(struct bpfring_merge *m, bpfring_merged_batch_fn fn, void *ctx,
				const struct bpfring_budget *budget, struct bpfring_outcome *ret)
{
	const struct merge_handler h = {.batch = fn, .ctx = ctx};

	return consume(m, &h, budget, ret, call_place_here());
}
