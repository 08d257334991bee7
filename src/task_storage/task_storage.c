// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a task storage handle says of itself, and its ordinary members. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

int bpfring_task_storage_path(const struct bpfring_task_storage *ts)
{
	return ts ? (int)ts->path->name : -EINVAL;
}

int bpfring_task_storage_member_count(const struct bpfring_task_storage *ts)
{
	int count;

	if (!ts)
		return -EINVAL;
	bpfring_task_lock(); /* replace() may bring more */
	count = (int)ts->layout.count;
	bpfring_task_unlock();
	return count;
}

int bpfring_task_storage_member(const struct bpfring_task_storage *ts, int index,
				struct bpfring_task_member *ret)
{
	int err = -ENOENT;

	if (!ts || !ret)
		return -EINVAL;
	bpfring_task_lock();
	if (index >= 0 && (unsigned int)index < ts->layout.count) {
		*ret = ts->layout.members[index];
		err = 0;
	}
	bpfring_task_unlock();
	return err;
}

static int find(const struct bpfring_task_storage *ts, const char *name, size_t size)
{
	const struct bpfring_task_member *m = ts->layout.members;

	for (unsigned int i = 0; i < ts->layout.count; i++) {
		if (strcmp(m[i].name, name) || (m[i].flags & BPFRING_TASK_MEMBER_GONE))
			continue;
		if (m[i].size == size)
			return (int)i;
		log_error("map '%s': member '%s' has %u bytes in the BPF program, %zu here\n",
			  ts->map.name, name, m[i].size, size);
		return -ERANGE;
	}
	log_error("map '%s': the value has no member '%s'\n", ts->map.name, name);
	return -ENOENT;
}

int bpfring_task_storage_find(const struct bpfring_task_storage *ts, const char *name, size_t size)
{
	int ret;

	if (!ts || !name)
		return -EINVAL;
	bpfring_task_lock();
	ret = find(ts, name, size);
	bpfring_task_unlock();
	return ret;
}

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
			  m->flags & BPFRING_TASK_MEMBER_UPTR ? "is shared: store into its memory"
			  : m->flags & BPFRING_TASK_MEMBER_GONE
				  ? "was of the map before; this one has no such member"
				  : "is a bit field, a lock or a __kptr, which cannot be reached "
				    "from here");
		return -EINVAL;
	}
	*ret = m;
	return m->size == size ? 0 : -ERANGE;
}

/* Reads the element for a change; what is shared through it is filled in. */
static int read_for_change(struct bpfring_task_storage *ts, struct task_id id,
			   const struct binding *b)
{
	int err = bpfring_task_element_read(ts, id);

	if (err == -ENOENT)
		memset(bpfring_task_value(ts), 0, ts->layout.value_size);
	else if (err)
		return err;
	if (b && b->has_cell)
		bpfring_task_element_refer(ts, b);
	return 0;
}

/*
 * A thread of another process. On the path UPTR its element may share memory of that process, which a
 * write from here would cut off and which the kernel does not show: it must be new, or made here.
 * @known: made here.
 */
static int set_foreign(struct bpfring_task_storage *ts, pid_t tid, struct binding *known,
		       const struct bpfring_task_member *m, const void *data)
{
	struct task_id id = {tid, known ? known->pidfd : bpfring_task_pidfd(tid)};
	bool guarded = ts->path->name == BPFRING_TASK_UPTR && !known;
	int err;

	if (id.pidfd < 0)
		return id.pidfd;
	err = read_for_change(ts, id, NULL);
	if (!err) {
		memcpy((char *)bpfring_task_value(ts) + m->offset, data, m->size);
		err = bpfring_task_element_write(ts, id, guarded ? BPF_NOEXIST : BPF_ANY);
	}
	if (known)
		return err;
	if (!err)
		known = bpfring_task_add(ts, tid);
	if (!known) {
		bpfring_sys_close(id.pidfd);
		return err; /* without memory to remember it, the next set is refused */
	}
	known->pidfd = id.pidfd;
	return 0;
}

static int set(struct bpfring_task_storage *ts, pid_t tid, const struct bpfring_task_member *m,
	       const void *data)
{
	struct binding *b;
	struct task_id id;
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0;

	if (err)
		return err;
	bpfring_task_reap_some(ts);
	b = bpfring_task_current(ts, tid);
	if (!bpfring_sys_is_our_thread(tid)) {
		if (b && b->pidfd < 0) { /* its number was of a thread of this process */
			bpfring_task_drop(ts, b);
			b = NULL;
		}
		return set_foreign(ts, tid, b, m, data);
	}
	id = (struct task_id){tid, b ? b->pidfd : -1};
	err = read_for_change(ts, id, b);
	if (err)
		return err;
	memcpy((char *)bpfring_task_value(ts) + m->offset, data, m->size);
	return bpfring_task_element_write(ts, id, BPF_ANY);
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

int bpfring_task_storage_stats(const struct bpfring_task_storage *ts,
			       struct bpfring_task_storage_stats *ret)
{
	struct bpfring_task_storage_stats now = {0};

	if (!ts || !ret)
		return -EINVAL;
	bpfring_task_lock();
	now.bound = ts->bound;
	now.binds = ts->binds;
	ts->path->stats(ts, &now);
	bpfring_task_unlock();
	return bpfring_options_write(ret, &now, sizeof(now),
				     offsetof(struct bpfring_task_storage_stats, binds));
}
