/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The system as task storage and the probe see it; the rules of sys.h. */
#ifndef BPFRING_SYS_TASK_H
#define BPFRING_SYS_TASK_H

#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct btf;

pid_t bpfring_sys_gettid(void);
pid_t bpfring_sys_getpid(void);
bool bpfring_sys_is_our_thread(pid_t tid);
#define SYS_PIDFD_THREAD O_EXCL /* of a thread, not a process: Linux 6.9 */
int bpfring_sys_pidfd(pid_t tid, unsigned int flags);
bool bpfring_sys_pidfd_ended(int pidfd);
/* Of the thread, and of no other until the next boot; 0: this kernel has none (before 6.9). */
uint64_t bpfring_sys_pidfd_inode(int pidfd);
/* When it began, of CLOCK_BOOTTIME, to some milliseconds; -errno: no such thread, or no /proc. */
int64_t bpfring_sys_thread_began(pid_t tid);
int64_t bpfring_sys_boottime(void);

/* Puts a mapping onto @to, whatever is there. */
int bpfring_sys_move_mapping(void *addr, size_t size, void *to);
int bpfring_sys_madvise(void *addr, size_t size, int advice);
int bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd); /* outer_fd -1: membarrier() */
int bpfring_sys_urandom(void *buf, size_t size);

int bpfring_sys_elem_lookup(int map_fd, const void *key, void *value);
int bpfring_sys_elem_update(int map_fd, const void *key, const void *value, uint64_t flags);
int bpfring_sys_elem_delete(int map_fd, const void *key);
int bpfring_sys_prog_run_ctx(int prog_fd, void *ctx, uint32_t size);
void bpfring_sys_unlink(const char *path);
int bpfring_sys_rename(const char *from, const char *to);
void bpfring_sys_stay_loaded(void);
int bpfring_sys_btf_by_id(struct btf **ret, uint32_t id); /* of a BPF program */
int bpfring_sys_btf_of_kernel(struct btf **ret);
int bpfring_sys_btf_load_raw(const void *data, uint32_t size);
struct bpf_map_create_opts;
int bpfring_sys_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size,
			   uint32_t max_entries, const struct bpf_map_create_opts *opts);

int bpfring_sys_user_ring_create(const char *name, uint32_t bytes);

/* A program that only returns 0; of operations also their type and the number of one. */
int bpfring_sys_prog_load_empty(uint32_t type, uint32_t btf_id, uint32_t member);

struct privileges {
	bool bpf;	    /* CAP_BPF, or CAP_SYS_ADMIN, which includes it */
	bool perfmon;	    /* the same for CAP_PERFMON */
	int user_namespace; /* 1: not the first one, where the two do not count; -1: unknown */
};
struct privileges bpfring_sys_privileges(void);

/* The call itself, for what libbpf 1.1 has no function for. */
int bpfring_sys_bpf(int cmd, union bpf_attr *attr, uint32_t size);

#endif /* BPFRING_SYS_TASK_H */
