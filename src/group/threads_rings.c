// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings that come and go while threads run, and what the threads do. */
#include <errno.h>

#include "base/options.h"
#include "base/sys.h"
#include "group/threads.h"

static struct item *find_in(struct item *list, const struct bpfring_consumer *c)
{
	while (list && list->c != c)
		list = list->next;
	return list;
}

/* Under the lock, under which lists change. */
static struct item *find(struct bpfring_threads *t, const struct bpfring_consumer *c)
{
	struct item *item = NULL;

	for (unsigned int i = 0; i < t->count && !item; i++) {
		item = find_in(t->workers[i].items, c);
		if (!item)
			item = find_in(t->workers[i].mail, c);
	}
	return item;
}

int bpfring_threads_add(struct bpfring_threads *t, struct bpfring_consumer *c)
{
	struct worker *fewest;
	struct item *item;
	int err = 0;

	if (!t || !c)
		return -EINVAL;
	if (!*t->guard)
		return -ECHILD;
	item = bpfring_sys_alloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->c = c;
	pthread_mutex_lock(&t->lock);
	fewest = &t->workers[0];
	for (unsigned int i = 1; i < t->count; i++)
		if (t->workers[i].count < fewest->count)
			fewest = &t->workers[i];
	if (find(t, c))
		err = -EEXIST;
	else if (atomic_load(&t->stop))
		err = -ESHUTDOWN;
	else
		bpfring_worker_post(fewest, item);
	pthread_mutex_unlock(&t->lock);
	if (err)
		bpfring_sys_free(item);
	return err;
}

/* Takes an item that its worker has not taken yet back; under the lock. */
static bool recall(struct item *item)
{
	struct worker *w = item->owner;
	struct item **at = &w->mail;

	while (*at && *at != item)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = item->next;
	w->count--;
	return true;
}

/* Under the lock. */
static int take_back(struct bpfring_threads *t, struct item *item, struct worker *self)
{
	if (recall(item))
		return 0;
	if (item->owner == self || !t->running) {
		bpfring_worker_drop(item->owner, item);
		return 0;
	}
	if (self) /* two that wait for each other would wait for ever */
		return -EDEADLK;
	item->leaving = true;
	while (item->owner && t->running) {
		atomic_store(&item->owner->post, true);
		bpfring_loop_wakeup(item->owner->loop);
		pthread_cond_wait(&t->changed, &t->lock);
	}
	if (item->owner) /* all have ended meanwhile */
		return take_back(t, item, self);
	return 0;
}

int bpfring_threads_remove(struct bpfring_threads *t, struct bpfring_consumer *c)
{
	struct item *item;
	int err;

	if (!t || !c)
		return -EINVAL;
	if (!*t->guard)
		return -ECHILD;
	pthread_mutex_lock(&t->lock);
	item = find(t, c);
	err = item && !item->leaving ? take_back(t, item, bpfring_worker_self(t)) : -ENOENT;
	pthread_mutex_unlock(&t->lock);
	if (!err)
		bpfring_sys_free(item);
	return err;
}

unsigned int bpfring_threads_count(const struct bpfring_threads *t)
{
	return t ? t->count : 0;
}

int bpfring_threads_stats(struct bpfring_threads *t, unsigned int thread,
			  struct bpfring_thread_stats *ret)
{
	struct bpfring_thread_stats now = {0};
	struct worker *w;

	if (!t || thread >= t->count)
		return -EINVAL;
	if (!*t->guard)
		return -ECHILD;
	w = &t->workers[thread];
	pthread_mutex_lock(&t->lock);
	now.rings = w->count;
	now.records = w->records;
	now.given = w->given;
	now.taken = w->taken;
	now.busy_ppt = w->busy_ppt;
	pthread_mutex_unlock(&t->lock);
	return bpfring_options_write(ret, &now, sizeof(now),
				     offsetof(struct bpfring_thread_stats, records));
}
