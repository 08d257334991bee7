/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * An exclusive claim on something that processes share, dropped by the kernel when its holder dies.
 */
#ifndef BPFRING_CLAIM_H
#define BPFRING_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

struct map;

/*
 * Where the claim is written down, in memory that only its possible holders can write; zero at
 * first.
 */
struct claim_page {
	uint64_t word;	 /* 0: none. CLAIM_LOCKED, and the byte that is locked */
	uint64_t holder; /* that word, if the rest describes its holder */
	uint64_t pid;
	uint64_t pid_ns;
	uint64_t started;
};

struct claim {
	int fd; /* to be handed over; -1: no claim */
	uint64_t word;
	struct claim_page *page;
};

#define CLAIM_NONE ((struct claim){.fd = -1})

/*
 * Takes the claim of a map that is written down in @page. @handed_over: a copy of the descriptor of
 * a process that has the claim, to be duplicated; -1: none, take a new one. 0; -EBUSY: another has
 * it; -EINVAL: @handed_over is something else; -EBADF, -EMFILE, -ENFILE, -ENOMEM, -ENOLCK.
 */
int bpfring_claim_take(struct claim *ret, const struct map *map, struct claim_page *page,
		       int handed_over);

/* Its descriptor leaves this process: the claim lives as long as any copy of it. */
void bpfring_claim_share(const struct claim *claim);

/*
 * Before the page is unmapped. @owner: in the process that took it, not in a forked child, which
 * has a copy of the descriptor and must not keep the claim by it, nor end it.
 */
void bpfring_claim_drop(struct claim *claim, bool owner);

/*
 * The same for one of many parts of a map, whose locks all belong to @fd, an eventfd, and without a
 * word if another process has it: -EBUSY. @ret: to end it with.
 */
int bpfring_claim_part(struct claim_page *page, int fd, const struct map *map, uint64_t *ret);
void bpfring_claim_end_part(struct claim_page *page, int fd, uint64_t word);

#endif /* BPFRING_CLAIM_H */
