// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Another map takes the place of the one that is open: a scheduler was loaded anew. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

/* A map, what its value looks like, and room for one. */
struct place {
	struct map map;
	struct task_layout layout;
	struct task_parts parts;
	void *scratch;
	bool is_checked;
};

static void place_free(struct place *p, unsigned int uptr_count)
{
	bpfring_task_parts_close(&p->parts, uptr_count);
	bpfring_task_layout_free(&p->layout);
	bpfring_sys_free(p->scratch);
	bpfring_map_close(&p->map);
}

/* @ts stands where @p says, and @p says where it stood. */
static void exchange(struct bpfring_task_storage *ts, struct place *p)
{
	const struct place was = *p;

	p->map = ts->map;
	p->parts = ts->parts;
	p->scratch = ts->scratch;
	p->is_checked = ts->is_checked;
	ts->map = was.map;
	ts->parts = was.parts;
	ts->scratch = was.scratch;
	ts->is_checked = was.is_checked;
	bpfring_task_layout_exchange(&ts->layout, &p->layout);
}

/*
 * Through the new map, then no longer through @old: programs of both see the memory for a moment.
 */
static int move_element(struct bpfring_task_storage *ts, struct place *old, struct binding *b,
			struct task_id id)
{
	int err;

	exchange(ts, old);
	err = bpfring_task_element_read(ts, id);
	exchange(ts, old);
	if (err)
		memset(ts->scratch, 0, ts->layout.value_size);
	else
		bpfring_task_layout_convert(&old->layout, old->scratch, &ts->layout, ts->scratch);
	bpfring_task_begin_publish(ts, b);
	bpfring_task_element_refer(ts, b);
	err = bpfring_task_element_write(ts, id, BPF_ANY);
	bpfring_task_end_publish(ts, b);
	if (!err)
		err = bpfring_task_element_check(ts, id);
	if (ts->map.id == old->map.id) /* other arrays under the same map: it is the same element */
		return err;
	exchange(ts, old);
	bpfring_task_element_delete(ts, id);
	exchange(ts, old);
	return err;
}

