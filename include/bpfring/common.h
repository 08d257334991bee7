/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What every part of libbpfring shares: version, symbol visibility, options, errors, log.
 *
 * Rules that hold for the whole library:
 *
 * - A function that can fail returns int: >= 0 is good, a negative errno value is bad. errno itself
 *   is neither read nor promised. What is created or read comes back through a parameter named
 *   `ret`, written only on success.
 * - NULL for an object, or for a pointer that a function needs, has no effect. A function that
 *   returns int returns -EINVAL; one that returns a size, a position or an id returns 0; one that
 *   returns a pointer returns NULL. Where NULL has a meaning, the function says which. The
 *   functions that are inline in these headers do not look: they need pointers that are good.
 * - close and free functions accept NULL and cannot fail.
 * - Where a seccomp filter refuses a system call, the error of the filter comes back, as a rule
 *   -EPERM, else -EACCES or -ENOSYS. A consumer or producer that is handed a descriptor needs no
 *   bpf() if there is /proc, and no /proc if there is bpf().
 * - Times are int64_t nanoseconds of CLOCK_MONOTONIC; -1 means for ever.
 * - Signals never surface: EINTR is handled inside.
 * - Options structs start with their own size; bytes that this version of the library does not
 *   know must be zero (-E2BIG otherwise). NULL stands for all defaults.
 */
#ifndef BPFRING_COMMON_H
#define BPFRING_COMMON_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BPFRING_VERSION_MAJOR 0
#define BPFRING_VERSION_MINOR 1
#define BPFRING_VERSION_PATCH 0
#define BPFRING_VERSION \
	(BPFRING_VERSION_MAJOR * 10000 + BPFRING_VERSION_MINOR * 100 + BPFRING_VERSION_PATCH)

#if defined(__GNUC__)
#define BPFRING_API __attribute__((visibility("default")))
#else
#define BPFRING_API
#endif

/*
 * Before a public function that is inline. The library exports such functions too, for other
 * languages: it defines both macros as BPFRING_API. HOT is for what runs per record: a compiler
 * that finds it called twice may think that a call is cheaper.
 */
#ifndef BPFRING_INLINE
#define BPFRING_INLINE	   static inline
#define BPFRING_INLINE_HOT static inline __attribute__((always_inline))
#endif

/*
 * Around a function that has the name of a struct, as stat() has. In C++ GCC's -Wshadow warns of
 * it.
 */
#if defined(__cplusplus) && defined(__GNUC__) && !defined(__clang__)
#define BPFRING_PRIV_NAMESAKE_BEGIN \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"")
#define BPFRING_PRIV_NAMESAKE_END _Pragma("GCC diagnostic pop")
#else
#define BPFRING_PRIV_NAMESAKE_BEGIN
#define BPFRING_PRIV_NAMESAKE_END
#endif

/**
 * BPFRING_OPTS() - declare an options struct: every byte zero, the size set.
 * @type: name of the struct, without `struct`
 * @name: name of the variable
 * @...:  designated initialisers of further members
 *
 * Members can be given in C; in C++ assign them afterwards. libbpf's LIBBPF_OPTS() works as well.
 */
#ifdef __cplusplus
extern "C++" {
template <typename T> inline T bpfring_priv_opts()
{
	T opts = T();

	opts.sz = sizeof(opts);
	return opts;
}
}
#define BPFRING_OPTS(type, name) struct type name = bpfring_priv_opts<struct type>()
#else
#define BPFRING_OPTS(...) BPFRING_PRIV_OPTS(__VA_ARGS__, ) /* ISO C: `...` is never left out */
#define BPFRING_PRIV_OPTS(type, name, ...) \
	struct type name = {.sz = sizeof(struct type), __VA_ARGS__}
#endif

/**
 * bpfring_version() - version of the library that is loaded.
 *
 * Return: BPFRING_VERSION of the loaded library: major * 10000 + minor * 100 + patch.
 */
BPFRING_API int bpfring_version(void);

/**
 * bpfring_version_string() - the same as text, "0.1.0".
 *
 * Return: a string that lives as long as the library is loaded.
 */
BPFRING_API const char *bpfring_version_string(void);

/**
 * bpfring_errname() - symbolic name of an error, for messages.
 * @err: a return value of this library (negative) or an errno value (positive)
 *
 * Thread-safe, async-signal-safe.
 *
 * Return: "-ENOSPC" and the like; "0" for 0; "-E?" for a value without a name here.
 */
BPFRING_API const char *bpfring_errname(int err);

enum bpfring_log_level {
	BPFRING_LOG_ERROR = 0, /* an operation failed; the return value says the same in short */
	BPFRING_LOG_WARN = 1,  /* it worked, but not as asked */
	BPFRING_LOG_INFO = 2,
	BPFRING_LOG_DEBUG = 3,
};

/**
 * typedef bpfring_log_fn - receives the messages of the library.
 * @level: how bad
 * @fmt:   printf format of one line, newline included
 * @args:  its arguments
 *
 * May be called from any thread that uses the library. Must not call back into it.
 */
typedef void (*bpfring_log_fn)(enum bpfring_log_level level, const char *fmt, va_list args);

/**
 * bpfring_set_log() - replace the receiver of messages.
 * @fn: the new receiver; NULL silences the library
 *
 * The default one prints errors and warnings to stderr;
 * BPFRING_LOG_LEVEL=error|warn|info|debug|none in the environment, read once, changes how much.
 * Thread-safe.
 *
 * Return: the receiver before, to be put back.
 */
BPFRING_API bpfring_log_fn bpfring_set_log(bpfring_log_fn fn);

#if defined(__GNUC__)
#define BPFRING_PRIV_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define BPFRING_PRIV_PRINTF(at, first)
#endif

/**
 * bpfring_log() - send a message to that receiver, from a library that builds on this one.
 * @level: how bad
 * @fmt:   printf format of one line, newline included
 *
 * Thread-safe. errno stays as it is.
 */
BPFRING_API void bpfring_log(enum bpfring_log_level level, const char *fmt, ...)
	BPFRING_PRIV_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_COMMON_H */
