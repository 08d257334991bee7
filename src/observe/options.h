/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Structs of the public ABI that begin with their own size, as the core reads and writes them. */
#ifndef BPFRING_OBSERVE_OPTIONS_H
#define BPFRING_OBSERVE_OPTIONS_H

#include <stddef.h>

/* @given, which may be NULL, into @ret, by size. @what: its name. 0, -EINVAL, -E2BIG. */
int bpfring_observe_read_options(void *ret, size_t known, const void *given, const char *what);

/* A result into a struct of the caller's size. 0, -EINVAL. */
int bpfring_observe_write(void *ret, const void *result, size_t known, size_t least);

#endif /* BPFRING_OBSERVE_OPTIONS_H */
