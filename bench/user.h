/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One way of producing into a user ring, behind one interface; and the programs that drain it. */
#ifndef BENCH_USER_H
#define BENCH_USER_H

#include <stddef.h>
#include <stdint.h>

#include "impl.h"

struct user_bpf;

struct user {
	const struct impl *impl;
	struct user_bpf *skel;
	void *handle;
	int map_fd;
	int drain_fd;
};

/*
 * Loads the programs, with a user ring of that size, and opens its producer; a group has a ring
 * for each of @threads, of that size together. 0 or -errno.
 */
int user_open(struct user *u, const struct impl *impl, uint32_t ring_size, unsigned int threads);
void user_close(struct user *u);

bool user_is_libbpf(const struct user *u);

/* Runs the program until it finds nothing. Samples or -errno. */
long user_drain(const struct user *u);

/*
 * Reserves, writes @value as the first 8 bytes, submits; up to @count samples, until there is no
 * space. Number of samples.
 */
size_t user_fill(const struct user *u, size_t size, uint64_t value, size_t count);

/* One sample, waiting for space. 0 or -errno. */
int user_put_wait(const struct user *u, size_t size, uint64_t value, int64_t timeout_ns);

#endif /* BENCH_USER_H */