/* 1: moved; 0: it is gone, or has to come by itself. */
static int move_thread(struct bpfring_task_storage *ts, struct place *old, struct binding *b)
{
	int fd = b->pidfd >= 0 ? b->pidfd : bpfring_task_pidfd_of(&b->seen, b->tid), err;

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

static int move_threads(struct bpfring_task_storage *ts, struct place *old)
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

/* Takes over what is in @to. */
static int move(struct bpfring_task_storage *ts, struct place *to)
{
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0, bind_fd = to->parts.bind_fd;

	if (!err)
		err = ts->path->move(ts, &to->parts);
	if (!err) {
		bpfring_names_forget_caches(ts);
		/* By pidfd only: a program belongs to one map, elements of both are needed. */
		bpfring_sys_close(ts->parts.bind_fd);
		ts->parts.bind_fd = to->parts.bind_fd = -1;
		exchange(ts, to);
		err = move_threads(ts, to);
		ts->parts.bind_fd = bind_fd;
	}
	place_free(to, ts->layout.uptr_count);
	return err;
}

/* Slots that were given by descriptor are in the order of the map's own members. */
static void sort_slots(struct task_parts *parts, const struct task_layout *layout,
		       const struct task_layout *given)
{
	const struct task_parts unsorted = *parts;

	for (unsigned int i = 0; i < layout->uptr_count; i++)
		for (unsigned int k = 0; k < given->uptr_count; k++)
			if (given->members[given->uptrs[k]].offset ==
			    layout->members[layout->uptrs[i]].offset)
				parts->slot_fds[i] = unsorted.slot_fds[k];
}

/* Members and parts of another map. */
static int describe(const struct bpfring_task_storage *ts, struct place *to,
		    const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	struct bpfring_task_storage_opts known = *opts;
	struct task_layout given;
	int err;

	if (ts->opts.member_count && !known.member_count) { /* BTF was not readable at open */
		known.members = ts->layout.members;
		known.member_count = ts->layout.count;
	}
	err = bpfring_task_describe(&given, &to->map, &known,
				    from->obj ? bpf_object__btf(from->obj) : NULL, from->fallback);
	if (err)
		return err;
	err = bpfring_task_layout_follow(&to->layout, &ts->layout, &given, to->map.name);
	if (!err)
		err = bpfring_task_parts_find(&to->parts, from, &known, &to->layout);
	if (!err && !from->obj && !from->pin)
		sort_slots(&to->parts, &to->layout, &given);
	bpfring_task_layout_free(&given);
	return err;
}

/* The same map; on the fall-back the object or the pin may name other arrays. */
static int describe_same(const struct bpfring_task_storage *ts, struct place *to,
			 const struct bpfring_task_storage_opts *opts,
			 const struct task_source *from)
{
	int err = bpfring_task_layout_copy(&to->layout, &ts->layout);

	to->is_checked = ts->is_checked;
	return err ? err : bpfring_task_parts_find(&to->parts, from, opts, &to->layout);
}

static struct bpfring_task_storage *other_handle(const struct bpfring_task_storage *ts,
						 uint32_t map_id)
{
	struct bpfring_task_storage *other = bpfring_task_all;

	while (other && (other == ts || other->map.id != map_id))
		other = other->next;
	return map_id ? other : NULL;
}

/* Whether @from says nothing but the map, or says arrays that we have: 1, 0. */
static int is_where_we_are(const struct bpfring_task_storage *ts, const struct place *to)
{
	if (to->map.id != ts->map.id || !to->map.id)
		return 0;
	if (to->parts.owner_fd < 0)
		return 1;
	return bpfring_task_parts_same(&ts->parts, &to->parts, ts->layout.uptr_count);
}

static int find_place(const struct bpfring_task_storage *ts, struct place *to,
		      const struct bpfring_task_storage_opts *opts, const struct task_source *from)
{
	const bool is_same = to->map.id && to->map.id == ts->map.id;
	const bool by_name = from->obj || from->pin;
	int err;

	if (other_handle(ts, to->map.id)) {
		log_error("map '%s' id %u is open in this process with another handle; close one "
			  "of the two\n",
			  to->map.name, to->map.id);
		return -EBUSY;
	}
	if (is_same && by_name)
		err = describe_same(ts, to, opts, from);
	else if (is_same && !(from->fallback && opts->owner_fd))
		err = bpfring_task_layout_copy(&to->layout, &ts->layout);
	else
		err = describe(ts, to, opts, from);
	if (err)
		return err;
	to->scratch = bpfring_sys_alloc(bpfring_task_scratch_size(&to->layout));
	return to->scratch ? is_where_we_are(ts, to) : -ENOMEM;
}

int bpfring_task_replace(struct bpfring_task_storage *ts, struct map *map,
			 const struct bpfring_task_storage_opts *opts,
			 const struct task_source *from, bool *ret_same)
{
	struct place to = {.map = *map};
	int err;

	bpfring_task_parts_none(&to.parts);
	err = find_place(ts, &to, opts, from);
	*ret_same = err == 1;
	if (!err)
		return move(ts, &to);
	place_free(&to, TASK_MAX_UPTRS);
	return err < 0 ? err : 0;
}

static bool is_fallback(const struct bpfring_task_storage *ts)
{
	return ts->path->name == BPFRING_TASK_PATH_FALLBACK;
}

static int replace_from(struct bpfring_task_storage *ts, int map_fd,
			const struct bpfring_task_storage_opts *opts,
			const struct task_source *from)
{
	struct bpfring_task_storage_opts known;
	struct map map;
	bool same;
	int err = bpfring_task_opts_read(&known, opts);

	if (!err)
		err = bpfring_map_open(&map, map_fd);
	if (err)
		return err;
	bpfring_task_lock();
	err = bpfring_task_replace(ts, &map, &known, from, &same);
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
	struct bpfring_task_storage_opts none = {.sz = sizeof(none)};
	struct task_source from = {0};
	struct map map;
	bool same;
	int err;

	if (!ts || !ts->pin)
		return -EINVAL;
	from.pin = ts->pin;
	from.fallback = is_fallback(ts);
	err = bpfring_map_open_pinned(&map, ts->pin);
	if (err)
		return err;
	bpfring_task_lock();
	err = bpfring_task_replace(ts, &map, &none, &from, &same);
	bpfring_task_unlock();
	return err < 0 || same ? err : err + 1;
}
