/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A producer group as the files of the library see it. */
#ifndef BPFRING_SRC_PRODUCER_GROUP_H
#define BPFRING_SRC_PRODUCER_GROUP_H

#include <bpfring/producer_group.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a thread holds is a pointer to one of these; the group's key has it. */
struct producer_slot {
	struct bpfring_producer *p;
	atomic_uint threads;
};

struct bpfring_producer_group {
	pthread_key_t key;
	unsigned int count;
	struct producer_slot slots[];
};

/* For the key: a thread that holds a ring has ended. */
void bpfring_producer_slot_drop(void *slot);

#endif /* BPFRING_SRC_PRODUCER_GROUP_H */
