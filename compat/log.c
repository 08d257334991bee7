// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * libbpf has no function that prints a message of somebody else's, and none that says which print
 * function is set; only one that sets another and returns the one before. So a relay is put in its
 * place for a moment. Messages that other threads cause meanwhile are relayed; a function that the
 * program sets meanwhile stays; and if the program keeps the relay for the function to be put back
 * later, that works.
 */
#include "log.h"

#include <bpfring/common.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum libbpf_print_level {
	LIBBPF_WARN,
	LIBBPF_INFO,
	LIBBPF_DEBUG,
};

typedef int (*libbpf_print_fn_t)(enum libbpf_print_level level, const char *fmt, va_list args);

/* Absent where libbpf is not in the program, or not visible from here. */
extern libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn) __attribute__((weak));

#define PATIENCE 1000000 /* a fork at the wrong moment leaves nobody to wait for */

static atomic_bool known; /* @present is: the program's function, which may be NULL */
static _Atomic(libbpf_print_fn_t) present;

static libbpf_print_fn_t the_present(void)
{
	for (int i = 0; i < PATIENCE && !atomic_load(&known); i++)
		sched_yield();
	return atomic_load(&present);
}

static int relay(enum libbpf_print_level level, const char *fmt, va_list args)
{
	libbpf_print_fn_t fn = the_present();

	return fn ? fn(level, fmt, args) : 0;
}

static int print_to_stderr(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level <= LIBBPF_INFO ? vfprintf(stderr, fmt, args) : 0;
}

static libbpf_print_fn_t programs_print(void)
{
	libbpf_print_fn_t fn, then;

	if (!libbpf_set_print)
		return print_to_stderr;
	fn = libbpf_set_print(relay);
	if (fn == relay) /* another thread is at it, or the program put it back */
		return the_present();
	atomic_store(&present, fn);
	atomic_store(&known, true);
	then = libbpf_set_print(fn);
	if (then != relay)
		libbpf_set_print(then);
	return fn;
}

static void print(libbpf_print_fn_t fn, enum libbpf_print_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fn(level, fmt, args);
	va_end(args);
}

static void warn(const char *prefix, const char *fmt, va_list args)
{
	libbpf_print_fn_t fn;
	int saved = errno;
	char text[512];
	int size = snprintf(text, sizeof(text), "%s", prefix);

	vsnprintf(text + size, sizeof(text) - (size_t)size, fmt, args);
	fn = programs_print();
	if (fn)
		print(fn, LIBBPF_WARN, "%s", text);
	errno = saved;
}

void compat_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	warn("libbpfring: ", fmt, args);
	va_end(args);
}

/*
 * What is no warning is for people who look for something in this library: libbpf would not print
 * it.
 */
static int most_detail(void)
{
	const char *level = secure_getenv("BPFRING_LOG_LEVEL");

	if (!level)
		return BPFRING_LOG_WARN;
	return !strcasecmp(level, "debug")  ? BPFRING_LOG_DEBUG
	       : !strcasecmp(level, "info") ? BPFRING_LOG_INFO
					    : BPFRING_LOG_WARN;
}

static void from_core(enum bpfring_log_level level, const char *fmt, va_list args)
{
	if (level <= BPFRING_LOG_WARN)
		warn("", fmt, args);
	else if ((int)level <= most_detail())
		vfprintf(stderr, fmt, args);
}

void compat_log_init(void)
{
	static atomic_bool done;

	if (!atomic_exchange(&done, true))
		bpfring_set_log(from_core);
}

void compat_tell(const char *fmt, ...)
{
	int saved = errno;
	va_list args;
	char text[512];
	int size;

	va_start(args, fmt);
	size = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (size > 0)
		dprintf(STDERR_FILENO, "libbpfring: %s", text);
	errno = saved;
}
