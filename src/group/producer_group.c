// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Makes, opens and closes a group of user rings. */
#include "group/producer_group.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"

#define MAX_RINGS 1024U /* bpf/producer_group.bpf.h looks at no more */

struct plan {
	struct bpfring_producer_group_opts opts;
	struct bpfring_producer_opts producer;
};

static int read_opts(struct plan *ret, const struct bpfring_producer_group_opts *opts)
{
	int err;

	*ret = (struct plan){.opts.sz = sizeof(ret->opts), .producer.sz = sizeof(ret->producer)};
	err = bpfring_options_read(&ret->opts, sizeof(ret->opts), opts,
				   "struct bpfring_producer_group_opts");
	if (!err)
		err = bpfring_options_read(&ret->producer, sizeof(ret->producer),
					   ret->opts.producer, "struct bpfring_producer_opts");
	if (err)
		return err;
	if (ret->opts.rings > MAX_RINGS || ret->opts.ring_bytes > 1U << 31 ||
	    ret->producer.claim_fd) {
		log_error("struct bpfring_producer_group_opts: rings %u (at most %u), ring_bytes "
			  "%u (at most 2^31), claim_fd %d (must be 0)\n",
			  ret->opts.rings, MAX_RINGS, ret->opts.ring_bytes, ret->producer.claim_fd);
		return -EINVAL;
	}
	ret->producer.flags |= BPFRING_PRODUCER_THREADS;
	return 0;
}

static int find(struct bpf_map **ret, const struct bpf_object *obj, const char *name)
{
	if (!obj || !name)
		return -EINVAL;
	*ret = bpf_object__find_map_by_name(obj, name);
	if (!*ret)
		return -ENOENT;
	if (bpf_map__type(*ret) == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		return 0;
	log_error("map '%s': not declared with BPFRING_USER_GROUP()\n", name);
	return -EINVAL;
}

int bpfring_producer_group_prepare(struct bpf_object *obj, const char *name,
				   const struct bpfring_producer_group_opts *opts)
{
	struct bpf_map *outer;
	struct plan plan;
	int err = read_opts(&plan, opts);

	if (!err)
		err = find(&outer, obj, name);
	if (err)
		return err;
	if (bpf_map__fd(outer) >= 0) {
		log_error("map '%s': the object is loaded already; prepare comes before\n", name);
		return -EBUSY;
	}
	return plan.opts.rings ? bpf_map__set_max_entries(outer, plan.opts.rings) : 0;
}

static uint32_t round_up(uint32_t bytes)
{
	uint32_t size = (uint32_t)bpfring_sys_page_size();

	while (size < bytes)
		size *= 2;
	return size;
}

/* A new ring in slot @i. Its descriptor. */
static int make_ring(const struct map *outer, uint32_t i, uint32_t bytes)
{
	char name[BPF_OBJ_NAME_LEN + 8];
	int fd, err;

	snprintf(name, sizeof(name), "%.9s_%u", outer->name, i);
	fd = bpfring_sys_user_ring_create(name, round_up(bytes ? bytes : 65536));
	err = fd < 0 ? fd : bpfring_sys_elem_update(outer->fd, &i, &fd, BPF_ANY);
	if (!err)
		return fd;
	log_error("group '%s': cannot create ring %u: %s%s\n", outer->name, i, bpfring_errname(err),
		  err == -ENOMEM ? "; out of memory, or the limit of the memory cgroup (memory.max)"
		  : err == -EPERM ? "; this process lacks CAP_BPF"
				  : "");
	if (fd >= 0)
		bpfring_sys_close(fd);
	return err;
}

static int find_ring(const struct map *outer, uint32_t i)
{
	uint32_t id;
	int err = bpfring_sys_elem_lookup(outer->fd, &i, &id);

	if (!err)
		err = bpfring_sys_map_by_id(id);
	if (err < 0)
		log_error("group '%s': cannot open ring %u: %s%s\n", outer->name, i,
			  bpfring_errname(err),
			  err == -EPERM ? "; opening a map by its id needs CAP_SYS_ADMIN" : "");
	return err;
}

static int open_ring(struct bpfring_producer_group *g, const struct map *outer,
		     const struct plan *plan, bool make)
{
	const uint32_t i = g->count;
	int fd = make ? make_ring(outer, i, plan->opts.ring_bytes) : find_ring(outer, i);
	int err;

	if (fd < 0)
		return fd;
	err = bpfring_producer_open(&g->slots[i].p, fd, &plan->producer);
	bpfring_sys_close(fd); /* the array and the producer have their own reference */
	if (!err)
		g->count++;
	return err;
}

static int group_new(struct bpfring_producer_group **ret, const struct map *outer,
		     const struct plan *plan, bool make)
{
	struct bpfring_producer_group *g;
	int err = 0;

	if (outer->type != BPF_MAP_TYPE_ARRAY_OF_MAPS || outer->max_entries > MAX_RINGS) {
		log_error("map '%s' id %u: not an array of at most %u maps\n", outer->name,
			  outer->id, MAX_RINGS);
		return -EINVAL;
	}
	g = bpfring_sys_alloc(sizeof(*g) + outer->max_entries * sizeof(g->slots[0]));
	if (!g)
		return -ENOMEM;
	err = -pthread_key_create(&g->key, bpfring_producer_slot_drop);
	if (err) {
		bpfring_sys_free(g);
		return err;
	}
	while (!err && g->count < outer->max_entries)
		err = open_ring(g, outer, plan, make);
	if (err)
		bpfring_producer_group_close(g);
	else
		*ret = g;
	return err;
}

/* Not cancellable: a thread that ended in the middle would leave rings without an owner. */
static int open_outer(struct bpfring_producer_group **ret, int outer_fd, const struct plan *plan,
		      bool make)
{
	struct map outer;
	int err, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = bpfring_map_open(&outer, outer_fd);
	if (!err) {
		err = group_new(ret, &outer, plan, make);
		bpfring_map_close(&outer);
	}
	pthread_setcancelstate(cancel, NULL);
	return err;
}

int bpfring_producer_group_create(struct bpfring_producer_group **ret, const struct bpf_object *obj,
				  const char *name, const struct bpfring_producer_group_opts *opts)
{
	struct bpf_map *outer;
	struct plan plan;
	int err = ret ? read_opts(&plan, opts) : -EINVAL;

	if (!err)
		err = find(&outer, obj, name);
	return err ? err : open_outer(ret, bpf_map__fd(outer), &plan, true);
}

int bpfring_producer_group_open(struct bpfring_producer_group **ret, int outer_fd,
				const struct bpfring_producer_group_opts *opts)
{
	struct plan plan;
	int err = ret ? read_opts(&plan, opts) : -EINVAL;

	return err ? err : open_outer(ret, outer_fd, &plan, false);
}

void bpfring_producer_group_close(struct bpfring_producer_group *g)
{
	int cancel;

	if (!g)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_key_delete(g->key);
	for (unsigned int i = 0; i < g->count; i++)
		bpfring_producer_close(g->slots[i].p);
	bpfring_sys_free(g);
	pthread_setcancelstate(cancel, NULL);
}
