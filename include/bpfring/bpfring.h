/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpfring in one page.
 *
 * A BPF program puts records into a BPF_MAP_TYPE_RINGBUF map; this library takes them out:
 *
 *	static int on_event(void *ctx, const void *data, size_t size)
 *	{
 *		const struct event *e = data;
 *		printf("%d\n", e->pid);
 *		return 0;
 *	}
 *
 *	struct bpfring_consumer *consumer;
 *	struct bpfring_loop *loop;
 *
 *	bpfring_consumer_open(&consumer, bpf_map__fd(skel->maps.events), NULL);
 *	bpfring_loop_new(&loop, NULL);
 *	bpfring_loop_add(loop, consumer, on_event, NULL);
 *	bpfring_loop_run(loop);           until bpfring_loop_stop(), say from a signal handler
 *	bpfring_loop_free(loop);
 *	bpfring_consumer_close(consumer);
 *
 * Which header for what:
 *	consumer.h  one ring: callbacks, batches, zero-copy peek/release, wait, snapshot, statistics
 *	loop.h      many rings and descriptors on one thread; wait modes; use inside another loop
 *	threads.h   many rings on several threads, which share the work
 *	merge.h     the records of many rings in the order of a key
 *	group.h     a ring per CPU as one thing
 *	loss.h      how many records were lost, and why
 *	sizing.h    how large a ring has to be
 *	struct_ops.h  kernel operations written in BPF: prepare, register, replace; beside it
 *		      struct_ops_types.h, struct_ops_watch.h and struct_ops_report.h
 *	task_storage.h  memory that threads share with BPF programs; names.h: values in it by name
 *	probe.h     what this kernel has and this process may use
 *	producer.h  the other direction: samples for BPF programs that drain a user ring
 *	producer_group.h  a user ring for each thread that produces
 *	producer_wait.h  waiting for space in it
 *	producer_recovery.h  mending a user ring that another producer left blocked
 *	memory.h    rings that are no maps: simulated or replayed ones
 *	ring.h      the inline data path beneath, on any memory; user_ring.h: of the producer
 *	view.h      the memory of a ring, read-only, for programs that only look
 *	tap.h       copies of what others consume, and rings that overwrite: in libbpfring-observe
 *	common.h    error rule, options, version, log
 */
#ifndef BPFRING_H
#define BPFRING_H

#include <bpfring/common.h>
#include <bpfring/consumer.h>
#include <bpfring/group.h>
#include <bpfring/loop.h>
#include <bpfring/memory.h>
#include <bpfring/merge.h>
#include <bpfring/loss.h>
#include <bpfring/names.h>
#include <bpfring/probe.h>
#include <bpfring/producer.h>
#include <bpfring/producer_group.h>
#include <bpfring/producer_wait.h>
#include <bpfring/producer_recovery.h>
#include <bpfring/ring.h>
#include <bpfring/sizing.h>
#include <bpfring/struct_ops.h>
#include <bpfring/struct_ops_report.h>
#include <bpfring/struct_ops_types.h>
#include <bpfring/struct_ops_watch.h>
#include <bpfring/task_storage.h>
#include <bpfring/threads.h>
#include <bpfring/user_ring.h>
#include <bpfring/view.h>

#endif /* BPFRING_H */
