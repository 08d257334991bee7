/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Threads and loops that make the traced system call. */
#include "producer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "session.h"

struct flood_thread {
	struct flood *flood;
	pthread_t thread;
	clockid_t clock;
	unsigned int slot;
	int cpu;
};

struct flood {
	int stop;
	unsigned int count;
	struct flood_thread threads[];
};

int calls_alloc(struct calls *c, size_t cap)
{
	c->count = 0;
	c->cap = cap;
	c->ns = malloc(cap * sizeof(*c->ns));
	if (!c->ns)
		return -ENOMEM;
	memset(c->ns, 0, cap * sizeof(*c->ns)); /* no page faults while measuring */
	return 0;
}

void calls_free(struct calls *c)
{
	free(c->ns);
}

int64_t producer_paced(unsigned int slot, int64_t period_ns, int64_t duration_ns, struct calls *c)
{
	int64_t start = now_ns(), next = start, end = start + duration_ns, before, after;

	c->count = 0;
	for (;;) {
		do {
			before = now_ns();
		} while (before < next);
		if (before >= end)
			return before - start;
		session_call(slot);
		after = now_ns();
		if (c->count < c->cap)
			c->ns[c->count++] = (uint32_t)(after - before);
		next += period_ns;
		if (next < after)
			next = after;
	}
}

static void *flood_main(void *arg)
{
	struct flood_thread *t = arg;
	int i;

	if (pin_to_cpu(t->cpu))
		return NULL;
	while (!__atomic_load_n(&t->flood->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 16; i++)
			session_call(t->slot);
	}
	displaced_note();
	return NULL;
}

int flood_start(struct flood **ret, unsigned int count, const int *cpus)
{
	struct flood *f = calloc(1, sizeof(*f) + count * sizeof(f->threads[0]));
	int err;

	if (!f)
		return -ENOMEM;
	for (; f->count < count; f->count++) {
		struct flood_thread *t = &f->threads[f->count];

		t->flood = f;
		t->slot = f->count;
		t->cpu = cpus[f->count];
		err = -pthread_create(&t->thread, NULL, flood_main, t);
		if (err) {
			flood_stop(f);
			return err;
		}
		pthread_getcpuclockid(t->thread, &t->clock);
	}
	*ret = f;
	return 0;
}

int64_t flood_cpu_ns(const struct flood *f)
{
	int64_t ns = 0;
	unsigned int i;

	for (i = 0; i < f->count; i++)
		ns += clock_ns(f->threads[i].clock);
	return ns;
}

void flood_stop(struct flood *f)
{
	unsigned int i;

	if (!f)
		return;
	__atomic_store_n(&f->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < f->count; i++)
		pthread_join(f->threads[i].thread, NULL);
	free(f);
}
