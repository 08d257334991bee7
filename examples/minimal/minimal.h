/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The record that minimal.bpf.c writes and minimal.c reads. */
#ifndef MINIMAL_H
#define MINIMAL_H

struct event {
	int pid;
	char comm[16];
};

#endif /* MINIMAL_H */
