/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One line per message, sent to the hook of bpfring_set_log(). */
#ifndef BPFRING_SRC_LOG_H
#define BPFRING_SRC_LOG_H

#include <bpfring/common.h>

__attribute__((format(printf, 2, 3))) void bpfring_log(enum bpfring_log_level level,
						       const char *fmt, ...);

#define log_error(...) bpfring_log(BPFRING_LOG_ERROR, "libbpfring: " __VA_ARGS__)
#define log_warn(...)  bpfring_log(BPFRING_LOG_WARN, "libbpfring: " __VA_ARGS__)
#define log_info(...)  bpfring_log(BPFRING_LOG_INFO, "libbpfring: " __VA_ARGS__)
#define log_debug(...) bpfring_log(BPFRING_LOG_DEBUG, "libbpfring: " __VA_ARGS__)

#endif /* BPFRING_SRC_LOG_H */
