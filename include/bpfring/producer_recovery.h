/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Recovery of a user ring: finding and discarding what an earlier producer left in it that the
 * kernel cannot pass. bpf_user_ringbuf_drain() stops at a sample that was reserved and never
 * submitted, and fails at a header that makes no sense; either blocks all that follows, for ever. A
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
 * @discards:     samples that were discarded before
 * @busy:         samples that were reserved but never submitted
 * @broken:       headers that make no sense, or a sample larger than the kernel takes
 * @broken_bytes: ring bytes from the first such header to the next that can be told
 * @moved:        bytes by which the producer position had to be moved back to make sense
 * @position:     of the first busy or broken header, if there is any, or of the producer
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
 * bpfring_producer_check() - look for what would block the ring, without touching it.
 * @p:   the producer
 * @ret: what was found; NULL if not wanted
 *
 * It reads the header of every sample that is not drained yet. Other threads of this producer wait
 * meanwhile when they reserve or submit. A producer of another process is not kept out: what it
 * writes at that moment may look broken.
 *
 * Return: 1: something blocks the ring; 0: nothing; -EINVAL: a bad @ret; -ECHILD, -EBADF.
 */
BPFRING_API int bpfring_producer_check(const struct bpfring_producer *p,
				       struct bpfring_recovery *ret);

/**
 * bpfring_producer_recover() - discard what another producer left in the ring that blocks it.
 * @p:   the producer, with the claim; nothing reserved
 * @ret: what was found, and is discarded now; NULL if not wanted
 *
 * Samples that were left busy are discarded one by one. Behind a broken header nothing can be told
 * apart: all that follows is discarded. Do not call it while a producer that knows no claim (that
 * of libbpf) is alive on the map: it could still be writing.
 *
 * Return: as bpfring_producer_check(), and -EPERM: opened without a claim; -EBUSY: samples are
 * reserved.
 */
BPFRING_API int bpfring_producer_recover(struct bpfring_producer *p, struct bpfring_recovery *ret);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PRODUCER_RECOVERY_H */
