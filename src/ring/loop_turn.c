// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The turn of a ring: its records go to their callback, and the time of the next look is set. */
#include <errno.h>

#include "ring/loop.h"
#include "base/sys.h"

/* A callback, or the ring itself, failed: the first failure of a poll is the one returned. */
void bpfring_turn_error(struct turn *t, int err)
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

/* For the log: the window of a ring, if it is another than before, roughly. */
static void log_window(struct bpfring_source *s, int64_t window)
{
	struct bpfring_loop *l = s->loop;

	if (s->told && window <= 2 * s->told && s->told <= 2 * window)
		return;
	s->told = window;
	log_story(&l->story,
		  "map '%s' id %u: quiet, looked at every %lld us (%lld us of space at four "
		  "times the highest rate, late by %lld us)\n",
		  s->c->map.name, s->c->map.id, (long long)window / 1000,
		  (long long)bpfring_pace_room(&s->pace, &l->pace, s->c->mapping.size) / 1000,
		  (long long)s->pace.late / 1000);
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
	s->told = 0;
	if (bpfring_ring_head_busy(&s->c->cons)) {
		log_story(&s->loop->story,
			  "map '%s' id %u: armed; its head is busy, looked at again in %lld ms\n",
			  s->c->map.name, s->c->map.id, (long long)s->tick / 1000000);
		tick_again(s, now);
	} else {
		log_story(&s->loop->story, "map '%s' id %u: armed, the next record notifies\n",
			  s->c->map.name, s->c->map.id);
		s->tick = BUSY_TICK_MIN_NS;
		bpfring_source_deactivate(s);
	}
	return 0;
}

/* After a drain that did not fail: when is the next look? */
static int schedule(struct bpfring_source *s, const struct bpfring_outcome *out,
		    struct pace_look look, int64_t now)
{
	int64_t next;

	look.now = bpfring_sys_now();
	look.records = out->records;
	look.prod_pos = s->c->cons.prod;
	look.ring_size = s->c->mapping.size;
	look.drained = out->end == BPFRING_END_DRAINED;
	next = bpfring_pace_next(&s->pace, &s->loop->pace, &look);
	s->timed = false;
	if (out->end != BPFRING_END_DRAINED && out->end != BPFRING_END_BUSY_HEAD) {
		s->due = now; /* it may have more */
		return 0;
	}
	if (next == PACE_ARM)
		return arm(s, now);
	s->due = now + next;
	s->timed = next != PACE_NOW;
	log_window(s, next);
	return 0;
}

/* Can the loop have the ring now? */
static int check_ring(const struct bpfring_source *s)
{
	struct bpfring_consumer *c = s->c;
	enum call_state state = bpfring_consumer_state(c, call_place_here());

	if (state != CALL_NONE)
		return bpfring_consumer_refuse(c, state, "the loop");
	/* Those of a joint may be held by a call of it that was left; it sees to that itself. */
	if (c->cons.pos == c->cons.released || s->joint)
		return 0;
	log_once(c->said, CONSUMER_SAID_HELD_IN_LOOP, ERROR,
		 "map '%s' id %u: the loop cannot take its records while some are held by a "
		 "peek: call bpfring_consumer_release() before the loop polls, or "
		 "bpfring_loop_remove()\n",
		 c->map.name, c->map.id);
	return -EINVAL;
}

/* A ring in a joint: it hands over to that, whose turn is the last of the round. */
static void join(struct bpfring_source *s, struct turn *t)
{
	struct bpfring_source *joint = s->joint->source;
	const bool timed = s->timed;
	const int64_t due = s->due;
	int err = check_ring(s);

	t->looked = true;
	if (err) {
		s->due = t->now + BUSY_TICK_MIN_NS;
		bpfring_turn_error(t, err);
		return;
	}
	s->joined = true;
	s->woken = s->notified;
	s->look = (struct pace_look){
		.forced = s->notified && !s->c->armed,
		.late = timed && t->now > due ? t->now - due : 0,
	};
	s->notified = false;
	bpfring_consumer_disarm(s->c, t->now);
	bpfring_source_deactivate(s);
	bpfring_source_activate(joint, t->now);
	t->joints = true;
}

int bpfring_joint_settle(struct bpfring_source *s, uint64_t records, bool head, int64_t now)
{
	struct bpfring_consumer *c = s->c;
	struct bpfring_outcome out = {.records = records};
	struct pace_look look = {0};

	if (s->joined) {
		look = s->look;
		c->wakeups += s->woken;
		c->empty_wakeups += s->woken && !records;
		s->joined = s->woken = false;
	}
	bpfring_consumer_disarm(c, now);
	if (records || head) {
		bpfring_consumer_busy_over(c, now);
		s->tick = BUSY_TICK_MIN_NS;
	}
	if (head) {
		bpfring_source_deactivate(s);
		return 0;
	}
	bpfring_source_activate(s, now);
	out.end = bpfring_ring_head_busy(&c->cons) ? BPFRING_END_BUSY_HEAD : BPFRING_END_DRAINED;
	return schedule(s, &out, look, now);
}

