// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The inline functions of user_ring.h and producer.h as symbols. Those of ring.h are in another
 * folder: that header comes first, while the macros still say `static inline`.
 */
#include <bpfring/ring.h>

#include "base/inline.h"

#include <bpfring/producer.h>
