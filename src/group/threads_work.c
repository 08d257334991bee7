// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What each thread does: poll its loop, and between polls look into its mail. */
#include <errno.h>

#include "base/sys.h"
#include "group/threads.h"
#include "ring/loop.h"

/* Lets go of the items that somebody wants back; under the lock. */
static void let_go(struct worker *w)
{
	struct item *next;

	for (struct item *i = w->items; i; i = next) {
		next = i->next;
		if (!i->leaving)
			continue;
		bpfring_worker_drop(w, i);
		i->owner = NULL;
		pthread_cond_broadcast(&w->all->changed);
	}
}

/* Adds what was put into the mail; under the lock. */
static int take_in(struct worker *w)
{
	while (w->mail) {
		struct item *item = w->mail;
		struct item *next = item->next;
		int err = bpfring_worker_add(w, item);

		if (err)
			return err;
		w->mail = next;
	}
	return 0;
}

static void read_mail(struct worker *w)
{
	int err;

	if (!atomic_load(&w->post))
		return;
	pthread_mutex_lock(&w->all->lock);
	atomic_store(&w->post, false);
	err = take_in(w);
	let_go(w);
	pthread_mutex_unlock(&w->all->lock);
	if (err)
		bpfring_threads_end(w->all, err);
}

/* A handler: the thread ends, perhaps by a callback that ends it. */
static void leave(struct worker **worker)
{
	struct worker *w = *worker;
	struct bpfring_threads *t = w->all;

	if (!atomic_load(&t->stop))
		bpfring_threads_end(t, -ECANCELED);
	pthread_mutex_lock(&t->lock);
	for (struct item *i = w->items; i; i = i->next)
		bpfring_worker_count(w, i);
	t->running--;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* Until all have begun, so that no record is handed out if one cannot. False: one could not. */
static bool wait_for_others(struct worker *w, int err)
{
	struct bpfring_threads *t = w->all;

	if (err < 0)
		bpfring_threads_end(t, err);
	pthread_mutex_lock(&t->lock);
	t->ready++;
	pthread_cond_broadcast(&t->changed);
	while (!t->go)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
	return !atomic_load(&t->err);
}

static void work(struct worker *w)
{
	struct bpfring_threads *t = w->all;
	bool stopped = false;
	int err = 0;

	while (err >= 0 && !stopped && !atomic_load(&t->stop)) {
		read_mail(w);
		bpfring_worker_balance(w);
		err = bpfring_loop_poll_once(w->loop, -1, false, &stopped);
	}
	if (err < 0)
		bpfring_threads_end(t, err);
	else if (stopped)
		bpfring_threads_end(t, 0);
}

void *bpfring_worker_run(void *worker)
{
	struct worker *w __attribute__((cleanup(leave))) = worker;
	const struct bpfring_threads_opts *opts = &w->all->opts;
	int begun = 0, err;

	w->ctx = opts->ctx;
	bpfring_worker_pin(w);
	if (opts->begin)
		begun = opts->begin(opts->ctx, w->number, &w->ctx);
	err = begun < 0 ? begun : take_in(w);
	if (wait_for_others(w, err))
		work(w);
	if (opts->end && begun >= 0)
		opts->end(opts->ctx, w->number, w->ctx);
	return NULL;
}
