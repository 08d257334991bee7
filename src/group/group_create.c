// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Makes a group: the form of its map before the load, its rings afterwards. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "base/sys_cpu.h"
#include "base/sys_group.h"
#include "group/account.h"
#include "group/group.h"

/* The member @name of a struct, without modifiers of its type; NULL: it has none. */
static const struct btf_type *member(const struct btf *btf, const struct btf_type *type,
				     const char *name)
{
	const struct btf_member *m = btf_members(type);

	for (unsigned int i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), name))
			return btf__type_by_id(btf, m[i].type);
	return NULL;
}

/* The struct that a map is declared with, a variable of the section .maps; or NULL. */
static const struct btf_type *map_struct(const struct btf *btf, const char *name)
{
	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!btf_is_var(t) || strcmp(btf__name_by_offset(btf, t->name_off), name))
			continue;
		t = btf__type_by_id(btf, t->type);
		return t && btf_is_struct(t) ? t : NULL;
	}
	return NULL;
}

/*
 * The bytes that BPFRING_GROUP() was given; 0: unknown. libbpf forgets the inner map after the
 * load, so they are read from the types: `int (*max_entries)[BYTES]` in the struct that the array
 * of pointers `values` is of.
 */
static uint64_t declared_bytes(const struct bpf_object *obj, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *t = btf ? map_struct(btf, name) : NULL;

	t = t ? member(btf, t, "values") : NULL;
	t = t && btf_is_array(t) ? btf__type_by_id(btf, btf_array(t)->type) : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	t = t && btf_is_struct(t) ? member(btf, t, "max_entries") : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_array(t) ? btf_array(t)->nelems : 0;
}

static int find(struct bpf_map **outer, struct bpf_map **account, const struct bpf_object *obj,
		const char *name)
{
	char full[128];

	*outer = bpf_object__find_map_by_name(obj, name);
	if (!*outer)
		return -ENOENT;
	snprintf(full, sizeof(full), "%s_account", name);
	*account = bpf_object__find_map_by_name(obj, full);
	if (!*account || bpf_map__type(*outer) != BPF_MAP_TYPE_ARRAY_OF_MAPS) {
		log_error("map '%s': not declared with BPFRING_GROUP() of bpf/group.bpf.h\n", name);
		return -EINVAL;
	}
	return 0;
}

int bpfring_group_prepare(struct bpf_object *obj, const char *name,
			  const struct bpfring_group_opts *opts)
{
	struct bpf_map *outer, *account, *inner;
	struct bpfring_group_opts o;
	int cpus = bpfring_sys_possible_cpus(), err;
	uint32_t bytes;

	if (!obj || !name)
		return -EINVAL;
	if (cpus < 0)
		return cpus;
	err = bpfring_group_read_opts(&o, opts, cpus);
	if (!err)
		err = find(&outer, &account, obj, name);
	if (err)
		return err;
	if (bpf_map__fd(account) >= 0) {
		log_error("map '%s': the object is loaded already; prepare comes before\n", name);
		return -EBUSY;
	}
	err = bpfring_group_ring_bytes(&bytes, &o, declared_bytes(obj, name), name);
	inner = bpf_map__inner_map(outer);
	if (err || !inner)
		return err ? err : -EINVAL;
	/*
	 * The template: only its type and flags count. libbpf rounds its size up to pages, and up
	 * to 1.1 crashes when that of an inner map is set.
	 */
	if (o.flags & BPFRING_GROUP_NUMA)
		err = bpf_map__set_map_flags(inner, BPF_F_NUMA_NODE);
	if (!err)
		err = bpf_map__set_max_entries(outer, 2 * bpfring_group_slots(&o, cpus));
	return err;
}

