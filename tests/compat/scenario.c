// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "scenario.h"

#include <poll.h>

int take(void *ctx, void *data, size_t size)
{
	struct sink *s = ctx;
	uint64_t number = 0;

	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	s->seen++;
	note(s->t, "  %d: %llu, %zu bytes", s->id, (unsigned long long)number, size);
	return s->fail_at && s->seen == s->fail_at ? s->fail_with : 0;
}

int noted(struct trace *t, const char *name, int result)
{
	if (result < 0)
		note(t, "%s: %d, errno %d", name, result, errno);
	else
		note(t, "%s: %d", name, result);
	return result;
}

void readable(struct trace *t, const char *what, int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	note(t, "%s: %s", what, poll(&wanted, 1, 0) > 0 ? "readable" : "silent");
}
