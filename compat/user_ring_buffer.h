/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* libbpf's struct user_ring_buffer: a producer of libbpfring. */
#ifndef COMPAT_USER_RING_BUFFER_H
#define COMPAT_USER_RING_BUFFER_H

#include <bpfring/producer.h>

#include "libbpf_rings.h"

struct user_ring_buffer {
	const char *mark; /* &ours */
	struct bpfring_producer *producer;
	unsigned int reserved; /* samples that are not ended yet */
};

#endif /* COMPAT_USER_RING_BUFFER_H */
