/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What a scenario saw, line by line, to be compared with what it saw of another library. */
#ifndef TESTS_COMPAT_TRACE_H
#define TESTS_COMPAT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
	size_t used;
	char text[1 << 16];
};

/* Adds a line. From any thread; from any process that shares the memory of @t, one at a time. */
__attribute__((format(printf, 2, 3))) void note(struct trace *t, const char *fmt, ...);

/* Memory that forked children share. */
struct trace *trace_new(void);
void trace_free(struct trace *t);

/* Both are equal, or prints where they differ. */
bool trace_equal(const struct trace *a, const char *a_name, const struct trace *b,
		 const char *b_name);

#endif /* TESTS_COMPAT_TRACE_H */
