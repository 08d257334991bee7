/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Clock and faults of sim_sys.h, as the wrapped calls use them. */
#ifndef TESTS_SIM_INTERNAL_H
#define TESTS_SIM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef int (*sim_epoll_wait_fn)(int epoll_fd, struct epoll_event *ret, int max, int64_t timeout);

void sim_clock_stop(void);
bool sim_clock_runs(void);
int64_t sim_clock_look(void);
int sim_clock_sleep(int epoll_fd, struct epoll_event *ret, int max, int64_t timeout,
		    sim_epoll_wait_fn look);
void sim_sys_settle(void);

/* Counts a call; its error if it is to fail now. */
int sim_sys_enter(const char *name);

#endif /* TESTS_SIM_INTERNAL_H */
