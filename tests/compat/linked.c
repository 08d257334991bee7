// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A program that uses libbpf's ring buffers and knows nothing of libbpfring: prints what it got.
 * With an argument it ends as programs do that are interrupted, without freeing anything.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

#include "../kernel/kernel.h"

static int print_record(void *ctx, void *data, size_t size)
{
	(void)ctx;
	printf("record %llu, %zu bytes\n", *(unsigned long long *)data, size);
	return 0;
}

int main(int argc, char **argv)
{
	const char *why = kernel_open();
	struct ring_buffer *rb;
	struct ring r;

	(void)argv;
	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	r = ring_new(4096);
	rb = ring_buffer__new(r.fd, print_record, NULL, NULL);
	if (!rb)
		return 1;
	put_numbers(&r, 3, 7);
	printf("poll: %d\n", ring_buffer__poll(rb, 1000));
	put_numbers(&r, 2, 70);
	printf("consume: %d\n", ring_buffer__consume(rb));
	if (argc > 1)
		exit(0);
	ring_buffer__free(rb);
	kernel_close();
	return 0;
}
