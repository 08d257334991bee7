// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Creating and freeing a loop; what other threads and signal handlers may call. */
#include "ring/loop.h"

#include <errno.h>

#include "base/mapping.h"
#include "base/options.h"
#include "base/sys.h"

#define DEFAULT_BUDGET_RECORDS 4096
#define DEFAULT_BUDGET_NS      10000000LL
#define HOUR_NS		       3600000000000LL
#define MIN_SLEEP_NS	       5000 /* going to sleep and coming back; less is not worth sleeping */

static int read_opts(struct bpfring_loop_opts *ret, const struct bpfring_loop_opts *opts)
{
	int err;

	*ret = (struct bpfring_loop_opts){.sz = sizeof(*ret)};
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_loop_opts");
	if (err)
		return err;
	if (ret->wait > BPFRING_WAIT_SPIN || ret->reserved || ret->max_latency_ns < 0 ||
	    ret->tick_ns < 0 || ret->budget_ns < 0) {
		log_error("struct bpfring_loop_opts: unknown wait mode %u, or a negative time\n",
			  ret->wait);
		return -EINVAL;
	}
	return 0;
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void configure(struct bpfring_loop *l, const struct bpfring_loop_opts *opts)
{
	l->pace.wait = opts->wait;
	l->pace.max_window = opts->max_latency_ns ? opts->max_latency_ns
						  : BPFRING_DEFAULT_LATENCY_NS;
	l->pace.max_window = min_ns(l->pace.max_window, HOUR_NS);
	l->pace.min_sleep = min_ns(MIN_SLEEP_NS, l->pace.max_window / 2);
	l->tick_ns = min_ns(opts->tick_ns, HOUR_NS);
	l->tick_due = opts->tick_ns ? bpfring_sys_now() + l->tick_ns : INT64_MAX;
	l->budget.records = opts->budget_records ? opts->budget_records : DEFAULT_BUDGET_RECORDS;
	l->budget.bytes = opts->budget_bytes;
	l->budget.ns = opts->budget_ns ? opts->budget_ns : DEFAULT_BUDGET_NS;
}

int bpfring_loop_new(struct bpfring_loop **ret, const struct bpfring_loop_opts *opts)
{
	struct bpfring_loop_opts known;
	struct bpfring_loop *l;
	int err = ret ? read_opts(&known, opts) : -EINVAL;

	if (err)
		return err;
	l = bpfring_sys_alloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	configure(l, &known);
	err = bpfring_guard_new(&l->guard);
	if (err)
		goto free_loop;
	err = bpfring_waiter_init(&l->waiter);
	if (err)
		goto free_guard;
	log_info("loop %p: made\n", (void *)l);
	*ret = l;
	return 0;

free_guard:
	bpfring_guard_free(l->guard);
free_loop:
	bpfring_sys_free(l);
	return err;
}

void bpfring_loop_left(struct bpfring_loop *l)
{
	bpfring_call_end(&l->call);
	bpfring_sources_free(&l->removed);
	l->lost = true;
	if (*l->guard && l->outer)
		bpfring_waiter_touch(&l->waiter);
	log_story(&l->story,
		  "loop %p: a poll was left by an exception, longjmp() or the end of its thread\n",
		  (void *)l);
}

static const char *why_not_freed(enum call_state state)
{
	switch (state) {
	case CALL_OURS:
		return "this is one of its own callbacks. Free it when the poll has returned";
	case CALL_THEIRS:
		return "another thread is polling it. Call bpfring_loop_stop() and join that "
		       "thread first";
	default:
		return "this is one of its own callbacks, or deeper on a stack without unwind "
		       "tables than a poll that longjmp() left. Free it where setjmp() was called";
	}
}

void bpfring_loop_free(struct bpfring_loop *l)
{
	enum call_state state;

	if (!l)
		return;
	state = bpfring_call_state(&l->call, call_place_here());
	if (state != CALL_NONE && state != CALL_LEFT) {
		log_error("loop %p: not freed: %s\n", (void *)l, why_not_freed(state));
		return;
	}
	bpfring_call_end(&l->call);
	while (l->sources)
		bpfring_source_detach(l->sources);
	bpfring_sources_free(&l->removed);
	bpfring_sources_free(&l->stale);
	while (l->owned)
		bpfring_consumer_close(l->owned);
	log_info("loop %p: freed after %llu polls\n", (void *)l, (unsigned long long)l->polls);
	bpfring_waiter_fini(&l->waiter);
	bpfring_guard_free(l->guard);
	bpfring_sys_free(l);
}

static int wake(struct bpfring_loop *l, unsigned int flags)
{
	if (!l)
		return -EINVAL;
	if (!*l->guard)
		return -ECHILD;
	bpfring_waiter_wake(&l->waiter, flags);
	return 0;
}

int bpfring_loop_stop(struct bpfring_loop *l)
{
	return wake(l, LOOP_STOP);
}

int bpfring_loop_wakeup(struct bpfring_loop *l)
{
	return wake(l, LOOP_WAKE);
}

int bpfring_loop_stats(const struct bpfring_loop *l, struct bpfring_loop_stats *ret)
{
	struct bpfring_loop_stats now = {0};
	int err;

	if (!l)
		return -EINVAL;
	now.polls = l->polls;
	now.sleeps = l->sleeps;
	now.asleep_ns = l->asleep_ns;
	now.windows = l->windows;
	now.arms = l->arms;
	now.rings = l->rings;
	now.active = l->active;
	err = bpfring_options_write(ret, &now, sizeof(now),
				    offsetof(struct bpfring_loop_stats, sleeps));
	if (err)
		log_once(((struct bpfring_loop *)(uintptr_t)l)->said, LOOP_SAID_STATS, ERROR,
			 "loop %p: bpfring_loop_stats() needs a struct whose @sz is set\n",
			 (const void *)l);
	return err;
}
