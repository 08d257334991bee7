/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "user.h"
const struct bench_row rows_roundtrip[] = {{0}};
