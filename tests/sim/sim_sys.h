/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The system under the library, replaced: every function of src/base/sys.h is wrapped by the
 * linker.
 *
 * Without further ado a wrapped call does what it always does. A test can
 * - register simulated rings as maps: their descriptors are recognised by map_info, fdinfo, mmap;
 * - let the n-th call fail that can fail;
 * - take over the clock: sleeps then end at once, at the time they would have ended, and things
 *   happen at planned moments in between;
 * - ask for what is not given back: memory and mappings.
 */
#ifndef TESTS_SIM_SYS_H
#define TESTS_SIM_SYS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim.h"

/* A ring as a map. The members may be changed by the test before it opens a consumer. */
struct sim_map {
	struct sim_ring *ring;
	struct bpf_map_info info;
	int frozen;	  /* as fdinfo tells it */
	int info_error;	  /* what BPF_OBJ_GET_INFO_BY_FD answers */
	int fdinfo_error; /* what open() of fdinfo answers */
	int mmap_error;
	const char *fdinfo; /* NULL: made from info */
};

/* Back to no maps, no faults, the true clock, 64-bit kernel. */
void sim_sys_reset(void);

/*
 * The map lives as long as the ring, its descriptor is the ring's event_fd: it is not to be closed.
 */
struct sim_map *sim_sys_map(struct sim_ring *r, const char *name, uint32_t id);
/* Before the ring is freed. */
void sim_sys_forget_map(struct sim_map *map);

/* This descriptor is a SEC("syscall") program, and running it does that. */
void sim_sys_prog(int fd, int (*run)(void *ctx), void *ctx);

/* What map_by_id and map_by_path answer: a duplicate of this descriptor, or -errno. */
void sim_sys_set_lookup(int fd_or_error);

/*
 * Let the n-th call (from 0) that can fail do so, with an error that it can give; -1: none. A
 * non-NULL name counts calls of that name only ("mmap").
 */
void sim_sys_fail(long n, const char *name);
/* The same with an error of choice, and all further calls of that name too. */
void sim_sys_fail_always(const char *name, int err);
/* The name of the call that failed and its error; NULL: none did. */
const char *sim_sys_failed(int *err);
/*
 * How often a call was made since the last reset or sim_sys_count_reset(). NULL: all that can fail.
 */
unsigned long sim_sys_count(const char *name);
void sim_sys_count_reset(void);

/* What is not given back by the library. */
unsigned long sim_sys_live_allocations(void);
unsigned long sim_sys_live_mappings(void);

void sim_sys_set_word_size(unsigned int size); /* of the kernel */
void sim_sys_set_cpu(uint32_t cpu); /* that the caller runs on while the simulated clock runs */

/*
 * The clock stands at `now` and moves only while the library sleeps. Planned moments are done in
 * order of time, from within the sleep that reaches them. A sleep for ever with nothing planned
 * is a test that hangs: it fails at once.
 */
void sim_clock_start(int64_t now);
int64_t sim_clock_now(void);
void sim_clock_advance(int64_t ns);
void sim_clock_at(int64_t when, void (*fn)(void *ctx), void *ctx);
/* Sleeps that ended. */
unsigned long sim_clock_sleeps(void);
/* Every sleep ends this much late; those that a timer ends so much later still. */
void sim_clock_set_lateness(int64_t ns);
void sim_clock_set_timer_lateness(int64_t ns);
/* Every look at the clock takes so long: for what looks at it until time has passed. */
void sim_clock_set_step(int64_t ns);

#endif /* TESTS_SIM_SYS_H */
