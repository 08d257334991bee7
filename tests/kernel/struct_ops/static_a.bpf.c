// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Linked with static_b.bpf.c: has static variables of the names that the other gives its
 * operations.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile int cc_linked = 7;
static volatile struct {
	int a, b;
} cc_linked_2;

SEC("tp_btf/sys_enter")
int at_sys_enter(void *ctx)
{
	cc_linked_2.a = cc_linked;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
