/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Structs of the public ABI that begin with their own size. */
#ifndef BPFRING_OPTIONS_H
#define BPFRING_OPTIONS_H

#include <stddef.h>

/*
 * Copies what the caller gave, by its size, into a struct of this library's size; what the caller's
 * version lacks stays as it is in @ret. @given may be NULL. @what: its name for the log, NULL:
 * silence. 0, -EINVAL: @given's size is too small to hold its own size member; -E2BIG: bytes set
 * that this version does not know.
 */
int bpfring_options_read(void *ret, size_t known, const void *given, const char *what);

/*
 * Copies a result to a caller whose struct may be shorter or longer than this library's. 0,
 * -EINVAL.
 */
int bpfring_options_write(void *ret, const void *result, size_t known, size_t least);

#endif /* BPFRING_OPTIONS_H */
