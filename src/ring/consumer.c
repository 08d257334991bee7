// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening and closing a consumer, and what it says of itself. */
#include "ring/consumer.h"

#include <errno.h>
#include <stdio.h>

#include "base/claim.h"
#include "base/log.h"
#include "ring/loop.h"
#include "base/options.h"
#include "base/sys.h"

#define KNOWN_FLAGS ((uint32_t)(BPFRING_CONSUMER_EXCLUSIVE | BPFRING_CONSUMER_LOUD))

#ifndef BPF_F_RB_OVERWRITE
#define BPF_F_RB_OVERWRITE (1U << 19) /* Linux 6.19 */
#endif

static int check_map(const struct map *map)
{
	char buf[24];

	if (map->type != BPF_MAP_TYPE_RINGBUF) {
		log_error("map '%s' id %u is a %s, a consumer needs a ringbuf\n", map->name,
			  map->id, bpfring_map_type_name(map->type, buf, sizeof(buf)));
		return -EINVAL;
	}
	if (map->flags & BPF_F_RB_OVERWRITE) {
		log_error("map '%s' id %u overwrites its oldest records (BPF_F_RB_OVERWRITE): a "
			  "consumer cannot hold them in place; create it without that flag\n",
			  map->name, map->id);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int take_claim(struct bpfring_consumer *c)
{
	c->claim_fd = -1;
	if (!(c->flags & BPFRING_CONSUMER_EXCLUSIVE))
		return 0;
	c->claim_fd = bpfring_claim_take(&c->map, CLAIM_CONSUMER, -1);
	return c->claim_fd < 0 ? c->claim_fd : 0;
}

static int attach(struct bpfring_consumer *c)
{
	int err = bpfring_cons_init(&c->cons, c->mapping.cons, c->mapping.prod,
				    bpfring_mapping_data(&c->mapping), c->mapping.size,
				    bpfring_sys_kernel_word_size(), c->guard);

	if (err)
		bpfring_consumer_log_broken(c, err);
	c->opened_at = c->cons.released;
	return err;
}

/* Builds a consumer on an open map, which it takes over, also on failure. */
static int consumer_new(struct bpfring_consumer **ret, struct map *map,
			const struct bpfring_consumer_opts *opts)
{
	struct bpfring_consumer *c;
	int err = check_map(map);

	if (err)
		goto close_map;
	err = -ENOMEM;
	c = bpfring_sys_alloc(sizeof(*c));
	if (!c)
		goto close_map;
	c->map = *map;
	c->flags = opts->flags;
	err = take_claim(c);
	if (err)
		goto free_consumer;
	err = bpfring_guard_new(&c->guard);
	if (err)
		goto close_claim;
	err = bpfring_mapping_new(&c->mapping, map);
	if (err)
		goto free_guard;
	err = attach(c);
	if (err)
		goto free_mapping;
	log_info(
		"map '%s' id %u: opened, a ring of %zu bytes, consumer at %llu, producer at %llu\n",
		c->map.name, c->map.id, c->mapping.size, (unsigned long long)c->cons.released,
		(unsigned long long)c->cons.prod);
	*ret = c;
	return 0;

free_mapping:
	bpfring_mapping_free(&c->mapping);
free_guard:
	bpfring_guard_free(c->guard);
close_claim:
	bpfring_sys_close(c->claim_fd);
free_consumer:
	bpfring_sys_free(c);
close_map:
	bpfring_map_close(map);
	return err;
}

static int read_opts(struct bpfring_consumer_opts *ret, void *out,
		     const struct bpfring_consumer_opts *opts)
{
	int err;

	*ret = (struct bpfring_consumer_opts){.sz = sizeof(*ret)};
	if (!out)
		return -EINVAL;
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_consumer_opts");
	if (err)
		return err;
	if ((ret->flags & ~KNOWN_FLAGS) || ret->reserved) {
		log_error("struct bpfring_consumer_opts: unknown flags %#x\n",
			  ret->flags & ~KNOWN_FLAGS);
		return -EINVAL;
	}
	return 0;
}

int bpfring_consumer_open(struct bpfring_consumer **ret, int map_fd,
			  const struct bpfring_consumer_opts *opts)
{
	struct bpfring_consumer_opts known;
	struct map map;
	int err = read_opts(&known, ret, opts);

	if (!err)
		err = bpfring_map_open(&map, map_fd);
	return err ? err : consumer_new(ret, &map, &known);
}

int bpfring_consumer_open_pinned(struct bpfring_consumer **ret, const char *path,
				 const struct bpfring_consumer_opts *opts)
{
	struct bpfring_consumer_opts known;
	struct map map;
	int err = path ? read_opts(&known, ret, opts) : -EINVAL;

	if (!err)
		err = bpfring_map_open_pinned(&map, path);
	return err ? err : consumer_new(ret, &map, &known);
}

int bpfring_consumer_open_id(struct bpfring_consumer **ret, uint32_t map_id,
			     const struct bpfring_consumer_opts *opts)
{
	struct bpfring_consumer_opts known;
	struct map map;
	int err = read_opts(&known, ret, opts);

	if (!err)
		err = bpfring_map_open_id(&map, map_id);
	return err ? err : consumer_new(ret, &map, &known);
}

void bpfring_consumer_close(struct bpfring_consumer *c)
{
	if (!c)
		return;
	if (c->source)
		bpfring_source_detach(c->source);
	switch (bpfring_consumer_state(c, call_place_here())) {
	case CALL_THEIRS:
		log_warn("map '%s' id %u: closed while another thread is waiting for its records "
			 "or taking them: it is freed when that thread returns. Join it first\n",
			 c->map.name, c->map.id);
		c->leaving = c->closing = true;
		bpfring_consumer_wakeup(c);
		return;
	case CALL_OURS: /* the call that called us back calls us again */
	case CALL_MAYBE:
		c->leaving = c->closing = true;
		return;
	default:
		break;
	}
	/*
	 * Leave a position that any consumer understands. It fails in a forked child and where
	 * another consumer has taken over; then the ring is not ours to touch.
	 */
	bpfring_cons_cancel(&c->cons);
	bpfring_priv_publish(&c->cons, c->cons.released);
	log_info("map '%s' id %u: closed after %llu records\n", c->map.name, c->map.id,
		 (unsigned long long)c->cons.records);
	bpfring_waiter_free(c->waiter);
	bpfring_mapping_free(&c->mapping);
	bpfring_guard_free(c->guard);
	bpfring_sys_close(c->claim_fd);
	bpfring_map_close(&c->map);
	bpfring_sys_free(c);
}

void bpfring_consumer_log_broken(const struct bpfring_consumer *c, int err)
{
	const struct bpfring_cons *cons = &c->cons;

	if (err == -EBADMSG)
		log_error("map '%s' id %u: the ring is corrupt: consumer at %llu, producer at "
			  "%llu, %zu bytes; -EBADMSG\n",
			  c->map.name, c->map.id, (unsigned long long)cons->pos,
			  (unsigned long long)bpfring_priv_load_prod(cons), c->mapping.size);
	else if (err == -EBUSY)
		log_error("map '%s' id %u: somebody else moved the consumer position: a second "
			  "consumer reads this ring; -EBUSY\n",
			  c->map.name, c->map.id);
}

int bpfring_consumer_stats(const struct bpfring_consumer *c, struct bpfring_consumer_stats *ret)
{
	struct bpfring_consumer_stats now = {0};
	int err;

	if (!c)
		return -EINVAL;
	now.records = c->cons.records;
	now.bytes = c->cons.released - c->opened_at;
	now.discards = c->cons.discards;
	now.batches = c->batches;
	now.wakeups = c->wakeups;
	now.empty_wakeups = c->empty_wakeups;
	now.busy_waits = c->busy_waits;
	now.busy_max_ns = c->busy_max_ns;
	now.asleep_ns = c->asleep_ns;
	now.max_fill = c->cons.max_fill;
	now.ring_size = c->mapping.size;
	err = bpfring_options_write(ret, &now, sizeof(now),
				    offsetof(struct bpfring_consumer_stats, bytes));
	if (err)
		log_once(((struct bpfring_consumer *)(uintptr_t)c)->said, CONSUMER_SAID_STATS,
			 ERROR,
			 "map '%s' id %u: bpfring_consumer_stats() needs a struct whose @sz is "
			 "set\n",
			 c->map.name, c->map.id);
	return err;
}

int bpfring_consumer_map_fd(const struct bpfring_consumer *c)
{
	return c->map.fd;
}

uint32_t bpfring_consumer_map_id(const struct bpfring_consumer *c)
{
	return c->map.id;
}

const char *bpfring_consumer_map_name(const struct bpfring_consumer *c)
{
	return c->map.name;
}

size_t bpfring_consumer_ring_size(const struct bpfring_consumer *c)
{
	return c->mapping.size;
}

size_t bpfring_consumer_avail_data(const struct bpfring_consumer *c)
{
	return (size_t)bpfring_cons_avail_data(&c->cons);
}

uint64_t bpfring_consumer_cons_pos(const struct bpfring_consumer *c)
{
	return c->cons.released;
}

uint64_t bpfring_consumer_prod_pos(const struct bpfring_consumer *c)
{
	return bpfring_priv_load_prod(&c->cons);
}
