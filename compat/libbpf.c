// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The calls as programs see them, and libbpf's own functions behind them. Two sorts of calls go to
 * those. With BPFRING_COMPAT=off all do, so that a person who looks for the cause of something can
 * tell them apart. And calls for what libbpf itself has made: a program that looked up
 * ring_buffer__new() with dlsym() got libbpf's, and that calls ring_buffer__add(), which is found
 * here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "environment.h"
#include "libbpf_rings.h"
#include "log.h"
#include "ours.h"

/* Absent in programs that are linked statically. */
#pragma weak dlvsym
#pragma weak dlopen

const char ours;

static struct {
#define MEMBER(node, type, result, name, parameters, arguments) type(*name) parameters;
	LIBBPF_RING_CALLS(MEMBER)
} libbpf;

/*
 * The next of that name behind this library; or of a libbpf that was loaded for one library alone.
 */
static void *find(const char *name, const char *node)
{
	static const char *const libraries[] = {"libbpf.so.1", "libbpf.so.0"};
	void *function = dlvsym(RTLD_NEXT, name, node);

	for (int i = 0; !function && i < 2; i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

		if (!library)
			continue;
		function = dlvsym(library, name, node);
		dlclose(library);
	}
	return function;
}

static void find_libbpf(void)
{
	if (!dlvsym || !dlopen)
		return;
#define FIND(node, type, result, name, parameters, arguments) \
	*(void **)&libbpf.name = find(#name, node);
	LIBBPF_RING_CALLS(FIND)
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool off;

__attribute__((constructor)) static void begin(void)
{
	if (!environment()->off)
		return;
	pthread_once(&once, find_libbpf);
	off = libbpf.ring_buffer__new != NULL;
	if (!off)
		compat_tell("BPFRING_COMPAT=off: there is no libbpf beside this program\n");
}

/*
 * Was this made by libbpf? Ours begin with the address of our own mark, which nothing of libbpf's
 * can begin with: these begin with a pointer to memory or to a function, or with a small number.
 */
static bool is_theirs(const void *handle)
{
	if (__builtin_expect(!handle || *(const void *const *)handle == &ours, 1))
		return false;
	pthread_once(&once, find_libbpf);
	return true;
}

static bool go_to_libbpf(const void *handle)
{
	return off || is_theirs(handle);
}

static bool go_to_libbpf_new(int map_fd)
{
	(void)map_fd;
	return off;
}

/* By the first argument: a handle, or the descriptor that new() gets. */
#define GOES_TO_LIBBPF(first, ...) \
	_Generic((first), int : go_to_libbpf_new, default : go_to_libbpf)(first)

/*
 * What the libbpf of this program does not have yet, the program does not call: it would not start.
 */
#define EXPORT(node, type, result, name, parameters, arguments)                   \
	type name parameters                                                      \
	{                                                                         \
		if (__builtin_expect(GOES_TO_LIBBPF arguments, 0) && libbpf.name) \
			result libbpf.name arguments;                             \
		else                                                              \
			result compat_##name arguments;                           \
	}
LIBBPF_RING_CALLS(EXPORT)
