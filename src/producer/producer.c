// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opens and closes a producer; its descriptors and limits. */
#define _GNU_SOURCE
#include "producer/producer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"

#define KNOWN_FLAGS                                                         \
	((uint32_t)(BPFRING_PRODUCER_THREADS | BPFRING_PRODUCER_UNCLAIMED | \
		    BPFRING_PRODUCER_RECOVER))

/*
 * Closed producers are kept until the next one is opened, so that a late submit finds a closed
 * producer and not freed memory. The list has no lock, since a forked child could find that taken
 * for ever. Opening takes the whole list and puts back what it does not need.
 */
static _Atomic(struct bpfring_producer *) closed;

/* P7: release and acquire, so that the next open sees what the close wrote into the producer. */
static void keep_closed(struct bpfring_producer *first, struct bpfring_producer *last)
{
	last->next_closed = atomic_load_explicit(&closed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&closed, &last->next_closed, first,
						      memory_order_release, memory_order_relaxed))
		;
}

static struct bpfring_producer *take_closed(void)
{
	struct bpfring_producer *p, *last;

	p = atomic_exchange_explicit(&closed, NULL, memory_order_acquire); /* P7 */
	if (!p || !p->next_closed)
		return p;
	for (last = p->next_closed; last->next_closed; last = last->next_closed)
		;
	keep_closed(p->next_closed, last);
	return p;
}

/* All but the queue: a thread may still come back to that from its hook. */
static void clear(struct bpfring_producer *p)
{
	memset(p, 0, offsetof(struct bpfring_producer, queue));
	p->claim = CLAIM_NONE;
}

static struct bpfring_producer *producer_alloc(void)
{
	struct bpfring_producer *p = take_closed();
	void *mem;

