/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The system as this library sees it: each call an external function that tests can replace.
 * >= 0 or -errno.
 */
#ifndef BPFRING_OBSERVE_SYS_H
#define BPFRING_OBSERVE_SYS_H

#include <stddef.h>
#include <stdint.h>

void *bpfring_observe_sys_alloc(size_t size); /* zeroed */
void bpfring_observe_sys_free(void *mem);
int64_t bpfring_observe_sys_now(void);	    /* CLOCK_MONOTONIC */
int64_t bpfring_observe_sys_cpu_time(void); /* of this thread */
int bpfring_observe_sys_timerfd(void);
/* From then on it is readable; an expiry before is forgotten. Async-signal-safe. */
int bpfring_observe_sys_timerfd_set(int fd, int64_t at_ns);
int bpfring_observe_sys_wait_readable(int fd); /* a cancellation point; can return -EINTR */
void bpfring_observe_sys_close(int fd);

#endif /* BPFRING_OBSERVE_SYS_H */
