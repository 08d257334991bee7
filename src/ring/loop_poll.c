// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* One poll: sleep until something is due, then give every ready source its turn. */
#include <errno.h>
#include <limits.h>

#include "base/log.h"
#include "ring/loop.h"
#include "base/relax.h"
#include "base/sys.h"

#define EVENTS		   64
#define SPIN_FD_CHECK_NS   50000 /* while spinning, how often the kernel is asked for descriptors */
#define SPIN_NS_PER_RECORD 32
#define AWAY_NS		   5000 /* so long between two polls is work of the caller's own */
#define PILE_RECORDS	   64	/* so many at once, and the cost of a look does not count */
#define SPIN_BUSY_MAX_NS   4000 /* between two looks that find records */
#define SPIN_IDLE_MIN_NS   100	/* and that find none: doubles */
#define SPIN_IDLE_MAX_NS   1000

/* What a poll has done so far. */
struct turn {
	int64_t now;
	uint64_t records;
	bool worked;  /* something happened that the caller wants to hear of */
	bool stopped; /* by bpfring_loop_stop() or BPFRING_STOP */
	int err;
};

/* A callback, or the ring itself, failed: the first failure of a poll is the one returned. */
static void note_error(struct turn *t, int err)
{
	if (!t->err)
		t->err = err;
	t->worked = true;
}

static void tick_again(struct bpfring_source *s, int64_t now)
{
	s->due = now + s->tick;
	s->tick = s->tick < BUSY_TICK_MAX_NS / 2 ? s->tick * 2 : BUSY_TICK_MAX_NS;
}

/*
 * Puts the ring to sleep: out of the active list, or, before a busy head whose commit may not
 * notify, with a look from time to time. If a record came in between, it stays awake.
 */
static int arm(struct bpfring_source *s, int64_t now)
{
	int more = bpfring_consumer_arm(s->c, now);

	if (more < 0)
		return more;
	if (more) {
		bpfring_consumer_disarm(s->c, now);
		s->due = now;
		return 0;
	}
	s->loop->arms++;
	if (bpfring_cons_head_busy(&s->c->cons)) {
		tick_again(s, now);
	} else {
		s->tick = BUSY_TICK_MIN_NS;
		bpfring_source_deactivate(s);
	}
	return 0;
}

/* After a drain that did not fail: when is the next look? */
static int schedule(struct bpfring_source *s, const struct bpfring_outcome *out, bool forced,
		    int64_t now)
{
	const struct pace_look look = {
		.now = bpfring_sys_now(),
		.records = out->records,
		.prod_pos = s->c->cons.prod,
		.ring_size = s->c->mapping.size,
		.drained = out->end == BPFRING_END_DRAINED,
		.forced = forced,
	};
	int64_t next = bpfring_pace_next(&s->pace, &s->loop->pace, &look);

	if (out->end != BPFRING_END_DRAINED && out->end != BPFRING_END_BUSY_HEAD) {
		s->due = now; /* it may have more */
		return 0;
	}
	if (next == PACE_ARM)
		return arm(s, now);
	s->due = now + next;
	return 0;
}

static void turn_of_ring(struct bpfring_source *s, struct turn *t)
{
	struct bpfring_loop *l = s->loop;
	struct bpfring_consumer *c = s->c;
	struct bpfring_outcome out;
	struct limits limits;
	bool forced = s->notified && !c->armed, closed;
	int err;

	if (c->consuming || c->cons.pos != c->cons.released) {
		log_error("map '%s' id %u: its records are held outside the loop, or it is in one "
			  "of its own callbacks: the loop cannot consume it now\n",
			  c->map.name, c->map.id);
		s->due = t->now + BUSY_TICK_MIN_NS;
		note_error(t, -EINVAL);
		return;
	}
	bpfring_consumer_disarm(c, t->now);
	bpfring_limits_init(&limits, &l->budget, t->now);
	limits.chase = l->pace.wait == BPFRING_WAIT_SLEEP; /* the others look again soon */
	err = bpfring_consumer_drain(c, &s->handler, &limits, &out, &closed);
	t->records += out.records;
	if (!closed) {
		if (s->notified) {
			c->wakeups++;
			c->empty_wakeups += !out.records;
		}
		if (out.records) {
			bpfring_consumer_busy_over(c, t->now);
			s->tick = BUSY_TICK_MIN_NS;
		}
	}
	s->notified = false;
	if (out.records)
		t->worked = true;
	if (err == BPFRING_STOP)
		t->stopped = true;
	else if (err)
		note_error(t, err);
	if (!s->loop) /* removed by its callback */
		return;
	if (out.end == BPFRING_END_BROKEN) {
		bpfring_source_detach(s);
		return;
	}
	err = schedule(s, &out, forced, t->now);
	if (err) {
		note_error(t, err);
		bpfring_source_detach(s);
	}
}

