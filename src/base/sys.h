/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The system as the library sees it: every system call and allocation it makes.
 *
 * errno becomes a negative return value here and is not looked at anywhere else. Each call is an
 * external function of its own so that tests can replace it with the linker's --wrap.
 */
#ifndef BPFRING_SYS_H
#define BPFRING_SYS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* A process, so that another with the same number is not taken for it. */
struct process {
	uint64_t pid;
	uint64_t pid_ns;  /* the namespace in which that is its number */
	uint64_t started; /* ticks since boot */
};

/* Memory: zeroed, NULL when there is none. */
void *bpfring_sys_alloc(size_t size);
void bpfring_sys_free(void *mem);

/* All return >= 0 or -errno; EINTR is returned only where noted. */
int bpfring_sys_mmap(void **ret, size_t size, int prot, int flags, int fd, uint64_t offset);
/* Maps onto @addr, whatever is there. */
int bpfring_sys_mmap_at(void *addr, size_t size, int prot, int flags, int fd, uint64_t offset);
void bpfring_sys_munmap(void *addr, size_t size);
int bpfring_sys_wipe_on_fork(void *addr, size_t size);
int bpfring_sys_dup(int fd);
int bpfring_sys_file_size(int fd, uint64_t *ret);
void bpfring_sys_close(int fd);
int bpfring_sys_open(const char *path);
int bpfring_sys_read(int fd, void *buf, size_t size);

bool bpfring_sys_is_map(int fd);
int bpfring_sys_map_info(int fd, struct bpf_map_info *ret);
int bpfring_sys_map_by_id(uint32_t id);
int bpfring_sys_map_by_path(const char *path);
int bpfring_sys_pin(int fd, const char *path);
/* By bpf(), which describes links too and does not say so: see bpfring_fd_prog_type(). */
int bpfring_sys_prog_type(int fd, uint32_t *ret);
/* Runs a SEC("syscall") program; @ret is what it returned. */
int bpfring_sys_prog_run(int fd, int *ret);
int bpfring_sys_same_inode(int fd, int other); /* 1, 0 */
int bpfring_sys_lock_byte(int fd, uint64_t offset);
void bpfring_sys_unlock_byte(int fd, uint64_t offset);
/* What lock of another open file is on this byte: *@size 0 if none. */
int bpfring_sys_lock_query(int fd, uint64_t offset, uint64_t *start, uint64_t *size);
/* This process, as another one in its PID namespace can check it. */
int bpfring_sys_self(struct process *ret);
/* 1: it runs; 0: it has ended; or an error: this process cannot find out. */
int bpfring_sys_process_runs(const struct process *process);

int bpfring_sys_eventfd(void);
void bpfring_sys_eventfd_set(int fd);
void bpfring_sys_eventfd_clear(int fd);
int bpfring_sys_timerfd(void);
int bpfring_sys_timerfd_set(int fd, int64_t at_ns);
int bpfring_sys_epoll(void);
int bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data);
int bpfring_sys_epoll_mod(int epoll_fd, int fd, uint32_t events, void *data);
int bpfring_sys_epoll_del(int epoll_fd, int fd);
/*
 * What is ready, or, with @sleep, what is ready first. Can return -EINTR. The only cancellation
 * point of the library. It knows no time-out: the thread's timer slack makes those late, see
 * waiter.h.
 */
int bpfring_sys_epoll_wait(int epoll_fd, struct epoll_event *ret, int max, bool sleep);

/* Sleeps while *word is @value, until @at_ns, INT64_MAX: for ever. May return early. */
void bpfring_sys_futex_wait(uint32_t *word, uint32_t value, int64_t at_ns);
void bpfring_sys_futex_wake(uint32_t *word);

void bpfring_sys_yield(void);	/* lets other threads run on this processor, if there are any */
uint32_t bpfring_sys_cpu(void); /* that this thread runs on, just now */
int32_t bpfring_sys_thread(
	void); /* kernel's number of this thread; in a forked child that of the parent's */
bool bpfring_sys_thread_lives(int32_t thread);
bool bpfring_sys_on_stack(uintptr_t at); /* of this thread; also true if it is unknown */
bool bpfring_sys_readable(int fd);
int64_t bpfring_sys_now(void);
int64_t bpfring_sys_clock(int clock); /* another clock than CLOCK_MONOTONIC */

/* When a time-out that began at @now is over; INT64_MAX: never, for a negative one. */
static inline int64_t bpfring_deadline(int64_t now, int64_t timeout_ns)
{
	return timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

unsigned int bpfring_sys_kernel_word_size(void);
size_t bpfring_sys_page_size(void);

#endif /* BPFRING_SYS_H */
