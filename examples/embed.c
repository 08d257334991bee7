// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Example of a bpfring loop inside another event loop; the BPF side is that of minimal/. */
#include <bpfring/bpfring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"
#include "minimal.h"
#include "minimal.skel.h"

static int on_event(void *ctx, const void *data, size_t size)
{
	const struct event *e = data;

	(void)ctx, (void)size;
	printf("%-8d %s\n", e->pid, e->comm);
	return fflush(stdout) ? -EIO : 0;
}

static int trace(int (*outer)(struct bpfring_loop *, unsigned int), unsigned int seconds)
{
	struct bpfring_consumer *consumer = NULL;
	struct bpfring_loop *loop = NULL;
	struct minimal_bpf *skel;
	int err;

	skel = minimal_bpf__open_and_load();
	if (!skel) {
		fputs("embed: cannot load a BPF program: run it as root, or with CAP_BPF and "
		      "CAP_PERFMON\n",
		      stderr);
		return EXIT_FAILURE;
	}
	err = minimal_bpf__attach(skel);
	if (!err)
		err = bpfring_consumer_open(&consumer, bpf_map__fd(skel->maps.events), NULL);
	if (!err)
		err = bpfring_loop_new(&loop, NULL);
	if (!err)
		err = bpfring_loop_add(loop, consumer, on_event, NULL);
	if (!err)
		err = outer(loop, seconds);
	if (err)
		fprintf(stderr, "embed: %s\n", bpfring_errname(err));
	bpfring_loop_free(loop);
	bpfring_consumer_close(consumer);
	minimal_bpf__destroy(skel);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;

	if (argc > 1 && !strcmp(argv[1], "--epoll"))
		return trace(embed_epoll, seconds);
#ifdef HAVE_SD_EVENT
	if (argc > 1 && !strcmp(argv[1], "--sd-event"))
		return trace(embed_sd_event, seconds);
#endif
	fputs("Prints programs that are started, for some seconds or until Ctrl-C.\n"
	      "Usage: embed --epoll [SECONDS]\n"
#ifdef HAVE_SD_EVENT
	      "       embed --sd-event [SECONDS]\n",
#else
	      "(built without libsystemd: no --sd-event)\n",
#endif
	      stderr);
	return argc > 1 && !strcmp(argv[1], "--help") ? EXIT_SUCCESS : EXIT_FAILURE;
}
