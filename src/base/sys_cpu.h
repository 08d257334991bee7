/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Processors: which this process may use, to which memory they belong, and threads kept on them. */
#ifndef BPFRING_SYS_CPU_H
#define BPFRING_SYS_CPU_H

#include <stdint.h>

struct cpus; /* a set */

struct cpus *bpfring_sys_cpus_new(void); /* empty; NULL: no memory */
void bpfring_sys_cpus_free(struct cpus *cpus);
void bpfring_sys_cpus_add(struct cpus *cpus, uint32_t cpu);
/* The @number-th processor that this process may use, from the first again after the last. */
void bpfring_sys_cpus_add_allowed(struct cpus *cpus, uint32_t number);

/* Keeps this thread on these processors. 0, or -EINVAL: it may use none of them. */
int bpfring_sys_stay_on(const struct cpus *cpus);

uint32_t bpfring_sys_allowed_cpus(void);	/* how many; at least 1 */
uint32_t bpfring_sys_node_of_cpu(uint32_t cpu); /* of memory; 0 where nothing is known */

#endif /* BPFRING_SYS_CPU_H */
