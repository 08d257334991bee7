// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Two processes that write the element of one thread: one sets ordinary members, the other, whose thread
 * it is, shares memory. The kernel replaces the element as a whole, so one must not write what it has read
 * before the other wrote. On the path UPTR the kernel does not even show what is shared: there the first
 * one must not write at all once the second one has.
 *
 * They tell each other by locks on the inode that all anonymous files share, at bytes that the map and
 * the thread name:
 * - SHARED, of whoever writes the element while it exists. On the path UPTR the thread's process keeps
 *   it until it unbinds the thread, if it met MADE.
 * - MADE, of who made the element for another process and may write it again.
 * The kernel drops them with the process. Strangers can lock these bytes too; then the first one is
 * refused, and the second one warned: it is not kept from sharing.
 */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#define MARK_BASE (5ULL << 60)
#define TRIES	  64

enum mark {
	MADE = 0,
	SHARED = 1,
};

static bool is_uptr(const struct bpfring_task_storage *ts)
{
	return ts->path->name == BPFRING_TASK_UPTR;
}

/* 26 bits of the map, 33 of the thread. When two have the same, a write is refused that could be. */
static uint64_t byte_of(const struct bpfring_task_storage *ts, const struct binding *b,
			enum mark mark)
{
	uint64_t map = ts->map.id & ((1U << 26) - 1), thread = b->seen.inode & ((1ULL << 33) - 1);

	return MARK_BASE | map << 34 | thread << 1 | mark;
}

static int mark_fd(struct bpfring_task_storage *ts)
{
	if (ts->mark_fd < 0)
		ts->mark_fd = bpfring_sys_eventfd();
	return ts->mark_fd;
}

static int lock(struct bpfring_task_storage *ts, uint64_t byte)
{
	int fd = mark_fd(ts);
	int err = fd < 0 ? fd : bpfring_sys_lock_byte(fd, byte);

	return err == -EAGAIN || err == -EACCES ? -EBUSY : err;
}

/* The same, if the other one is only writing. */
static int lock_soon(struct bpfring_task_storage *ts, uint64_t byte)
{
	int err, tries = 0;

	do {
		if (tries)
			bpfring_sys_yield();
		err = lock(ts, byte);
	} while (err == -EBUSY && ++tries < TRIES);
	return err;
}

static bool is_locked_by_another(struct bpfring_task_storage *ts, uint64_t byte)
{
	uint64_t start, size;
	int fd = mark_fd(ts);

	return fd >= 0 && !bpfring_sys_lock_query(fd, byte, &start, &size) && size;
}

void bpfring_task_unmark(struct bpfring_task_storage *ts, struct binding *b)
{
	if (b->mark)
		bpfring_sys_unlock_byte(ts->mark_fd, b->mark);
	b->mark = 0;
}

void bpfring_task_mark_made(struct bpfring_task_storage *ts, struct binding *b)
{
	uint64_t byte = byte_of(ts, b, MADE);

	bpfring_task_unmark(ts, b); /* of another map */
	if (b->seen.inode && !lock(ts, byte))
		b->mark = byte;
}

int bpfring_task_begin_change(struct bpfring_task_storage *ts, const struct binding *b)
{
	uint64_t byte = byte_of(ts, b, SHARED);

	if (is_uptr(ts))
		return b->mark == byte_of(ts, b, MADE) ? lock(ts, byte) : -EBUSY;
	return b->seen.inode ? lock_soon(ts, byte) : 0;
}

void bpfring_task_end_change(struct bpfring_task_storage *ts, const struct binding *b)
{
	if (b->seen.inode)
		bpfring_sys_unlock_byte(ts->mark_fd, byte_of(ts, b, SHARED));
}

bool bpfring_task_begin_share(struct bpfring_task_storage *ts, struct binding *b)
{
	uint64_t byte = byte_of(ts, b, SHARED);
	int err;

	if (!b->seen.inode || b->mark == byte ||
	    (is_uptr(ts) && !is_locked_by_another(ts, byte_of(ts, b, MADE))))
		return false;
	err = lock_soon(ts, byte);
	if (err)
		log_warn("map '%s': cannot tell other processes that set members of thread %d that "
			 "it shares memory now: %s; after such a set BPF may see nothing shared "
			 "until "
			 "the thread binds anew\n",
			 ts->map.name, (int)b->tid, bpfring_errname(err));
	bpfring_task_unmark(ts, b);
	b->mark = err ? 0 : byte;
	return true;
}

void bpfring_task_end_share(struct bpfring_task_storage *ts, struct binding *b)
{
	if (!is_uptr(ts))
		bpfring_task_unmark(ts, b);
}
