// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening and closing a consumer, and what it says of itself. */
#include "ring/consumer.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "ring/positions.h"

#define KNOWN_FLAGS   ((uint32_t)(BPFRING_CONSUMER_EXCLUSIVE | BPFRING_CONSUMER_RECOVER))
#define CLAIMED	      ((uint32_t)(BPFRING_CONSUMER_EXCLUSIVE | BPFRING_CONSUMER_RECOVER))
#define TAKE_UP_TRIES 8

#ifndef BPF_F_RB_OVERWRITE
#define BPF_F_RB_OVERWRITE (1U << 19) /* Linux 6.19 */
#endif

static int check_map(const struct map *map)
{
	char buf[24];

	if (map->type != BPF_MAP_TYPE_RINGBUF) {
		log_error("map '%s' id %u has type %s, but a consumer needs a ringbuf\n", map->name,
			  map->id, bpfring_map_type_name(map->type, buf, sizeof(buf)));
		return -EINVAL;
	}
	if (map->flags & BPF_F_RB_OVERWRITE) {
		log_error("map '%s' id %u overwrites its oldest records (BPF_F_RB_OVERWRITE): a "
			  "consumer cannot hold them in place; read it with bpfring_tap_open() of "
			  "libbpfring-observe, or create it without that flag\n",
			  map->name, map->id);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int take_claim(struct bpfring_consumer *c)
{
	c->claim = CLAIM_NONE;
	if (!(c->flags & CLAIMED))
		return 0;
	return bpfring_claim_take(&c->claim, &c->map, bpfring_mapping_claim(c->mapping.cons), -1);
}

static int init(const struct bpfring_consumer *c, struct bpfring_ring *ret)
{
	return bpfring_ring_init(ret, c->mapping.cons, c->mapping.prod,
				 bpfring_mapping_data(&c->mapping), c->mapping.size, c->word_size,
				 c->guard);
}

static void *note_of(const struct bpfring_consumer *c)
{
	return (char *)c->mapping.cons + BPFRING_NOTE_OFFSET;
}

/* Takes the ring up where it stands, if that is the position of a record. */
static int take_up(struct bpfring_consumer *c)
{
	int err = init(c, &c->cons);

	if (!err && !bpfring_position_fits(&c->cons, c->cons.published))
		err = bpfring_priv_why(&c->cons, -EBADMSG);
	if (!err)
		bpfring_ring_set_note(&c->cons, note_of(c));
	return err;
}

/* Most bytes of unread records that are passed over by going from one position to another. */
static uint64_t bytes_between(const struct bpfring_ring *c, uint64_t from, uint64_t to)
{
	uint64_t size = c->mask + 1, rest = size - (c->prod - to);

	if (c->prod - from <= c->prod - to)
		return 0;
	if (to - from <= size)
		return to - from;
	return rest < to ? rest : to; /* it was nowhere near: all that the ring can hold */
}

/* The positions contradict each other: goes on from another one, if it can be told which. */
static int repair(struct bpfring_consumer *c)
{
	int err = -EBUSY;

	for (int tries = 0; tries < TAKE_UP_TRIES && (err == -EBADMSG || err == -EBUSY); tries++) {
		const uint64_t from = c->cons.published;
		uint64_t to;

		c->cons.note = note_of(c);
		if (bpfring_position_find(&c->cons, &to)) {
			log_error("map '%s' id %u: this kernel does not say where its records "
				  "begin, so the ring cannot be repaired: create the map anew\n",
				  c->map.name, c->map.id);
			return -EBADMSG;
		}
		bpfring_priv_exchange(&c->cons, to);
		err = take_up(c);
		if (err)
			continue;
		c->repaired = true;
		c->given_up = bytes_between(&c->cons, from, c->cons.released);
		log_warn("map '%s' id %u: the consumer position %llu was that of no record, with "
			 "the producer at %llu: it is %llu now; up to %llu bytes of records that "
			 "nobody has read are given up\n",
			 c->map.name, c->map.id, (unsigned long long)from,
			 (unsigned long long)c->cons.prod, (unsigned long long)c->cons.released,
			 (unsigned long long)c->given_up);
	}
	return err;
}

static int attach(struct bpfring_consumer *c)
{
	int err = take_up(c);

	/* Where somebody consumes, the producers may write over what we look at. */
	for (int tries = 1; tries < TAKE_UP_TRIES && err == -EBUSY; tries++)
		err = take_up(c);
	if (err == -EBUSY) { /* we only look, then: and it moves, so it is all right */
		err = init(c, &c->cons);
		if (!err)
			bpfring_ring_set_note(&c->cons, note_of(c));
	}
	if (err == -EBADMSG && (c->flags & BPFRING_CONSUMER_RECOVER))
		err = repair(c);
	else if (err)
		bpfring_consumer_log_broken(c, err);
	c->opened_at = c->cons.released;
	c->cons.looked = c->claim.fd >= 0; /* then nobody else is at work */
	return err;
}

int bpfring_consumer_new(struct bpfring_consumer **ret, struct map *map, int memory_fd,
			 unsigned int word_size, const struct bpfring_consumer_opts *opts)
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
	c->word_size = word_size;
	err = bpfring_guard_new(&c->guard);
	if (err)
		goto free_consumer;
	err = memory_fd < 0 ? bpfring_mapping_new(&c->mapping, map)
			    : bpfring_mapping_of_memory(&c->mapping, memory_fd, map->max_entries);
	if (err)
		goto free_guard;
	err = take_claim(c);
	if (err)
		goto free_mapping;
	err = attach(c);
	if (err)
		goto drop_claim;
	log_info(
		"map '%s' id %u: opened, a ring of %zu bytes, consumer at %llu, producer at %llu\n",
		c->map.name, c->map.id, c->mapping.size, (unsigned long long)c->cons.released,
		(unsigned long long)c->cons.prod);
	*ret = c;
	return 0;

drop_claim:
	bpfring_claim_drop(&c->claim, true);
free_mapping:
	bpfring_mapping_free(&c->mapping);
free_guard:
	bpfring_guard_free(c->guard);
free_consumer:
	bpfring_sys_free(c);
close_map:
	bpfring_map_close(map);
	return err;
}

int bpfring_consumer_opts_read(struct bpfring_consumer_opts *ret, void *out,
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
	int err = bpfring_consumer_opts_read(&known, ret, opts);

	if (!err)
		err = bpfring_map_open(&map, map_fd);
	return err ? err
		   : bpfring_consumer_new(ret, &map, -1, bpfring_sys_kernel_word_size(), &known);
}

int bpfring_consumer_open_pinned(struct bpfring_consumer **ret, const char *path,
				 const struct bpfring_consumer_opts *opts)
{
	struct bpfring_consumer_opts known;
	struct map map;
	int err = path ? bpfring_consumer_opts_read(&known, ret, opts) : -EINVAL;

	if (!err)
		err = bpfring_map_open_pinned(&map, path);
	return err ? err
		   : bpfring_consumer_new(ret, &map, -1, bpfring_sys_kernel_word_size(), &known);
}

/* Whatever becomes of it: the loop that owns it must not close it again. */
static void disown(struct bpfring_consumer *c)
{
	if (!c->owned_at)
		return;
	*c->owned_at = c->owned_next;
	if (c->owned_next)
		c->owned_next->owned_at = c->owned_at;
	c->owned_at = NULL;
}

void bpfring_consumer_close(struct bpfring_consumer *c)
{
	if (!c)
		return;
	if (c->source)
		c->leave_loop(c);
	disown(c);
	if (c->taker && c->taker->leave(c->taker, c))
		return;
	switch (bpfring_consumer_state(c, call_place_here())) {
	case CALL_THEIRS:
		log_warn("map '%s' id %u: closed while another thread is waiting for its records "
			 "or taking them: it is freed when that thread returns. Join it first\n",
			 c->map.name, c->map.id);
		c->guard[GUARD_ENDS] = 0;
		c->closing = true;
		bpfring_consumer_wakeup(c);
		return;
	case CALL_OURS: /* the call that called us back calls us again */
	case CALL_MAYBE:
		c->guard[GUARD_ENDS] = 0;
		c->closing = true;
		return;
	default:
		break;
	}
	bpfring_consumer_free(c);
}

void bpfring_consumer_view(const struct bpfring_consumer *c, struct bpfring_ring *ret)
{
	if (c->cons.pos == c->opened_at && !init(c, ret))
		bpfring_ring_set_note(ret, note_of(c));
	else
		*ret = c->cons;
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
	now.repaired = c->repaired;
	now.given_up = c->given_up;
	now.map_id = c->map.id;
	now.cons_pos = c->cons.released;
	now.prod_pos = bpfring_priv_load_prod(&c->cons);
	snprintf(now.map_name, sizeof(now.map_name), "%s", c->map.name);
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
	return c ? c->map.fd : -EINVAL;
}

size_t bpfring_consumer_avail_data(const struct bpfring_consumer *c)
{
	struct bpfring_ring now;

	if (!c)
		return 0;
	bpfring_consumer_view(c, &now);
	return (size_t)bpfring_ring_avail_data(&now);
}
