// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a BPF program that serves several threads: questions from one ring, replies into
 * another.
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpfring/bpf/bpfring.bpf.h>

#include "roundtrip.h"

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 64 * 1024);
} questions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} replies SEC(".maps");

unsigned long long unanswered;

#define REPLIES_HIGH (32 * 1024) /* bytes; above that user space has to take some first */

static __always_inline int replies_high(void)
{
	return bpf_ringbuf_query(&replies, BPF_RB_AVAIL_DATA) >= REPLIES_HIGH;
}

BPFRING_DRAIN_FN(on_question, struct question, question, void, ctx)
{
	struct reply *reply = bpf_ringbuf_reserve(&replies, sizeof(*reply), 0);

	if (!reply) {
		unanswered++;
		return 0;
	}
	reply->thread = question->thread;
	reply->number = question->number;
	reply->result = question->operand * 3;
	reply->asked_at = question->asked_at;
	bpf_ringbuf_submit(reply, 0);
	return replies_high(); /* stop: the other questions stay in their ring */
}

SEC("syscall")
int answer(void *unused)
{
	if (replies_high())
		return 0;
	return (int)bpf_user_ringbuf_drain(&questions, on_question, NULL, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