	if (!p) {
		/* Whole pages, so that the parts of bpfring_user_ring are on separate lines. */
		if (bpfring_sys_mmap(&mem, sizeof(*p), PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
			return NULL;
		p = mem;
	}
	clear(p);
	bpfring_queue_init(&p->queue);
	return p;
}

static void producer_free(struct bpfring_producer *p)
{
	const struct map map = p->map;

	clear(p);
	atomic_store(&p->closed, true);
	p->map = map; /* its name, for the log */
	p->map.fd = -1;
	keep_closed(p, p);
}

static int check_map(const struct map *map)
{
	char buf[24];

	if (map->type == BPF_MAP_TYPE_USER_RINGBUF)
		return 0;
	log_error("map '%s' id %u has type %s, but a producer needs a user_ringbuf\n", map->name,
		  map->id, bpfring_map_type_name(map->type, buf, sizeof(buf)));
	return -EINVAL;
}

static int take_claim(struct bpfring_producer *p, const struct bpfring_producer_opts *opts)
{
	if (p->flags & BPFRING_PRODUCER_UNCLAIMED)
		return 0;
	return bpfring_claim_take(&p->claim, &p->map, bpfring_mapping_claim(p->mapping.prod),
				  opts->claim_fd ? opts->claim_fd : -1);
}

static int make_open_bits(struct bpfring_producer *p)
{
	void *bits;
	/* NORESERVE: most of it stays untouched if the ring is large and never full. */
	int err = bpfring_sys_mmap(&bits, BPFRING_OPEN_SIZE(p->mapping.size),
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!err)
		p->prod.open = bits;
	return err;
}

static void log_repair(const struct map *map, const struct bpfring_recovery *r)
{
	log_warn("map '%s' id %u: an earlier producer left %llu busy samples, %llu broken headers "
		 "(%llu bytes) and a position wrong by %llu; discarded\n",
		 map->name, map->id, (unsigned long long)r->busy, (unsigned long long)r->broken,
		 (unsigned long long)r->broken_bytes, (unsigned long long)r->moved);
}

static int attach(struct bpfring_producer *p)
{
	const unsigned int word_size = bpfring_sys_kernel_word_size();
	struct bpfring_recovery found;
	int err;

	if ((p->flags & BPFRING_PRODUCER_RECOVER) &&
	    bpfring_ring_recover(&p->mapping, word_size, true, &found))
		log_repair(&p->map, &found);
	err = bpfring_user_ring_init(&p->prod, p->mapping.cons, p->mapping.prod,
				     bpfring_mapping_data(&p->mapping), p->prod.open,
				     p->mapping.size, word_size, p->guard);
	if (err)
		log_error(
			"map '%s' id %u: the ring is corrupt, producer at %llu, consumer at %llu, "
			"%zu bytes; %s; %s\n",
			p->map.name, p->map.id, (unsigned long long)p->prod.published,
			(unsigned long long)p->prod.cons, p->mapping.size,
			p->flags & BPFRING_PRODUCER_RECOVER ? "only a new map helps"
							    : "BPFRING_PRODUCER_RECOVER repairs it",
			bpfring_errname(err));
	p->opened_at = p->prod.published;
	return err;
}

/* Builds a producer on an open map, which it takes over, also on failure. */
static int producer_new(struct bpfring_producer **ret, struct map *map,
			const struct bpfring_producer_opts *opts)
{
	struct bpfring_producer *p;
	int err = check_map(map);

	if (err)
		goto close_map;
	err = -ENOMEM;
	p = producer_alloc();
	if (!p)
		goto close_map;
	p->map = *map;
	p->flags = opts->flags;
	p->watch.epoll_fd = -1;
	err = bpfring_guard_new(&p->guard);
	if (err)
		goto free_producer;
	err = bpfring_mapping_new(&p->mapping, map);
	if (err)
		goto free_guard;
	err = take_claim(p, opts);
	if (err)
		goto free_mapping;
	err = make_open_bits(p);
	if (err)
		goto drop_claim;
	err = attach(p);
	if (err)
		goto free_bits;
	err = bpfring_producer_kick_init(p, opts);
	if (err)
		goto free_bits;
	if ((p->flags & BPFRING_PRODUCER_THREADS) || opts->kick_samples || opts->kick_bytes)
		p->prod.limit = 0; /* the inline path hands over to producer_data.c */
	log_debug("map '%s' id %u: producer opened at %llu, %llu of %zu bytes pending\n",
		  p->map.name, p->map.id, (unsigned long long)p->opened_at,
		  (unsigned long long)p->prod.max_fill, p->mapping.size);
	*ret = p;
	return 0;

free_bits:
	bpfring_sys_munmap(p->prod.open, BPFRING_OPEN_SIZE(p->mapping.size));
drop_claim:
	bpfring_claim_drop(&p->claim, true);
free_mapping:
	bpfring_mapping_free(&p->mapping);
free_guard:
	bpfring_guard_free(p->guard);
free_producer:
	producer_free(p);
close_map:
	bpfring_map_close(map);
	return err;
}

static int check_opts(const struct bpfring_producer_opts *opts)
{
	bool kick = opts->kick || opts->kick_prog_fd;

	if ((opts->flags & ~KNOWN_FLAGS) || opts->reserved)
		log_error("struct bpfring_producer_opts: unknown flags %#x\n",
			  opts->flags & ~KNOWN_FLAGS);
	else if (opts->claim_fd && (opts->flags & BPFRING_PRODUCER_UNCLAIMED))
		log_error("struct bpfring_producer_opts: claim_fd contradicts UNCLAIMED\n");
	else if (opts->claim_fd < 0 || opts->kick_prog_fd < 0)
		log_error("struct bpfring_producer_opts: claim_fd %d, kick_prog_fd %d: none may be "
			  "negative; is the object loaded?\n",
			  opts->claim_fd, opts->kick_prog_fd);
	else if (opts->kick && opts->kick_prog_fd)
		log_error(
			"struct bpfring_producer_opts: kick and kick_prog_fd exclude each other\n");
	else if ((opts->kick_samples || opts->kick_bytes) && !kick)
		log_error("struct bpfring_producer_opts: kick_samples and kick_bytes need kick or "
			  "kick_prog_fd\n");
	else if ((opts->flags & BPFRING_PRODUCER_RECOVER) &&
		 (opts->flags & BPFRING_PRODUCER_UNCLAIMED))
		log_error("struct bpfring_producer_opts: RECOVER needs the claim\n");
	else
		return 0;
	return -EINVAL;
}

static int read_opts(struct bpfring_producer_opts *ret, void *out,
		     const struct bpfring_producer_opts *opts)
{
	int err;

	*ret = (struct bpfring_producer_opts){.sz = sizeof(*ret)};
	if (!out)
		return -EINVAL;
	err = bpfring_options_read(ret, sizeof(*ret), opts, "struct bpfring_producer_opts");
	return err ? err : check_opts(ret);
}

/*
 * Not cancellable: a thread that ended in the middle would leave a claim without an owner. The two
 * ways to open a map stay apart, so that a linker can leave out the one that is not used.
 */
static int open_by(int (*open_map)(struct map *ret, const void *key), const void *key,
		   struct bpfring_producer **ret, const struct bpfring_producer_opts *opts)
{
	struct bpfring_producer_opts known;
	struct map map;
	int err, cancel;

	err = read_opts(&known, ret, opts);
	if (err)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = open_map(&map, key);
	if (!err)
		err = producer_new(ret, &map, &known);
	pthread_setcancelstate(cancel, NULL);
	return err;
}

static int open_fd(struct map *ret, const void *fd)
{
	return bpfring_map_open(ret, *(const int *)fd);
}

static int open_path(struct map *ret, const void *path)
{
	return bpfring_map_open_pinned(ret, path);
}

int bpfring_producer_open(struct bpfring_producer **ret, int map_fd,
			  const struct bpfring_producer_opts *opts)
{
	return open_by(open_fd, &map_fd, ret, opts);
}

int bpfring_producer_open_pinned(struct bpfring_producer **ret, const char *path,
				 const struct bpfring_producer_opts *opts)
{
	return path ? open_by(open_path, path, ret, opts) : -EINVAL;
}

void bpfring_producer_close(struct bpfring_producer *p)
{
	int cancel;

	if (!p || atomic_load(&p->closed))
		return;
	/* close() is a cancellation point, and must not leave a producer half closed. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	log_debug("map '%s' id %u: producer closed after %llu samples\n", p->map.name, p->map.id,
		  (unsigned long long)p->prod.samples);
	bpfring_producer_wait_fini(p);
	bpfring_producer_watch_fini(p);
	bpfring_sys_close(p->kick.prog_fd);
	bpfring_sys_munmap(p->prod.open, BPFRING_OPEN_SIZE(p->mapping.size));
	bpfring_claim_drop(&p->claim, *p->guard);
	bpfring_mapping_free(&p->mapping);
	bpfring_guard_free(p->guard);
	bpfring_map_close(&p->map);
	producer_free(p);
	pthread_setcancelstate(cancel, NULL);
}

int bpfring_producer_claim_fd(const struct bpfring_producer *p)
{
	if (!p)
		return -EINVAL;
	if (atomic_load(&p->closed))
		return bpfring_producer_refuse(p, REFUSED_CLOSED, -EBADF);
	if (p->claim.fd < 0)
		return bpfring_producer_refuse(p, REFUSED_CLAIM, -ENOENT);
	bpfring_claim_share(&p->claim);
	return p->claim.fd;
}

int bpfring_producer_map_fd(const struct bpfring_producer *p)
{
	if (!p)
		return -EINVAL;
	if (atomic_load(&p->closed))
		return bpfring_producer_refuse(p, REFUSED_CLOSED, -EBADF);
	return p->map.fd;
}

size_t bpfring_producer_max_sample(const struct bpfring_producer *p)
{
	return p ? p->prod.max_sample : 0;
}
