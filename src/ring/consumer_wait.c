// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Waiting for the records of one ring. */
#include <errno.h>

#include "ring/consumer.h"
#include "base/sys.h"

static int make_waiter(struct bpfring_consumer *c, struct waiter **ret)
{
	struct waiter *w;
	int err = bpfring_waiter_new(&w, c->map.fd, EPOLLIN | EPOLLET);

	if (err) {
		log_once(c->said, CONSUMER_SAID_CANNOT_WAIT, ERROR,
			 "map '%s' id %u: cannot wait for it: %s\n", c->map.name, c->map.id,
			 bpfring_errname(err));
		return err;
	}
	/* W6: sequentially consistent, like the three other accesses of waiter and woken: either a
	 * bpfring_consumer_wakeup() at this moment sees the waiter, or we see that we were woken.
	 */
	atomic_store(&c->waiter, w);
	*ret = w;
	return 0;
}

/* Counts a notification; @ready: it brought a record. */
static void count_wakeup(struct bpfring_consumer *c, bool ready)
{
	c->wakeups++;
	if (!ready)
		c->empty_wakeups++;
}

static void log_sleep(struct bpfring_consumer *c, int64_t now, int64_t until)
{
	const char *head = bpfring_ring_head_busy(&c->cons) ? ", its head is busy" : "";

	if (until == INT64_MAX)
		log_story(&c->story, "map '%s' id %u: armed, sleeps until notified%s\n",
			  c->map.name, c->map.id, head);
	else
		log_story(&c->story,
			  "map '%s' id %u: armed, sleeps for %lld us unless notified%s\n",
			  c->map.name, c->map.id, (long long)(until - now + 999) / 1000, head);
}

/* Sleeps until a record is there (1), it was woken or time is up (0). */
static int sleep_for_record(struct bpfring_consumer *c, struct waiter *w, int64_t timeout_ns)
{
	int64_t now = bpfring_sys_now(), tick = BUSY_TICK_MIN_NS;
	int64_t deadline = bpfring_deadline(now, timeout_ns);
	int notified = 0;

	for (;;) {
		int64_t until = deadline;
		struct epoll_event event;
		int more = bpfring_consumer_arm(c, now);

		if (notified > 0)
			count_wakeup(c, more == 1);
		if (more > 0)
			bpfring_consumer_busy_over(c, now);
		if (more < 0)
			return more;
		if (atomic_load(&c->woken)) { /* W6 */
			atomic_store(&c->woken, false);
			return 0;
		}
		if (more)
			return 1;
		if (deadline <= now)
			return 0;
		if (bpfring_ring_head_busy(&c->cons) && until - now > tick) {
			until = now + tick;
			tick = tick < BUSY_TICK_MAX_NS / 2 ? tick * 2 : BUSY_TICK_MAX_NS;
		}
		log_sleep(c, now, until);
		notified = bpfring_waiter_wait(w, &event, 1, until);
		if (notified < 0) {
			log_once(c->said, CONSUMER_SAID_CANNOT_WAIT, ERROR,
				 "map '%s' id %u: cannot sleep: %s%s\n", c->map.name, c->map.id,
				 bpfring_errname(notified),
				 notified == -EBADF
					 ? "; somebody closed a descriptor that is the consumer's"
					 : "");
			return notified;
		}
		now = bpfring_sys_now();
		log_story(&c->story, "map '%s' id %u: %s\n", c->map.name, c->map.id,
			  notified ? "notified" : "it is time, or somebody woke it");
	}
}

/* May it wait now? */
static int check_wait(struct bpfring_consumer *c, int64_t timeout_ns, struct call_place here)
{
	int err = bpfring_consumer_check(c, "bpfring_consumer_wait()", here);

	if (err)
		return err;
	if (timeout_ns < -1) {
		log_once(c->said, CONSUMER_SAID_TIMEOUT, ERROR,
			 "map '%s' id %u: waited with a time-out of %lld ns: -1 means for ever\n",
			 c->map.name, c->map.id, (long long)timeout_ns);
		return -EINVAL;
	}
	if (c->source) {
		log_once(c->said, CONSUMER_SAID_IN_LOOP, ERROR,
			 "map '%s' id %u: is in a loop, which waits for it: bpfring_loop_poll() "
			 "that\n",
			 c->map.name, c->map.id);
		return -EINVAL;
	}
	return 0;
}

int bpfring_consumer_wait(struct bpfring_consumer *c, int64_t timeout_ns)
{
	struct bpfring_consumer *left __attribute__((cleanup(bpfring_consumer_left_call))) = NULL;
	struct waiter *w;
	int err;

	if (!c)
		return -EINVAL;
	err = check_wait(c, timeout_ns, call_place_here());
	if (err)
		return err;
	w = atomic_load_explicit(&c->waiter, memory_order_relaxed); /* only we write it */
	if (!w) {
		err = make_waiter(c, &w);
		if (err)
			return err;
	}
	if (!bpfring_call_begin(&c->call, call_place_here()))
		return bpfring_consumer_refuse(c, CALL_THEIRS, "bpfring_consumer_wait()");
	left = c; /* NOLINT(clang-analyzer-deadcode.DeadStores): for its handler */
	err = sleep_for_record(c, w, timeout_ns);
	left = NULL;
	bpfring_consumer_disarm(c, bpfring_sys_now());
	if (err <= 0) /* nothing is being consumed: the next commit is to notify */
		bpfring_ring_set_quiet(&c->cons, 0);
	bpfring_call_end(&c->call);
	if (c->closing) { /* by another thread */
		bpfring_consumer_free(c);
		return 0;
	}
	if (bpfring_waiter_too_short(&c->short_waits, timeout_ns, err > 0))
		log_once(c->said, CONSUMER_SAID_SHORT, WARN,
			 "map '%s' id %u: " WAITER_TOO_SHORT "\n", c->map.name, c->map.id,
			 (long long)timeout_ns);
	return err;
}

int bpfring_consumer_wakeup(struct bpfring_consumer *c)
{
	struct waiter *w;

	if (!c)
		return -EINVAL;
	if (!*c->guard)
		return -ECHILD;
	atomic_store(&c->woken, true); /* W6 */
	w = atomic_load(&c->waiter);   /* W6 */
	if (w)
		bpfring_waiter_touch(w);
	return 0;
}
