/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One measurement: loads and attaches the programs, runs the consumer, counts at the end. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>

#include "bench.skel.h"

#if defined(__x86_64__)
#define TRACED_FUNCTION "__x64_sys_getpgid"
#elif defined(__aarch64__)
#define TRACED_FUNCTION "__arm64_sys_getpgid"
#else
#define TRACED_FUNCTION "__se_sys_getpgid"
#endif

#define LATENCIES (4U << 20)
#define WAIT_NS	  (2 * NSEC_PER_SEC)

/* getpgid(0) does next to nothing; the second argument is for the BPF program alone. */
void session_call(unsigned int slot)
{
	syscall(SYS_getpgid, 0, (unsigned long)slot);
}

static int fail(const struct session *s, const char *what, int err)
{
	fprintf(stderr, "bpfring-bench: %s, %s: cannot %s: %s\n", s->row->name, s->impl->name, what,
		strerror(-err));
	return err;
}

static uint32_t program_flags(const struct session *s)
{
	return s->impl->no_wakeup ? BPF_RB_NO_WAKEUP : 0;
}

static bool notifies(const struct session *s)
{
	return !s->impl->no_wakeup && !s->row->sampled;
}

static int load(struct session *s)
{
	const struct bench_row *row = s->row;
	struct bench_bpf *skel = bench_bpf__open();
	BPFRING_OPTS(bpfring_group_opts, group_opts);
	struct bpf_program *unused;
	int err;

	if (!skel)
		return -errno;
	s->skel = skel;
	skel->rodata->config = (struct bench_config){
		.tgid = (uint32_t)getpid(),
		.nr = SYS_getpgid,
		.batch = row->batch ? row->batch : 1,
		.size = row->size,
		.flags = program_flags(s),
		.sampled = s->impl->no_wakeup ? 0 : row->sampled,
		.output = row->output,
		.stamp = row->stamp,
		.group = s->impl->group,
	};
	unused = s->opts->fentry ? skel->progs.on_sys_enter : skel->progs.on_function;
	bpf_program__set_autoload(unused, false);
	if (s->opts->fentry) {
		err = bpf_program__set_attach_target(skel->progs.on_function, 0, TRACED_FUNCTION);
		if (err)
			return err;
	}
	err = bpf_map__set_max_entries(skel->maps.rb, s->ring_size);
	if (err)
		return err;
	group_opts.total_bytes = s->ring_size;
	if (s->impl->group)
		err = bpfring_group_prepare(skel->obj, "group", &group_opts);
	if (!err)
		err = bench_bpf__load(skel);
	if (!err && s->impl->group)
		err = bpfring_group_create(&s->group, skel->obj, "group", &group_opts);
	if (!err)
		s->slots = skel->bss->slots;
	return err;
}

/* The consumers of the group only lend their maps; the implementation has its own. */
static int group_rings(struct session *s)
{
	unsigned int count = (unsigned int)bpfring_group_count(s->group);

	s->fds = calloc(count, sizeof(*s->fds));
	if (!s->fds)
		return -ENOMEM;
	for (; s->rings < count; s->rings++)
		s->fds[s->rings] =
			bpfring_consumer_map_fd(bpfring_group_consumer(s->group, s->rings));
	return 0;
}

/* The ring that is used comes last: who looks at them in turn finds the idle ones first. */
static int create_rings(struct session *s)
{
	unsigned int count = s->row->rings ? s->row->rings : 1;

	s->fds = calloc(count, sizeof(*s->fds));
	if (!s->fds)
		return -ENOMEM;
	for (; s->rings < count - 1; s->rings++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "idle", 0, 0,
					(uint32_t)sysconf(_SC_PAGESIZE), NULL);

		if (fd < 0)
			return fd;
		s->fds[s->rings] = fd;
	}
	s->fds[s->rings++] = bpf_map__fd(s->skel->maps.rb);
	return 0;
}

int session_open(struct session *s, const struct bench_row *row, const struct impl *impl,
		 const struct bench_opts *opts)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->row = row;
	s->impl = impl;
	s->opts = opts;
	s->ring_size = row->ring_size ? row->ring_size : opts->ring_size;
	s->record_bytes = 8 + ((row->size + 7) & ~7U);
	err = load(s);
	if (err)
		return fail(s, "load the programs", err);
	err = s->group ? group_rings(s) : create_rings(s);
	if (err)
		return fail(s, "create rings", err);
	if (row->stamp) {
		s->sink.lat = malloc(LATENCIES * sizeof(*s->sink.lat));
		if (!s->sink.lat)
			return fail(s, "allocate", -ENOMEM);
		memset(s->sink.lat, 0, LATENCIES * sizeof(*s->sink.lat)); /* fault it in */
		s->sink.lat_cap = LATENCIES;
	}
	err = impl->open(&s->handle, impl, s->fds, s->rings, &s->sink, opts);
	if (err)
		return fail(s, "open the ring", err);
	return 0;
}

