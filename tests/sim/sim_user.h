/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A simulated BPF_MAP_TYPE_USER_RINGBUF: the memory of sim.h and the kernel's side of it, which is
 * bpf_user_ringbuf_drain() with all the ways in which it can fail.
 */
#ifndef TESTS_SIM_USER_H
#define TESTS_SIM_USER_H

#include "sim.h"

#define SIM_MAX_DRAIN 131072 /* samples of one drain, discarded ones included */

/* One sample in place. 0: go on; 1: stop after it. */
typedef int (*sim_drain_fn)(void *ctx, uint8_t *data, uint32_t size);

/* As sim_ring_new(); free it with sim_ring_free(). */
int sim_user_ring_new(struct sim_ring **ret, size_t size, unsigned int word_size, uint64_t start);

/*
 * The drain. @flags: SIM_NO_WAKEUP, SIM_FORCE_WAKEUP. @fn: NULL: samples go nowhere.
 * Samples taken; -EBUSY: another drain runs; -EINVAL, -E2BIG: as the kernel.
 */
int sim_drain(struct sim_ring *r, sim_drain_fn fn, void *ctx, unsigned int flags);

#endif /* TESTS_SIM_USER_H */