/* Every active ring that is due has one turn; the list rotates, so that none is always last. */
static void run_turns(struct bpfring_loop *l, struct turn *t)
{
	struct bpfring_source *s;

	l->round++;
	for (uint64_t n = l->active; n && (s = l->active_first); n--) {
		int64_t due = s->due;

		if (s->round == l->round) /* others were removed: we are through */
			break;
		s->round = l->round;
		bpfring_source_deactivate(s);
		bpfring_source_activate(s, due);
		if (due > t->now + l->slack)
			continue;
		turn_of_ring(s, t);
		if (t->stopped || t->err)
			break;
		t->now = bpfring_sys_now();
	}
}

static void look_at_all(struct bpfring_loop *l, int64_t now)
{
	for (struct bpfring_source *s = l->sources; s; s = s->next)
		if (s->c)
			bpfring_source_activate(s, now);
}

static void call_fd(struct bpfring_source *s, uint32_t events, struct turn *t)
{
	int err = s->fd_fn(s->fd_ctx, s->fd, events);

	t->worked = true;
	if (err == BPFRING_STOP)
		t->stopped = true;
	else if (err < 0)
		note_error(t, err);
}

static void handle_events(struct bpfring_loop *l, const struct epoll_event *events, int count,
			  struct turn *t)
{
	/* Rings first: an edge is told only once, and a descriptor's callback may end the poll. */
	for (int i = 0; i < count; i++) {
		struct bpfring_source *s = events[i].data.ptr;

		if (events[i].data.ptr == &l->timer_fd) {
			l->timer_due = LOOP_TIMER_FIRED;
		} else if (s->c) {
			s->notified = true;
			bpfring_source_activate(s, t->now);
		}
	}
	for (int i = 0; i < count; i++) {
		struct bpfring_source *s = events[i].data.ptr;

		if (events[i].data.ptr == &l->timer_fd || !s->loop || s->c)
			continue;
		call_fd(s, events[i].events, t);
	}
}

int64_t bpfring_loop_next_due(const struct bpfring_loop *l)
{
	int64_t due = l->tick_due;

	for (const struct bpfring_source *s = l->active_first; s; s = s->active_next)
		if (s->due < due)
			due = s->due;
	return due;
}

/* How long to sleep for now: 0 not at all, -1 until notified. */
static int64_t time_to_sleep(const struct bpfring_loop *l, int64_t now, int64_t deadline)
{
	int64_t due = bpfring_loop_next_due(l);

	/* The kernel may end a sleep late by the slack, so ask for less: but not of the caller's. */
	if (due != INT64_MAX)
		due -= l->slack;
	if (deadline < due)
		due = deadline;
	if (due == INT64_MAX)
		return -1;
	return due > now ? due - now : 0;
}

/*
 * Spinning: without a system call most of the time, and at some distance from the producers. Each
 * look takes the cache line of the producer position from them, so where many records come, it is
 * worth to wait until there are some.
 */
static bool spin(struct bpfring_loop *l, int64_t now)
{
	int64_t until = l->left_at + l->spin_ns;

	if (now >= l->next_fd_check) {
		l->next_fd_check = now + SPIN_FD_CHECK_NS;
		return false;
	}
	while (bpfring_sys_now() < until)
		bpfring_relax();
	return true;
}

static int64_t next_spin(int64_t last, uint64_t records)
{
	int64_t ns;

	if (records)
		return records < SPIN_BUSY_MAX_NS / SPIN_NS_PER_RECORD
			       ? (int64_t)records * SPIN_NS_PER_RECORD
			       : SPIN_BUSY_MAX_NS;
	ns = last < SPIN_IDLE_MIN_NS / 2 || last > SPIN_IDLE_MAX_NS ? SPIN_IDLE_MIN_NS : last * 2;
	return ns < SPIN_IDLE_MAX_NS ? ns : SPIN_IDLE_MAX_NS;
}

