// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Task storage over fork(). Elements are not inherited: the child has copies of cells that BPF does
 * not know. What belongs to the parent is forgotten at the first use in the child.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

static void in_child(void)
{
	for (struct bpfring_task_storage *ts = bpfring_task_all; ts; ts = ts->next) {
		ts->path->forked(ts);
		bpfring_sys_close(ts->mark_fd); /* its locks are the parent's */
		ts->mark_fd = -1;
	}
	bpfring_task_unlock();
}

static int atfork_error;

/* From now on the end of a thread, and a fork, run code of the library. */
static void register_atfork(void)
{
	bpfring_sys_stay_loaded();
	atfork_error = pthread_atfork(bpfring_task_lock, bpfring_task_unlock, in_child);
}

int bpfring_task_fork_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_atfork);
	return -atfork_error;
}

static bool has_process_members(const struct bpfring_task_storage *ts)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (task_is_process(ts, i))
			return true;
	return false;
}

int bpfring_task_process_start(struct bpfring_task_storage *ts)
{
	int err;

	if (ts->has_process || !has_process_members(ts))
		return 0;
	err = ts->path->alloc_process(ts, &ts->process);
	if (err)
		return err;
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (ts->process_copy[i])
			memcpy(ts->process.mem[i], ts->process_copy[i],
			       task_uptr_member(ts, i)->size);
	ts->has_process = true;
	return 0;
}

/* All bindings but @own go, without a look at their cells. */
static void forget_others(struct bpfring_task_storage *ts, const struct binding *own)
{
	for (unsigned int i = 0; i < TASK_BUCKETS; i++) {
		struct binding *b, *next;

		for (b = ts->buckets[i]; b; b = next) {
			next = b->next;
			bpfring_sys_close(b->pidfd);
			b->mark = 0;
			if (b != own)
				bpfring_sys_free(b);
		}
		ts->buckets[i] = NULL;
	}
	ts->bindings = 0;
	ts->bound = 0;
}

/* The only thread there is shares again what it shared before the fork. */
static int bind_again(struct bpfring_task_storage *ts, struct binding *own, bool kept)
{
	int err = kept ? 0 : ts->path->alloc(ts, &own->cell);

	if (err)
		return err;
	ts->bound = 1;
	ts->binds++;
	own->has_cell = true;
	if (ts->parts.bind_fd < 0)
		own->seen = bpfring_task_see_self(ts);
	err = bpfring_task_element_publish(ts, own);
	if (ts->parts.bind_fd >= 0) /* the program has run */
		own->seen = bpfring_task_see_self(ts);
	return err;
}

int bpfring_task_after_fork(struct bpfring_task_storage *ts)
{
	struct binding *own = task_own(ts);
	bool had_cell = own && own->has_cell;
	int kept, err;

	kept = ts->path->restart(ts, had_cell ? &own->cell : NULL);
	if (kept < 0)
		return kept; /* tried again at the next call */
	forget_others(ts, own);
	ts->has_process = false;
	*ts->guard = 1;
	err = bpfring_task_process_start(ts);
	if (!own)
		return err;
	own->tid = bpfring_sys_gettid();
	own->pidfd = -1;
	own->has_cell = false;
	own->is_stranded = false;
	ts->bindings = 1;
	own->next = ts->buckets[(unsigned int)own->tid % TASK_BUCKETS];
	ts->buckets[(unsigned int)own->tid % TASK_BUCKETS] = own;
	if (!err && had_cell)
		err = bind_again(ts, own, kept);
	if (err) {
		log_error("map '%s': cannot bind again after fork: %s\n", ts->map.name,
			  bpfring_errname(err));
		bpfring_task_set_own(ts, NULL);
		bpfring_task_drop(ts, own);
	}
	return err;
}
