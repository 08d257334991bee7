/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Descriptors of BPF objects: where they come from, what they are, and why they cannot be had. */
#ifndef BPFRING_FD_H
#define BPFRING_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A descriptor of our own, or -errno, which is logged. */
int bpfring_fd_dup(int fd);
int bpfring_fd_by_path(const char *path);
int bpfring_fd_by_id(uint32_t map_id);

/* What a bpf() call that failed with @err was refused for; "" if it was not refused. */
const char *bpfring_fd_refusal(int err);

/* Of /proc/self/fdinfo: its text, bytes or -errno; the number behind "\nKEY:", if there is one. */
int bpfring_fdinfo_read(int fd, char *ret, size_t size);
bool bpfring_fdinfo_number(const char *text, const char *key, uint32_t *ret);

bool bpfring_fd_is_link(int fd);		 /* without /proc those of struct_ops only */
int bpfring_fd_prog_type(int fd, uint32_t *ret); /* -EINVAL: no program */

#endif /* BPFRING_FD_H */
