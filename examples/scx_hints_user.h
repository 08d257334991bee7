/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The parts of the helper process of the scx_hints example. */
#ifndef SCX_HINTS_USER_H
#define SCX_HINTS_USER_H

#include <bpfring/loop.h>
#include <bpfring/struct_ops_types.h>
#include <bpfring/task_storage.h>
#include <stdbool.h>

#include "scx_hints.h"

/* ---- scx_hints_sched.c: one scheduler, from loading to its end ---- */

struct scheduler;

/* Its reports, from the loop that it was loaded with. */
struct scheduler_handler {
	void (*answer)(void *ctx, const struct scx_hints_answer *answer);
	/*
	 * It schedules no longer; it is still to be freed. @exit: NULL if its last event was lost
	 */
	void (*ended)(void *ctx, const struct scx_hints_exit *exit, const char *state);
	void *ctx;
};

struct scheduler_opts {
	const struct bpfring_struct_ops_types *types;
	unsigned int number; /* counts the schedulers of this process, from 1 */
	bool fallback;	     /* of task storage */
};

int scheduler_load(struct scheduler **ret, struct bpfring_loop *loop,
		   const struct scheduler_opts *opts, const struct scheduler_handler *handler);

/* Ends it if it has not ended: @exit then says how it did. */
void scheduler_free(struct scheduler *s, struct scx_hints_exit *exit);

/* Shares the hints of this process through it: opens @ts, or moves all threads that are bound. */
int scheduler_share(struct scheduler *s, struct bpfring_task_storage **ts);

/* -ENOSPC: no space for the command; scheduler_await_space() */
int scheduler_send(struct scheduler *s, unsigned int id, enum scx_hints_op op,
		   unsigned long long value);

/* 1: there is space; 0: @fn is called once, from the loop, when there may be */
int scheduler_await_space(struct scheduler *s, bpfring_fd_fn fn, void *ctx);

/* ---- scx_hints_threads.c: threads that want the CPU, hinted and unhinted ---- */

struct threads;

int threads_start(struct threads **ret, struct bpfring_task_storage *ts, unsigned int hinted,
		  unsigned int unhinted);
void threads_stop(struct threads *t);
/* Busy hinted threads do not sleep and are always urgent. */
void threads_set_busy(struct threads *t, bool busy);
/* How many hinted threads scheduler @number has run, and what it wrote into their cells. */
unsigned int threads_run_by(const struct threads *t, unsigned int number);
void threads_print(const struct threads *t);

/* ---- scx_hints_helper.c: a scheduler, its threads and their loop ---- */

struct helper {
	bool fallback;
	unsigned int hinted, unhinted;

	struct bpfring_struct_ops_types *types;
	struct bpfring_loop *loop;
	struct scheduler *sched; /* NULL: none is loaded */
	struct bpfring_task_storage *ts;
	struct threads *threads;
	unsigned int loads; /* schedulers loaded so far */
	unsigned int sent;  /* commands sent so far */

	struct scx_hints_answer answer; /* the last one */
	struct scx_hints_exit exit;	/* of the last scheduler */
	bool ended;			/* that one was ejected */
};

/* 1: this kernel cannot run it, and standard output says why */
int helper_check(void);
int helper_open(struct helper *h);
void helper_close(struct helper *h);
/* Loads a scheduler in place of the one that was ejected; all threads go on with their pointers. */
int helper_reload(struct helper *h);
int helper_send(struct helper *h, enum scx_hints_op op, unsigned long long value);
void helper_print_counts(const struct scx_hints_counts *counts);
void helper_print_exit(const struct scx_hints_exit *exit);

/* ---- scx_hints_demo.c ---- */

/* 0; how often something was not as it should be; or a negative errno value */
int demo(struct helper *h);

#endif /* SCX_HINTS_USER_H */
