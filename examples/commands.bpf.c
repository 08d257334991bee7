// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a BPF program that takes commands out of a user ring and answers through a kernel
 * ring.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/bpfring.bpf.h>

#include "commands.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 64 * 1024);
} commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} answers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, unsigned int);
	__type(value, long long);
} values SEC(".maps");

static __always_inline int execute(unsigned int op, long long *value, long long operand)
{
	switch (op) {
	case COMMAND_SET:
		*value = operand;
		return 0;
	case COMMAND_ADD:
		*value += operand;
		return 0;
	case COMMAND_GET:
		return 0;
	default:
		return -EINVAL;
	}
}

BPFRING_DRAIN_FN(on_command, struct command, command, void, ctx)
{
	struct answer answer = {.id = command->id};
	unsigned int key = command->key; /* once: user space could change it after the check */
	long long *value = bpf_map_lookup_elem(&values, &key);

	answer.error = value ? execute(command->op, value, command->value) : -ENOENT;
	if (value)
		answer.value = *value;
	return bpf_ringbuf_output(&answers, &answer, sizeof(answer), 0) != 0; /* full: stop here */
}

BPFRING_DRAIN_PROG(execute_commands, commands, on_command, 0)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
