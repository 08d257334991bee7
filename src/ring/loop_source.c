// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a loop waits for: adding and removing, also in the middle of a poll. */
#include <errno.h>

#include "base/log.h"
#include "ring/loop.h"
#include "base/sys.h"

void bpfring_source_activate(struct bpfring_source *s, int64_t due)
{
	struct bpfring_loop *l = s->loop;

	if (s->active) {
		if (due < s->due)
			s->due = due;
		return;
	}
	s->active = true;
	s->due = due;
	s->active_prev = l->active_last;
	s->active_next = NULL;
	if (l->active_last)
		l->active_last->active_next = s;
	else
		l->active_first = s;
	l->active_last = s;
	l->active++;
}

void bpfring_source_deactivate(struct bpfring_source *s)
{
	struct bpfring_loop *l = s->loop;

	if (!s->active)
		return;
	if (s->active_prev)
		s->active_prev->active_next = s->active_next;
	else
		l->active_first = s->active_next;
	if (s->active_next)
		s->active_next->active_prev = s->active_prev;
	else
		l->active_last = s->active_prev;
	s->active = false;
	l->active--;
}

static int add(struct bpfring_loop *l, const struct bpfring_source *model, uint32_t events)
{
	struct bpfring_source *s = bpfring_sys_alloc(sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	*s = *model;
	err = bpfring_sys_epoll_add(l->waiter.epoll_fd, s->fd, events, s);
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
	if (s->c) {
		s->c->source = s;
		l->rings++;
		bpfring_consumer_disarm(s->c, bpfring_sys_now());
		bpfring_source_activate(s, 0);
		if (l->timer_fd >= 0) /* an outer loop has to dispatch the first look */
			bpfring_waiter_touch(&l->waiter);
	}
	return 0;
}

static int add_ring(struct bpfring_loop *l, struct bpfring_consumer *c, struct handler handler)
{
	struct bpfring_source model = {.c = c, .handler = handler};
	int err;

	if (!l || !c || (!handler.each && !handler.batch))
		return -EINVAL;
	if (!*l->guard || !*c->guard)
		return -ECHILD;
	if (c->source)
		return -EEXIST;
	if (c->cons.pos != c->cons.released)
		return -EINVAL;
	model.fd = c->map.fd;
	err = add(l, &model, EPOLLIN | EPOLLET);
	if (err)
		log_error("map '%s' id %u: cannot watch it: %s\n", c->map.name, c->map.id,
			  bpfring_errname(err));
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
	const struct bpfring_source model = {.fd = fd, .fd_fn = fn, .fd_ctx = ctx};

	if (!l || !fn)
		return -EINVAL;
	if (!*l->guard)
		return -ECHILD;
	return add(l, &model, events);
}

/* Leaves the ring as a loop does not: its position true, so that whoever waits next is notified. */
static void let_go(struct bpfring_source *s)
{
	struct bpfring_consumer *c = s->c;

	if (c->armed)
		c->asleep_ns += (uint64_t)(bpfring_sys_now() - c->armed_at);
	c->armed = false;
	c->guard[GUARD_GOING] = 0; /* ends a drain of it that is under way */
	c->source = NULL;
	bpfring_cons_set_quiet(&c->cons, 0);
	bpfring_consumer_leave(c);
	bpfring_source_deactivate(s);
	s->loop->rings--;
}

static int unwatch(struct bpfring_loop *l, int fd)
{
	/* A forked child shares the epoll instance with its parent: not ours to change. */
	return *l->guard ? bpfring_sys_epoll_del(l->waiter.epoll_fd, fd) : 0;
}

void bpfring_source_detach(struct bpfring_source *s)
{
	struct bpfring_loop *l = s->loop;

	if (s->c)
		let_go(s);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->loop = NULL;
	/*
	 * A descriptor that was closed too early, and of which a duplicate lives, cannot be taken out
	 * of the epoll and may still be reported: its source has to outlive it.
	 */
	if (unwatch(l, s->fd) && !s->c) {
		log_warn("fd %d was closed before bpfring_loop_remove_fd(): if it has a duplicate, "
			 "the loop may spin until that is closed\n",
			 s->fd);
		s->next = l->stale;
		l->stale = s;
		return;
	}
	s->next = l->removed;
	l->removed = s;
	if (!l->polling)
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
	if (!c->source || c->source->loop != l)
		return -ENOENT;
	bpfring_source_detach(c->source);
	return 0;
}

int bpfring_loop_remove_fd(struct bpfring_loop *l, int fd)
{
	if (!l)
		return -EINVAL;
	for (struct bpfring_source *s = l->sources; s; s = s->next) {
		if (s->c || s->fd != fd)
			continue;
		bpfring_source_detach(s);
		return 0;
	}
	return -ENOENT;
}
