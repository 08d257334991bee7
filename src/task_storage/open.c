// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening and closing a task storage map. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mapping.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

static void handle_free(struct bpfring_task_storage *ts)
{
	bpfring_guard_free(ts->guard);
	for (unsigned int i = 0; i < TASK_MAX_UPTRS; i++)
		bpfring_sys_free(ts->process_copy[i]);
	bpfring_task_parts_close(&ts->parts, TASK_MAX_UPTRS);
	bpfring_task_layout_free(&ts->layout);
	bpfring_map_close(&ts->map);
	bpfring_sys_close(ts->mark_fd);
	bpfring_sys_free(ts->scratch);
	bpfring_sys_free(ts->pin);
	bpfring_sys_free(ts);
}

/* Makes a handle of the map, members and parts that @ts has; frees it on failure. */
static int handle_start(struct bpfring_task_storage *ts)
{
	int err = bpfring_task_fork_init();

	if (!err)
		err = bpfring_guard_new(&ts->guard);
	if (err)
		goto free_handle;
	ts->scratch = bpfring_sys_alloc(bpfring_task_scratch_size(&ts->layout));
	if (!ts->scratch) {
		err = -ENOMEM;
		goto free_handle;
	}
	ts->path = ts->parts.owner_fd >= 0 ? &bpfring_task_slots : &bpfring_task_slab;
	err = ts->path->init(ts);
	if (err)
		goto free_handle;
	err = -pthread_key_create(&ts->key, bpfring_task_thread_ends);
	if (err) {
		log_error("map '%s': no thread-specific key is left: %s; a process can have "
			  "PTHREAD_KEYS_MAX\n",
			  ts->map.name, bpfring_errname(err));
		goto free_path;
	}
	ts->refs = 1;
	ts->serial = ++bpfring_task_serials;
	ts->next = bpfring_task_all;
	bpfring_task_all = ts;
	return 0;

free_path:
	ts->path->fini(ts);
free_handle:
	handle_free(ts);
	return err;
}

/* The handle of a map that is open already; the id is what two descriptors have in common. */
static struct bpfring_task_storage *already_open(const struct map *map)
{
	struct bpfring_task_storage *ts = map->id ? bpfring_task_all : NULL;

	while (ts && ts->map.id != map->id)
		ts = ts->next;
	return ts;
}

/*
 * The same map may come with other arrays of the fall-back: the loader of a new object reused a
 * pinned map. BPF looks into the arrays of the new one.
 */
static int open_again(struct bpfring_task_storage *ts, struct map *map,
		      const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	bool same;
	int err;

	if (!from->fallback) {
		bpfring_map_close(map);
		return 0;
	}
	if (ts->path->name == BPFRING_TASK_PATH_FALLBACK) {
		err = bpfring_task_replace(ts, map, opts, from, &same);
		return err < 0 ? err : 0;
	}
	log_error("map '%s' id %u is open in this process without the parts of the fall-back; "
		  "close that handle first\n",
		  map->name, map->id);
	bpfring_map_close(map);
	return -EBUSY;
}

/* Under the lock. Takes over @map. */
static int handle_new(struct bpfring_task_storage **ret, struct map *map,
		      const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	struct bpfring_task_storage *ts = already_open(map);
	int err;

	if (ts) {
		err = open_again(ts, map, opts, from);
		if (err)
			return err;
		ts->refs++;
		*ret = ts;
		return 0;
	}
	ts = bpfring_sys_alloc(sizeof(*ts));
	if (!ts) {
		bpfring_map_close(map);
		return -ENOMEM;
	}
	ts->map = *map;
	ts->opts = *opts;
	ts->mark_fd = -1;
	bpfring_task_parts_none(&ts->parts);
	err = bpfring_task_describe(&ts->layout, map, opts,
				    from->obj ? bpf_object__btf(from->obj) : NULL, from->fallback);
	if (!err)
		err = bpfring_task_parts_find(&ts->parts, from, &ts->opts, &ts->layout);
	if (!err && from->pin) {
		ts->pin = bpfring_sys_alloc(strlen(from->pin) + 1);
		if (ts->pin)
			memcpy(ts->pin, from->pin, strlen(from->pin) + 1);
		else
			err = -ENOMEM;
	}
	if (err) {
		handle_free(ts);
		return err;
	}
	/* What the caller's pointers point to has been read. */
	ts->opts.members = NULL;
	ts->opts.slot_fds = NULL;
	err = handle_start(ts);
	if (!err)
		*ret = ts;
	return err;
}

static int open_from(struct bpfring_task_storage **ret, int fd,
		     const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	struct bpfring_task_storage_opts known;
	struct map map;
	int err = ret ? bpfring_task_opts_read(&known, opts) : -EINVAL;

	if (err)
		return err;
	err = from->pin ? bpfring_map_open_pinned(&map, from->pin) : bpfring_map_open(&map, fd);
	if (err)
		return err;
	bpfring_task_lock();
	err = handle_new(ret, &map, &known, from);
	bpfring_task_unlock();
	return err;
}

int bpfring_task_storage_open(struct bpfring_task_storage **ret, int map_fd,
			      const struct bpfring_task_storage_opts *opts)
{
	struct bpfring_task_storage_opts known;
	struct task_source from = {0};
	int err = bpfring_task_opts_read(&known, opts);

	if (err)
		return err;
	from.fallback = known.owner_fd > 0;
	return open_from(ret, map_fd, &known, &from);
}

int bpfring_task_storage_open_pinned(struct bpfring_task_storage **ret, const char *path,
				     const struct bpfring_task_storage_opts *opts)
{
	struct task_source from = {.pin = path};
	char owner[TASK_PATH_MAX];
	int fd, err = path ? bpfring_task_part_path(owner, path, "owner") : -EINVAL;

	if (err)
		return err;
	fd = bpfring_sys_map_by_path(owner);
	from.fallback = fd >= 0;
	bpfring_sys_close(fd);
	return open_from(ret, -1, opts, &from);
}

int bpfring_task_storage_open_object(struct bpfring_task_storage **ret,
				     const struct bpf_object *obj, const char *name,
				     const struct bpfring_task_storage_opts *opts)
{
	struct task_source from = {.obj = obj, .name = name};
	const struct bpf_map *map;

	if (!obj || !name)
		return -EINVAL;
	map = bpf_object__find_map_by_name(obj, name);
	if (!map)
		return -ENOENT;
	from.fallback = bpfring_task_object_is_fallback(obj);
	return open_from(ret, bpf_map__fd(map), opts, &from);
}

/* Elements first, then the memory: BPF that still looks at a page keeps that page alive. */
static void unbind_all(struct bpfring_task_storage *ts)
{
	for (unsigned int i = 0; i < TASK_BUCKETS; i++) {
		struct binding *b;

		while ((b = ts->buckets[i])) {
			if (task_forked(ts)) {
				b->has_cell = false; /* of the parent */
			} else if (b->has_cell) {
				bpfring_task_end(ts, b);
				continue; /* it may be there still, without a cell */
			}
			bpfring_task_drop(ts, b);
		}
	}
}

void bpfring_task_storage_close(struct bpfring_task_storage *ts)
{
	struct bpfring_task_storage **link = &bpfring_task_all;

	if (!ts)
		return;
	bpfring_task_lock();
	if (!--ts->refs) {
		pthread_key_delete(ts->key);
		while (*link != ts)
			link = &(*link)->next;
		*link = ts->next;
		unbind_all(ts);
		ts->path->fini(ts);
		handle_free(ts);
	}
	bpfring_task_unlock();
}