/* The records of its rings; they are settled by the joint. */
static void turn_of_joint(struct bpfring_source *s, struct turn *t)
{
	struct bpfring_loop *l = s->loop;
	struct joint *j = s->joint;
	struct bpfring_budget budget = l->budget;
	struct bpfring_outcome out = {0};
	struct limits limits;
	int64_t due = INT64_MAX;
	int err;

	budget.records = j->budget.records ? j->budget.records : budget.records;
	budget.bytes = j->budget.bytes ? j->budget.bytes : budget.bytes;
	budget.ns = j->budget.ns ? j->budget.ns : budget.ns;
	bpfring_limits_init(&limits, &budget, t->now);
	limits.chase = l->pace.wait == BPFRING_WAIT_SLEEP;
	t->looked = true;
	bpfring_source_deactivate(s);
	err = j->take(j, &limits, &out, &due);
	t->records += out.records;
	if (out.records || err == BPFRING_STOP)
		t->worked = true;
	if (err == BPFRING_STOP)
		t->stopped = true;
	else if (err)
		bpfring_turn_error(t, err);
	if (s->loop && due != INT64_MAX)
		bpfring_source_activate(s, due);
}

static void turn_of_ring(struct bpfring_source *s, struct turn *t)
{
	struct bpfring_loop *l = s->loop;
	struct bpfring_consumer *c = s->c;
	struct bpfring_outcome out;
	struct limits limits;
	const bool notified = s->notified;
	const struct pace_look look = {
		.forced = notified && !c->armed,
		.late = s->timed && t->now > s->due ? t->now - s->due : 0,
	};
	bool closed;
	int err = check_ring(s);

	t->looked = true;
	s->notified = false;
	if (err) {
		s->due = t->now + BUSY_TICK_MIN_NS;
		bpfring_turn_error(t, err);
		return;
	}
	bpfring_consumer_disarm(c, t->now);
	bpfring_limits_init(&limits, &l->budget, t->now);
	limits.chase = l->pace.wait == BPFRING_WAIT_SLEEP; /* the others look again soon */
	err = bpfring_consumer_drain(c, &s->handler, &limits, &out, &closed);
	t->records += out.records;
	if (out.records || err == BPFRING_STOP)
		t->worked = true;
	if (err == BPFRING_STOP)
		t->stopped = true;
	else if (err)
		bpfring_turn_error(t, err);
	if (!closed) {
		if (notified) {
			c->wakeups++;
			c->empty_wakeups += !out.records;
		}
		if (out.records) {
			bpfring_consumer_busy_over(c, t->now);
			s->tick = BUSY_TICK_MIN_NS;
		}
	}
	if (!s->loop) /* removed by its callback */
		return;
	if (out.end == BPFRING_END_BROKEN) {
		bpfring_source_detach(s);
		return;
	}
	err = schedule(s, &out, look, t->now);
	if (err) {
		bpfring_turn_error(t, err);
		bpfring_source_detach(s);
	}
}

/* A window that is nearly over ends with those of other rings: one wake-up for all of them. */
static bool is_due(const struct bpfring_source *s, int64_t now)
{
	return s->due <= now || (s->timed && s->due - now <= s->pace.window / 8);
}

/* Joints have their turns when the rings have had theirs. */
static void turns_of_joints(struct bpfring_loop *l, struct turn *t)
{
	struct bpfring_source *s = l->active_first;

	t->joints = false;
	while (s && !t->stopped && !t->err) {
		if (s->c || s->due > t->now || s->round == l->round) {
			s = s->active_next;
			continue;
		}
		s->round = l->round;
		turn_of_joint(s, t);
		t->now = bpfring_sys_now();
		s = l->active_first; /* the list is another one now */
	}
}

/* The list rotates, so that none is always last. */
void bpfring_loop_turns(struct bpfring_loop *l, struct turn *t)
{
	struct bpfring_source *s;

	l->round++;
	for (uint64_t n = l->active; n && (s = l->active_first); n--) {
		if (s->round == l->round) /* others were removed: we are through */
			break;
		bpfring_source_rotate(s);
		if (!s->c) {
			t->joints = true;
			continue;
		}
		s->round = l->round;
		if (!is_due(s, t->now))
			continue;
		if (s->joint) {
			join(s, t);
			if (t->err)
				return;
			continue;
		}
		turn_of_ring(s, t);
		if (t->stopped || t->err)
			return;
		t->now = bpfring_sys_now();
	}
	if (t->joints)
		turns_of_joints(l, t);
}
