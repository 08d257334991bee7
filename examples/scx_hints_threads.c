// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Load for the scx_hints example: unhinted threads that never sleep, and hinted ones that sleep,
 * wake up and work a little, most of the time in phase URGENT.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scx_hints_user.h"

#define ROUNDS 64 /* of which the last is plain */

struct one {
	pthread_t thread;
	struct threads *all;
	/* Bound once, and used whichever scheduler is loaded. */
	_Atomic(struct scx_hints_cell *) cell;
	atomic_int err;
	bool started;
};

struct threads {
	struct bpfring_task_storage *ts;
	int member;
	atomic_bool stop, busy;
	atomic_uint ready;
	unsigned int hinted, count;
	struct one one[];
};

static void work(unsigned int n)
{
	for (volatile unsigned int i = 0; i < n; i++)
		;
}

static void *run_unhinted(void *arg)
{
	struct one *one = arg;

	while (!atomic_load(&one->all->stop))
		work(1000);
	return NULL;
}

static void set_phase(struct scx_hints_cell *cell, enum scx_hints_phase phase)
{
	__atomic_store_n(&cell->phase, phase, __ATOMIC_RELAXED); /* that is the hint */
}

static void *run_hinted(void *arg)
{
	struct one *one = arg;
	struct threads *t = one->all;
	struct scx_hints_cell *cell = NULL;
	int err = bpfring_task_storage_bind(t->ts, t->member, (void **)&cell);

	atomic_store(&one->err, err);
	atomic_store(&one->cell, cell);
	atomic_fetch_add(&t->ready, 1);
	for (unsigned int i = 0; !err && !atomic_load(&t->stop); i++) {
		bool busy = atomic_load(&t->busy);
		bool urgent = busy || i % ROUNDS < ROUNDS - 1;

		set_phase(cell, urgent ? SCX_HINTS_URGENT : SCX_HINTS_PLAIN);
		if (!busy)
			usleep(1000);
		work(10000);
	}
	return NULL;
}

int threads_start(struct threads **ret, struct bpfring_task_storage *ts, unsigned int hinted,
		  unsigned int unhinted)
{
	unsigned int count = hinted + unhinted;
	struct threads *t = calloc(1, sizeof(*t) + count * sizeof(t->one[0]));
	int err = t ? 0 : -ENOMEM;

	if (err)
		return err;
	t->ts = ts;
	t->hinted = hinted;
	t->count = count;
	t->member = bpfring_task_storage_find(ts, "cell", sizeof(struct scx_hints_cell));
	if (t->member < 0)
		err = t->member;
	for (unsigned int i = 0; i < count && !err; i++) {
		t->one[i].all = t;
		err = -pthread_create(&t->one[i].thread, NULL,
				      i < hinted ? run_hinted : run_unhinted, &t->one[i]);
		t->one[i].started = !err;
	}
	while (!err && atomic_load(&t->ready) < hinted)
		usleep(1000);
	for (unsigned int i = 0; i < hinted && !err; i++)
		err = atomic_load(&t->one[i].err);
	if (err)
		threads_stop(t);
	else
		*ret = t;
	return err;
}

void threads_stop(struct threads *t)
{
	if (!t)
		return;
	atomic_store(&t->stop, true);
	for (unsigned int i = 0; i < t->count; i++)
		if (t->one[i].started)
			pthread_join(t->one[i].thread, NULL);
	free(t);
}

void threads_set_busy(struct threads *t, bool busy)
{
	atomic_store(&t->busy, busy);
}

unsigned int threads_run_by(const struct threads *t, unsigned int number)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->hinted; i++)
		n += __atomic_load_n(&atomic_load(&t->one[i].cell)->load, __ATOMIC_RELAXED) ==
		     number;
	return n;
}

void threads_print(const struct threads *t)
{
	for (unsigned int i = 0; i < t->hinted; i++) {
		const struct scx_hints_cell *cell = atomic_load(&t->one[i].cell);

		printf("  hinted thread %u: cell %p, %llu turns, scheduler %llu\n", i + 1,
		       (const void *)cell, __atomic_load_n(&cell->turns, __ATOMIC_RELAXED),
		       __atomic_load_n(&cell->load, __ATOMIC_RELAXED));
	}
}
