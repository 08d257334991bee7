/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Whether the positions of a ring fit each other and the headers between them, and where they
 * could.
 */
#ifndef BPFRING_POSITIONS_H
#define BPFRING_POSITIONS_H

#include <bpfring/ring.h>
#include <stdbool.h>

/*
 * Is this the position of a record, or that of the producer? Takes the ring as it is: nobody else
 * must consume it at this moment, or what is looked at may be written over meanwhile.
 */
bool bpfring_position_fits(const struct bpfring_ring *c, uint64_t pos);

/*
 * A position to go on from in a ring whose consumer position does not fit, as far back as it is
 * certain. 0; -EOPNOTSUPP: nothing in this ring says where records begin.
 */
int bpfring_position_find(const struct bpfring_ring *c, uint64_t *ret);

#endif /* BPFRING_POSITIONS_H */
