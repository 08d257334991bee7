// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Cells in anonymous memory whose pages the kernel pins: the path UPTR.
 *
 * Cells are dealt out of blocks, a block being one page or, for cells larger than that, as many as
 * one cell takes. A cell that was given back is never dealt again: some BPF program may hold its
 * address still, and user space is not told until when. Instead, when the last cell of a block has
 * been given back, the pages under the block are replaced by fresh ones. The kernel's pins and all
 * BPF pointers stay with the old pages, which no longer belong to this address space; the kernel
 * frees them when the last pin goes. No waiting, no barrier, and no trust in how long BPF programs
 * run. The price is bounded: a block in use has a thread in it, so there are at most as many blocks
 * as threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* Linux 5.18: also of memory that mlockall() locked */
#endif

#define CHUNK_BLOCKS 64
#define CACHE_LINE   64

struct block {
	struct block *next; /* free ones */
	char *mem;
	uint32_t dealt; /* cells, from the start of the block */
	uint32_t live;
	bool lost; /* could not be replaced */
};

struct chunk {
	struct chunk *next;
	char *mem;
	struct block blocks[CHUNK_BLOCKS];
	unsigned int used;
};

struct slab {
	size_t page;
	size_t stride;	   /* from one cell to the next */
	size_t block_size; /* whole pages */
	uint32_t per_block;
	size_t offset[TASK_MAX_UPTRS]; /* of the members in a cell */
	struct block *current;	       /* the one that is dealt from */
	struct block *free;	       /* fresh */
	struct chunk *chunks;
	uint64_t blocks_live, retired, lost;
	size_t process_size[TASK_MAX_UPTRS]; /* mapped for members of the process */
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Places the members one behind the other, none across the end of a page. */
static void lay_out(struct slab *slab, const struct bpfring_task_storage *ts)
{
	size_t end = 0, align = sizeof(uint64_t);

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		const struct bpfring_task_member *m = task_uptr_member(ts, i);

		if (task_is_process(ts, i))
			continue;
		end = round_up(end, m->align);
		if (end / slab->page != (end + m->size - 1) / slab->page)
			end = round_up(end, slab->page);
		slab->offset[i] = end;
		end += m->size;
		if (m->align > align)
			align = m->align;
	}
	if (ts->opts.packing == BPFRING_TASK_PACKING_LINE && align < CACHE_LINE)
		align = CACHE_LINE;
	if (ts->opts.packing == BPFRING_TASK_PACKING_PAGE || end > slab->page)
		align = slab->page;
	slab->stride = end ? round_up(end, align) : align;
	slab->block_size = round_up(slab->stride, slab->page);
	slab->per_block = (uint32_t)(slab->block_size / slab->stride);
}

