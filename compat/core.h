/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What this layer has to know of a consumer or producer and libbpfring has no function for. It
 * reads the structs of ring.h and user_ring.h, which are public because they are inlined into
 * programs.
 */
#ifndef COMPAT_CORE_H
#define COMPAT_CORE_H

#include <bpfring/consumer.h>
#include <bpfring/producer.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What bpf() says of a descriptor that libbpfring could not duplicate; libbpf returns that. */
static inline int core_bad_descriptor(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info = (uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	return syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) ? -errno : -EBADF;
}

/* Opened by the process that forked this one. */
static inline bool core_inherited(struct bpfring_consumer *c)
{
	return !*bpfring_consumer_ring(c)->owner;
}

/* Somebody else has moved the consumer position since we stored it last. */
static inline bool core_moved(struct bpfring_consumer *c)
{
	const struct bpfring_ring *cons = bpfring_consumer_ring(c);

	return bpfring_priv_load_published(cons) != cons->published;
}

/* Commits do not notify: the loop looks at the ring by itself, after a window. */
static inline bool core_quiet(struct bpfring_consumer *c)
{
	return bpfring_consumer_ring(c)->quiet;
}

/* The last drain ended before all that it had seen was taken. */
static inline bool core_left_some(struct bpfring_consumer *c)
{
	const struct bpfring_ring *cons = bpfring_consumer_ring(c);

	return cons->pos != cons->prod;
}

/* From the next release on the position is true, and commits notify. */
static inline void core_end_quiet(struct bpfring_consumer *c)
{
	bpfring_ring_set_quiet(bpfring_consumer_ring(c), 0);
}

/*
 * Publishes the true position and looks once more. 1: there is a record; 0: there is none, and the
 * commit of the next one notifies; or an error.
 */
static inline int core_arm(struct bpfring_consumer *c)
{
	return bpfring_ring_arm(bpfring_consumer_ring(c));
}

/* Did core_arm() find a record that is still being written? */
static inline bool core_head_busy(struct bpfring_consumer *c)
{
	return bpfring_ring_head_busy(bpfring_consumer_ring(c));
}

/* Position of the record whose payload is at @data and which has not been released. */
static inline uint64_t core_position_of(struct bpfring_consumer *c, const void *data)
{
	const struct bpfring_ring *cons = bpfring_consumer_ring(c);
	uint64_t offset = (uint64_t)((const uint8_t *)data - cons->data) - BPFRING_HEADER_SIZE;

	return cons->released + ((offset - cons->released) & cons->mask);
}

/* The same questions about a producer; the second while none of its samples is open. */
static inline bool core_producer_inherited(struct bpfring_producer *p)
{
	return !*bpfring_producer_ring(p)->owner;
}

static inline bool core_producer_moved(struct bpfring_producer *p)
{
	const struct bpfring_user_ring *prod = bpfring_producer_ring(p);

	if (prod->word_size == 8)
		return __atomic_load_n((const uint64_t *)prod->prod_word, __ATOMIC_RELAXED) !=
		       prod->published;
	return __atomic_load_n((const uint32_t *)prod->prod_word, __ATOMIC_RELAXED) !=
	       (uint32_t)prod->published;
}

#endif /* COMPAT_CORE_H */
