/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The BPF program loaded for one path, its maps opened by the library. */
#ifndef TASK_FIXTURE_H
#define TASK_FIXTURE_H

#include <bpfring/names.h>
#include <bpfring/probe.h>
#include <bpfring/task_storage.h>
#include <stdbool.h>
#include <sys/types.h>

#include "support.h"
#include "task_test.h"
#include "task_test.skel.h"

#define MAX_THREADS 16384

struct fixture {
	enum bpfring_task_path path;
	struct task_test_bpf *skel;
	struct bpfring_task_storage *ts;
	int cell, small; /* members */
};

/* Which path the running program tests: from its argument. */
extern enum bpfring_task_path tested_path;
/* How many the fall-back has; set before fixture_setup(). */
extern uint32_t fixture_slots;
/*
 * With the program that hooks a function of the kernel, if this one can; set before
 * fixture_setup().
 */
extern bool fixture_fentry;

struct task_test_bpf *fixture_load(void);
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* BPF looks at the threads of the calling process, and of no other. */
void look_at_caller(struct task_test_bpf *skel);
/* The calling thread as BPF numbers it. */
unsigned int kernel_tid(const struct task_test_bpf *skel);

/*
 * Lets BPF look at the calling thread: one system call that it hooks. The kernel leaves out a
 * program that it has interrupted on the same processor, in whatever thread, and counts that: then
 * again.
 */
void fixture_look(void);
uint64_t looks_left_out(const struct task_test_bpf *skel);

/* Linux 6.9; before it another thread cannot be named. */
bool threads_have_pidfds(void);

struct task_cell_test *bind_cell(struct fixture *f);
/* Binds the caller and unbinds it so often that the cells of dead threads are taken back. */
void bind_some(struct fixture *f);
struct bpfring_task_storage_stats stats_of(struct fixture *f);

/* What child processes assert: they cannot use CMocka. */
#define CHILD_CHECK(condition)                                                            \
	do {                                                                              \
		if (!(condition)) {                                                       \
			dprintf(2, "%s:%d: child: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                         \
		}                                                                         \
	} while (0)
void join_child(pid_t pid);

int fixture_main(int argc, char **argv, int (*run)(void));

#endif /* TASK_FIXTURE_H */
