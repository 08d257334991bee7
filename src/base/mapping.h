/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The memory of a ring in this process, and the word that is zero in a forked child. */
#ifndef BPFRING_MAPPING_H
#define BPFRING_MAPPING_H

#include <stddef.h>
#include <stdint.h>

struct map;

/* A word that reads 1 in the process that made it and 0 in children forked from it. */
int bpfring_guard_new(uint32_t **ret);
void bpfring_guard_free(uint32_t *guard);

struct mapping {
	size_t page;
	size_t size; /* bytes of data, mapped twice */
	void *cons;  /* consumer position: a page */
	void *prod;  /* producer position: a page, then the data, twice */
};

/*
 * For the end of the ring that is in user space. BPF_MAP_TYPE_RINGBUF: the consumer position
 * writable, all else read-only; BPF_MAP_TYPE_USER_RINGBUF: the other way round.
 */
int bpfring_mapping_new(struct mapping *ret, const struct map *map);
/* Of memory laid out as such a map: consumer page, producer page, data; those only once. */
int bpfring_mapping_of_memory(struct mapping *ret, int fd, size_t size);
void bpfring_mapping_free(struct mapping *mapping);

/* The whole ring, of either kind, for reading. */
int bpfring_mapping_view(struct mapping *ret, const struct map *map);
void bpfring_mapping_view_free(struct mapping *mapping);

/*
 * The page of the position that is ours to move holds nothing but that position, at its beginning.
 * The rest is used for what processes that take the ring over from each other have to know: the
 * note of ring.h at BPFRING_NOTE_OFFSET, and who has the claim (claim.h), each on cache lines of
 * its own.
 */
static inline void *bpfring_mapping_claim(void *page)
{
	return (char *)page + 1024;
}

static inline void *bpfring_mapping_data(const struct mapping *mapping)
{
	return (char *)mapping->prod + mapping->page;
}

#endif /* BPFRING_MAPPING_H */
