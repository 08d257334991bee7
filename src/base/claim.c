// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * All anonymous files of a running kernel (eventfds, epolls, BPF maps, ...) share one inode, and
 * open-file-description locks work on it. So a byte of that inode, numbered by map id and role and
 * locked through an eventfd of our own, is a claim that all processes see, whatever their
 * privileges, containers and mounts, and that ends with the eventfd. A lock through the map's own
 * descriptor would not do: processes that inherited one share its open file and so the lock.
 */
#include "base/claim.h"

#include <errno.h>

#include "base/log.h"
#include "base/map.h"
#include "base/sys.h"

#define CLAIM_BASE 0x6270667200000000ULL /* "bpfr": out of the way of other users of the inode */

/* A lock on another inode would succeed and say nothing. */
static int check_inode(int handed_over)
{
	int fd = bpfring_sys_eventfd();
	int same;

	if (fd < 0)
		return fd;
	same = bpfring_sys_same_inode(fd, handed_over);
	bpfring_sys_close(fd);
	return same < 0 ? same : same ? 0 : -EINVAL;
}

int bpfring_claim_take(const struct map *map, enum claim_role role, int handed_over)
{
	const uint64_t byte = CLAIM_BASE + (uint64_t)map->id * 2 + role;
	int fd, err;

	if (!map->id) {
		log_error("map '%s': the kernel does not tell its id, so it cannot be claimed\n",
			  map->name);
		return -EOPNOTSUPP;
	}
	fd = handed_over < 0 ? bpfring_sys_eventfd() : bpfring_sys_dup(handed_over);
	if (fd < 0) {
		err = fd;
	} else {
		/* Of a descriptor that has the lock already this is so: nothing changes. */
		err = handed_over < 0 ? 0 : check_inode(fd);
		if (!err)
			err = bpfring_sys_lock_byte(fd, byte);
		if (!err)
			return fd;
		bpfring_sys_close(fd);
	}
	if (err == -EAGAIN || err == -EACCES)
		err = -EBUSY;
	log_error("map '%s' id %u: cannot claim it: %s%s%s\n", map->name, map->id,
		  bpfring_errname(err), err == -EBUSY ? "; another holds the claim of the " : "",
		  err != -EBUSY		   ? ""
		  : role == CLAIM_CONSUMER ? "consumer"
					   : "producer");
	return err;
}
