// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Reads the counters that BPF programs keep, as deltas. */
#include <bpfring/loss.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "base/sys_group.h"
#include "group/account.h"

#define LEAST_COUNTS (offsetof(struct bpfring_loss_counts, attempts) + sizeof(uint64_t))

struct bpfring_loss {
	struct map map;
	unsigned int cpus;
	struct bpfring_loss_counts last;
	struct account values[]; /* one for each CPU */
};

int bpfring_account_check(const struct map *map)
{
	struct bpf_map_info info;
	char buf[24];
	int err;

	if (map->type != BPF_MAP_TYPE_PERCPU_ARRAY) {
		log_error("map '%s' id %u has type %s, but counters are in a percpu_array, the map "
			  "NAME_account of bpf/account.bpf.h\n",
			  map->name, map->id, bpfring_map_type_name(map->type, buf, sizeof(buf)));
		return -EINVAL;
	}
	err = bpfring_sys_map_info(map->fd, &info);
	if (err)
		return err;
	if (info.value_size != sizeof(struct account) || info.max_entries != 1) {
		log_error("map '%s' id %u: %u elements of %u bytes are not the counters of "
			  "bpf/account.bpf.h, 1 of %zu; compile the BPF program with this "
			  "library's header\n",
			  map->name, map->id, info.max_entries, info.value_size,
			  sizeof(struct account));
		return -EINVAL;
	}
	return 0;
}

static void add(struct bpfring_loss_counts *sum, const struct account *a)
{
	sum->submitted += a->submitted;
	sum->discarded += a->discarded;
	sum->dropped_full += a->dropped_full;
	sum->dropped_no_ring += a->dropped_no_ring;
	sum->dropped_other += a->dropped_other;
	sum->rescued += a->rescued;
}

static void sum_up(struct bpfring_loss_counts *c)
{
	c->dropped = c->dropped_full + c->dropped_no_ring + c->dropped_other;
	c->attempts = c->submitted + c->discarded + c->dropped;
}

/* The counters of CPUs @first to @end - 1. */
static int read_cpus(struct bpfring_loss *l, unsigned int first, unsigned int end,
		     struct bpfring_loss_counts *ret)
{
	const uint32_t zero = 0;
	int err = bpfring_sys_elem_lookup(l->map.fd, &zero, l->values);

	if (err) {
		log_error("map '%s' id %u: cannot read the counters: %s\n", l->map.name, l->map.id,
			  bpfring_errname(err));
		return err;
	}
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = first; i < end; i++)
		add(ret, &l->values[i]);
	sum_up(ret);
	return 0;
}

static int loss_new(struct bpfring_loss **ret, struct map *map)
{
	struct bpfring_loss *l;
	int err, cpus;

	err = bpfring_account_check(map);
	if (err)
		return err;
	cpus = bpfring_sys_possible_cpus();
	if (cpus < 0)
		return cpus;
	l = bpfring_sys_alloc(sizeof(*l) + (unsigned int)cpus * sizeof(l->values[0]));
	if (!l)
		return -ENOMEM;
	l->map = *map;
	l->cpus = (unsigned int)cpus;
	err = read_cpus(l, 0, l->cpus, &l->last);
	if (err)
		bpfring_sys_free(l);
	else
		*ret = l;
	return err;
}

int bpfring_loss_open(struct bpfring_loss **ret, int account_fd)
{
	struct map map;
	int err;

	if (!ret)
		return -EINVAL;
	err = bpfring_map_open(&map, account_fd);
	if (err)
		return err;
	err = loss_new(ret, &map);
	if (err)
		bpfring_map_close(&map);
	return err;
}

void bpfring_loss_close(struct bpfring_loss *l)
{
	if (!l)
		return;
	bpfring_map_close(&l->map);
	bpfring_sys_free(l);
}

static struct bpfring_loss_counts minus(const struct bpfring_loss_counts *now,
					const struct bpfring_loss_counts *before)
{
	struct bpfring_loss_counts d = {
		.submitted = now->submitted - before->submitted,
		.discarded = now->discarded - before->discarded,
		.dropped_full = now->dropped_full - before->dropped_full,
		.dropped_no_ring = now->dropped_no_ring - before->dropped_no_ring,
		.dropped_other = now->dropped_other - before->dropped_other,
		.rescued = now->rescued - before->rescued,
	};

	sum_up(&d);
	return d;
}

int bpfring_loss_read(struct bpfring_loss *l, struct bpfring_loss_counts *since_last,
		      struct bpfring_loss_counts *total)
{
	struct bpfring_loss_counts now, added;
	int err;

	if (!l || (since_last && since_last->sz < LEAST_COUNTS) ||
	    (total && total->sz < LEAST_COUNTS))
		return -EINVAL;
	err = read_cpus(l, 0, l->cpus, &now);
	if (err)
		return err;
	added = minus(&now, &l->last);
	l->last = now;
	if (since_last)
		bpfring_options_write(since_last, &added, sizeof(added), LEAST_COUNTS);
	if (total)
		bpfring_options_write(total, &now, sizeof(now), LEAST_COUNTS);
	return 0;
}

int bpfring_loss_read_cpu(struct bpfring_loss *l, unsigned int cpu,
			  struct bpfring_loss_counts *total)
{
	struct bpfring_loss_counts now;
	int err;

	if (!l || !total || total->sz < LEAST_COUNTS)
		return -EINVAL;
	if (cpu >= l->cpus)
		return -ENOENT;
	err = read_cpus(l, cpu, cpu + 1, &now);
	return err ? err : bpfring_options_write(total, &now, sizeof(now), LEAST_COUNTS);
}
