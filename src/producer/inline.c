// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The inline functions of user_ring.h and producer.h as symbols, for programs in other languages
 * and for what loads the library with dlopen(). Those of ring.h are in another folder: that header
 * comes first, while the macros still say `static inline`.
 */
#include <bpfring/ring.h>

#include <bpfring/common.h>
#undef BPFRING_INLINE
#undef BPFRING_INLINE_HOT
#define BPFRING_INLINE	   BPFRING_API
#define BPFRING_INLINE_HOT BPFRING_API

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <bpfring/producer.h>
