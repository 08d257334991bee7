// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens a group that another process has made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "base/sys_group.h"
#include "group/account.h"
#include "group/group.h"

#define MAX_PROG_MAPS 64
#define NAME_LENGTH   (BPF_OBJ_NAME_LEN - 1)

/* Names of maps are cut off, that of the counters first. */
static bool is_account_name(const char *name, const char *outer)
{
	char want[BPF_OBJ_NAME_LEN + sizeof("_account")];

	snprintf(want, sizeof(want), "%s_account", outer);
	return !strncmp(name, want, NAME_LENGTH);
}

static int try_account(struct map *ret, uint32_t id, const char *outer)
{
	struct bpf_map_info info;
	int fd = bpfring_sys_map_by_id(id), err;

	if (fd < 0)
		return fd;
	err = bpfring_sys_map_info(fd, &info);
	if (!err &&
	    (info.type != BPF_MAP_TYPE_PERCPU_ARRAY || info.value_size != sizeof(struct account) ||
	     !is_account_name(info.name, outer)))
		err = -ENOENT;
	if (!err)
		err = bpfring_map_open(ret, fd);
	bpfring_sys_close(fd);
	return err;
}

/* The counters are known by the programs that use the group. */
static int find_account(struct map *ret, const struct map *outer)
{
	uint32_t prog = 0, maps[MAX_PROG_MAPS];

	while (!bpfring_sys_prog_next(prog, &prog)) {
		int count = bpfring_sys_prog_maps(prog, maps, MAX_PROG_MAPS);
		bool uses = false;

		count = count > MAX_PROG_MAPS ? MAX_PROG_MAPS : count;
		for (int i = 0; i < count; i++)
			uses |= maps[i] == outer->id;
		for (int i = 0; i < count && uses; i++)
			if (!try_account(ret, maps[i], outer->name))
				return 0;
	}
	log_error("group '%s' id %u: no program was found that uses it and its counters; that "
		  "needs CAP_SYS_ADMIN; give account_fd, the map NAME_account\n",
		  outer->name, outer->id);
	return -ENOENT;
}

/* Takes up the rings in the order of their slots. */
static int take_rings(struct bpfring_group *g)
{
	uint32_t *ids = bpfring_sys_alloc(2ULL * g->slots * sizeof(*ids)), id;
	int err = 0;

	if (!ids)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < 2 * g->slots && !err; slot++) {
		uint32_t ring = 0;
		int fd;

		if (bpfring_sys_elem_lookup(g->outer.fd, &slot, &id))
			continue;
		while (ring < g->count && ids[ring] != id)
			ring++;
		g->slot_ring[slot] = ring;
		if (ring < g->count) /* several slots have it */
			continue;
		fd = bpfring_sys_map_by_id(id);
		if (fd < 0) {
			err = fd;
			log_error("group '%s': cannot open its ring id %u: %s%s\n", g->outer.name,
				  id, bpfring_errname(err), bpfring_fd_refusal(err));
			break;
		}
		ids[ring] = id;
		err = bpfring_group_take_ring(g, fd,
					      slot % g->slots < g->cpus ? slot % g->slots : NO_RING,
					      slot >= g->slots);
		bpfring_sys_close(fd);
	}
	bpfring_sys_free(ids);
	if (err)
		return err;
	if (!g->count) {
		log_error("group '%s' id %u has no rings: bpfring_group_create() makes them\n",
			  g->outer.name, g->outer.id);
		return -ENOENT;
	}
	g->ring_bytes = (uint32_t)bpfring_ring_size(bpfring_consumer_ring(g->rings[0].consumer));
	return 0;
}

static int open_account(struct map *ret, const struct map *outer, int account_fd)
{
	int err = account_fd ? bpfring_map_open(ret, account_fd) : find_account(ret, outer);

	if (err)
		return err;
	err = bpfring_account_check(ret);
	if (err)
		bpfring_map_close(ret);
	return err;
}

static bool only_account(const struct bpfring_group_opts *o)
{
	return !o->flags && !o->rings && !o->nmi_rings && !o->cpu_count && !o->ring_bytes &&
	       !o->total_bytes && !o->wake_bytes && !o->wake_ns && o->account_fd >= 0;
}

/* Takes over @outer, also on failure. */
static int group_open(struct bpfring_group **ret, struct map *outer,
		      const struct bpfring_group_opts *opts)
{
	struct bpfring_group_opts o = {.sz = sizeof(o)};
	int cpus = bpfring_sys_possible_cpus(), err;
	struct map account = {.fd = -1};
	struct bpfring_group *g = NULL;

	err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_group_opts");
	if (!err && !only_account(&o)) {
		log_error("bpfring_group_open(): of the options only account_fd can be given: the "
			  "rest is as the group was made\n");
		err = -EINVAL;
	}
	if (!err)
		err = cpus < 0 ? cpus : bpfring_group_check_outer(outer);
	if (!err)
		err = open_account(&account, outer, o.account_fd);
	if (!err) {
		err = bpfring_group_alloc(&g, outer, &account, outer->max_entries / 2,
					  (uint32_t)cpus);
		if (err)
			bpfring_map_close(&account);
	}
	if (err) {
		bpfring_map_close(outer);
		return err;
	}
	err = take_rings(g);
	if (err)
		bpfring_group_close(g);
	else
		*ret = g;
	return err;
}

int bpfring_group_open(struct bpfring_group **ret, int outer_fd,
		       const struct bpfring_group_opts *opts)
{
	struct map outer;
	int err;

	if (!ret)
		return -EINVAL;
	err = bpfring_map_open(&outer, outer_fd);
	return err ? err : group_open(ret, &outer, opts);
}

int bpfring_group_open_pinned(struct bpfring_group **ret, const char *path,
			      const struct bpfring_group_opts *opts)
{
	struct map outer;
	int err;

	if (!ret || !path)
		return -EINVAL;
	err = bpfring_map_open_pinned(&outer, path);
	return err ? err : group_open(ret, &outer, opts);
}
