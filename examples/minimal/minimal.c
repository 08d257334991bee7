// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Minimal example of a consumer: prints every program that is started, until Ctrl-C. */
#include <bpfring/bpfring.h>
#include <stdio.h>

#include "minimal.h"
#include "minimal.skel.h"

static int on_event(void *ctx, const void *data, size_t size)
{
	const struct event *e = data;

	(void)ctx, (void)size;
	return printf("%-8d %s\n", e->pid, e->comm);
}

int main(void)
{
	struct minimal_bpf *skel = minimal_bpf__open_and_load();
	struct bpfring_loop *loop;

	if (!skel)
		return fputs("cannot load BPF programs: run it as root\n", stderr), 1;
	if (minimal_bpf__attach(skel) || bpfring_loop_new(&loop, NULL) ||
	    bpfring_loop_add_map(loop, bpf_map__fd(skel->maps.events), on_event, NULL, NULL, NULL))
		return 1; /* libbpf and libbpfring have logged why */

	return bpfring_loop_run(loop) < 0; /* until bpfring_loop_stop() or a signal ends it */
}
