// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The inline functions of ring.h and consumer.h as symbols. */
#include "base/inline.h"

#include <bpfring/consumer.h>
