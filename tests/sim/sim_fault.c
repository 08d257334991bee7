// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Which wrapped call fails, and how often each was made. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_internal.h"
#include "sim_sys.h"

static struct {
	const char *name; /* NULL: whichever */
	long at;	  /* counts down; -1: none */
	int error;
	bool always;
	const char *failed;
	int failed_error;
} fault = {.at = -1};

/* Every wrapped call, with an error that the true one can give; 0: it cannot fail. */
static struct call {
	const char *name;
	int error;
	unsigned long count;
} calls[] = {
	{"alloc", -ENOMEM, 0},
	{"mmap", -ENOMEM, 0},
	{"mmap_at", -ENOMEM, 0},
	{"file_size", -EBADF, 0},
	{"wipe_on_fork", -ENOMEM, 0},
	{"dup", -EMFILE, 0},
	{"open", -EMFILE, 0},
	{"read", -EIO, 0},
	{"map_info", -EPERM, 0},
	{"map_by_id", -EPERM, 0},
	{"map_by_path", -EACCES, 0},
	{"lock_byte", -ENOLCK, 0},
	{"unlock_byte", 0, 0},
	{"lock_query", -EINVAL, 0},
	{"self", -EACCES, 0},
	{"process_runs", -EACCES, 0},
	{"eventfd", -ENFILE, 0},
	{"timerfd", -EMFILE, 0},
	{"timerfd_set", -EINVAL, 0},
	{"epoll", -EMFILE, 0},
	{"epoll_add", -ENOSPC, 0},
	{"epoll_mod", -ENOENT, 0},
	{"epoll_del", -ENOENT, 0},
	{"epoll_wait", -EBADF, 0},
	{"eventfd_set", 0, 0},
	{"same_inode", -EOVERFLOW, 0},
	{"prog_type", -EPERM, 0},
	{"prog_run", -EPERM, 0},
	{"pin", -EPERM, 0},
	{"eventfd_clear", 0, 0},
	{"readable", 0, 0},
	{"now", 0, 0},
	{"futex_wait", 0, 0},
	{"yield", 0, 0},
	{NULL, 0, 0},
};

static struct call *find(const char *name)
{
	struct call *call = calls;

	while (call->name && strcmp(call->name, name))
		call++;
	if (!call->name) {
		fprintf(stderr, "sim_sys: no call is named %s\n", name);
		abort();
	}
	return call;
}

/* Counts a call; its error if it is to fail now. */
int sim_sys_enter(const char *name)
{
	struct call *call = find(name);
	int err = 0;

	__atomic_fetch_add(&call->count, 1, __ATOMIC_RELAXED);
	if (!call->error || (fault.name && strcmp(fault.name, name)))
		return 0;
	if (fault.always)
		err = fault.error;
	else if (fault.at >= 0 && fault.at-- == 0)
		err = call->error;
	if (err) {
		fault.failed = name;
		fault.failed_error = err;
	}
	return err;
}

void sim_sys_fail(long n, const char *name)
{
	fault.at = n;
	fault.name = name;
	fault.always = false;
	fault.failed = NULL;
}

void sim_sys_fail_always(const char *name, int err)
{
	sim_sys_fail(-1, name);
	fault.error = err;
	fault.always = true;
}

const char *sim_sys_failed(int *err)
{
	if (err)
		*err = fault.failed_error;
	return fault.failed;
}

unsigned long sim_sys_count(const char *name)
{
	unsigned long sum = 0;

	for (const struct call *call = calls; call->name; call++)
		if (name ? !strcmp(call->name, name) : call->error != 0)
			sum += __atomic_load_n(&call->count, __ATOMIC_RELAXED);
	return sum;
}

void sim_sys_count_reset(void)
{
	for (struct call *call = calls; call->name; call++)
		__atomic_store_n(&call->count, 0, __ATOMIC_RELAXED);
}
