// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The memory and the producer of a simulated ring. */
#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUSY	    (1U << 31)
#define DISCARD	    (1U << 30)
#define HEADER_SIZE 8U

/*
 * ThreadSanitizer does not know fences; the machines that it runs on need none where we use them.
 */
#if defined(__SANITIZE_THREAD__)
#define FULL_FENCE()
#else
#define FULL_FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

struct header {
	uint32_t len;
	uint32_t page_offset; /* the kernel's way back from a record to its ring; ours is a tag */
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t round_up8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

/* What is left of a difference or sum in the kernel's unsigned long. */
static uint64_t word(const struct sim_ring *r, uint64_t value)
{
	return r->word_size == 8 ? value : (uint32_t)value;
}

static uint64_t load(const struct sim_ring *r, const void *position, int order)
{
	if (r->word_size == 8)
		return __atomic_load_n((const uint64_t *)position, order);
	return __atomic_load_n((const uint32_t *)position, order);
}

static void store_release(const struct sim_ring *r, void *position, uint64_t value)
{
	if (r->word_size == 8)
		__atomic_store_n((uint64_t *)position, value, __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)position, (uint32_t)value, __ATOMIC_RELEASE);
}

/*
 * Maps [offset, offset + size) of the map's file, in which the data follows itself, at addr: the
 * memfd holds the data only once.
 */
static int map_at(const struct sim_ring *r, uint8_t *addr, size_t size, int prot, uint64_t offset)
{
	const uint64_t second = 2 * page_size() + r->size;

	while (size) {
		size_t part = size;
		uint64_t from = offset;

		if (offset >= second)
			from = offset - r->size;
		else if (offset + size > second)
			part = (size_t)(second - offset);
		if (mmap(addr, part, prot, MAP_SHARED | MAP_FIXED, r->memory_fd, (off_t)from) ==
		    MAP_FAILED)
			return -errno;
		addr += part;
		offset += part;
		size -= part;
	}
	return 0;
}

int sim_ring_map(struct sim_ring *r, void **ret, size_t size, int prot, int flags, uint64_t offset)
{
	const size_t page = page_size();
	void *addr;
	int err;

	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if ((prot & PROT_WRITE) && (r->user ? offset == 0 : offset != 0 || size != page))
		return -EPERM;
	size = (size + page - 1) & ~(page - 1);
	if (offset % page || offset + size > 2 * page + 2 * r->size)
		return -EINVAL;
	addr = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (addr == MAP_FAILED)
		return -errno;
	err = map_at(r, addr, size, prot, offset);
	if (err) {
		munmap(addr, size);
		return err;
	}
	*ret = addr;
	return 0;
}

int sim_ring_new(struct sim_ring **ret, size_t size, unsigned int word_size, uint64_t start)
{
	const size_t page = page_size();
	struct sim_ring *r = calloc(1, sizeof(*r));
	void *pages;
	int err;

	if (!r)
		return -ENOMEM;
	r->size = size;
	r->word_size = word_size;
	r->event_fd = -1;
	r->memory_fd = memfd_create("sim_ring", MFD_CLOEXEC);
	if (r->memory_fd < 0 || ftruncate(r->memory_fd, (off_t)(2 * page + size)))
		goto fail;
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event_fd < 0)
		goto fail;
	pages = mmap(NULL, 2 * page + 2 * size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		goto fail;
	r->pages = pages;
	if (map_at(r, pages, 2 * page + 2 * size, PROT_READ | PROT_WRITE, 0))
		goto fail;
	r->cons_word = r->pages;
	r->prod_word = r->pages + page;
	r->data = r->pages + 2 * page;
	pthread_mutex_init(&r->lock, NULL);
	start = word(r, start);
	r->pending = start;
	sim_ring_set_cons(r, start);
	sim_ring_set_prod(r, start);
	store_release(r, (uint8_t *)r->prod_word + word_size, start);
	store_release(r, (uint8_t *)r->prod_word + (size_t)2 * word_size, start);
	*ret = r;
	return 0;
fail:
	err = -errno;
	sim_ring_free(r);
	return err;
}

void sim_ring_free(struct sim_ring *r)
{
	if (!r)
		return;
	if (r->pages)
		munmap(r->pages, 2 * page_size() + 2 * r->size);
	if (r->event_fd >= 0)
		close(r->event_fd);
	if (r->memory_fd >= 0)
		close(r->memory_fd);
	free(r);
}

static struct header *header_at(const struct sim_ring *r, uint64_t pos)
{
	return (struct header *)(void *)(r->data + (pos & (r->size - 1)));
}

static void *over_word(const struct sim_ring *r)
{
	return (uint8_t *)r->prod_word + (size_t)2 * r->word_size;
}

/* Gives up the oldest records that are in the way of those up to @prod. */
static void make_room(struct sim_ring *r, uint64_t prod)
{
	uint64_t over = load(r, over_word(r), __ATOMIC_RELAXED);

	while (word(r, prod - over) > r->size - 1) {
		uint32_t len = __atomic_load_n(&header_at(r, over)->len, __ATOMIC_RELAXED);

		over = word(r, over + round_up8((len & ~DISCARD) + HEADER_SIZE));
	}
	store_release(r, over_word(r), over);
}

