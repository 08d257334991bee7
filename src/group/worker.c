// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The rings of a worker, and how workers reach each other. */
#include "base/sys.h"
#include "group/threads.h"

uint64_t bpfring_worker_count(struct worker *w, struct item *item)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};

	bpfring_consumer_stats(item->c, &stats);
	w->records += stats.records - item->records;
	item->records = stats.records;
	item->fresh = stats.bytes - item->bytes;
	item->bytes = stats.bytes;
	return item->fresh;
}

int bpfring_worker_add(struct worker *w, struct item *item)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
	struct bpfring_threads *t = w->all;
	int err;

	if (t->batch)
		err = bpfring_loop_add_batch(w->loop, item->c, t->batch, w->ctx);
	else
		err = bpfring_loop_add(w->loop, item->c, t->each, w->ctx);
	if (err)
		return err;
	bpfring_consumer_stats(item->c, &stats);
	item->records = stats.records;
	item->bytes = stats.bytes;
	item->next = w->items;
	w->items = item;
	return 0;
}

void bpfring_worker_drop(struct worker *w, struct item *item)
{
	struct item **at = &w->items;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	bpfring_loop_remove(w->loop, item->c);
	bpfring_worker_count(w, item);
	w->count--;
}

void bpfring_worker_post(struct worker *w, struct item *item)
{
	item->owner = w;
	item->next = w->mail;
	w->mail = item;
	w->count++;
	atomic_store(&w->post, true);
	bpfring_loop_wakeup(w->loop);
}

struct worker *bpfring_worker_self(struct bpfring_threads *t)
{
	for (unsigned int i = 0; i < t->count; i++)
		if (t->workers[i].started && !t->workers[i].joined &&
		    pthread_equal(t->workers[i].thread, pthread_self()))
			return &t->workers[i];
	return NULL;
}

void bpfring_threads_end(struct bpfring_threads *t, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&t->err, &none, err);
	atomic_store(&t->stop, true);
	for (unsigned int i = 0; i < t->count; i++)
		bpfring_loop_stop(t->workers[i].loop);
}