static int cannot_create(const struct bpfring_group *g, int err)
{
	const char *cause = "";

	if (err == -ENOMEM)
		cause = "; out of memory, or the limit of the memory cgroup (memory.max) is "
			"reached: ask for less with total_bytes or rings";
	else if (err == -EPERM)
		cause = "; this process lacks CAP_BPF, or RLIMIT_MEMLOCK is too small (before "
			"Linux 5.11)";
	else if (err == -EMFILE)
		cause = "; raise RLIMIT_NOFILE: each ring takes two descriptors";
	log_error("group '%s': cannot create ring %u of %u bytes: %s%s\n", g->outer.name, g->count,
		  g->ring_bytes, bpfring_errname(err), cause);
	return err;
}

int bpfring_group_new_ring(struct bpfring_group *g, uint32_t cpu, bool nmi)
{
	int node = -1, fd, err;
	char name[BPF_OBJ_NAME_LEN];

	if (g->flags & BPFRING_GROUP_NUMA)
		node = cpu == NO_RING ? 0 : (int)bpfring_sys_node_of_cpu(cpu);
	snprintf(name, sizeof(name), "%.8s_%s%u", g->outer.name, nmi ? "n" : "",
		 cpu == NO_RING ? g->count : cpu);
	fd = bpfring_sys_ring_create(name, g->ring_bytes, node);
	if (fd < 0)
		return cannot_create(g, fd);
	err = bpfring_group_take_ring(g, fd, cpu, nmi);
	if (!err)
		return fd;
	bpfring_sys_close(fd);
	return err;
}

/* Parameters of the BPF side, the same for every CPU. */
static int write_account(const struct bpfring_group *g, const struct bpfring_group_opts *o)
{
	const uint32_t zero = 0;
	struct account *values = bpfring_sys_alloc(g->cpus * sizeof(*values));
	int err;

	if (!values)
		return -ENOMEM;
	/* Programs may have counted already: they found no ring. */
	err = bpfring_sys_elem_lookup(g->account.fd, &zero, values);
	for (uint32_t i = 0; i < g->cpus; i++) {
		values[i].mask = g->slots - 1;
		values[i].flags = o->flags & BPFRING_GROUP_RESCUE ? ACCOUNT_RESCUE : 0;
		values[i].wake_bytes = o->wake_bytes;
		values[i].wake_ns = (uint64_t)o->wake_ns;
	}
	if (!err)
		err = bpfring_sys_elem_update(g->account.fd, &zero, values, BPF_ANY);
	bpfring_sys_free(values);
	return err;
}

/* Which ring each slot has: a CPU its own, the others and the slots behind the CPUs in turn. */
static void deal(struct bpfring_group *g, const struct bpfring_group_opts *o)
{
	for (uint32_t i = 0; i < g->slots; i++)
		g->slot_ring[i] = i % o->rings;
	for (uint32_t i = 0; i < o->rings; i++)
		if (g->rings[i].cpu != NO_RING)
			g->slot_ring[g->rings[i].cpu] = i;
	for (uint32_t i = 0; i < g->slots && o->nmi_rings; i++)
		g->slot_ring[g->slots + i] = o->rings + i % o->nmi_rings;
}

/* One call where the kernel has it: an update of one element may wait for an RCU grace period. */
static int fill(struct bpfring_group *g, const int *fds)
{
	const uint32_t all = 2 * g->slots;
	uint32_t *keys = bpfring_sys_alloc(2ULL * all * sizeof(*keys)), count = 0;
	int *values = (int *)keys + all, err;

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < all; i++) {
		if (g->slot_ring[i] == NO_RING)
			continue;
		keys[count] = i;
		values[count++] = fds[g->slot_ring[i]];
	}
	err = bpfring_sys_elems_update(g->outer.fd, keys, values, count);
	if (err) { /* before Linux 5.13, or what it did not like comes up again */
		err = 0;
		for (uint32_t i = 0; i < count && !err; i++)
			err = bpfring_sys_elem_update(g->outer.fd, &keys[i], &values[i], BPF_ANY);
	}
	if (err)
		log_error("group '%s': the map does not take its rings: %s%s\n", g->outer.name,
			  bpfring_errname(err),
			  err == -EINVAL ? "; were prepare and create given the same options?"
					 : bpfring_fd_refusal(err));
	bpfring_sys_free(keys);
	return err;
}

