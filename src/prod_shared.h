/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The data path of user_ring.h for any number of threads at once, lock-free.
 *
 * The functions mean the same and return the same. A struct bpfring_prod is used either by these or
 * by those of user_ring.h, not by both. A sample may be ended by another thread than reserved it.
 */
#ifndef BPFRING_PROD_SHARED_H
#define BPFRING_PROD_SHARED_H

#include <bpfring/user_ring.h>

int bpfring_shared_reserve(struct bpfring_prod *p, uint64_t size, void **ret);
int bpfring_shared_reserve_batch(struct bpfring_prod *p, struct bpfring_sample *samples,
				 unsigned int count);

/* @discard: 0 or BPFRING_DISCARD_BIT */
int bpfring_shared_end(struct bpfring_prod *p, void *data, uint32_t discard);

#endif /* BPFRING_PROD_SHARED_H */
