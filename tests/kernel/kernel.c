// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "producer.skel.h"

static struct producer_bpf *skel;
static int next_index = 1; /* 0 is the ring of the object file */

static int try_run(void)
{
	uint64_t args[ARGS] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	return bpf_prog_test_run_opts(bpf_program__fd(skel->progs.produce), &opts);
}

const char *kernel_open(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	catch_logs();
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* maps count against it before Linux 5.11 */
	skel = producer_bpf__open_and_load();
	if (!skel)
		return errno == EPERM ? "no permission to load BPF programs (CAP_BPF, CAP_PERFMON)"
				      : "this kernel cannot load the BPF programs";
	if (try_run()) {
		kernel_close();
		return "this kernel cannot run raw tracepoint programs on request (Linux 5.10)";
	}
	return NULL;
}

void kernel_close(void)
{
	producer_bpf__destroy(skel);
	skel = NULL;
}

struct ring ring_new_at(int index, size_t size)
{
	struct ring r = {
		.fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "test_ring", 0, 0, (__u32)size, NULL),
		.index = index,
		.size = size,
	};

	assert_true(r.fd >= 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.rings), &index, &r.fd, 0), 0);
	return r;
}

struct ring ring_new(size_t size)
{
	next_index = next_index % (MAX_RINGS - 1) + 1;
	return ring_new_at(next_index, size);
}

void ring_free(struct ring *r)
{
	bpf_map_delete_elem(bpf_map__fd(skel->maps.rings), &r->index);
	close(r->fd);
}

int produce(const struct ring *r, int op, uint64_t size, uint64_t count, uint64_t number,
	    uint64_t flags)
{
	uint64_t args[ARGS] = {
		[ARG_OP] = (uint64_t)op, [ARG_RING] = (uint64_t)r->index, [ARG_SIZE] = size,
		[ARG_COUNT] = count,	 [ARG_NUMBER] = number,		  [ARG_FLAGS] = flags,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err;

	do
		err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.produce), &opts);
	while (err == -EINTR || err == -EAGAIN);
	if (err) {
		fprintf(stderr, "cannot run the producer: %d\n", err);
		abort();
	}
	return (int)opts.retval;
}

void put_numbers(const struct ring *r, uint64_t count, uint64_t number)
{
	while (count) {
		uint64_t n = count < MAX_COUNT ? count : MAX_COUNT;

		assert_int_equal(produce(r, OP_NUMBER, 0, n, number, 0), n);
		count -= n;
		number += n;
	}
}

struct bpfring_consumer *consumer_new(const struct ring *r, uint32_t flags)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = flags);
	struct bpfring_consumer *c = NULL;

	assert_int_equal(bpfring_consumer_open(&c, r->fd, &opts), 0);
	return c;
}

struct bpfring_consumer_stats consumer_stats(const struct bpfring_consumer *c)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};

	assert_int_equal(bpfring_consumer_stats(c, &stats), 0);
	return stats;
}

int take_number(void *ctx, const void *data, size_t size)
{
	struct expect *e = ctx;

	assert_int_equal(size, 8);
	assert_int_equal(*(const uint64_t *)data, e->next);
	e->next++;
	e->last_at = monotonic();
	return 0;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t thread_cpu(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

unsigned long context_switches(pid_t tid)
{
	unsigned long count = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
			break;
	fclose(file);
	return count;
}

unsigned int count_map_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "bpf-map"))
			count++;
	fclose(maps);
	return count;
}
