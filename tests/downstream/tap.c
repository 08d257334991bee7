// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A program outside this project that links libbpfring-observe; it has no ring to look at. */
#include <bpfring/bpfring.h>
#include <bpfring/tap.h>
#include <errno.h>

int main(void)
{
	struct bpfring_tap *tap = NULL;

	bpfring_set_log(NULL);
	return bpfring_tap_open(&tap, -1, NULL) != -EBADF;
}
