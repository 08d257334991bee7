// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Which ring goes to which thread, and which thread to which processors. */
#include <stdlib.h>

#include "base/log.h"
#include "base/sys_cpu.h"
#include "group/threads.h"

static int by_place(const void *a, const void *b)
{
	const struct item *const *x = a, *const *y = b;

	if ((*x)->node != (*y)->node)
		return (*x)->node < (*y)->node ? -1 : 1;
	if ((*x)->cpu != (*y)->cpu)
		return (*x)->cpu < (*y)->cpu ? -1 : 1;
	return 0;
}

void bpfring_threads_deal(struct bpfring_threads *t, struct item **items, unsigned int count)
{
	if (t->opts.cpus) {
		for (unsigned int i = 0; i < count; i++) {
			items[i]->cpu = t->opts.cpus[i];
			if (t->opts.flags & BPFRING_THREADS_NUMA)
				items[i]->node = bpfring_sys_node_of_cpu(items[i]->cpu);
		}
		qsort(items, count, sizeof(struct item *), by_place);
	}
	for (unsigned int i = count; i--;) { /* the mail is read from its last item on */
		struct worker *w = &t->workers[(uint64_t)i * t->count / count];

		items[i]->owner = w;
		items[i]->next = w->mail;
		w->mail = items[i];
		w->count++;
	}
}

void bpfring_worker_pin(struct worker *w)
{
	struct bpfring_threads *t = w->all;
	struct cpus *cpus;
	int err;

	if (!(t->opts.flags & BPFRING_THREADS_PIN))
		return;
	cpus = bpfring_sys_cpus_new();
	if (!cpus)
		return;
	if (t->opts.cpus)
		for (const struct item *i = w->mail; i; i = i->next)
			bpfring_sys_cpus_add(cpus, i->cpu);
	else
		bpfring_sys_cpus_add_allowed(cpus, w->number);
	err = bpfring_sys_stay_on(cpus);
	if (err)
		log_warn("threads %p: thread %u cannot be kept on the processors of its rings: "
			 "%s; are they offline, or not in this process's affinity mask?\n",
			 (void *)t, w->number, bpfring_errname(err));
	bpfring_sys_cpus_free(cpus);
}
