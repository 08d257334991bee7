/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A ring that is no BPF map: memory laid out like one, which somebody else than the kernel fills.
 * For simulations, replays and tests: see sim.h. Everything in consumer.h, loop.h, threads.h and
 * merge.h works on it as on a map, without privileges.
 */
#ifndef BPFRING_MEMORY_H
#define BPFRING_MEMORY_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bpfring_memory - where the ring is.
 * @sz:        sizeof(struct bpfring_memory)
 * @memory_fd: a file that can be mapped shared, of memfd_create() for example. Its first page
 *             begins with the consumer position, its second with the producer position, and the
 *             rest is the data area. The second word of the second page is the position of the
 *             oldest record that was not committed when a record was reserved last, or 0
 * @event_fd:  an eventfd or the like that becomes readable when the kernel would notify. Nothing
 *             is read from it
 * @ring_size: bytes of the data area, a power of two of at least a page
 * @word_size: bytes of a position: 8, or 4 as on 32-bit kernels; 0: as on this kernel
 * @reserved:  0
 * @name:      stands for the map's in messages and statistics
 */
struct bpfring_memory {
	size_t sz;
	int memory_fd;
	int event_fd;
	uint64_t ring_size;
	uint32_t word_size;
	uint32_t reserved;
	char name[16];
};

/**
 * bpfring_consumer_open_memory() - open the consumer's end of such a ring.
 * @ret:    the consumer; free it with bpfring_consumer_close()
 * @memory: where the ring is; descriptors are duplicated
 * @opts:   as for bpfring_consumer_open()
 *
 * bpfring_consumer_map_fd() is a duplicate of @event_fd, and the statistics have no map id. Whoever
 * writes records has to keep to the kernel's order: the header with BUSY, the producer position
 * (release), the payload, the header without BUSY (a full barrier), then a look at the consumer
 * position.
 *
 * Return: as bpfring_consumer_open(), and -EINVAL: @memory is NULL or has no power of two of at
 * least a page, or the file is too short; -ENODEV, -EACCES: the file cannot be mapped shared for
 * reading and writing. A file that is made shorter later ends the process with SIGBUS.
 */
BPFRING_API int bpfring_consumer_open_memory(struct bpfring_consumer **ret,
					     const struct bpfring_memory *memory,
					     const struct bpfring_consumer_opts *opts);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_MEMORY_H */
