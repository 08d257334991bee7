/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* How exectrace prints a record. */
#ifndef EXECTRACE_PRINT_H
#define EXECTRACE_PRINT_H

#include <stdbool.h>
#include <stddef.h>

struct exectrace_printer {
	bool json;
	long long wall_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

void exectrace_print_title(const struct exectrace_printer *p);

/* One line on stdout. A record that is not one of exectrace.h is ignored. */
void exectrace_print(const struct exectrace_printer *p, const void *data, size_t size);

#endif /* EXECTRACE_PRINT_H */
