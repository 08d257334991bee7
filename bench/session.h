/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * One measurement from the loading of the programs to the count of what arrived: a ring, a producer
 * program, and one implementation that consumes, by a thread of its own if the row wants that.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <pthread.h>

#include "bench.h"
#include "impl.h"
#include "sink.h"

struct bench_bpf;
struct bpf_link;
struct bpfring_group;

struct session {
	const struct bench_row *row;
	const struct impl *impl;
	const struct bench_opts *opts;
	struct bench_bpf *skel;
	struct bpf_link *link;
	struct bench_slot *slots;
	struct bpfring_group *group; /* NULL: one ring */
	uint32_t ring_size;
	uint32_t record_bytes; /* of one record in the ring */
	int *fds;
	unsigned int rings;
	void *handle;
	pthread_t consumer;
	clockid_t consumer_clock;
	int consumer_cpu;
	int consumer_err;
	bool consuming;
	int ready; /* the thread is about to consume */
	struct sink sink;
};

/* All return 0 or -errno, and say on stderr what failed. */
int session_open(struct session *s, const struct bench_row *row, const struct impl *impl,
		 const struct bench_opts *opts);
int session_attach(struct session *s);
int session_start_consumer(struct session *s, int cpu);

/* Runs the program that keeps a record busy; returns when it was committed. */
int session_hold(struct session *s, const void *addr, unsigned int first);

/*
 * After the producers ended: every record must arrive by itself if its producer notifies, and all
 * must be there, once, in the end. Ends the consumer's thread.
 */
int session_finish(struct session *s);
void session_close(struct session *s);

int64_t session_consumer_cpu_ns(const struct session *s);
uint64_t session_submitted(const struct session *s);
uint64_t session_dropped(const struct session *s);

/* Waits until the callback has seen all that was submitted; false after @timeout_ns. */
bool session_wait_consumed(const struct session *s, int64_t timeout_ns);

/* The system call that is traced. */
void session_call(unsigned int slot);

#endif /* BENCH_SESSION_H */
