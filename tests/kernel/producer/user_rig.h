/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A real user ring with the programs that drain it, and a producer. */
#ifndef TESTS_KERNEL_USER_RIG_H
#define TESTS_KERNEL_USER_RIG_H

#include <bpf/bpf.h>
#include <bpfring/producer_wait.h>
#include <bpfring/producer_recovery.h>
#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "support.h"
#include "user.h"
#include "user.skel.h"

struct user_rig {
	struct user_bpf *skel;
	struct bpfring_producer *p;
	int fd;
};

static inline int64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* For main(): says why not, and all tests of the program are skipped. */
static inline bool can_drain_user_rings(void)
{
	struct user_bpf *skel = user_bpf__open_and_load();
	const bool can = skel;

	if (!can)
		print_message("skipped: this kernel or user cannot load programs that drain user "
			      "rings\n");
	user_bpf__destroy(skel);
	return can;
}

static inline void rig_load(struct user_rig *rig, uint32_t size)
{
	memset(rig, 0, sizeof(*rig));
	rig->skel = user_bpf__open();
	assert_non_null(rig->skel);
	assert_int_equal(bpf_map__set_max_entries(rig->skel->maps.user, size), 0);
	assert_int_equal(user_bpf__load(rig->skel), 0);
	rig->fd = bpf_map__fd(rig->skel->maps.user);
}

static inline void rig_open(struct user_rig *rig, uint32_t size,
			    const struct bpfring_producer_opts *opts)
{
	rig_load(rig, size);
	assert_int_equal(bpfring_producer_open(&rig->p, rig->fd, opts), 0);
}

static inline void rig_close(struct user_rig *rig)
{
	bpfring_producer_close(rig->p);
	user_bpf__destroy(rig->skel);
}

/* Runs one of the programs. What the drain returned. */
static inline int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	return (int)opts.retval;
}

static inline int put(struct bpfring_producer *p, uint32_t thread, uint64_t number, size_t size)
{
	struct user_sample *sample;
	void *data;
	int err = bpfring_producer_reserve(p, size, &data);

	if (err)
		return err;
	sample = data;
	sample->thread = thread;
	sample->number = number;
	return bpfring_producer_submit(p, data);
}

#endif /* TESTS_KERNEL_USER_RIG_H */
