/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Included before public headers, makes their inline functions symbols of the library, for programs
 * in other languages and for what loads it with dlopen().
 */
#ifndef BPFRING_SRC_INLINE_H
#define BPFRING_SRC_INLINE_H

#include <bpfring/common.h>

#undef BPFRING_INLINE
#undef BPFRING_INLINE_HOT
#define BPFRING_INLINE	   BPFRING_API
#define BPFRING_INLINE_HOT BPFRING_API

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#endif /* BPFRING_SRC_INLINE_H */
