// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a loop waits for: adding and removing, also in the middle of a poll. */
#include <errno.h>

#include "ring/loop.h"
#include "base/sys.h"

static void link_last(struct bpfring_source *s)
{
	struct bpfring_loop *l = s->loop;

	s->active_prev = l->active_last;
	s->active_next = NULL;
	if (l->active_last)
		l->active_last->active_next = s;
	else
		l->active_first = s;
	l->active_last = s;
}

static void unlink_active(struct bpfring_source *s)
{
	struct bpfring_loop *l = s->loop;

	if (s->active_prev)
		s->active_prev->active_next = s->active_next;
	else
		l->active_first = s->active_next;
	if (s->active_next)
		s->active_next->active_prev = s->active_prev;
	else
		l->active_last = s->active_prev;
}

void bpfring_source_activate(struct bpfring_source *s, int64_t due)
{
	if (s->active && due >= s->due)
		return;
	s->due = due;
	s->timed = false;
	if (s->active)
		return;
	link_last(s);
	s->active = true;
	s->loop->active++;
}

void bpfring_source_deactivate(struct bpfring_source *s)
{
	if (!s->active)
		return;
	unlink_active(s);
	s->active = false;
	s->loop->active--;
}

void bpfring_source_rotate(struct bpfring_source *s)
{
	unlink_active(s);
	link_last(s);
}

static void leave(struct bpfring_consumer *c)
{
	bpfring_source_detach(c->source);
}

