/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef COMPAT_OPTIONS_H
#define COMPAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * libbpf's rule for options structs: NULL is fine, the size must be at least that of the size, what
 * is not known here must be zero. Logs what is wrong.
 */
bool options_valid(const void *opts, size_t size, size_t known, const char *type);

#endif /* COMPAT_OPTIONS_H */
