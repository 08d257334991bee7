// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "fixture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct group_test_bpf *skel;
struct bpfring_group *group;

const char *fixture_probe(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	uint64_t args[GROUP_ARGS] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err;

	catch_logs();
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* maps count against it before Linux 5.11 */
	skel = group_test_bpf__open_and_load();
	if (!skel)
		return errno == EPERM ? "no permission to load BPF programs (CAP_BPF, CAP_PERFMON)"
				      : "this kernel cannot load the BPF programs";
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.group_submit), &opts);
	group_test_bpf__destroy(skel);
	skel = NULL;
	return err ? "this kernel cannot run raw tracepoint programs on request (Linux 5.10)"
		   : NULL;
}

void fixture_load(const struct bpfring_group_opts *opts)
{
	skel = group_test_bpf__open();
	assert_non_null(skel);
	assert_int_equal(bpfring_group_prepare(skel->obj, "events", opts), 0);
	assert_int_equal(group_test_bpf__load(skel), 0);
	assert_int_equal(bpfring_group_create(&group, skel->obj, "events", opts), 0);
}

void fixture_unload(void)
{
	bpfring_group_close(group);
	group_test_bpf__destroy(skel);
	group = NULL;
	skel = NULL;
}

int possible_cpus(void)
{
	return libbpf_num_possible_cpus();
}

bool move_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

bool cpu_is_online(int cpu)
{
	cpu_set_t before;
	bool online;

	sched_getaffinity(0, sizeof(before), &before);
	online = move_to_cpu(cpu);
	sched_setaffinity(0, sizeof(before), &before);
	return online;
}

int run(const struct bpf_program *prog, uint32_t writer, uint64_t number, uint64_t count,
	uint64_t key)
{
	uint64_t args[GROUP_ARGS] = {
		[GROUP_WRITER] = writer,
		[GROUP_NUMBER] = number,
		[GROUP_COUNT] = count,
		[GROUP_KEY] = key,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err;

	do
		err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	while (err == -EINTR || err == -EAGAIN);
	if (err) {
		fprintf(stderr, "cannot run %s: %d\n", bpf_program__name(prog), err);
		abort();
	}
	return (int)opts.retval;
}

struct bpfring_loss_counts counted(int account_fd)
{
	struct bpfring_loss_counts total = {.sz = sizeof(total)};
	struct bpfring_loss *loss;

	assert_int_equal(bpfring_loss_open(&loss, account_fd), 0);
	assert_int_equal(bpfring_loss_read(loss, NULL, &total), 0);
	bpfring_loss_close(loss);
	return total;
}

int account_of_ring(void)
{
	return bpf_map__fd(skel->maps.alone_account);
}

int account_of_group(void)
{
	return bpfring_group_account_fd(group);
}

uint64_t take_all(struct bpfring_group *g, bpfring_record_fn fn, void *ctx)
{
	uint64_t records = 0;

	for (unsigned int i = 0; i < (unsigned int)bpfring_group_count(g); i++) {
		int n = bpfring_consumer_consume(bpfring_group_consumer(g, i), fn, ctx, NULL, NULL);

		assert_true(n >= 0);
		records += (uint64_t)n;
	}
	return records;
}
