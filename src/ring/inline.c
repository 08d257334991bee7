// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The inline functions of ring.h and consumer.h as symbols, for programs in other languages and for
 * what loads the library with dlopen().
 */
#include <bpfring/common.h>
#undef BPFRING_INLINE
#undef BPFRING_INLINE_HOT
#define BPFRING_INLINE	   BPFRING_API
#define BPFRING_INLINE_HOT BPFRING_API

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <bpfring/consumer.h>
