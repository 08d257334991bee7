// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The ordinary members of a thread's element. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#define TRIES 64

/* Under the lock. */
static int ordinary_member(const struct bpfring_task_storage *ts, int index, size_t size,
			   const struct bpfring_task_member **ret)
{
	const struct bpfring_task_member *m;

	if (index < 0 || (unsigned int)index >= ts->layout.count)
		return -EINVAL;
	m = &ts->layout.members[index];
	if (m->flags) {
		log_error("map '%s': member '%s' %s\n", ts->map.name, m->name,
			  m->flags & BPFRING_TASK_MEMBER_SHARED ? "is shared: store into its memory"
			  : m->flags & BPFRING_TASK_MEMBER_GONE
				  ? "was in the map before; the map that is open now lacks it"
				  : "is a bit field, a lock or a __kptr, which cannot be reached "
				    "from here");
		return -EINVAL;
	}
	*ret = m;
	return m->size == size ? 0 : -ERANGE;
}

/* Changes a member in what there is; @flags: BPF_NOEXIST if there must be nothing. */
static int change(struct bpfring_task_storage *ts, struct task_id id, const struct binding *b,
		  const struct bpfring_task_member *m, const void *data, uint64_t flags)
{
	int err = bpfring_task_element_read(ts, id);

	if (err == -ENOENT) {
		memset(bpfring_task_value(ts), 0, ts->layout.value_size);
		flags = BPF_NOEXIST;
	} else if (err) {
		return err;
	}
	if (b && b->has_cell)
		bpfring_task_element_refer(ts, b);
	memcpy((char *)bpfring_task_value(ts) + m->offset, data, m->size);
	return bpfring_task_element_write(ts, id, flags);
}

/* The same, again if the element was made in between. */
static int change_any(struct bpfring_task_storage *ts, struct task_id id, const struct binding *b,
		      const struct bpfring_task_member *m, const void *data)
{
	int err, tries = 0;

	do
		err = change(ts, id, b, m, data, BPF_ANY);
	while (err == -EEXIST && !ts->layout.has_kptr && ++tries < TRIES);
	return err;
}

/* A thread of another process, which we remember by a pidfd. */
static int add_foreign(struct bpfring_task_storage *ts, pid_t tid, struct binding **ret)
{
	int pidfd = bpfring_task_pidfd(tid);
	struct binding *b = pidfd < 0 ? NULL : bpfring_task_add(ts, tid);

	if (!b) {
		bpfring_sys_close(pidfd);
		return pidfd < 0 ? pidfd : -ENOMEM;
	}
	b->pidfd = pidfd;
	b->seen = bpfring_task_see(bpfring_sys_pidfd_inode(pidfd));
	*ret = b;
	return 0;
}

/*
 * On the path UPTR its element may share memory of that process, which a write from here would cut
 * off and which the kernel does not show. It must be new, or made here and not bound since.
 */
static int set_foreign(struct bpfring_task_storage *ts, struct binding *b,
		       const struct bpfring_task_member *m, const void *data)
{
	struct task_id id = {b->tid, b->pidfd};
	int err = bpfring_task_begin_change(ts, b);

	if (!err) {
		err = change_any(ts, id, NULL, m, data);
		bpfring_task_end_change(ts, b);
		return err;
	}
	if (ts->path->name != BPFRING_TASK_PATH_UPTR)
		return err;
	bpfring_task_mark_made(ts, b);
	err = change(ts, id, NULL, m, data, BPF_NOEXIST);
	if (err)
		bpfring_task_unmark(ts, b);
	if (err == -EEXIST)
		log_error("map '%s': another process or BPF made the element of thread %d, or the "
			  "thread is bound; a write could cut off its shared memory\n",
			  ts->map.name, (int)b->tid);
	return err;
}

/* One descriptor for reading and writing: in between the number may become another thread's. */
static int set_own(struct bpfring_task_storage *ts, pid_t tid, const struct binding *b,
		   const struct bpfring_task_member *m, const void *data)
{
	struct task_id id = {tid, b ? b->pidfd : -1};
	int opened = -1, err;

	if (id.pidfd < 0 && (tid != bpfring_sys_gettid() || ts->parts.bind_fd < 0)) {
		opened = b ? bpfring_task_pidfd_of(&b->seen, tid) : bpfring_task_pidfd(tid);
		if (opened < 0)
			return opened;
		id.pidfd = opened;
	}
	err = change_any(ts, id, b, m, data);
	bpfring_sys_close(opened);
	return err;
}

static int set(struct bpfring_task_storage *ts, pid_t tid, const struct bpfring_task_member *m,
	       const void *data)
{
	struct binding *b;
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0;

	if (err)
		return err;
	bpfring_task_reap_some(ts);
	b = bpfring_task_current(ts, tid);
	if (bpfring_sys_is_our_thread(tid))
		return set_own(ts, tid, b, m, data);
	if (b && b->pidfd < 0) { /* its number was of a thread of this process */
		bpfring_task_drop(ts, b);
		b = NULL;
	}
	if (b)
		return set_foreign(ts, b, m, data);
	err = add_foreign(ts, tid, &b);
	if (err)
		return err;
	err = set_foreign(ts, b, m, data);
	if (err)
		bpfring_task_drop(ts, b);
	return err;
}

int bpfring_task_storage_set(struct bpfring_task_storage *ts, pid_t tid, int member,
			     const void *data, size_t size)
{
	const struct bpfring_task_member *m;
	int err;

	if (!ts || !data)
		return -EINVAL;
	bpfring_task_lock();
	err = ordinary_member(ts, member, size, &m);
	if (!err)
		err = set(ts, tid ? tid : bpfring_sys_gettid(), m, data);
	bpfring_task_unlock();
	return err == -ENOENT ? -ESRCH : err; /* of the thread: the element need not exist */
}

int bpfring_task_storage_get(struct bpfring_task_storage *ts, pid_t tid, int member, void *data,
			     size_t size)
{
	const struct bpfring_task_member *m;
	int err;

	if (!ts || !data)
		return -EINVAL;
	bpfring_task_lock();
	err = ordinary_member(ts, member, size, &m);
	if (!err)
		err = bpfring_task_element_read(
			ts, (struct task_id){tid ? tid : bpfring_sys_gettid(), -1});
	if (!err)
		memcpy(data, (char *)bpfring_task_value(ts) + m->offset, size);
	bpfring_task_unlock();
	return err;
}
