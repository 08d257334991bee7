/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the tests of task storage share with their BPF program. */
#ifndef TASK_TEST_H
#define TASK_TEST_H

#define LOOKS 1024

/* A thread's cell. */
struct task_cell_test {
	unsigned int owner;	/* user space: the thread that has the cell */
	unsigned int writer;	/* BPF: the thread on whose behalf it wrote last */
	unsigned int strangers; /* BPF: how often it found another owner */
	unsigned int reserved;
	unsigned long long sum; /* BPF: a + b */
	unsigned long long a, b;
	unsigned long long writes;
};

/* A second one, of another size. */
struct task_small_test {
	unsigned long long hits;
};

/*
 * A thread and its process as the kernel numbers them, which in a PID namespace is not how they do.
 */
struct task_test_ids {
	unsigned int tgid, tid;
};

#endif /* TASK_TEST_H */
