// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* As a compiler makes it that drops the tag of __uptr members. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#undef __uptr /* libbpf 1.7 has it */
#define __uptr
#include <bpfring/bpf/task_storage.bpf.h>

#include "task_test.h"

struct untagged_value {
	struct task_cell_test __uptr *cell;
};

BPFRING_TASK_STORAGE(store, struct untagged_value);
BPFRING_TASK_MEMBER(store, cell, struct task_cell_test);

char LICENSE[] SEC("license") = "Dual BSD/GPL";
