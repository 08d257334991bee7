// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A program of libbpf's, linked with bpfring-compat in front of it. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

static int messages;

static int count(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)fmt, (void)args;
	messages += level == LIBBPF_WARN;
	return 0;
}

static int take(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

int main(void)
{
	LIBBPF_OPTS(ring_buffer_opts, opts);

	libbpf_set_print(count);
	if (ring_buffer__new(-1, take, NULL, &opts) || !errno)
		return 1;
	if (user_ring_buffer__new(-1, NULL) || !errno)
		return 1;
	ring_buffer__free(NULL);
	user_ring_buffer__free(NULL);
	return libbpf_set_print(NULL) != count || messages < 2;
}