void *sim_reserve(struct sim_ring *r, uint64_t size)
{
	const uint64_t mask = r->size - 1;
	uint64_t total, cons, prod;
	struct header *header;

	if (size > UINT32_MAX / 4)
		return NULL;
	total = round_up8(size + HEADER_SIZE);
	if (total > r->size)
		return NULL;
	cons = load(r, r->cons_word, __ATOMIC_ACQUIRE); /* before the lock, as in the kernel */
	pthread_mutex_lock(&r->lock);
	prod = load(r, r->prod_word, __ATOMIC_RELAXED);
	while (word(r, prod - r->pending)) {
		uint32_t len = __atomic_load_n(&header_at(r, r->pending)->len, __ATOMIC_RELAXED);

		if (len & BUSY)
			break;
		r->pending = word(r, r->pending + round_up8((len & ~DISCARD) + HEADER_SIZE));
	}
	store_release(r, (uint8_t *)r->prod_word + r->word_size, r->pending);
	if ((!r->overwrite && word(r, prod + total - cons) > mask) ||
	    word(r, prod + total - r->pending) > mask) {
		pthread_mutex_unlock(&r->lock);
		return NULL;
	}
	if (r->overwrite)
		make_room(r, prod + total);
	header = header_at(r, prod);
	__atomic_store_n(&header->len, (uint32_t)size | BUSY, __ATOMIC_RELAXED);
	header->page_offset = (uint32_t)((prod & mask) / page_size()) + 3;
	store_release(r, r->prod_word, word(r, prod + total));
	pthread_mutex_unlock(&r->lock);
	return header + 1;
}

static void notify(struct sim_ring *r)
{
	const uint64_t one = 1;
	ssize_t n;

	__atomic_fetch_add(&r->notified, 1, __ATOMIC_RELAXED);
	n = write(r->event_fd, &one, sizeof(one));
	(void)n; /* fails only when the counter is full, which is readable as well */
}

static void commit(struct sim_ring *r, void *payload, unsigned int flags, uint32_t discard)
{
	struct header *header = (struct header *)payload - 1;
	uint64_t record = (uint64_t)((uint8_t *)header - r->data);
	uint32_t len = __atomic_load_n(&header->len, __ATOMIC_RELAXED);
	uint64_t cons;

	__atomic_exchange_n(&header->len, (len ^ BUSY) | discard, __ATOMIC_SEQ_CST);
	FULL_FENCE(); /* the kernel's xchg() is one on every machine, C's exchange is not */
	cons = load(r, r->cons_word, __ATOMIC_ACQUIRE) & (r->size - 1);
	if ((flags & SIM_FORCE_WAKEUP) || (cons == record && !(flags & SIM_NO_WAKEUP)))
		notify(r);
}

void sim_submit(struct sim_ring *r, void *payload, unsigned int flags)
{
	commit(r, payload, flags, 0);
}

void sim_discard(struct sim_ring *r, void *payload, unsigned int flags)
{
	commit(r, payload, flags, DISCARD);
}

int sim_output(struct sim_ring *r, const void *payload, uint64_t size, unsigned int flags)
{
	void *record = sim_reserve(r, size);

	if (!record)
		return -EAGAIN;
	if (size)
		memcpy(record, payload, (size_t)size);
	sim_submit(r, record, flags);
	return 0;
}

uint64_t sim_ring_notified(struct sim_ring *r)
{
	return __atomic_load_n(&r->notified, __ATOMIC_RELAXED);
}

uint64_t sim_ring_cons(struct sim_ring *r)
{
	return load(r, r->cons_word, __ATOMIC_ACQUIRE);
}

uint64_t sim_ring_prod(struct sim_ring *r)
{
	return load(r, r->prod_word, __ATOMIC_ACQUIRE);
}

uint64_t sim_ring_over(struct sim_ring *r)
{
	return load(r, over_word(r), __ATOMIC_ACQUIRE);
}

void sim_ring_set_cons(struct sim_ring *r, uint64_t pos)
{
	store_release(r, r->cons_word, pos);
}

void sim_ring_set_prod(struct sim_ring *r, uint64_t pos)
{
	store_release(r, r->prod_word, pos);
}

uint32_t *sim_ring_header(struct sim_ring *r, uint64_t pos)
{
	return &header_at(r, pos)->len;
}

bool sim_ring_readable(struct sim_ring *r)
{
	return word(r, sim_ring_prod(r) - sim_ring_cons(r)) != 0;
}

void sim_ring_settle_event(struct sim_ring *r)
{
	uint64_t count;
	ssize_t n;

	/*
	 * A commit between the look and the read would lose its edge: look again, and put it back.
	 */
	if (sim_ring_readable(r))
		return;
	n = read(r->event_fd, &count, sizeof(count));
	FULL_FENCE();
	if (n > 0 && sim_ring_readable(r)) {
		n = write(r->event_fd, &count, sizeof(count));
		(void)n;
	}
}
