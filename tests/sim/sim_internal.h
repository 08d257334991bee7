/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Clock and faults of sim_sys.h, as the wrapped calls use them. */
#ifndef TESTS_SIM_INTERNAL_H
#define TESTS_SIM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef int (*sim_epoll_wait_fn)(int epoll_fd, struct epoll_event *ret, int max, bool sleep);
typedef int (*sim_timerfd_set_fn)(int fd, int64_t at_ns);

void sim_clock_stop(void);
bool sim_clock_runs(void);
int64_t sim_clock_look(void);
int sim_clock_sleep(int epoll_fd, struct epoll_event *ret, int max, bool sleep,
		    sim_epoll_wait_fn look);
int sim_clock_set_timer(int fd, int64_t at, sim_timerfd_set_fn set);
void sim_clock_forget_timer(int fd);
void sim_sys_settle(void);

/* Counts a call; its error if it is to fail now. */
int sim_sys_enter(const char *name);

#endif /* TESTS_SIM_INTERNAL_H */
