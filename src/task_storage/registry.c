// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The bound threads, in a hash table by thread number. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

struct bpfring_task_storage *bpfring_task_all;
uint64_t bpfring_task_serials;
__thread struct task_thread bpfring_task_thread TASK_TLS;

void bpfring_task_meet_thread(void)
{
	struct task_thread *t = &bpfring_task_thread;

	if (t->is_known)
		return;
	for (const struct bpfring_task_storage *ts = bpfring_task_all; ts; ts = ts->next)
		pthread_setspecific(ts->key, NULL);
	*t = (struct task_thread){.is_known = true};
}

int bpfring_task_set_own(const struct bpfring_task_storage *ts, struct binding *b)
{
	struct task_thread *t = &bpfring_task_thread;

	t->serial = ts->serial;
	t->own = pthread_setspecific(ts->key, b) ? NULL : b;
	return t->own == b ? 0 : -ENOMEM;
}

static struct binding **bucket(struct bpfring_task_storage *ts, pid_t tid)
{
	return &ts->buckets[(unsigned int)tid % TASK_BUCKETS];
}

struct binding *bpfring_task_find(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b = *bucket(ts, tid);

	while (b && (b->tid != tid || b->is_stranded))
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
	ts->bindings++;
	ts->added++;
	return b;
}

static void give_back(struct bpfring_task_storage *ts, struct binding *b)
{
	if (!atomic_exchange(&b->has_cell, false))
		return;
	ts->path->retire(ts, &b->cell);
	bpfring_task_unmark(ts, b);
	ts->bound--;
}

void bpfring_task_drop(struct bpfring_task_storage *ts, struct binding *b)
{
	struct binding **link = bucket(ts, b->tid);

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	give_back(ts, b);
	bpfring_task_unmark(ts, b);
	ts->bindings--;
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
 * Thread numbers are used again. A pidfd identifies a thread that another one bound. A thread that
 * bound itself has its binding as thread-specific value, unless it ended without destructors.
 */
static bool is_of_another(const struct bpfring_task_storage *ts, const struct binding *b)
{
	if (b->pidfd >= 0)
		return bpfring_sys_pidfd_ended(b->pidfd);
	if (b->tid == bpfring_sys_gettid())
		return task_own(ts) != b;
	return !bpfring_task_is_seen(&b->seen, b->tid);
}

/*
 * The number seems to be another thread's now. On the fall-back only a BPF program says so, which
 * may be wrong and must do no harm. So a binding that its thread may still look at stays until no
 * thread has its number.
 */
static void strand(struct bpfring_task_storage *ts, struct binding *b)
{
	if (b->is_self && b->tid != bpfring_sys_gettid()) {
		give_back(ts, b);
		b->is_stranded = true;
	} else {
		bpfring_task_drop(ts, b);
	}
}

struct binding *bpfring_task_current(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b = bpfring_task_find(ts, tid);

	if (!b || !is_of_another(ts, b))
		return b;
	strand(ts, b);
	return NULL;
}

/* Threads of this process, and of others that run in its memory (CLONE_VM). */
static bool is_gone(const struct binding *b)
{
	if (b->pidfd >= 0)
		return bpfring_sys_pidfd_ended(b->pidfd);
	return !bpfring_sys_is_our_thread(b->tid) &&
	       !(b->seen.inode && bpfring_task_is_seen(&b->seen, b->tid));
}

/* Their elements go with the tasks. */
static int reap(struct bpfring_task_storage *ts, bool numbers_too)
{
	const pid_t self = bpfring_sys_gettid();
	int count = 0;

	for (unsigned int i = 0; i < TASK_BUCKETS; i++) {
		struct binding *next;

		for (struct binding *b = ts->buckets[i]; b; b = next) {
			bool had_cell = b->has_cell;

			next = b->next;
			if (b->tid == self) /* it may be about to bind */
				continue;
			if (is_gone(b))
				bpfring_task_drop(ts, b);
			else if (numbers_too && !b->is_stranded && is_of_another(ts, b))
				strand(ts, b);
			else
				continue;
			count += had_cell;
		}
	}
	return count;
}

int bpfring_task_reap_dead(struct bpfring_task_storage *ts)
{
	return reap(ts, true);
}

/* Rarely: it costs each new binding a fraction of a system call. */
void bpfring_task_reap_some(struct bpfring_task_storage *ts)
{
	if (ts->added < ts->reap_at)
		return;
	reap(ts, false);
	ts->reap_at = ts->added + (ts->bindings > 16 ? 4 * ts->bindings : 64);
}

int bpfring_task_end(struct bpfring_task_storage *ts, struct binding *b)
{
	struct task_id id = {b->tid, b->pidfd};
	bool is_other = b->pidfd < 0 && b->tid != bpfring_sys_gettid();
	int err = 0;

	if (is_other)
		id.pidfd = bpfring_task_pidfd_of(&b->seen, b->tid);
	if (!is_other || id.pidfd >= 0)
		err = bpfring_task_element_delete(ts, id);
	else if (id.pidfd != -ESRCH && id.pidfd != -ENOENT)
		err = id.pidfd;
	if (is_other)
		bpfring_sys_close(id.pidfd);
	if (err)
		log_warn("map '%s': cannot delete the element of thread %d: %s; BPF sees its last "
			 "values until the thread ends\n",
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
	bpfring_task_thread.serial = 0;
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