static int wait_for_events(struct bpfring_loop *l, struct turn *t, int64_t timeout_ns)
{
	struct epoll_event events[EVENTS];
	int n;

	if (!timeout_ns && spin(l, t->now)) {
		t->now = bpfring_sys_now();
		return 0;
	}
	n = bpfring_waiter_wait(&l->waiter, events, EVENTS, timeout_ns);
	if (timeout_ns) {
		int64_t now = bpfring_sys_now();

		l->sleeps++;
		l->windows += l->active != 0;
		l->asleep_ns += (uint64_t)(now - t->now);
		t->now = now;
	}
	if (n < 0)
		return n;
	handle_events(l, events, n, t);
	return 0;
}

static void take_flags(struct bpfring_loop *l, struct turn *t)
{
	unsigned int flags = bpfring_waiter_flags(&l->waiter);

	if (flags)
		t->worked = true;
	if (flags & LOOP_WAKE)
		look_at_all(l, t->now);
	if (flags & LOOP_STOP)
		t->stopped = l->stop = true;
	if (t->now >= l->tick_due - l->tick_slack) {
		look_at_all(l, t->now);
		l->tick_due = t->now + l->tick_ns;
	}
}

/* Are so many records waiting that taking them now is worth more than sleeping out the window? */
static bool has_pile(const struct bpfring_consumer *c)
{
	uint64_t records = c->cons.records ? c->cons.records : 1;

	return bpfring_cons_avail_data(&c->cons) >=
	       PILE_RECORDS * ((c->cons.released - c->opened_at) / records);
}

/* Data that has piled up while the caller was busy elsewhere does not wait for its window. */
static void hasten(struct bpfring_loop *l, int64_t now)
{
	if (now - l->left_at < AWAY_NS) /* straight back: too soon to look again */
		return;
	for (struct bpfring_source *s = l->active_first; s; s = s->active_next)
		if (!s->c->armed && has_pile(s->c))
			s->due = now;
}

static void poll_until(struct bpfring_loop *l, struct turn *t, int64_t deadline)
{
	for (;;) {
		int err = wait_for_events(l, t, time_to_sleep(l, t->now, deadline));

		if (err) {
			note_error(t, err);
			return;
		}
		take_flags(l, t);
		if (!t->stopped && !t->err)
			run_turns(l, t);
		l->spin_ns = next_spin(l->spin_ns, t->records);
		l->left_at = bpfring_sys_now();
		if (t->worked || t->now >= deadline)
			return;
	}
}

int bpfring_loop_poll_once(struct bpfring_loop *l, int64_t timeout_ns, bool *stopped)
{
	struct turn t = {0};
	int64_t deadline;

	if (!l || timeout_ns < -1)
		return -EINVAL;
	if (!*l->guard)
		return -ECHILD;
	if (l->polling)
		return -EINVAL;
	t.now = bpfring_sys_now();
	if (!timeout_ns) /* all that is ready: ask the kernel, even in the middle of a spin */
		l->next_fd_check = 0;
	deadline = timeout_ns < 0 || timeout_ns > INT64_MAX - t.now ? INT64_MAX
								    : t.now + timeout_ns;
	l->polling = true;
	l->polls++;
	hasten(l, t.now);
	poll_until(l, &t, deadline);
	l->polling = false;
	bpfring_sources_free(&l->removed);
	*stopped = t.stopped;
	if (t.err)
		return t.err;
	return t.records > INT_MAX ? INT_MAX : (int)t.records;
}

int bpfring_loop_poll(struct bpfring_loop *l, int64_t timeout_ns)
{
	bool stopped;

	return bpfring_loop_poll_once(l, timeout_ns, &stopped);
}

int bpfring_loop_run(struct bpfring_loop *l)
{
	bool stopped = false;
	int err = 0;

	while (err >= 0 && !stopped && !(l && l->stop))
		err = bpfring_loop_poll_once(l, -1, &stopped);
	if (err < 0)
		return err;
	l->stop = false;
	return 0;
}
