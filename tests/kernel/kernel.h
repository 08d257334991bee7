/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Real rings, and BPF programs that put records into them on command. */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <bpfring/bpfring.h>
#include <pthread.h>
#include <stdbool.h>

#include "producer.h"
#include "support.h"

#define NO_WAKEUP    1U
#define FORCE_WAKEUP 2U

/* Loads the programs; NULL, or why this kernel or this user cannot: exit with 77 then. */
const char *kernel_open(void);
void kernel_close(void);

/* A ring of its own for a test. index: where the programs find it. */
struct ring {
	int fd;
	int index;
	size_t size;
};

struct ring ring_new(size_t size);
struct ring ring_new_at(int index, size_t size);
void ring_free(struct ring *r);

/* Runs the program once; how many records got in. From any thread. */
int produce(const struct ring *r, int op, uint64_t size, uint64_t count, uint64_t number,
	    uint64_t flags);
/* So many numbered records, all of which must fit. */
void put_numbers(const struct ring *r, uint64_t count, uint64_t number);

/* A record that is busy from busy_begin() on until busy_end(). */
struct busy {
	struct ring ring;
	uint64_t flags;
	bool discard;
	pthread_t producer;
	void *page;
	int fault_fd;
	void *skeleton;
};

/* NULL, or why this kernel cannot. */
const char *busy_begin(struct busy *b, const struct ring *r, uint64_t flags, bool discard);
void busy_end(struct busy *b, uint64_t value); /* commits it, with this payload */

struct bpfring_consumer *consumer_new(const struct ring *r, uint32_t flags);
struct bpfring_consumer_stats consumer_stats(const struct bpfring_consumer *c);

/* A callback for put_numbers() that fails the test unless they come in order. */
struct expect {
	uint64_t next;
	int64_t last_at; /* monotonic time of the last record */
};

int take_number(void *ctx, const void *data, size_t size);

int64_t monotonic(void);
int64_t thread_cpu(void);
unsigned long context_switches(pid_t tid); /* voluntary ones */
unsigned int count_map_mappings(void);	   /* of BPF maps */

#endif /* TESTS_KERNEL_H */
