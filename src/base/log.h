/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One line per message, sent to the hook of bpfring_set_log(). */
#ifndef BPFRING_SRC_LOG_H
#define BPFRING_SRC_LOG_H

#include <bpfring/common.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * Would a message of this level be seen? The default hook knows; one of the application sees all.
 */
bool bpfring_log_wants(enum bpfring_log_level level);

#define log_error(...) bpfring_log(BPFRING_LOG_ERROR, "libbpfring: " __VA_ARGS__)
#define log_warn(...)  bpfring_log(BPFRING_LOG_WARN, "libbpfring: " __VA_ARGS__)
#define log_info(...)  bpfring_log(BPFRING_LOG_INFO, "libbpfring: " __VA_ARGS__)
/* Its arguments are evaluated only if the message is printed. */
#define log_debug(...)                                                              \
	do {                                                                        \
		if (bpfring_log_wants(BPFRING_LOG_DEBUG))                           \
			bpfring_log(BPFRING_LOG_DEBUG, "libbpfring: " __VA_ARGS__); \
	} while (0)

/*
 * A mistake is explained once per object and cause: a program that makes it makes it again, some
 * hundred times a second. @said: the object's atomic_uint; @cause: number of a bit.
 */
#define log_once(said, cause, level, ...)                                             \
	do {                                                                          \
		if (bpfring_log_first(&(said), cause))                                \
			bpfring_log(BPFRING_LOG_##level, "libbpfring: " __VA_ARGS__); \
	} while (0)

static inline bool bpfring_log_first(atomic_uint *said, unsigned int cause)
{
	return !(atomic_fetch_or_explicit(said, 1U << cause, memory_order_relaxed) & 1U << cause);
}

/* What an object does, at BPFRING_LOG_DEBUG: so many lines a second that one can read them. */
struct story {
	int64_t second; /* that the lines belong to */
	unsigned int lines;
	unsigned int left_out;
};

#define log_story(story, ...)                                                             \
	do {                                                                              \
		if (bpfring_log_wants(BPFRING_LOG_DEBUG) && bpfring_story_goes_on(story)) \
			bpfring_log(BPFRING_LOG_DEBUG, "libbpfring: " __VA_ARGS__);       \
	} while (0)

bool bpfring_story_goes_on(struct story *s);

#endif /* BPFRING_SRC_LOG_H */
