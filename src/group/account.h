/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The counters that BPF programs keep, as the files of the library see them. */
#ifndef BPFRING_SRC_ACCOUNT_H
#define BPFRING_SRC_ACCOUNT_H

#include <stdint.h>

#include "base/map.h"

/* The element of one CPU; the same as in bpfring/bpf/account.bpf.h. */
struct account {
	uint64_t submitted;
	uint64_t discarded;
	uint64_t dropped_full;
	uint64_t dropped_no_ring;
	uint64_t dropped_other;
	uint64_t rescued;
	uint32_t mask;
	uint32_t flags;
	uint64_t wake_bytes;
	uint64_t wake_ns;
	uint64_t woken_at;
	uint64_t above;
	uint64_t reserved[4];
};

#define ACCOUNT_RESCUE (1U << 0)

/* 0, or -EINVAL with a word of explanation: not such a map. */
int bpfring_account_check(const struct map *map);

#endif /* BPFRING_SRC_ACCOUNT_H */
