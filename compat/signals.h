/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Waiting that a signal ends, whenever it comes. libbpf's calls sleep once, so a signal handler
 * that sets a flag ends the sleep. A call that wakes up and sleeps again by itself would miss a
 * signal that comes in between; so it holds signals back except while it sleeps and while it calls
 * back.
 */
#ifndef COMPAT_SIGNALS_H
#define COMPAT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct signals {
	bool held;
	sigset_t before;
};

void signals_hold(struct signals *s);
void signals_release(struct signals *s);

/*
 * Sleeps until @fd is readable: 1; 0 at @deadline, of CLOCK_MONOTONIC in ns, INT64_MAX: never;
 * -EINTR: a signal came, its handler has run.
 */
int signals_wait(const struct signals *s, int fd, int64_t deadline);

bool is_readable(int fd); /* now */

/* Now, and a deadline so many milliseconds later; negative: never. */
int64_t monotonic_now(void);
int64_t monotonic_deadline(int timeout_ms);

#endif /* COMPAT_SIGNALS_H */
