// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * All anonymous files of a running kernel (eventfds, epolls, BPF maps, ...) share one inode, and
 * open-file-description locks work on it. So a byte of that inode, numbered by map id and role and
 * locked through an eventfd of our own, is a claim that all processes see, whatever their
 * privileges, containers and mounts, and that ends with the eventfd. A lock through the map's own
 * descriptor would not do: processes that inherited one share its open file and so the lock.
 */
#include "claim.h"

#include <errno.h>

#include "sys.h"

#define CLAIM_BASE 0x6270667200000000ULL /* "bpfr": out of the way of other users of the inode */

int bpfring_claim_take(uint32_t map_id, enum claim_role role)
{
	int fd = bpfring_sys_eventfd();
	int err;

	if (fd < 0)
		return fd;
	err = bpfring_sys_lock_byte(fd, CLAIM_BASE + (uint64_t)map_id * 2 + role);
	if (!err)
		return fd;
	bpfring_sys_close(fd);
	return err == -EAGAIN || err == -EACCES ? -EBUSY : err;
}
