// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Maps the pages of a ring; kernel/bpf/ringbuf.c, ringbuf_map_mmap_kern() and
 * ringbuf_map_mmap_user() say what is allowed.
 */
#define _GNU_SOURCE
#include "base/mapping.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/map.h"
#include "base/sys.h"

int bpfring_guard_new(uint32_t **ret)
{
	void *page;
	int err;

	err = bpfring_sys_mmap(&page, bpfring_sys_page_size(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (err)
		goto fail;
	err = bpfring_sys_wipe_on_fork(page, bpfring_sys_page_size());
	if (err) {
		bpfring_sys_munmap(page, bpfring_sys_page_size());
		goto fail;
	}
	*(uint32_t *)page = 1;
	*ret = page;
	return 0;
fail:
	log_error("cannot create a page that the kernel wipes on fork (MADV_WIPEONFORK): %s\n",
		  bpfring_errname(err));
	return err;
}

void bpfring_guard_free(uint32_t *guard)
{
	if (guard)
		bpfring_sys_munmap(guard, bpfring_sys_page_size());
}

static const char *why(int err, const struct map *map)
{
	if (err == -EACCES)
		return "; the descriptor is read-only or write-only, both are needed";
	if (err == -EPERM && map->frozen)
		return "; the map is frozen, user space cannot use it any more";
	if (err == -EPERM)
		return "; is the map frozen?";
	return "";
}

struct part {
	void **at;
	size_t size;
	size_t offset;
	bool writable;
};

static int map_part(const struct part *part, const struct map *map)
{
	return bpfring_sys_mmap(part->at, part->size,
				part->writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
				map->fd, part->offset);
}

static int check_size(const struct mapping *mapping, const struct map *map)
{
	if (mapping->size <= (SIZE_MAX - 2 * mapping->page) / 2)
		return 0;
	log_error("map '%s' id %u: the address space has no room for a ring of %u bytes that is "
		  "mapped twice\n",
		  map->name, map->id, map->max_entries);
	return -E2BIG;
}

int bpfring_mapping_new(struct mapping *ret, const struct map *map)
{
	struct mapping mapping = {.page = bpfring_sys_page_size(), .size = map->max_entries};
	const bool user = map->type == BPF_MAP_TYPE_USER_RINGBUF;
	const struct part cons = {&mapping.cons, mapping.page, 0, !user};
	const struct part prod = {&mapping.prod, mapping.page + 2 * mapping.size, mapping.page,
				  user};
	/*
	 * Ours first: of what is only read the kernel says -EINVAL if the descriptor is read-only.
	 */
	const struct part *first = user ? &prod : &cons;
	int err;

	err = check_size(&mapping, map);
	if (err)
		return err;
	err = map_part(first, map);
	if (!err) {
		err = map_part(user ? &cons : &prod, map);
		if (err)
			bpfring_sys_munmap(*first->at, first->size);
	}
	if (err) {
		log_error("map '%s' id %u: cannot map the ring: %s%s\n", map->name, map->id,
			  bpfring_errname(err), why(err, map));
		return err;
	}
	*ret = mapping;
	return 0;
}

int bpfring_mapping_of_memory(struct mapping *ret, int fd, size_t size)
{
	struct mapping m = {.page = bpfring_sys_page_size(), .size = size};
	const size_t reserved = m.page + 2 * size;
	char *at;
	int err;

	err = bpfring_sys_mmap(&m.cons, m.page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (err)
		return err;
	err = bpfring_sys_mmap(&m.prod, reserved, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (err)
		goto unmap_cons;
	at = m.prod;
	err = bpfring_sys_mmap_at(at, m.page + size, PROT_READ, MAP_SHARED, fd, m.page);
	if (!err)
		err = bpfring_sys_mmap_at(at + m.page + size, size, PROT_READ, MAP_SHARED, fd,
					  2 * m.page);
	if (err)
		goto unmap_prod;
	*ret = m;
	return 0;

unmap_prod:
	bpfring_sys_munmap(m.prod, reserved);
unmap_cons:
	bpfring_sys_munmap(m.cons, m.page);
	return err;
}

void bpfring_mapping_free(struct mapping *mapping)
{
	bpfring_sys_munmap(mapping->prod, mapping->page + 2 * mapping->size);
	bpfring_sys_munmap(mapping->cons, mapping->page);
}

int bpfring_mapping_view(struct mapping *ret, const struct map *map)
{
	struct mapping mapping = {.page = bpfring_sys_page_size(), .size = map->max_entries};
	const struct part all = {&mapping.cons, 2 * (mapping.page + mapping.size), 0, false};
	int err = check_size(&mapping, map);

	if (err)
		return err;
	err = map_part(&all, map);
	if (err == -EINVAL) /* so the kernel says it of what is not to be written anyway */
		err = -EACCES;
	if (err) {
		log_error("map '%s' id %u: cannot map the ring for reading: %s%s\n", map->name,
			  map->id, bpfring_errname(err), why(err, map));
		return err;
	}
	mapping.prod = (char *)mapping.cons + mapping.page;
	*ret = mapping;
	return 0;
}

void bpfring_mapping_view_free(struct mapping *mapping)
{
	bpfring_sys_munmap(mapping->cons, 2 * (mapping->page + mapping->size));
}
