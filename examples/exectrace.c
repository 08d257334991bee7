// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a tracer: prints processes that start a program or end, and statistics of the ring.
 */
#include <argp.h>
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "exectrace.h"
#include "exectrace.skel.h"
#include "exectrace_print.h"

static struct {
	struct exectrace_printer printer;
	double duration; /* seconds; 0: until a signal */
	bool per_cpu;
	bool verbose;
} env;

static const struct argp_option options[] = {
	{"duration", 'd', "SECONDS", 0, "Stop by itself after this time", 0},
	{"per-cpu", 'p', NULL, 0, "A ring for each CPU instead of one for all", 0},
	{"json", 'j', NULL, 0, "Print one JSON object per line", 0},
	{"verbose", 'v', NULL, 0, "Show libbpf's messages", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'd':
		env.duration = strtod(arg, &end);
		if (*end || end == arg || !(env.duration > 0 && env.duration < 1e9))
			argp_error(state, "not a number of seconds: %s", arg);
		return 0;
	case 'j':
		env.printer.json = true;
		return 0;
	case 'p':
		env.per_cpu = true;
		return 0;
	case 'v':
		env.verbose = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "Prints every process that starts a program or ends.\v"
	       "Ctrl-C stops it; statistics follow on stderr, with the records that were lost, by "
	       "cause. With --per-cpu CPUs do not wait for each other, and events of different "
	       "CPUs can come out of order. Needs root, or CAP_BPF and CAP_PERFMON, and a kernel "
	       "with BTF (5.8 or newer).",
};

/* A batch is flushed as a whole: output into a pipe costs one write per batch, not per line. */
static int on_records(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	(void)ctx;
	for (unsigned int i = 0; i < count; i++)
		exectrace_print(&env.printer, records[i].data, records[i].size);
	return fflush(stdout) ? -EIO : 0;
}

static int on_stop(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	return BPFRING_STOP;
}

/* SIGINT and SIGTERM as a descriptor. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* A descriptor that is ready after this number of seconds; with 0, never. */
static int open_timer(double seconds)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec at = {.it_value.tv_sec = (time_t)seconds};

	at.it_value.tv_nsec = (long)((seconds - (double)at.it_value.tv_sec) * 1e9);
	if (fd >= 0)
		timerfd_settime(fd, 0, &at, NULL);
	return fd;
}

static long long wall_offset_ns(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (wall.tv_sec - mono.tv_sec) * 1000000000LL + (wall.tv_nsec - mono.tv_nsec);
}

static int load(struct exectrace_bpf **ret, struct bpfring_group **ret_group)
{
	BPFRING_OPTS(bpfring_group_opts, opts, .rings = env.per_cpu ? 0 : 1);
	struct exectrace_bpf *skel = exectrace_bpf__open();
	struct bpfring_group *group = NULL;
	int err = skel ? bpfring_group_prepare(skel->obj, "events", &opts) : -errno;

	if (!err)
		err = exectrace_bpf__load(skel);
	if (!err)
		err = bpfring_group_create(&group, skel->obj, "events", &opts);
	if (!err)
		err = exectrace_bpf__attach(skel);
	if (!err) {
		*ret = skel;
		*ret_group = group;
		return 0;
	}
	bpfring_group_close(group);
	exectrace_bpf__destroy(skel);
	if (err == -EPERM || err == -EACCES)
		fputs("exectrace: no permission to load BPF programs: run it as root, or with "
		      "CAP_BPF and CAP_PERFMON\n",
		      stderr);
	else if (access("/sys/kernel/btf/vmlinux", R_OK))
		fputs("exectrace: this kernel has no BTF: it needs CONFIG_DEBUG_INFO_BTF\n",
		      stderr);
	else
		fprintf(stderr, "exectrace: cannot load BPF programs: %s (--verbose says more)\n",
			bpfring_errname(err));
	return err;
}

static void print_statistics(const struct bpfring_group *group)
{
	BPFRING_OPTS(bpfring_group_stats, s);
	BPFRING_OPTS(bpfring_loss_counts, c);
	struct bpfring_loss *loss;
	int err = bpfring_loss_open(&loss, bpfring_group_account_fd(group));

	if (!err)
		err = bpfring_loss_read(loss, NULL, &c);
	if (!err)
		bpfring_loss_close(loss);
	bpfring_group_stats(group, &s);
	fprintf(stderr,
		"\nrecords %llu, bytes %llu, discarded %llu, lost %llu\n"
		"batches %llu, wake-ups %llu (empty %llu), %llu rings, fullest at %llu of %llu "
		"bytes\n",
		(unsigned long long)s.records, (unsigned long long)s.bytes,
		(unsigned long long)s.discards, (unsigned long long)c.dropped,
		(unsigned long long)s.batches, (unsigned long long)s.wakeups,
		(unsigned long long)s.empty_wakeups, (unsigned long long)s.rings,
		(unsigned long long)s.max_fill, (unsigned long long)(s.ring_size / s.rings));
	fprintf(stderr, "attempts %llu: shown %llu, ring full %llu, no ring %llu, other %llu\n",
		(unsigned long long)c.attempts, (unsigned long long)s.records,
		(unsigned long long)c.dropped_full, (unsigned long long)c.dropped_no_ring,
		(unsigned long long)c.dropped_other);
	if (c.dropped_full)
		fputs("Records were lost because a ring was full: make `events` larger in "
		      "exectrace.bpf.c, use --per-cpu, or give stdout a faster reader.\n",
		      stderr);
}

/* Records that came while it stopped. */
static int take_rest(struct bpfring_loop *loop, struct bpfring_group *group)
{
	int n = 0;

	bpfring_loop_remove_group(loop, group);
	for (unsigned int i = 0; n >= 0 && i < (unsigned int)bpfring_group_count(group); i++)
		n = bpfring_consumer_consume_batch(bpfring_group_consumer(group, i), on_records,
						   NULL, NULL, NULL);
	return n < 0 ? n : 0;
}

int main(int argc, char **argv)
{
	struct exectrace_bpf *skel = NULL;
	struct bpfring_group *group = NULL;
	struct bpfring_loop *loop = NULL;
	int signals, timer, err;

	argp_parse(&parser, argc, argv, 0, NULL, NULL);
	if (!env.verbose)
		libbpf_set_print(NULL);
	env.printer.wall_offset_ns = wall_offset_ns();
	err = load(&skel, &group);
	if (err)
		return EXIT_FAILURE;
	signals = open_signals();
	timer = open_timer(env.duration);
	err = bpfring_loop_new(&loop, NULL);
	if (!err)
		err = bpfring_loop_add_group_batch(loop, group, on_records, NULL);
	if (!err)
		err = bpfring_loop_add_fd(loop, signals, EPOLLIN, on_stop, NULL);
	if (!err)
		err = bpfring_loop_add_fd(loop, timer, EPOLLIN, on_stop, NULL);
	if (err)
		goto cleanup;

	exectrace_print_title(&env.printer);
	fflush(stdout);
	err = bpfring_loop_run(loop);
	exectrace_bpf__detach(skel);
	if (!err)
		err = take_rest(loop, group);
	print_statistics(group);

cleanup:
	if (err < 0)
		fprintf(stderr, "exectrace: %s\n", bpfring_errname(err));
	bpfring_loop_free(loop);
	bpfring_group_close(group);
	close(signals);
	close(timer);
	exectrace_bpf__destroy(skel);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
