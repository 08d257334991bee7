/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* An exclusive claim on one end of a ring, dropped by the kernel when its holder dies. */
#ifndef BPFRING_CLAIM_H
#define BPFRING_CLAIM_H

#include <stdint.h>

enum claim_role {
	CLAIM_CONSUMER = 0,
	CLAIM_PRODUCER = 1,
};

/* The claim as a descriptor, to be closed; -EBUSY if it is taken; -EMFILE, -ENFILE, -ENOMEM. */
int bpfring_claim_take(uint32_t map_id, enum claim_role role);

#endif /* BPFRING_CLAIM_H */
