// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Which threads share: a hash table by thread number. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

struct bpfring_task_storage *bpfring_task_all;

static struct binding **bucket(struct bpfring_task_storage *ts, pid_t tid)
{
	return &ts->buckets[(unsigned int)tid % TASK_BUCKETS];
}

struct binding *bpfring_task_find(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b = *bucket(ts, tid);

	while (b && b->tid != tid)
		b = b->next;
	return b;
}

struct binding *bpfring_task_add(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b = bpfring_sys_alloc(sizeof(*b));

	if (!b)
		return NULL;
	b->tid = tid;
	b->pidfd = -1;
	b->next = *bucket(ts, tid);
	*bucket(ts, tid) = b;
	return b;
}

static void give_back(struct bpfring_task_storage *ts, struct binding *b)
{
	if (!atomic_exchange(&b->has_cell, false))
		return;
	ts->path->retire(ts, &b->cell);
	ts->bound--;
}

void bpfring_task_drop(struct bpfring_task_storage *ts, struct binding *b)
{
	struct binding **link = bucket(ts, b->tid);

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	give_back(ts, b);
	ts->with_pidfd -= b->pidfd >= 0;
	bpfring_sys_close(b->pidfd);
	bpfring_sys_free(b);
}

void bpfring_task_give_up(struct bpfring_task_storage *ts, struct binding *b)
{
	if (b->is_self && b->tid != bpfring_sys_gettid())
		give_back(ts, b);
	else
		bpfring_task_drop(ts, b);
}

/*
 * Thread numbers are used again. A thread that did not bind itself is known by its pidfd; one that
 * did has its binding as thread-specific value, unless it ended without running destructors.
 */
static bool is_of_another(const struct bpfring_task_storage *ts, const struct binding *b)
{
	if (b->pidfd >= 0)
		return bpfring_sys_pidfd_ended(b->pidfd);
	return b->tid == bpfring_sys_gettid() && pthread_getspecific(ts->key) != b;
}

struct binding *bpfring_task_current(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b = bpfring_task_find(ts, tid);

	if (!b || !is_of_another(ts, b))
		return b;
	bpfring_task_drop(ts, b);
	return NULL;
}

int bpfring_task_reap_dead(struct bpfring_task_storage *ts)
{
	int count = 0;

	for (unsigned int i = 0; ts->with_pidfd && i < TASK_BUCKETS; i++) {
		struct binding *next;

		for (struct binding *b = ts->buckets[i]; b; b = next) {
			next = b->next;
			if (b->pidfd < 0 || !bpfring_sys_pidfd_ended(b->pidfd))
				continue;
			count += b->has_cell;
			bpfring_task_drop(ts, b); /* its element goes with the task */
		}
	}
	return count;
}

int bpfring_task_end(struct bpfring_task_storage *ts, struct binding *b)
{
	int err = bpfring_task_element_delete(ts, (struct task_id){b->tid, b->pidfd});

	if (err)
		log_warn("map '%s': cannot delete the element of thread %d: %s; BPF keeps its "
			 "last values until the thread ends\n",
			 ts->map.name, (int)b->tid, bpfring_errname(err));
	bpfring_task_give_up(ts, b);
	return err;
}

/*
 * The handle may be closed at the same time, so @value is only compared, until it has been found
 * to be in use. A forked child does not find it: there it bears the parent's thread number.
 */
void bpfring_task_thread_ends(void *value)
{
	pid_t tid = bpfring_sys_gettid();

	bpfring_task_lock();
	for (struct bpfring_task_storage *ts = bpfring_task_all; ts; ts = ts->next) {
		struct binding *b = task_forked(ts) ? NULL : bpfring_task_find(ts, tid);

		if (!b || b != value)
			continue;
		if (b->has_cell)
			bpfring_task_end(ts, b);
		else
			bpfring_task_drop(ts, b);
		break;
	}
	bpfring_task_unlock();
}
