// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* pin PATH: traces program starts into a ring that it pins there, until it is killed. */
#include <stdio.h>
#include <unistd.h>

#include "minimal.skel.h"

int main(int argc, char **argv)
{
	struct minimal_bpf *skel = minimal_bpf__open_and_load();

	if (argc != 2 || !skel || minimal_bpf__attach(skel) ||
	    bpf_map__pin(skel->maps.events, argv[1]))
		return fputs("pin: needs root, and a path in a BPF file system\n", stderr), 1;
	puts("pinned");
	fflush(stdout);
	for (;;)
		pause();
}
