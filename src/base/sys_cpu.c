// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "base/sys_cpu.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"

#define MAX_CPUS 8192 /* of any kernel */

/* Of the kernel's size: glibc's fixed set has 1024 processors, and kernels refuse to fill it. */
struct cpus {
	unsigned long words[MAX_CPUS / 8 / sizeof(unsigned long)];
};

struct cpus *bpfring_sys_cpus_new(void)
{
	return bpfring_sys_alloc(sizeof(struct cpus));
}

void bpfring_sys_cpus_free(struct cpus *cpus)
{
	bpfring_sys_free(cpus);
}

static cpu_set_t *set_of(const struct cpus *cpus)
{
	return (cpu_set_t *)(uintptr_t)cpus->words;
}

void bpfring_sys_cpus_add(struct cpus *cpus, uint32_t cpu)
{
	if (cpu < MAX_CPUS)
		CPU_SET_S(cpu, sizeof(cpus->words), set_of(cpus));
}

static uint32_t count_allowed(struct cpus *ret)
{
	int count;

	if (sched_getaffinity(0, sizeof(ret->words), set_of(ret)))
		return 0;
	count = CPU_COUNT_S(sizeof(ret->words), set_of(ret));
	return (uint32_t)count;
}

void bpfring_sys_cpus_add_allowed(struct cpus *cpus, uint32_t number)
{
	struct cpus allowed = {{0}};
	uint32_t count = count_allowed(&allowed);

	if (!count)
		return;
	number %= count;
	for (uint32_t cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (!CPU_ISSET_S(cpu, sizeof(allowed.words), set_of(&allowed)))
			continue;
		if (!number--) {
			bpfring_sys_cpus_add(cpus, cpu);
			return;
		}
	}
}

int bpfring_sys_stay_on(const struct cpus *cpus)
{
	return sched_setaffinity(0, sizeof(cpus->words), set_of(cpus)) ? -errno : 0;
}

uint32_t bpfring_sys_allowed_cpus(void)
{
	struct cpus allowed = {{0}};
	uint32_t count = count_allowed(&allowed);

	return count ? count : 1;
}

uint32_t bpfring_sys_node_of_cpu(uint32_t cpu)
{
	const struct dirent *entry;
	uint32_t node = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "node", 4) || entry->d_name[4] < '0' ||
		    entry->d_name[4] > '9')
			continue;
		node = (uint32_t)strtoul(entry->d_name + 4, NULL, 10);
		break;
	}
	closedir(dir);
	return node;
}
