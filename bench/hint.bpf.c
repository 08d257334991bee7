// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The maps of the hint rows: shared memory, and a plain one for bpf_map_update_elem(). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/task_storage.bpf.h>

#include "hint.h"

struct task_struct;

struct hint_value {
	struct bench_hint __uptr *hint;
};

BPFRING_TASK_STORAGE(hints, struct hint_value);
BPFRING_TASK_MEMBER(hints, hint, struct bench_hint);

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bench_hint);
} plain SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