static int slab_init(struct bpfring_task_storage *ts)
{
	struct slab *slab = bpfring_sys_alloc(sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	slab->page = bpfring_sys_page_size();
	lay_out(slab, ts);
	ts->path_state = slab;
	return 0;
}

/* Refusals do no harm: a kernel without transparent huge pages knows no MADV_NOHUGEPAGE. */
static int map_memory(const struct bpfring_task_storage *ts, void **ret, size_t size)
{
	int err = bpfring_sys_mmap(ret, size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (err)
		return err;
	bpfring_sys_madvise(*ret, size, MADV_NOHUGEPAGE); /* a pin would hold all of a huge page */
	if (ts->opts.flags & BPFRING_TASK_NODUMP)
		bpfring_sys_madvise(*ret, size, MADV_DONTDUMP);
	if (ts->opts.flags & BPFRING_TASK_NOFORK)
		bpfring_sys_madvise(*ret, size, MADV_WIPEONFORK);
	return 0;
}

static void slab_fini(struct bpfring_task_storage *ts)
{
	struct slab *slab = ts->path_state;
	struct chunk *chunk;

	while ((chunk = slab->chunks)) {
		slab->chunks = chunk->next;
		bpfring_sys_munmap(chunk->mem, CHUNK_BLOCKS * slab->block_size);
		bpfring_sys_free(chunk);
	}
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (slab->process_size[i])
			bpfring_sys_munmap(ts->process.mem[i], slab->process_size[i]);
	bpfring_sys_free(slab);
}

static int grow(const struct bpfring_task_storage *ts, struct slab *slab)
{
	struct chunk *chunk = bpfring_sys_alloc(sizeof(*chunk));
	void *mem;
	int err;

	if (!chunk)
		return -ENOMEM;
	err = map_memory(ts, &mem, CHUNK_BLOCKS * slab->block_size);
	if (err) {
		bpfring_sys_free(chunk);
		return err;
	}
	chunk->mem = mem;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	return 0;
}

/* A block without any cell dealt. */
static int fresh_block(const struct bpfring_task_storage *ts, struct slab *slab, struct block **ret)
{
	struct chunk *chunk;
	struct block *block = slab->free;
	int err;

	if (block) {
		slab->free = block->next;
		*ret = block;
		return 0;
	}
	if (!slab->chunks || slab->chunks->used == CHUNK_BLOCKS) {
		err = grow(ts, slab);
		if (err)
			return err;
	}
	chunk = slab->chunks;
	block = &chunk->blocks[chunk->used];
	block->mem = chunk->mem + chunk->used * slab->block_size;
	chunk->used++;
	*ret = block;
	return 0;
}

static bool slab_is_full(struct bpfring_task_storage *ts)
{
	(void)ts;
	return false;
}

static int slab_alloc(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	struct slab *slab = ts->path_state;
	struct block *block = slab->current;
	char *mem;
	int err;

	if (!block || block->dealt == slab->per_block || block->lost) {
		err = fresh_block(ts, slab, &block);
		if (err)
			return err;
		slab->current = block;
	}
	mem = block->mem + block->dealt++ * slab->stride;
	slab->blocks_live += !block->live++;
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		ret->mem[i] = task_is_process(ts, i) ? ts->process.mem[i] : mem + slab->offset[i];
		ret->ref[i] = (uintptr_t)ret->mem[i];
	}
	ret->home = block;
	return 0;
}

/* Fresh pages, zeroed when they are touched; the old ones are no longer ours to see. */
static void replace_pages(struct slab *slab, struct block *block)
{
	int err = bpfring_sys_madvise(block->mem, slab->block_size, MADV_DONTNEED_LOCKED);

	slab->retired -= block->dealt;
	if (err) {
		log_warn("cannot replace the pages of %u cells: %s; they are not used again\n",
			 block->dealt, bpfring_errname(err));
		slab->lost += block->dealt;
		block->lost = true;
		return;
	}
	block->dealt = 0;
	if (block == slab->current)
		return;
	block->next = slab->free;
	slab->free = block;
}

static void slab_retire(struct bpfring_task_storage *ts, struct task_cell *cell)
{
	struct slab *slab = ts->path_state;
	struct block *block = cell->home;

	slab->retired++;
	if (--block->live)
		return;
	slab->blocks_live--;
	replace_pages(slab, block);
}

static int slab_alloc_process(struct bpfring_task_storage *ts, struct task_cell *ret)
{
	struct slab *slab = ts->path_state;

	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		size_t size = round_up(task_uptr_member(ts, i)->size, slab->page);
		int err;

		if (!task_is_process(ts, i) || slab->process_size[i])
			continue;
		err = map_memory(ts, &ret->mem[i], size);
		if (err)
			return err; /* fini() frees what is there */
		slab->process_size[i] = size;
		ret->ref[i] = (uintptr_t)ret->mem[i];
	}
	return 0;
}

/* The child has copies, which the kernel does not pin. */
static void slab_forked(struct bpfring_task_storage *ts)
{
	(void)ts;
}

/*
 * In the child no cell has ever been shared, so all but @own are as good as fresh; the pages are
 * replaced nevertheless, because new cells must be zero.
 */
static int slab_restart(struct bpfring_task_storage *ts, struct task_cell *own)
{
	struct slab *slab = ts->path_state;

	slab->current = slab->free = NULL;
	slab->blocks_live = slab->retired = 0;
	for (struct chunk *chunk = slab->chunks; chunk; chunk = chunk->next) {
		for (unsigned int i = 0; i < chunk->used; i++) {
			struct block *block = &chunk->blocks[i];

			if (block->lost)
				continue;
			block->live = own && own->home == block;
			if (block->live) {
				slab->blocks_live = 1;
				block->dealt = slab->per_block; /* no more of it: not zeroed */
				slab->retired += block->dealt - 1;
			} else {
				slab->retired += block->dealt;
				replace_pages(slab, block);
			}
		}
	}
	return 1;
}

/* The addresses are what the element holds: good in any map. */
static int slab_move(struct bpfring_task_storage *ts, const struct task_parts *to)
{
	(void)ts, (void)to;
	return 0;
}

static void slab_stats(const struct bpfring_task_storage *ts,
		       struct bpfring_task_storage_stats *ret)
{
	const struct slab *slab = ts->path_state;

	ret->cell_size = slab->stride;
	ret->bytes = slab->blocks_live * slab->block_size;
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		ret->bytes += slab->process_size[i];
	ret->retired = slab->retired;
	ret->lost = slab->lost;
}

const struct task_path bpfring_task_slab = {
	.name = BPFRING_TASK_PATH_UPTR,
	.init = slab_init,
	.fini = slab_fini,
	.alloc = slab_alloc,
	.is_full = slab_is_full,
	.retire = slab_retire,
	.alloc_process = slab_alloc_process,
	.forked = slab_forked,
	.restart = slab_restart,
	.move = slab_move,
	.stats = slab_stats,
};