static int make_rings(struct bpfring_group *g, const struct bpfring_group_opts *o)
{
	const uint32_t all = o->rings + o->nmi_rings;
	int *fds = bpfring_sys_alloc(all * sizeof(*fds)), err = 0;

	if (!fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < all && err >= 0; i++) {
		const bool nmi = i >= o->rings;
		uint32_t cpu = nmi ? i - o->rings : o->cpu_count ? o->cpus[i] : i;

		err = bpfring_group_new_ring(g, cpu < g->cpus ? cpu : NO_RING, nmi);
		if (err >= 0)
			fds[i] = err;
	}
	if (err >= 0) {
		deal(g, o);
		err = write_account(g, o);
	}
	if (!err)
		err = fill(g, fds);
	for (uint32_t i = 0; i < g->count; i++) /* the consumers have their own */
		bpfring_sys_close(fds[i]);
	bpfring_sys_free(fds);
	return err;
}

/* The group has none yet, and the form of this machine. */
static int check_prepared(const struct map *outer, const char *name, uint32_t slots)
{
	uint32_t first = 0, id;

	if (outer->max_entries != 2 * slots) {
		log_error("map '%s' has %u slots and needs %u: call bpfring_group_prepare() with "
			  "the same options before the object is loaded\n",
			  name, outer->max_entries, 2 * slots);
		return -EINVAL;
	}
	if (!bpfring_sys_elem_lookup(outer->fd, &first, &id)) {
		log_error("map '%s' has rings already: open it with bpfring_group_open()\n", name);
		return -EBUSY;
	}
	return 0;
}

static int open_maps(struct map *outer, struct map *account, const struct bpf_map *outer_map,
		     const struct bpf_map *account_map)
{
	int err = bpfring_map_open(outer, bpf_map__fd(outer_map));

	if (err)
		return err;
	err = bpfring_map_open(account, bpf_map__fd(account_map));
	if (err)
		bpfring_map_close(outer);
	return err;
}

int bpfring_group_create(struct bpfring_group **ret, struct bpf_object *obj, const char *name,
			 const struct bpfring_group_opts *opts)
{
	int cpus = bpfring_sys_possible_cpus(), err;
	struct bpf_map *outer_map, *account_map;
	struct bpfring_group_opts o;
	struct bpfring_group *g = NULL;
	struct map outer, account;
	uint32_t bytes;

	if (!ret || !obj || !name)
		return -EINVAL;
	if (cpus < 0)
		return cpus;
	err = bpfring_group_read_opts(&o, opts, cpus);
	if (!err)
		err = find(&outer_map, &account_map, obj, name);
	if (!err)
		err = bpfring_group_ring_bytes(&bytes, &o, declared_bytes(obj, name), name);
	if (!err && bpf_map__fd(outer_map) < 0) {
		log_error("map '%s': the object is not loaded\n", name);
		err = -EBADF;
	}
	if (!err)
		err = open_maps(&outer, &account, outer_map, account_map);
	if (err)
		return err;
	err = bpfring_account_check(&account);
	if (!err)
		err = check_prepared(&outer, name, bpfring_group_slots(&o, cpus));
	if (!err)
		err = bpfring_group_alloc(&g, &outer, &account, bpfring_group_slots(&o, cpus),
					  (uint32_t)cpus);
	if (err) {
		bpfring_map_close(&outer);
		bpfring_map_close(&account);
		return err;
	}
	g->flags = o.flags;
	g->ring_bytes = bytes;
	err = make_rings(g, &o);
	if (err)
		bpfring_group_close(g);
	else
		*ret = g;
	return err;
}
