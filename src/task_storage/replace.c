// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Another map takes the place of the one that is open: a scheduler was loaded anew. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

/* Through the new map, then no longer through @old: programs of both see the memory for a moment. */
static int move_element(struct bpfring_task_storage *ts, struct map *old, const struct binding *b,
			struct task_id id)
{
	struct map new = ts->map;
	int err;

	ts->map = *old; /* ordinary members come along */
	err = bpfring_task_element_read(ts, id);
	if (err)
		memset(bpfring_task_value(ts), 0, ts->layout.value_size);
	ts->map = new;
	bpfring_task_element_refer(ts, b);
	err = bpfring_task_element_write(ts, id, BPF_ANY);
	ts->map = *old;
	bpfring_task_element_delete(ts, id);
	ts->map = new;
	return err;
}

/* 1: moved; 0: it is gone, or has to come by itself. */
static int move_thread(struct bpfring_task_storage *ts, struct map *old, struct binding *b)
{
	int fd = b->pidfd >= 0 ? b->pidfd : bpfring_task_try_pidfd(b->tid), err;

	if (fd == -EOPNOTSUPP) { /* before 6.9: when it binds the next time */
		b->is_behind = true;
		return 0;
	}
	err = fd < 0 ? fd : move_element(ts, old, b, (struct task_id){b->tid, fd});
	if (b->pidfd < 0)
		bpfring_sys_close(fd);
	if (err == -ENOENT || err == -ESRCH)
		return 0;
	b->is_behind = err != 0; /* then it may come by itself */
	return err ? err : 1;
}

static int move_threads(struct bpfring_task_storage *ts, struct map *old)
{
	int moved = 0, first_error = 0;

	for (unsigned int i = 0; i < TASK_BUCKETS; i++) {
		for (struct binding *b = ts->buckets[i]; b; b = b->next) {
			int n = b->has_cell ? move_thread(ts, old, b) : 0;

			if (n < 0 && !first_error)
				first_error = n;
			moved += n > 0;
		}
	}
	return first_error ? first_error : moved;
}

/* Takes over @map and @parts. */
static int move(struct bpfring_task_storage *ts, struct map *map, struct task_parts *parts)
{
	struct task_parts old_parts = ts->parts;
	struct map old = ts->map;
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0;

	if (!err)
		err = ts->path->move(ts, parts);
	if (err) {
		bpfring_task_parts_close(parts, ts->layout.shared_count);
		bpfring_map_close(map);
		return err;
	}
	ts->map = *map;
	ts->parts = *parts;
	/* By pidfd only: the program belongs to one map, and elements of both are needed. */
	ts->parts.bind_fd = -1;
	err = move_threads(ts, &old);
	ts->parts.bind_fd = parts->bind_fd;
	bpfring_task_parts_close(&old_parts, ts->layout.shared_count);
	bpfring_map_close(&old);
	return err;
}

/* Under the lock. Takes over @map. */
static int replace(struct bpfring_task_storage *ts, struct map *map,
		   const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	struct task_layout layout;
	struct task_parts parts;
	struct bpfring_task_storage_opts known = *opts;
	int err;

	if (ts->opts.member_count &&
	    !known.member_count) { /* declared at open, as BTF was not readable */
		known.members = ts->layout.members;
		known.member_count = ts->layout.count;
	}
	err = bpfring_task_describe(&layout, map, &known,
				    from->obj ? bpf_object__btf(from->obj) : NULL, from->fallback);
	if (err)
		goto close_map;
	err = bpfring_task_layout_equal(&ts->layout, &layout, map->name) ? 0 : -EINVAL;
	if (!err)
		err = bpfring_task_parts_find(&parts, from, &known, &layout);
	bpfring_task_layout_free(&layout);
	if (!err)
		return move(ts, map, &parts);
close_map:
	bpfring_map_close(map);
	return err;
}

static bool is_fallback(const struct bpfring_task_storage *ts)
{
	return ts->path->name == BPFRING_TASK_FALLBACK;
}

static int replace_from(struct bpfring_task_storage *ts, int map_fd,
			const struct bpfring_task_storage_opts *opts,
			const struct task_source *from)
{
	struct bpfring_task_storage_opts known;
	struct map map;
	int err = bpfring_task_opts_read(&known, opts);

	if (!err)
		err = bpfring_map_open(&map, map_fd);
	if (err)
		return err;
	bpfring_task_lock();
	err = replace(ts, &map, &known, from);
	bpfring_task_unlock();
	return err;
}

int bpfring_task_storage_replace(struct bpfring_task_storage *ts, int map_fd,
				 const struct bpfring_task_storage_opts *opts)
{
	struct task_source from = {0};

	if (!ts)
		return -EINVAL;
	from.fallback = is_fallback(ts);
	return replace_from(ts, map_fd, opts, &from);
}

int bpfring_task_storage_replace_object(struct bpfring_task_storage *ts,
					const struct bpf_object *obj, const char *name)
{
	struct task_source from = {.obj = obj, .name = name};
	const struct bpf_map *map;

	if (!ts || !obj || !name)
		return -EINVAL;
	from.fallback = is_fallback(ts);
	map = bpf_object__find_map_by_name(obj, name);
	if (!map)
		return -ENOENT;
	if (bpfring_task_object_is_fallback(obj) != from.fallback) {
		log_error("map '%s': the object was prepared for the other path\n", name);
		return -EINVAL;
	}
	return replace_from(ts, bpf_map__fd(map), NULL, &from);
}

int bpfring_task_storage_refresh(struct bpfring_task_storage *ts)
{
	struct task_source from = {0};
	struct bpfring_task_storage_opts none = {.sz = sizeof(none)};
	struct map map;
	int err;

	if (!ts || !ts->pin)
		return -EINVAL;
	from.pin = ts->pin;
	from.fallback = is_fallback(ts);
	err = bpfring_map_open_pinned(&map, ts->pin);
	if (err)
		return err;
	bpfring_task_lock();
	if (map.id == ts->map.id) {
		bpfring_map_close(&map);
		err = 0;
	} else {
		err = replace(ts, &map, &none, &from);
		err += err >= 0;
	}
	bpfring_task_unlock();
	return err;
}
