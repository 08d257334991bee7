/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Recovery of a user ring: finds and discards what an earlier producer left in it and the kernel
 * cannot pass. bpf_user_ringbuf_drain() stops at a sample that was reserved and never submitted,
 * and fails at a header that makes no sense. Either blocks everything behind it for good. A
 * producer of this library leaves neither behind.
 */
#ifndef BPFRING_PRODUCER_RECOVERY_H
#define BPFRING_PRODUCER_RECOVERY_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_producer;

/**
 * struct bpfring_recovery - what is pending in a ring, and what of it the kernel cannot pass.
 * @sz:           set by the caller: sizeof(struct bpfring_recovery)
 * @samples:      good samples; they stay
 * @discards:     samples that had been discarded before
 * @busy:         samples that were reserved but never submitted
 * @broken:       headers that make no sense, or belong to a sample larger than the kernel takes
 * @broken_bytes: ring bytes from the first such header to the producer position
 * @moved:        bytes by which the producer position had to be moved back to make sense
 * @position:     of the first busy or broken header; without one, of the producer
 */
struct bpfring_recovery {
	size_t sz;
	uint64_t samples;
	uint64_t discards;
	uint64_t busy;
	uint64_t broken;
	uint64_t broken_bytes;
	uint64_t moved;
	uint64_t position;
};

/**
 * bpfring_producer_check() - look for what would block the ring, without changing it.
 * @p:   the producer
 * @ret: what was found; NULL if not wanted
 *
 * It reads the header of every sample that has not been drained. Other threads of this producer
 * cannot reserve or submit meanwhile. A producer of another process can, and what it is writing at
 * that moment may look broken.
 *
 * Return: 1: something blocks the ring; 0: nothing; -EINVAL: a bad @ret; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_check(const struct bpfring_producer *p,
				       struct bpfring_recovery *ret);

/**
 * bpfring_producer_recover() - discard what another producer left and what blocks the ring.
 * @p:   the producer, with the claim; no sample open
 * @ret: what was found, and is now discarded; NULL if not wanted
 *
 * Busy samples are discarded one by one. Behind a broken header the start of the next sample is not
 * known, so everything that follows is discarded. Do not call it while a producer that ignores the
 * claim (libbpf's) is alive on the map: it could still be writing.
 *
 * Return: as bpfring_producer_check(), and -EPERM: opened without a claim; -EBUSY: samples are
 * reserved.
 */
BPFRING_API int bpfring_producer_recover(struct bpfring_producer *p, struct bpfring_recovery *ret);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_RECOVERY_H */
