// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "fixture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum bpfring_task_path tested_path;
uint32_t fixture_slots = MAX_THREADS;
bool fixture_fentry;

static struct task_test_ids ids_of_caller(const struct task_test_bpf *skel)
{
	struct task_test_ids ids = {0};
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts), .ctx_in = &ids, .ctx_size_in = sizeof(ids)};

	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.who_is_it), &opts))
		abort(); /* in children and threads too, where CMocka cannot tell */
	return ids;
}

unsigned int kernel_tid(const struct task_test_bpf *skel)
{
	return ids_of_caller(skel).tid;
}

static struct task_test_bpf *looking; /* whose program sees the calls of fixture_look() */

void look_at_caller(struct task_test_bpf *skel)
{
	looking = skel;
	skel->bss->target_tgid = (int)ids_of_caller(skel).tgid;
}

static struct task_test_bpf *open_and_load(void)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = tested_path,
		     .max_threads = fixture_slots);
	struct task_test_bpf *skel = task_test_bpf__open();

	assert_non_null(skel);
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts), tested_path);
	bpf_program__set_autoload(skel->progs.hold_interrupted, fixture_fentry);
	if (!task_test_bpf__load(skel))
		return skel;
	task_test_bpf__destroy(skel);
	return NULL;
}

struct task_test_bpf *fixture_load(void)
{
	libbpf_print_fn_t print = fixture_fentry ? libbpf_set_print(NULL) : NULL;
	struct task_test_bpf *skel = open_and_load();

	if (print)
		libbpf_set_print(print);
	if (!skel && fixture_fentry) { /* this kernel has none */
		fixture_fentry = false;
		skel = open_and_load();
	}
	assert_non_null(skel);
	look_at_caller(skel);
	skel->bss->syscall_nr = SYS_getpgid;
	assert_int_equal(task_test_bpf__attach(skel), 0);
	return skel;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->path = tested_path;
	f->skel = fixture_load();
	assert_int_equal(bpfring_task_storage_open_object(&f->ts, f->skel->obj, "store", NULL), 0);
	assert_int_equal(stats_of(f).path, tested_path);
	f->cell = bpfring_task_storage_find(f->ts, "cell", sizeof(struct task_cell_test));
	f->small = bpfring_task_storage_find(f->ts, "small", sizeof(struct task_small_test));
	assert_true(f->cell >= 0);
	assert_true(f->small >= 0);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	bpfring_task_storage_close(f->ts);
	task_test_bpf__destroy(f->skel);
	free(f);
	return 0;
}

uint64_t looks_left_out(const struct task_test_bpf *skel)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(skel->progs.on_enter), &info, &size))
		abort();
	return info.recursion_misses;
}

void fixture_look(void)
{
	const unsigned int who = kernel_tid(looking) % LOOKS;
	const volatile __u64 *seen = &looking->bss->looks[who];
	const __u64 before = *seen;
	uint64_t left_out;

	for (int i = 0; i < 2000; i++) {
		left_out = looks_left_out(looking);
		syscall(SYS_getpgid, 0);
		if (*seen != before || looks_left_out(looking) == left_out)
			return; /* by now, or not meant to see it */
		if (i > 10)
			usleep(1000); /* who was interrupted has to go on */
	}
}

bool threads_have_pidfds(void)
{
	struct bpfring_probe_result r = {.sz = sizeof(r)};

	assert_int_equal(bpfring_probe(BPFRING_FEATURE_PIDFD_THREAD, &r), 0);
	return r.state == BPFRING_PROBE_YES;
}

struct task_cell_test *bind_cell(struct fixture *f)
{
	void *cell = NULL;

	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, &cell), 0);
	assert_non_null(cell);
	return cell;
}

void bind_some(struct fixture *f)
{
	for (int i = 0; i < 200; i++) {
		bind_cell(f);
		assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	}
}

struct bpfring_task_storage_stats stats_of(struct fixture *f)
{
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};

	assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
	return s;
}

void join_child(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int fixture_main(int argc, char **argv, int (*run)(void))
{
	struct bpfring_probe_result r = {.sz = sizeof(r)};

	tested_path = argc > 1 && !strcmp(argv[1], "fallback") ? BPFRING_TASK_PATH_FALLBACK
							       : BPFRING_TASK_PATH_UPTR;
	if (getuid()) {
		puts("skipped: needs root");
		return 77;
	}
	bpfring_probe(BPFRING_FEATURE_TASK_STORAGE, &r);
	if (r.state == BPFRING_PROBE_YES && tested_path == BPFRING_TASK_PATH_UPTR)
		bpfring_probe(BPFRING_FEATURE_UPTR, &r);
	if (r.state != BPFRING_PROBE_YES) {
		printf("skipped: %s\n", r.reason);
		return 77;
	}
	return run();
}
