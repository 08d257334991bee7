// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What only C++ can do. */
#include "leave.h"

namespace
{
struct thrown {
	int depth; /* an object with something in it */
};
} // namespace

void leave_by_throw()
{
	throw thrown{7};
}

bool catches(void (*fn)(void *ctx), void *ctx)
{
	try {
		fn(ctx);
	} catch (const thrown &t) {
		return t.depth == 7;
	}
	return false;
}
