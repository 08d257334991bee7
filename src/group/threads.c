// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Starting, stopping and freeing threads, and what others ask of them while they run. */
#define _GNU_SOURCE
#include "group/threads.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mapping.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_cpu.h"

#define RINGS_PER_THREAD 8
#define KNOWN_FLAGS	 (BPFRING_THREADS_PIN | BPFRING_THREADS_NUMA)

static int read_opts(struct bpfring_threads_opts *ret, const struct bpfring_threads_opts *opts)
{
	int err;

	*ret = (struct bpfring_threads_opts){.sz = sizeof(*ret)};
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_threads_opts");
	if (err)
		return err;
	if (ret->flags & ~(uint32_t)KNOWN_FLAGS || ret->rebalance_ns < -1) {
		log_error("struct bpfring_threads_opts: unknown flags %#x, or a negative time\n",
			  ret->flags);
		return -EINVAL;
	}
	if (ret->flags & BPFRING_THREADS_NUMA && !ret->cpus) {
		log_error("struct bpfring_threads_opts: BPFRING_THREADS_NUMA needs @cpus, the "
			  "processors that the rings belong to\n");
		return -EINVAL;
	}
	return 0;
}

static unsigned int how_many(const struct bpfring_threads_opts *opts, unsigned int rings)
{
	unsigned int count = opts->threads, cpus = bpfring_sys_allowed_cpus();

	if (!count) {
		count = (rings + RINGS_PER_THREAD - 1) / RINGS_PER_THREAD;
		count = count < cpus ? count : cpus;
	}
	return count < rings ? count : rings;
}

static void free_list(struct item *list)
{
	while (list) {
		struct item *next = list->next;

		bpfring_sys_free(list);
		list = next;
	}
}

static void free_all(struct bpfring_threads *t)
{
	for (unsigned int i = 0; t->workers && i < t->count; i++) {
		bpfring_loop_free(t->workers[i].loop);
		free_list(t->workers[i].items);
		free_list(t->workers[i].mail);
	}
	bpfring_sys_free(t->workers);
	if (!t->guard || *t->guard) { /* a child would wait for threads that it does not have */
		pthread_cond_destroy(&t->changed);
		pthread_mutex_destroy(&t->lock);
	}
	bpfring_guard_free(t->guard);
	bpfring_sys_free(t);
}

static int new_workers(struct bpfring_threads *t)
{
	t->workers = bpfring_sys_alloc(t->count * sizeof(*t->workers));
	if (!t->workers)
		return -ENOMEM;
	for (unsigned int i = 0; i < t->count; i++) {
		struct worker *w = &t->workers[i];
		int err = bpfring_loop_new(&w->loop, t->opts.loop);

		if (err)
			return err;
		w->all = t;
		w->number = i;
	}
	return 0;
}

static int new_items(struct bpfring_threads *t, struct bpfring_consumer *const *consumers,
		     unsigned int count)
{
	struct item **items = bpfring_sys_alloc(count * sizeof(struct item *));
	int err = items ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < count && !err; i++) {
		items[i] = bpfring_sys_alloc(sizeof(struct item));
		if (!items[i])
			err = -ENOMEM;
		else if (!consumers[i])
			err = -EINVAL;
		else
			items[i]->c = consumers[i];
	}
	if (!err)
		bpfring_threads_deal(t, items, count);
	for (unsigned int i = 0; items && err && i < count; i++)
		bpfring_sys_free(items[i]);
	bpfring_sys_free(items);
	return err;
}

/* Waits for all that were started. */
static void join_all(struct bpfring_threads *t)
{
	for (unsigned int i = 0; i < t->count; i++) {
		struct worker *w = &t->workers[i];

		if (w->started && !w->joined)
			pthread_join(w->thread, NULL);
		w->joined = w->started;
	}
}

/*
 * Signals are for the application's own threads. *@ret is set before the first callback, which may
 * want to stop the threads.
 */
static int start_workers(struct bpfring_threads *t, struct bpfring_threads **ret)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&t->lock);
	for (unsigned int i = 0; i < t->count && !err; i++) {
		struct worker *w = &t->workers[i];
		char name[20];

		err = -pthread_create(&w->thread, NULL, bpfring_worker_run, w);
		if (err)
			break;
		w->started = true;
		t->running++;
		snprintf(name, sizeof(name), "bpfring-%u", i % 1000);
		pthread_setname_np(w->thread, name);
	}
	while (t->ready < t->running)
		pthread_cond_wait(&t->changed, &t->lock);
	if (err)
		bpfring_threads_end(t, err);
	err = atomic_load(&t->err);
	if (!err)
		*ret = t;
	t->go = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int start(struct bpfring_threads **ret, struct bpfring_consumer *const *consumers,
		 unsigned int count, struct bpfring_threads model,
		 const struct bpfring_threads_opts *opts)
{
	struct bpfring_threads *t;
	int err;

	if (!ret || !consumers || !count || (!model.each && !model.batch))
		return -EINVAL;
	err = read_opts(&model.opts, opts);
	if (err)
		return err;
	t = bpfring_sys_alloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->each = model.each;
	t->batch = model.batch;
	t->opts = model.opts;
	t->look_ns = t->opts.rebalance_ns > 0 ? t->opts.rebalance_ns : BPFRING_DEFAULT_REBALANCE_NS;
	if (t->look_ns > INT64_MAX / 4)
		t->look_ns = INT64_MAX / 4;
	t->count = how_many(&t->opts, count);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	err = bpfring_guard_new(&t->guard);
	if (!err)
		err = new_workers(t);
	if (!err)
		err = new_items(t, consumers, count);
	if (!err)
		err = start_workers(t, ret);
	if (err) {
		if (t->workers)
			join_all(t);
		free_all(t);
	}
	return err;
}

int bpfring_threads_start(struct bpfring_threads **ret, struct bpfring_consumer *const *consumers,
			  unsigned int count, bpfring_record_fn fn,
			  const struct bpfring_threads_opts *opts)
{
	return start(ret, consumers, count, (struct bpfring_threads){.each = fn}, opts);
}

int bpfring_threads_start_batch(struct bpfring_threads **ret,
				struct bpfring_consumer *const *consumers, unsigned int count,
				bpfring_batch_fn fn, const struct bpfring_threads_opts *opts)
{
	return start(ret, consumers, count, (struct bpfring_threads){.batch = fn}, opts);
}

int bpfring_threads_stop(struct bpfring_threads *t)
{
	if (!t)
		return -EINVAL;
	if (!*t->guard)
		return -ECHILD;
	bpfring_threads_end(t, 0);
	return 0;
}

int bpfring_threads_join(struct bpfring_threads *t)
{
	if (!t)
		return -EINVAL;
	if (!*t->guard)
		return -ECHILD;
	if (bpfring_worker_self(t))
		return -EDEADLK;
	join_all(t);
	return atomic_load(&t->err);
}

void bpfring_threads_free(struct bpfring_threads *t)
{
	if (!t)
		return;
	if (*t->guard) {
		if (bpfring_worker_self(t)) {
			log_error("threads %p: not freed: this is one of them. Call "
				  "bpfring_threads_stop(), and free them from another thread\n",
				  (void *)t);
			return;
		}
		bpfring_threads_stop(t);
		join_all(t);
	}
	free_all(t);
}
