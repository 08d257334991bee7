/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* JSON, as much of it as reports need. */
#ifndef BPFRING_JSON_H
#define BPFRING_JSON_H

#include <bpf/btf.h>
#include <stdint.h>
#include <stdio.h>

/* A string of at most @max bytes, up to its NUL; what is not printable ASCII is escaped. */
void bpfring_json_string(FILE *stream, const char *text, size_t max);

/* Data of a BTF type, wherever it lies in memory. null for what has no form in JSON. */
void bpfring_json_btf(FILE *stream, const struct btf *btf, uint32_t type_id, const void *data);

#endif /* BPFRING_JSON_H */
