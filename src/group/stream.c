// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A queue from one thread to a merge on another: a ring as the kernel's, in ordinary memory. The
 * data is not mapped twice: where a record would be split, a discarded one fills the rest.
 */
#include <errno.h>
#include <string.h>

#include "group/merge.h"
#include "base/sys.h"

#define MIN_BYTES 64
#define MAX_BYTES (SIZE_MAX / 4)

int bpfring_stream_new(struct bpfring_stream **ret, size_t bytes)
{
	const size_t align = _Alignof(struct bpfring_stream);
	struct bpfring_stream *s;
	void *memory;

	if (!ret)
		return -EINVAL;
	if (bytes < MIN_BYTES || bytes > MAX_BYTES || (bytes & (bytes - 1))) {
		log_error("a stream of %zu bytes: the size has to be a power of two from %d on\n",
			  bytes, MIN_BYTES);
		return -EINVAL;
	}
	memory = bpfring_sys_alloc(sizeof(*s) + bytes + align);
	if (!memory)
		return -ENOMEM;
	s = (void *)(((uintptr_t)memory + align - 1) & ~(uintptr_t)(align - 1));
	s->memory = memory;
	s->data = (uint8_t *)(s + 1);
	s->size = bytes;
	*ret = s;
	return bpfring_ring_init(&s->ring, &s->read, &s->written, s->data, bytes, 8, NULL);
}

void bpfring_stream_free(struct bpfring_stream *s)
{
	if (!s)
		return;
	if (s->source)
		bpfring_merge_remove_stream(s->source->merge, s);
	bpfring_sys_free(s->memory);
}

static void write_header(struct bpfring_stream *s, uint64_t pos, uint32_t len)
{
	/* Relaxed: Q1 publishes it. */
	__atomic_store_n((uint32_t *)(void *)(s->data + (pos & (s->size - 1))), len,
			 __ATOMIC_RELAXED);
}

int bpfring_stream_push(struct bpfring_stream *s, const void *data, size_t size)
{
	uint64_t pos, rest, skip, need;

	if (!s || (!data && size))
		return -EINVAL;
	if (size > s->size / 2 - BPFRING_HEADER_SIZE || size >= BPFRING_DISCARD_BIT)
		return -E2BIG;
	need = bpfring_priv_total((uint32_t)size);
	pos = s->written;
	rest = s->size - (pos & (s->size - 1));
	skip = need > rest ? rest : 0;
	if (pos + skip + need - s->read_seen > s->size) {
		/* Q2: acquire, so that the space is written after the reader is done with it.
		 * Partner: R3. Relaxed would let our writes overtake its last reads.
		 */
		s->read_seen = __atomic_load_n(&s->read, __ATOMIC_ACQUIRE);
		if (pos + skip + need - s->read_seen > s->size)
			return -EAGAIN;
	}
	if (skip)
		write_header(s, pos, (uint32_t)(skip - BPFRING_HEADER_SIZE) | BPFRING_DISCARD_BIT);
	write_header(s, pos + skip, (uint32_t)size);
	if (size)
		memcpy(s->data + ((pos + skip) & (s->size - 1)) + BPFRING_HEADER_SIZE, data, size);
	/* Q1: release, so that header and payload are there when the position is. Partner: A1. */
	__atomic_store_n(&s->written, pos + skip + need, __ATOMIC_RELEASE);
	/* Q3: full fence between Q1 and the load of the reader's position. Partner: the fence
	 * before a merge says that it has nothing: either it sees our record, or we see that it has
	 * taken all before it.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&s->read, __ATOMIC_RELAXED) == pos;
}

int bpfring_merge_add_stream(struct bpfring_merge *m, struct bpfring_stream *s)
{
	const struct merge_source model = {.ring = s ? &s->ring : NULL, .stream = s};
	int err;

	if (!m || !s)
		return -EINVAL;
	err = bpfring_merge_check_change(m, call_place_here(), "bpfring_merge_add_stream()");
	if (err)
		return err;
	if (s->source) {
		log_error("stream %p: is in a merge already\n", (void *)s);
		return -EEXIST;
	}
	err = bpfring_merge_join(m, &model);
	if (!err)
		bpfring_joint_wake(&m->joint);
	return err;
}

int bpfring_merge_remove_stream(struct bpfring_merge *m, struct bpfring_stream *s)
{
	if (!m || !s)
		return -EINVAL;
	bpfring_merge_state(m, call_place_here());
	if (!s->source || s->source->merge != m) {
		log_error("stream %p: not in this merge\n", (void *)s);
		return -ENOENT;
	}
	bpfring_merge_part(s->source);
	return 0;
}
