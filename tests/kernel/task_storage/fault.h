/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The next call but fail_at fails, and memory that is freed is overwritten. */
#ifndef TASK_FAULT_H
#define TASK_FAULT_H

#include <stdbool.h>

extern long fail_at;	      /* counts down; -1: none */
extern int fail_with;	      /* 0: with an error of the call's own */
extern const char *fail_only; /* calls of that name count; NULL: any */
extern bool failed;
extern long allocations;
extern unsigned int poison; /* 0, 1: which bytes of freed memory are zero */
extern unsigned long rcu_waits, prog_runs;

#endif /* TASK_FAULT_H */
