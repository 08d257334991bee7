/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Messages go where libbpf's own go: to the function that the program gave to libbpf_set_print().
 */
#ifndef COMPAT_LOG_H
#define COMPAT_LOG_H

/* From now on libbpfring's messages do so too. */
void compat_log_init(void);

/* A warning; the line ends with a newline. errno stays as it is. */
__attribute__((format(printf, 1, 2))) void compat_warn(const char *fmt, ...);

/* A line on stderr for the person who started the program with this library. */
__attribute__((format(printf, 1, 2))) void compat_tell(const char *fmt, ...);

#endif /* COMPAT_LOG_H */
