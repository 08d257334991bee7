/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* An exclusive claim on one end of a ring, dropped by the kernel when its holder dies. */
#ifndef BPFRING_CLAIM_H
#define BPFRING_CLAIM_H

struct map;

enum claim_role {
	CLAIM_CONSUMER = 0,
	CLAIM_PRODUCER = 1,
};

/*
 * The claim as a descriptor, to be closed. @handed_over: a copy of the descriptor of a process that
 * has the claim, to be duplicated; -1: none, take a new one. -EBUSY: another has it; -EOPNOTSUPP: the
 * map has no id; -EINVAL: @handed_over is something else; -EBADF, -EMFILE, -ENFILE, -ENOMEM, -ENOLCK.
 */
int bpfring_claim_take(const struct map *map, enum claim_role role, int handed_over);

#endif /* BPFRING_CLAIM_H */
