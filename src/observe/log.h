/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One line per message, sent to the hook of bpfring_set_log(). */
#ifndef BPFRING_OBSERVE_LOG_H
#define BPFRING_OBSERVE_LOG_H

#include <bpfring/common.h>

#define log_error(...) bpfring_log(BPFRING_LOG_ERROR, "libbpfring: " __VA_ARGS__)
#define log_warn(...)  bpfring_log(BPFRING_LOG_WARN, "libbpfring: " __VA_ARGS__)

/* Once per object and cause. @said: a word of the object; @cause: number of a bit. */
#define log_once(said, cause, ...)              \
	do {                                    \
		if (!((said)&1U << (cause)))    \
			log_error(__VA_ARGS__); \
		(said) |= 1U << (cause);        \
	} while (0)

#endif /* BPFRING_OBSERVE_LOG_H */
