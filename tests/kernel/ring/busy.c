// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A record that is busy for as long as the test likes: see busy.bpf.c. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "busy.skel.h"
#include "kernel.h"

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void *run(void *ctx)
{
	struct busy *b = ctx;
	struct busy_bpf *skel = b->skeleton;
	struct busy_args args = {
		.address = (uintptr_t)b->page,
		.flags = b->flags,
		.discard = b->discard,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.busy), &opts) || !opts.retval) {
		fprintf(stderr, "the program that makes a busy record did not run\n");
		abort();
	}
	return NULL;
}

/* A page whose first access waits for us. */
static int make_fault(struct busy *b)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	b->fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (b->fault_fd < 0)
		return -1;
	b->page =
		mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)b->page;
	reg.range.len = page_size();
	if (b->page == MAP_FAILED || ioctl(b->fault_fd, UFFDIO_API, &api) ||
	    ioctl(b->fault_fd, UFFDIO_REGISTER, &reg)) {
		close(b->fault_fd);
		return -1;
	}
	return 0;
}

static struct busy_bpf *load(const struct ring *r)
{
	struct busy_bpf *skel = busy_bpf__open();

	if (!skel)
		return NULL;
	bpf_map__set_max_entries(skel->maps.ring, (__u32)r->size);
	if (bpf_map__reuse_fd(skel->maps.ring, r->fd) || busy_bpf__load(skel)) {
		busy_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

const char *busy_begin(struct busy *b, const struct ring *r, uint64_t flags, bool discard)
{
	struct pollfd faulted;

	*b = (struct busy){.ring = *r, .flags = flags, .discard = discard};
	b->skeleton = load(r);
	if (!b->skeleton)
		return "this kernel has no programs that can sleep on request (Linux 5.14)";
	if (make_fault(b)) {
		busy_bpf__destroy(b->skeleton);
		return "userfaultfd is not available";
	}
	assert_int_equal(pthread_create(&b->producer, NULL, run, b), 0);
	faulted = (struct pollfd){.fd = b->fault_fd, .events = POLLIN};
	assert_int_equal(poll(&faulted, 1, 10000), 1); /* it is in the middle of its record */
	return NULL;
}

void busy_end(struct busy *b, uint64_t value)
{
	void *source = NULL;
	struct uffdio_copy copy = {.dst = (uintptr_t)b->page, .len = page_size()};

	assert_int_equal(posix_memalign(&source, page_size(), page_size()), 0);
	memset(source, 0, page_size());
	memcpy(source, &value, sizeof(value));
	copy.src = (uintptr_t)source;
	assert_int_equal(ioctl(b->fault_fd, UFFDIO_COPY, &copy), 0);
	pthread_join(b->producer, NULL);
	free(source);
	munmap(b->page, page_size());
	close(b->fault_fd);
	busy_bpf__destroy(b->skeleton);
}