int session_attach(struct session *s)
{
	struct bpf_program *prog = s->opts->fentry ? s->skel->progs.on_function
						   : s->skel->progs.on_sys_enter;

	s->link = bpf_program__attach(prog);
	return s->link ? 0 : fail(s, "attach", -errno);
}

static void *consumer_main(void *arg)
{
	struct session *s = arg;

	s->consumer_err = pin_to_cpu(s->consumer_cpu);
	__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
	if (!s->consumer_err)
		s->consumer_err = s->impl->run(s->handle);
	displaced_note();
	return NULL;
}

int session_start_consumer(struct session *s, int cpu)
{
	int err;

	s->consumer_cpu = cpu;
	err = -pthread_create(&s->consumer, NULL, consumer_main, s);
	if (err)
		return fail(s, "start a thread", err);
	s->consuming = true;
	err = -pthread_getcpuclockid(s->consumer, &s->consumer_clock);
	if (err)
		return fail(s, "read the clock of a thread", err);
	while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
		sleep_ns(20000);
	sleep_ns(1000000); /* lets it get to its first wait */
	return 0;
}

int session_hold(struct session *s, const void *addr, unsigned int first)
{
	struct bench_hold arg = {.addr = (uintptr_t)addr, .first = first};
	struct bpf_test_run_opts run = {
		.sz = sizeof(run),
		.ctx_in = &arg,
		.ctx_size_in = sizeof(arg),
	};
	int err = bpf_prog_test_run_opts(bpf_program__fd(s->skel->progs.hold), &run);

	return err < 0 ? fail(s, "run the holding program", err) : 0;
}

int64_t session_consumer_cpu_ns(const struct session *s)
{
	return clock_ns(s->consumer_clock);
}

uint64_t session_submitted(const struct session *s)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < BENCH_SLOTS; i++)
		n += __atomic_load_n(&s->slots[i].submitted, __ATOMIC_RELAXED);
	return n;
}

uint64_t session_dropped(const struct session *s)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < BENCH_SLOTS; i++)
		n += __atomic_load_n(&s->slots[i].dropped, __ATOMIC_RELAXED);
	return n;
}

bool session_wait_consumed(const struct session *s, int64_t timeout_ns)
{
	int64_t end = now_ns() + timeout_ns;

	while (sink_records(&s->sink) != session_submitted(s)) {
		if (now_ns() > end)
			return false;
		sleep_ns(50000);
	}
	return true;
}

static int count(const struct session *s)
{
	uint64_t submitted = session_submitted(s), sum = 0;
	int i;

	for (i = 0; i < BENCH_SLOTS; i++) {
		uint64_t n = s->slots[i].submitted;

		sum += n & 1 ? (n - 1) / 2 * n : n / 2 * (n - 1); /* 0 + 1 + ... + n - 1 */
	}
	if (s->sink.records == submitted && s->sink.sum == sum)
		return 0;
	fprintf(stderr,
		"bpfring-bench: %s, %s: WRONG COUNT: %llu submitted, %llu consumed, sum of "
		"sequence "
		"numbers %llu instead of %llu\n",
		s->row->name, s->impl->name, (unsigned long long)submitted,
		(unsigned long long)s->sink.records, (unsigned long long)s->sink.sum,
		(unsigned long long)sum);
	return -EIO;
}

int session_finish(struct session *s)
{
	bool arrived = true;
	int err;

	if (s->consuming) {
		if (notifies(s))
			arrived = session_wait_consumed(s, WAIT_NS);
		s->impl->stop(s->handle);
		pthread_join(s->consumer, NULL);
		s->consuming = false;
		if (s->consumer_err)
			return fail(s, "consume", s->consumer_err);
	}
	if (!arrived) {
		fprintf(stderr, "bpfring-bench: %s, %s: LOST WAKE-UP: %llu of %llu records left\n",
			s->row->name, s->impl->name,
			(unsigned long long)(session_submitted(s) - s->sink.records),
			(unsigned long long)session_submitted(s));
		return -ETIMEDOUT;
	}
	err = s->impl->drain(s->handle);
	if (err < 0)
		return fail(s, "drain", err);
	return count(s);
}

void session_close(struct session *s)
{
	unsigned int i;

	if (s->consuming) {
		s->impl->stop(s->handle);
		pthread_join(s->consumer, NULL);
	}
	bpf_link__destroy(s->link);
	if (s->handle)
		s->impl->close(s->handle);
	for (i = 0; i + 1 < s->rings && !s->group; i++)
		close(s->fds[i]);
	bpfring_group_close(s->group);
	free(s->fds);
	free(s->sink.lat);
	bench_bpf__destroy(s->skel);
}
