// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Preloaded into tests that run on the live kernel with a fault in the library: up to now, kernels
 * panic when BPF_LINK_UPDATE is called with the map that is already in the link. Such a call ends
 * the test instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Offsets in struct bpf_map_info and, which older headers lack, struct bpf_link_info of struct_ops.
 */
#define MAP_ID	       4
#define MAP_ID_OF_LINK 16

static long (*real)(long number, ...);

/* The word at @offset of what the kernel says of the descriptor; 0: nothing. */
static uint32_t ask(uint32_t fd, size_t offset)
{
	uint32_t info[64] = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)info;
	if (real(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr.info)))
		return 0;
	return info[offset / sizeof(info[0])];
}

static void check(const union bpf_attr *attr)
{
	static const char text[] = "guard: a link would be updated with the map that it has\n";
	const uint32_t in_link = ask(attr->link_update.link_fd, MAP_ID_OF_LINK);

	if (!in_link || ask(attr->link_update.new_prog_fd, MAP_ID) != in_link)
		return;
	if ((attr->link_update.flags & BPF_F_REPLACE) &&
	    ask(attr->link_update.old_prog_fd, MAP_ID) != in_link)
		return; /* refused */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	abort();
}

long syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && a[0] == BPF_LINK_UPDATE)
		check((const union bpf_attr *)a[1]);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
