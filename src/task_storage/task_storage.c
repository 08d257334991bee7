// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a task storage handle says of itself. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

int bpfring_task_storage_member(const struct bpfring_task_storage *ts, int index,
				struct bpfring_task_member *ret)
{
	int err = -ENOENT;

	if (!ts || !ret)
		return -EINVAL;
	bpfring_task_lock();
	if (index >= 0 && (unsigned int)index < ts->layout.count)
		err = bpfring_options_write(ret, &ts->layout.members[index], sizeof(*ret),
					    offsetof(struct bpfring_task_member, flags) +
						    sizeof(ret->flags));
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

int bpfring_task_storage_stats(const struct bpfring_task_storage *ts,
			       struct bpfring_task_storage_stats *ret)
{
	struct bpfring_task_storage_stats now = {0};

	if (!ts || !ret)
		return -EINVAL;
	bpfring_task_lock();
	now.path = ts->path->name;
	now.bound = ts->bound;
	now.binds = ts->binds;
	ts->path->stats(ts, &now);
	bpfring_task_unlock();
	return bpfring_options_write(ret, &now, sizeof(now),
				     offsetof(struct bpfring_task_storage_stats, binds));
}
