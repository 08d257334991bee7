// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of task storage: threads mark phases with one store each; a BPF program on sched_switch
 * accounts their time on the processor by phase, in the same memory. The table also shows the
 * threads' own clocks, which take two system calls per phase.
 */
#include <argp.h>
#include <bpf/libbpf.h>
#include <bpfring/task_storage.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hints.h"
#include "hints.skel.h"

#define MAX_THREADS 64
#define PHASE_NS    20000000ULL /* of work, roughly */

static const char *const phase_names[HINTS_PHASES] = {"mutator", "gc", "locked"};

static struct {
	double duration;
	unsigned int threads;
	bool fallback;
} env = {.duration = 2, .threads = 4};

struct worker {
	pthread_t thread;
	struct bpfring_task_storage *ts;
	int member;
	pid_t tid;
	int err;
	unsigned long long own_ns[HINTS_PHASES];
	struct hints_cell cell; /* as it was in the end */
};

static const struct argp_option options[] = {
	{"duration", 'd', "SECONDS", 0, "How long the threads run (2)", 0},
	{"threads", 't', "N", 0, "How many (4)", 0},
	{"fallback", 'f', NULL, 0, "Use the path for kernels before 6.13", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'd':
		env.duration = atof(arg);
		if (!(env.duration > 0 && env.duration < 1e6))
			argp_error(state, "not a number of seconds: %s", arg);
		return 0;
	case 't':
		env.threads = (unsigned int)strtoul(arg, NULL, 10);
		if (!env.threads || env.threads > MAX_THREADS)
			argp_error(state, "1 to %d threads", MAX_THREADS);
		return 0;
	case 'f':
		env.fallback = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "Threads tell a BPF program what they are doing, with plain stores.\v"
	       "Needs root, or CAP_BPF and CAP_PERFMON, and a kernel with BTF.",
};

static unsigned long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

/* The hint: one store of 8 bytes. */
static void enter_phase(struct hints_cell *cell, enum hints_phase phase)
{
	__atomic_store_n(&cell->hint, HINTS_HINT(clock_ns(CLOCK_MONOTONIC), phase),
			 __ATOMIC_RELAXED);
}

static void work(unsigned long long ns)
{
	unsigned long long end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

/*
 * At a switch BPF sees only the present phase and its beginning, so each phase needs a switch. A
 * sleep that was over before it began makes none.
 */
static void sleep_seen(const struct hints_cell *cell)
{
	unsigned long long switches = __atomic_load_n(&cell->switches, __ATOMIC_RELAXED);

	do
		usleep(1000);
	while (__atomic_load_n(&cell->switches, __ATOMIC_RELAXED) == switches);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	unsigned long long now = clock_ns(CLOCK_MONOTONIC), before;
	unsigned long long end = now + (unsigned long long)(env.duration * 1e9);
	struct hints_cell *cell;

	w->err = bpfring_task_storage_bind(w->ts, w->member, (void **)&cell);
	if (w->err)
		return NULL;
	w->tid = gettid();
	sleep_seen(cell); /* BPF sees the thread come back */
	before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned int i = 0; clock_ns(CLOCK_MONOTONIC) < end; i++) {
		enum hints_phase phase = i % HINTS_PHASES;

		enter_phase(cell, phase);
		work(PHASE_NS * (phase + 1) / 2);
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		w->own_ns[phase] += now - before;
		before = now;
		sleep_seen(cell);
	}
	w->cell = *cell;
	return NULL;
}

static void print_table(const struct worker *workers)
{
	printf("%-8s %-8s %14s %14s %9s\n", "THREAD", "PHASE", "BPF ms", "OWN CLOCK ms",
	       "SWITCHES");
	for (unsigned int i = 0; i < env.threads; i++) {
		const struct worker *w = &workers[i];

		for (int p = 0; p < HINTS_PHASES; p++) {
			printf("%-8d %-8s %14.2f %14.2f", (int)w->tid, phase_names[p],
			       (double)w->cell.on_cpu_ns[p] / 1e6, (double)w->own_ns[p] / 1e6);
			if (p == 0)
				printf(" %9llu", w->cell.switches);
			putchar('\n');
		}
	}
}

static int load(struct hints_bpf **ret)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts,
		     .path = env.fallback ? BPFRING_TASK_PATH_FALLBACK : BPFRING_TASK_PATH_AUTO);
	struct hints_bpf *skel = hints_bpf__open();
	int err = skel ? bpfring_task_storage_prepare(skel->obj, "hints", &opts) : -errno;

	if (err >= 0)
		err = hints_bpf__load(skel);
	if (!err)
		err = hints_bpf__attach(skel);
	if (err)
		hints_bpf__destroy(skel);
	else
		*ret = skel;
	return err;
}

static int run_all(struct worker *workers, struct bpfring_task_storage *ts)
{
	int member = bpfring_task_storage_find(ts, "cell", sizeof(struct hints_cell));
	int err = member < 0 ? member : 0;

	for (unsigned int i = 0; i < env.threads && !err; i++) {
		workers[i].ts = ts;
		workers[i].member = member;
		err = -pthread_create(&workers[i].thread, NULL, run, &workers[i]);
	}
	for (unsigned int i = 0; i < env.threads; i++) {
		if (workers[i].thread)
			pthread_join(workers[i].thread, NULL);
		if (workers[i].err)
			err = workers[i].err;
	}
	return err;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	BPFRING_OPTS(bpfring_task_storage_stats, stats);
	struct bpfring_task_storage *ts = NULL;
	struct hints_bpf *skel = NULL;
	int err;

	argp_parse(&parser, argc, argv, 0, NULL, NULL);
	err = load(&skel);
	if (!err)
		err = bpfring_task_storage_open_object(&ts, skel->obj, "hints", NULL);
	if (!err)
		err = bpfring_task_storage_stats(ts, &stats);
	if (!err) {
		printf("path: %s\n", stats.path == BPFRING_TASK_PATH_UPTR
					     ? "memory pinned by the kernel (uptr)"
					     : "slots of a memory-mapped array (fall-back)");
		err = run_all(workers, ts);
	}
	if (err)
		fprintf(stderr, "hints: %s\n", bpfring_errname(err));
	else
		print_table(workers);
	bpfring_task_storage_close(ts);
	hints_bpf__destroy(skel);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