int bpfring_source_add(struct bpfring_loop *l, const struct bpfring_source *model)
{
	const bool is_joint = model->joint && !model->c; /* which has nothing to watch */
	struct bpfring_source *s = bpfring_sys_alloc(sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	*s = *model;
	if (!is_joint)
		err = bpfring_sys_epoll_add(l->waiter.epoll_fd, s->fd, s->events, s);
	if (err) {
		bpfring_sys_free(s);
		return err;
	}
	s->loop = l;
	s->tick = BUSY_TICK_MIN_NS;
	s->next = l->sources;
	if (s->next)
		s->next->prev = s;
	l->sources = s;
	if (is_joint)
		s->joint->source = s;
	if (s->c) {
		s->c->source = s;
		s->c->leave_loop = leave;
		l->rings++;
		bpfring_consumer_disarm(s->c, bpfring_sys_now());
		bpfring_source_activate(s, 0);
		if (l->outer) /* which has to dispatch the first look */
			bpfring_waiter_touch(&l->waiter);
	}
	return 0;
}

/* Why a descriptor cannot be watched; each reason is told once per loop. */
static void log_cannot_watch(struct bpfring_loop *l, int fd, int err)
{
	static const struct {
		int err;
		const char *cure;
	} known[] = {
		{-EEXIST, "; it is watched already: bpfring_loop_remove_fd() it first"},
		{-EBADF, "; it is closed"},
		{-EPERM,
		 "; regular files and directories cannot be watched, they are always ready"},
		{-ELOOP, "; loops would watch each other, or too many are nested"},
		{-EINVAL, "; a loop cannot watch itself"},
		{-ENOSPC, "; raise fs.epoll.max_user_watches (sysctl)"},
		{0, ""},
	};
	unsigned int i = 0;

	while (known[i].err && known[i].err != err)
		i++;
	log_once(l->said, LOOP_SAID_CANNOT_WATCH + i, ERROR,
		 "fd %d: the loop cannot watch it: %s%s\n", fd, bpfring_errname(err),
		 known[i].cure);
}

int bpfring_loop_check_child(struct bpfring_loop *l)
{
	if (*l->guard)
		return 0;
	log_once(l->said, LOOP_SAID_CHILD, ERROR,
		 "loop %p: it belongs to the parent of this process: make another one here\n",
		 (void *)l);
	return -ECHILD;
}

/* Can it be put into a loop? */
static int check_consumer(struct bpfring_loop *l, struct bpfring_consumer *c,
			  const struct handler *handler)
{
	enum call_state state;

	if (!handler->each && !handler->batch) {
		log_once(c->said, CONSUMER_SAID_NO_CALLBACK, ERROR,
			 "map '%s' id %u: bpfring_loop_add() needs a callback\n", c->map.name,
			 c->map.id);
		return -EINVAL;
	}
	if (!*c->guard)
		return bpfring_consumer_refuse_child(c);
	if (c->taker) {
		log_once(c->said, CONSUMER_SAID_TAKEN, ERROR,
			 "map '%s' id %u: bpfring_loop_add(), but a merge takes its records: "
			 "bpfring_loop_add_merge() that\n",
			 c->map.name, c->map.id);
		return -EEXIST;
	}
	if (c->source) {
		log_once(c->said, CONSUMER_SAID_TWICE, ERROR,
			 "map '%s' id %u: is in %s loop already: bpfring_loop_remove() it there "
			 "first\n",
			 c->map.name, c->map.id, c->source->loop == l ? "this" : "another");
		return -EEXIST;
	}
	state = bpfring_consumer_state(c, call_place_here());
	if (state != CALL_NONE)
		return bpfring_consumer_refuse(c, state, "bpfring_loop_add()");
	return bpfring_consumer_check_held(c, "bpfring_loop_add()");
}

static int add_ring(struct bpfring_loop *l, struct bpfring_consumer *c, struct handler handler)
{
	struct bpfring_source model = {.c = c, .handler = handler, .events = EPOLLIN | EPOLLET};
	int err;

	if (!l || !c)
		return -EINVAL;
	err = bpfring_loop_check_child(l);
	if (!err)
		err = check_consumer(l, c, &handler);
	if (err)
		return err;
	model.fd = c->map.fd;
	err = bpfring_source_add(l, &model);
	if (err)
		log_once(c->said, CONSUMER_SAID_CANNOT_WATCH, ERROR,
			 "map '%s' id %u: the loop cannot watch it: %s%s\n", c->map.name, c->map.id,
			 bpfring_errname(err),
			 err == -ENOSPC ? "; raise fs.epoll.max_user_watches (sysctl)" : "");
	else
		log_story(&l->story, "loop %p: map '%s' id %u added\n", (void *)l, c->map.name,
			  c->map.id);
	return err;
}

int bpfring_loop_add(struct bpfring_loop *l, struct bpfring_consumer *c, bpfring_record_fn fn,
		     void *ctx)
{
	return add_ring(l, c, (struct handler){.each = fn, .ctx = ctx});
}

int bpfring_loop_add_batch(struct bpfring_loop *l, struct bpfring_consumer *c, bpfring_batch_fn fn,
			   void *ctx)
{
	return add_ring(l, c, (struct handler){.batch = fn, .ctx = ctx});
}

int bpfring_loop_add_fd(struct bpfring_loop *l, int fd, uint32_t events, bpfring_fd_fn fn,
			void *ctx)
{
	const struct bpfring_source model = {
		.fd = fd, .events = events, .fd_fn = fn, .fd_ctx = ctx};
	int err;

	if (!l)
		return -EINVAL;
	err = bpfring_loop_check_child(l);
	if (err)
		return err;
	if (!fn) {
		log_once(l->said, LOOP_SAID_NO_CALLBACK, ERROR,
			 "fd %d: bpfring_loop_add_fd() needs a callback\n", fd);
		return -EINVAL;
	}
	err = bpfring_source_add(l, &model);
	if (err)
		log_cannot_watch(l, fd, err);
	return err;
}

/* Leaves the ring as a loop does not: its position true, so that whoever waits next is notified. */
static void let_go(struct bpfring_source *s)
{
	struct bpfring_consumer *c = s->c;

	bpfring_consumer_state(
		c, call_place_here()); /* releases what a callback that was left had consumed */
	bpfring_consumer_awake(c, bpfring_sys_now());
	c->guard[GUARD_ENDS] = 0; /* ends a drain of it that is under way */
	c->source = NULL;
	bpfring_ring_set_quiet(&c->cons, 0);
	bpfring_consumer_leave(c);
	if (*s->loop->guard) /* else another thread may have been at the list at the fork */
		bpfring_source_deactivate(s);
	s->loop->rings--;
}

static void let_joint_go(struct bpfring_source *s)
{
	s->joint->source = NULL;
	if (*s->loop->guard)
		bpfring_source_deactivate(s);
}

static int unwatch(struct bpfring_loop *l, int fd)
{
	/* A forked child shares the epoll instance with its parent: not ours to change. */
	return *l->guard && fd >= 0 ? bpfring_sys_epoll_del(l->waiter.epoll_fd, fd) : 0;
}

void bpfring_source_detach(struct bpfring_source *s)
{
	struct bpfring_loop *l = s->loop;

	if (s->c)
		let_go(s);
	else if (s->joint)
		let_joint_go(s);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->loop = NULL;
	/*
	 * A descriptor that was closed too early, and of which a duplicate lives, cannot be taken
	 * out of the epoll and may still be reported: its source has to outlive it.
	 */
	if (unwatch(l, s->fd)) {
		log_once(l->said, LOOP_SAID_CLOSED_FD, WARN,
			 "fd %d was closed before it was removed from the loop%s: if it has a "
			 "duplicate, the loop may be woken for nothing until that is closed\n",
			 s->fd,
			 s->c ? " (it was the consumer's own: close only what is yours)" : "");
		s->next = l->stale;
		l->stale = s;
		return;
	}
	s->next = l->removed;
	l->removed = s;
	if (!bpfring_call_in_progress(&l->call))
		bpfring_sources_free(&l->removed);
}

void bpfring_sources_free(struct bpfring_source **list)
{
	while (*list) {
		struct bpfring_source *s = *list;

		*list = s->next;
		bpfring_sys_free(s);
	}
}

int bpfring_loop_remove(struct bpfring_loop *l, struct bpfring_consumer *c)
{
	if (!l || !c)
		return -EINVAL;
	if (!c->source || c->source->loop != l) {
		log_once(c->said, CONSUMER_SAID_NOT_IN_LOOP, ERROR,
			 "map '%s' id %u: not in this loop%s\n", c->map.name, c->map.id,
			 c->source
				 ? " but in another"
				 : ", nor in any other; rings that break are removed by the loop");
		return -ENOENT;
	}
	if (c->source->joint) {
		log_once(c->said, CONSUMER_SAID_TAKEN, ERROR,
			 "map '%s' id %u: bpfring_loop_remove(), but a merge takes its records: "
			 "bpfring_merge_remove() it\n",
			 c->map.name, c->map.id);
		return -EINVAL;
	}
	log_story(&l->story, "loop %p: map '%s' id %u removed\n", (void *)l, c->map.name,
		  c->map.id);
	bpfring_source_detach(c->source);
	return 0;
}

int bpfring_loop_remove_fd(struct bpfring_loop *l, int fd)
{
	if (!l)
		return -EINVAL;
	for (struct bpfring_source *s = l->sources; s; s = s->next) {
		if (s->c || s->joint || s->fd != fd)
			continue;
		bpfring_source_detach(s);
		return 0;
	}
	log_once(l->said, LOOP_SAID_NOT_IN_IT, ERROR,
		 "fd %d: not watched by this loop, which knows descriptors by the number that "
		 "was added\n",
		 fd);
	return -ENOENT;
}
