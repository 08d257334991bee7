/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The records that exectrace.bpf.c writes and exectrace.c reads. */
#ifndef EXECTRACE_H
#define EXECTRACE_H

#include <linux/types.h>

#define EXECTRACE_COMM 16
#define EXECTRACE_ARGS 4096 /* most bytes of arguments in a record */

enum exectrace_type {
	EXECTRACE_EXEC = 1,
	EXECTRACE_EXIT = 2,
};

/* Both kinds of record begin with it. */
struct exectrace_head {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 type;
	__u32 pid;
	__u32 ppid;
	char comm[EXECTRACE_COMM];
	__u32 reserved;
};

struct exectrace_exec {
	struct exectrace_head head;
	__u32 args_size;  /* bytes in args: strings, each with its NUL */
	__u32 args_total; /* bytes of all arguments */
	char args[EXECTRACE_ARGS];
};

struct exectrace_exit {
	struct exectrace_head head;
	__u64 duration_ns; /* since the process was forked */
	__u32 status;	   /* as from wait(2) */
	__u32 reserved;
};

#endif /* EXECTRACE_H */
