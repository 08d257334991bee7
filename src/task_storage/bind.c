// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Binds and unbinds threads. */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

static const char *cure(int err)
{
	switch (err) {
	case -EPERM:
		return "; the descriptor is read-only, or a seccomp filter forbids the call";
	case -EMFILE:
	case -ENFILE:
		return "; no descriptor is left for a pidfd";
	case -EFAULT:
		return "; is the map prepared for the other path?";
	default:
		return "";
	}
}

/*
 * A cell for @b, and its element. On failure @b is gone, unless its thread may look at it. That
 * thread must not find the cell before the kernel has accepted it.
 */
static int start(struct bpfring_task_storage *ts, struct binding *b)
{
	int err = bpfring_task_process_start(ts);

	b->is_behind = false;
	if (!err && ts->path->is_full(ts))
		bpfring_task_reap_dead(ts);
	if (!err)
		err = ts->path->alloc(ts, &b->cell);
	if (!err) {
		err = bpfring_task_element_publish(ts, b);
		if (!err)
			err = bpfring_task_element_check(ts, (struct task_id){b->tid, b->pidfd});
		if (err)
			ts->path->retire(ts, &b->cell);
	}
	if (!err) {
		ts->bound++;
		ts->binds++;
		/* T2: release, with T3: a thread that sees it sees the cell. */
		atomic_store_explicit(&b->has_cell, true, memory_order_release);
		return 0;
	}
	log_error("map '%s': cannot bind thread %d: %s%s\n", ts->map.name, (int)b->tid,
		  bpfring_errname(err), cure(err));
	bpfring_task_give_up(ts, b);
	return err;
}

static int begin(struct bpfring_task_storage *ts)
{
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0;

	if (!err)
		bpfring_task_reap_some(ts);
	return err;
}

/* The element is made in the map that took the place of another (task_storage/replace.c). */
static int catch_up(struct bpfring_task_storage *ts, struct binding *b)
{
	int err = b->is_behind ? bpfring_task_element_publish(ts, b) : 0;

	if (!err)
		b->is_behind = false;
	return err;
}

/* A thread that another one bound binds itself: its end is noticed without a pidfd now. */
static void adopt(struct binding *b)
{
	bpfring_sys_close(b->pidfd);
	b->pidfd = -1;
}

/* The fall-back's program identifies the calling thread; without it a pidfd does. */
static int start_self(struct bpfring_task_storage *ts, struct binding *b)
{
	int err;

	if (ts->parts.bind_fd >= 0) {
		err = start(ts, b);
		if (!err)
			b->seen = bpfring_task_see(ts->caller_inode);
		return err;
	}
	b->pidfd = bpfring_task_pidfd(b->tid);
	err = b->pidfd;
	if (err < 0) {
		bpfring_task_drop(ts, b);
		return err;
	}
	b->seen = bpfring_task_see(bpfring_sys_pidfd_inode(b->pidfd));
	err = start(ts, b);
	if (!err)
		adopt(b);
	return err;
}

int bpfring_task_bind_self(struct bpfring_task_storage *ts, struct binding **ret)
{
	pid_t tid = bpfring_sys_gettid();
	struct binding *b;
	int err;

	bpfring_task_meet_thread();
	err = begin(ts);
	if (err)
		return err;
	b = bpfring_task_current(ts, tid);
	if (b && b->has_cell) {
		adopt(b);
		err = catch_up(ts, b);
	} else {
		if (b) /* unbound by another thread, or its number was of another process */
			bpfring_task_drop(ts, b);
		bpfring_task_set_own(ts, NULL); /* it may be what was dropped */
		b = bpfring_task_add(ts, tid);
		err = b ? start_self(ts, b) : -ENOMEM;
	}
	if (err)
		return err;
	err = bpfring_task_set_own(ts, b);
	if (err) {
		bpfring_task_end(ts, b);
		return err;
	}
	b->is_self = true;
	*ret = b;
	return 0;
}

int bpfring_task_storage_bind(struct bpfring_task_storage *ts, int member, void **ret)
{
	struct binding *b;
	int uptr, err;

	if (!ts || !ret)
		return -EINVAL;
	uptr = bpfring_task_layout_uptr(&ts->layout, member);
	if (uptr < 0)
		return -EINVAL;
	b = task_own(ts);
	/* T3: acquire, with T2 of another thread that bound this one. */
	if (!b || !atomic_load_explicit(&b->has_cell, memory_order_acquire) ||
	    atomic_load_explicit(&b->is_behind, memory_order_relaxed) || task_forked(ts)) {
		bpfring_task_lock();
		err = bpfring_task_bind_self(ts, &b);
		bpfring_task_unlock();
		if (err)
			return err;
	}
	*ret = __atomic_load_n(&b->cell.mem[uptr], __ATOMIC_RELAXED);
	return 0;
}

static int bind_other(struct bpfring_task_storage *ts, pid_t tid, struct binding **ret)
{
	struct binding *b;
	int err = begin(ts), pidfd;

	if (err)
		return err;
	if (!bpfring_sys_is_our_thread(tid))
		return -ESRCH;
	b = bpfring_task_current(ts, tid);
	if (b && b->has_cell) {
		*ret = b;
		return catch_up(ts, b);
	}
	pidfd = bpfring_task_pidfd(tid);
	if (pidfd < 0)
		return pidfd;
	if (!b)
		b = bpfring_task_add(ts, tid);
	if (!b) {
		bpfring_sys_close(pidfd);
		return -ENOMEM;
	}
	adopt(b);
	b->pidfd = pidfd;
	b->seen = bpfring_task_see(bpfring_sys_pidfd_inode(pidfd));
	err = start(ts, b);
	if (!err)
		*ret = b;
	return err;
}

int bpfring_task_storage_bind_thread(struct bpfring_task_storage *ts, pid_t tid, int member,
				     void **ret)
{
	struct binding *b;
	int uptr, err;

	if (!ts || !ret)
		return -EINVAL;
	uptr = bpfring_task_layout_uptr(&ts->layout, member);
	if (uptr < 0)
		return -EINVAL;
	if (tid == bpfring_sys_gettid())
		return bpfring_task_storage_bind(ts, member, ret);
	bpfring_task_lock();
	err = bind_other(ts, tid, &b);
	if (!err)
		*ret = b->cell.mem[uptr];
	bpfring_task_unlock();
	return err;
}

static int unbind(struct bpfring_task_storage *ts, pid_t tid)
{
	struct binding *b;
	int err = 0;

	bpfring_task_lock();
	if (task_forked(ts))
		err = bpfring_task_after_fork(ts);
	b = err ? NULL : bpfring_task_current(ts, tid);
	if (b && b->has_cell)
		err = bpfring_task_end(ts, b);
	else if (b && b->is_self && tid == bpfring_sys_gettid())
		bpfring_task_drop(ts, b); /* unbound by another thread before */
	if (tid == bpfring_sys_gettid())
		bpfring_task_set_own(ts, NULL);
	bpfring_task_unlock();
	return err;
}

int bpfring_task_storage_unbind(struct bpfring_task_storage *ts)
{
	return !ts ? -EINVAL : unbind(ts, bpfring_sys_gettid());
}

int bpfring_task_storage_unbind_thread(struct bpfring_task_storage *ts, pid_t tid)
{
	return !ts ? -EINVAL : unbind(ts, tid);
}
