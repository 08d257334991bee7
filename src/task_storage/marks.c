// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Two processes that write the element of one thread: one sets ordinary members, the other, whose
 * thread it is, shares memory. The kernel replaces the element as a whole, so one must not write
 * what it has read before the other wrote. On the path UPTR the kernel does not even show what is
 * shared: there the first one must not write at all once the second one has.
 *
 * They see each other through locks on the inode that all anonymous files share, at bytes that the
 * map and the thread name:
 * - PUBLISHED, of whoever writes the element while it exists. On the path UPTR the thread's process
 *   keeps it until it unbinds the thread, if it met MADE.
 * - MADE, of who made the element for another process and may write it again.
 * The kernel drops them with the process. Strangers can lock these bytes too: then the first one is
 * refused, and the second one warned, at worst after a tenth of a second. It is not kept from
 * sharing.
 */
#include <errno.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#define MARK_BASE  (5ULL << 60)
#define PAUSE_NS   100000LL
#define AT_MOST_NS 100000000LL /* while another process writes an element */

enum mark {
	MADE = 0,
	PUBLISHED = 1,
};

static bool is_uptr(const struct bpfring_task_storage *ts)
{
	return ts->path->name == BPFRING_TASK_PATH_UPTR;
}

/*
 * 25 bits of the map, 33 of the thread: when two have the same, a write is refused that could be.
 * No two are side by side, which the kernel would make one lock.
 */
static uint64_t byte_of(const struct bpfring_task_storage *ts, const struct binding *b,
			enum mark mark)
{
	uint64_t map = ts->map.id & ((1U << 25) - 1), thread = b->seen.inode & ((1ULL << 33) - 1);

	return MARK_BASE | map << 35 | thread << 2 | (uint64_t)mark << 1;
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

enum holder {
	NOBODY,
	ANOTHER,  /* process that means the mark */
	STRANGER, /* who has locked more than the byte */
};

static enum holder holder_of(struct bpfring_task_storage *ts, uint64_t byte)
{
	uint64_t start, size;
	int fd = mark_fd(ts);

	if (fd < 0 || bpfring_sys_lock_query(fd, byte, &start, &size) || !size)
		return NOBODY;
	return start == byte && size == 1 ? ANOTHER : STRANGER;
}

/* The same, if the other one is only writing. -EPERM: a stranger has locked it. */
static int lock_soon(struct bpfring_task_storage *ts, uint64_t byte)
{
	int64_t end = 0, now = 0;
	uint32_t word = 0;
	int err = lock(ts, byte);

	while (err == -EBUSY && now <= end) {
		if (holder_of(ts, byte) == STRANGER)
			return -EPERM;
		now = bpfring_sys_now();
		end = end ? end : now + AT_MOST_NS;
		bpfring_sys_futex_wait(&word, 0, now + PAUSE_NS);
		err = lock(ts, byte);
	}
	return err;
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
	uint64_t byte = byte_of(ts, b, PUBLISHED);

	int err;

	if (is_uptr(ts))
		return b->mark == byte_of(ts, b, MADE) ? lock(ts, byte) : -EBUSY;
	err = b->seen.inode ? lock_soon(ts, byte) : 0;
	return err == -EBUSY ? err : 0; /* what cannot be locked is written all the same */
}

void bpfring_task_end_change(struct bpfring_task_storage *ts, const struct binding *b)
{
	if (b->seen.inode)
		bpfring_sys_unlock_byte(ts->mark_fd, byte_of(ts, b, PUBLISHED));
}

bool bpfring_task_begin_publish(struct bpfring_task_storage *ts, struct binding *b)
{
	uint64_t byte = byte_of(ts, b, PUBLISHED);
	int err;

	if (!b->seen.inode || b->mark == byte ||
	    (is_uptr(ts) && holder_of(ts, byte_of(ts, b, MADE)) != ANOTHER))
		return false;
	err = lock_soon(ts, byte);
	if (err)
		log_warn("map '%s': other processes cannot see that thread %d is bound: %s; if one "
			 "sets a member of it, BPF may lose the shared memory until the thread "
			 "binds again\n",
			 ts->map.name, (int)b->tid, bpfring_errname(err));
	bpfring_task_unmark(ts, b);
	b->mark = err ? 0 : byte;
	return true;
}

void bpfring_task_end_publish(struct bpfring_task_storage *ts, struct binding *b)
{
	if (!is_uptr(ts))
		bpfring_task_unmark(ts, b);
}
