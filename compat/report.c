// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "report.h"

#include <bpfring/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "ring_buffer.h"
#include "user_ring_buffer.h"

/* Managers that are open, for the end of the program; only with BPFRING_COMPAT=stats. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ring_buffer *open_managers;
static unsigned int opened; /* rings, of both kinds */

static void lock_managers(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_managers(void)
{
	pthread_mutex_unlock(&lock);
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	const char *file = environment()->file;
	int saved = errno, fd = STDERR_FILENO;
	char text[512];
	va_list args;

	if (file)
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (fd >= 0) {
		dprintf(fd, "bpfring: %s[%d]: %s", program_invocation_short_name, (int)getpid(),
			text);
		if (file)
			close(fd);
	}
	errno = saved;
}

static void say_opened(const char *kind, const char *name, unsigned int id, size_t size)
{
	__atomic_fetch_add(&opened, 1, __ATOMIC_RELAXED);
	if (environment()->verbose)
		say("%s '%s' (map id %u, %zu KiB) is taken over\n", kind, name, id, size / 1024);
}

void report_ring(const struct ring *r)
{
	BPFRING_OPTS(bpfring_consumer_stats, s);

	bpfring_consumer_stats(r->consumer, &s);
	say_opened("ring", s.map_name, (unsigned int)s.map_id, (size_t)s.ring_size);
}

void report_user_ring(const struct user_ring_buffer *rb)
{
	BPFRING_OPTS(bpfring_producer_stats, s);

	bpfring_producer_stats(rb->producer, &s);
	say_opened("user ring", s.map_name, (unsigned int)s.map_id, (size_t)s.ring_size);
}

static void say_stats(const struct ring *r)
{
	struct bpfring_consumer_stats s;

	ring_stats(r, &s);
	say("ring '%s' (map id %u): %llu records, %llu bytes, %llu discarded, at most %llu of %llu "
	    "bytes waiting\n",
	    s.map_name, (unsigned int)s.map_id, (unsigned long long)s.records,
	    (unsigned long long)s.bytes, (unsigned long long)s.discards,
	    (unsigned long long)s.max_fill, (unsigned long long)s.ring_size);
}

static void say_manager(const struct ring_buffer *rb)
{
	struct bpfring_loop_stats s = {.sz = sizeof(s)};

	for (unsigned int i = 0; i < rb->count; i++)
		say_stats(rb->rings[i]);
	if (rb->loop && !bpfring_loop_stats(rb->loop, &s))
		say("its poll looked %llu times, %llu of them to sleep until notified\n",
		    (unsigned long long)s.polls, (unsigned long long)s.arms);
}

void report_begin(struct ring_buffer *rb)
{
	if (!environment()->stats)
		return;
	lock_managers();
	rb->next = open_managers;
	if (rb->next)
		rb->next->prev = rb;
	open_managers = rb;
	unlock_managers();
}

void report_end(struct ring_buffer *rb)
{
	if (!environment()->stats || !rb->count)
		return;
	lock_managers();
	if (rb->prev)
		rb->prev->next = rb->next;
	else if (open_managers == rb)
		open_managers = rb->next;
	if (rb->next)
		rb->next->prev = rb->prev;
	unlock_managers();
	say_manager(rb);
}

void report_user_ring_end(const struct user_ring_buffer *rb)
{
	struct bpfring_producer_stats s = {.sz = sizeof(s)};

	if (!environment()->stats || bpfring_producer_stats(rb->producer, &s))
		return;
	say("user ring '%s' (map id %u): %llu samples, %llu bytes, %llu discarded, full %llu "
	    "times\n",
	    s.map_name, (unsigned int)s.map_id, (unsigned long long)s.samples,
	    (unsigned long long)s.bytes, (unsigned long long)s.discards,
	    (unsigned long long)s.full);
}

__attribute__((constructor)) static void begin(void)
{
	if (environment()->stats)
		pthread_atfork(lock_managers, unlock_managers, unlock_managers);
}

/*
 * Managers that the program did not free; and programs that have none, for whoever expected some.
 */
__attribute__((destructor)) static void end(void)
{
	const struct environment *env = environment();

	if (env->stats) {
		lock_managers();
		for (const struct ring_buffer *rb = open_managers; rb; rb = rb->next)
			say_manager(rb);
		unlock_managers();
	}
	if (env->pid == getpid() && !opened)
		say("no ring was opened through libbpf's ring_buffer calls: nothing was taken "
		    "over\n");
}
