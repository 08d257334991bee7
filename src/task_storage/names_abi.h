/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The table of named values as BPF reads it: struct bpfring_names_table of bpf/names.bpf.h. */
#ifndef BPFRING_NAMES_ABI_H
#define BPFRING_NAMES_ABI_H

#include <stdint.h>

#define NAMES_TABLE_TYPE  "bpfring_names_table"
#define NAMES_VALUES_TYPE "bpfring_named_values"
#define NAMES_MAX	  63
#define NAMES_LENGTH	  56 /* with the zero */

struct names_entry {
	char name[NAMES_LENGTH];
	uint32_t size;
	uint32_t offset; /* in the values of a thread */
};

struct names_table {
	uint32_t generation; /* differs between processes, whose numbers BPF caches */
	uint32_t count;	     /* entries; each is complete before it counts */
	char reserved[56];
	struct names_entry entries[NAMES_MAX];
};

_Static_assert(sizeof(struct names_table) == 4096, "one page at most can be shared");

#endif /* BPFRING_NAMES_ABI_H */
