// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct trace *trace_new(void)
{
	struct trace *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		abort();
	return t;
}

void trace_free(struct trace *t)
{
	munmap(t, sizeof(*t));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void note(struct trace *t, const char *fmt, ...)
{
	int saved = errno, size;
	va_list args;
	size_t left;

	pthread_mutex_lock(&lock);
	left = sizeof(t->text) - t->used;
	va_start(args, fmt);
	size = vsnprintf(t->text + t->used, left, fmt, args);
	va_end(args);
	if (size < 0 || (size_t)size + 1 >= left)
		abort(); /* the scenario is too long */
	t->used += (size_t)size;
	t->text[t->used++] = '\n';
	t->text[t->used] = '\0';
	pthread_mutex_unlock(&lock);
	errno = saved;
}

bool trace_equal(const struct trace *a, const char *a_name, const struct trace *b,
		 const char *b_name)
{
	const char *x = a->text, *y = b->text;
	int line = 1;

	if (!strcmp(x, y))
		return true;
	while (*x && *y) {
		size_t nx = strcspn(x, "\n"), ny = strcspn(y, "\n");

		if (nx != ny || memcmp(x, y, nx))
			break;
		x += nx + 1;
		y += ny + 1;
		line++;
	}
	printf("they differ in line %d: %s \"%.*s\", %s \"%.*s\"\n", line, a_name,
	       (int)strcspn(x, "\n"), x, b_name, (int)strcspn(y, "\n"), y);
	printf("--- %s\n%s--- %s\n%s", a_name, a->text, b_name, b->text);
	return false;
}
