/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A record that stays reserved for a second at the head of the ring. The BPF program reserves it
 * and then reads user memory whose page fault nobody ends (userfaultfd), until we do. Two complete
 * records come right before it, so that the consumer is awake when it meets the busy one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "session.h"

#define HELD_NS	       NSEC_PER_SEC
#define SETTLE_NS      20000000
#define RECORDS_BEFORE 2

struct fault {
	int fd;
	void *page;
	size_t size;
};

struct holder {
	struct session *s;
	const void *addr;
	int cpu;
	int err;
};

static int fault_open(struct fault *f)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	f->size = (size_t)sysconf(_SC_PAGESIZE);
	f->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return -errno;
	f->page = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->page == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)f->page;
	reg.range.len = f->size;
	if (ioctl(f->fd, UFFDIO_API, &api) || ioctl(f->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

/* Waits until the program has met the fault. */
static int fault_wait(const struct fault *f)
{
	struct pollfd pfd = {.fd = f->fd, .events = POLLIN};
	struct uffd_msg msg;

	if (poll(&pfd, 1, 5000) != 1)
		return -ETIMEDOUT;
	return read(f->fd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -EIO;
}

static int fault_end(const struct fault *f)
{
	struct uffdio_zeropage zero = {.range = {(uintptr_t)f->page, f->size}};

	return ioctl(f->fd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

static void fault_close(const struct fault *f)
{
	if (f->page && f->page != MAP_FAILED)
		munmap(f->page, f->size); /* ends the fault, too */
	if (f->fd >= 0)
		close(f->fd);
}

static void *holder_main(void *arg)
{
	struct holder *h = arg;

	h->err = pin_to_cpu(h->cpu);
	if (!h->err)
		h->err = session_hold(h->s, h->addr, RECORDS_BEFORE);
	return NULL;
}

static int while_held(struct session *s, const struct fault *f, struct bench_result *ret)
{
	int64_t cpu, start;
	int err = fault_wait(f);

	if (err)
		return err;
	sleep_ns(SETTLE_NS);
	start = now_ns();
	cpu = session_consumer_cpu_ns(s);
	sleep_ns(HELD_NS);
	cpu = session_consumer_cpu_ns(s) - cpu;
	ret->cpu_pct = (double)cpu / (double)(now_ns() - start) * 100;
	return fault_end(f);
}

static int measure(const struct bench_row *row, const struct impl *impl,
		   const struct bench_opts *opts, struct bench_result *ret)
{
	struct fault f = {.fd = -1};
	struct session s;
	struct holder h = {.s = &s, .cpu = opts->producer_cpu};
	pthread_t thread;
	int err, held;

	err = session_open(&s, row, impl, opts);
	if (!err)
		err = fault_open(&f);
	if (!err)
		err = session_start_consumer(&s, opts->consumer_cpu);
	if (err)
		goto out;
	h.addr = f.page;
	err = -pthread_create(&thread, NULL, holder_main, &h);
	if (err)
		goto out;
	held = while_held(&s, &f, ret);
	if (held)
		fault_close(&f), f = (struct fault){.fd = -1};
	pthread_join(thread, NULL);
	err = held ? held : h.err;
	if (!err)
		err = session_finish(&s);
	if (!err && s.sink.lat_count != RECORDS_BEFORE + 1)
		err = -EIO;
	if (!err)
		ret->p50_ns = s.sink.lat[RECORDS_BEFORE];
	ret->lost = (double)session_dropped(&s);
out:
	if (err)
		fprintf(stderr, "bpfring-bench: %s, %s: %s\n", row->name, impl->name,
			strerror(-err));
	session_close(&s);
	fault_close(&f);
	return err;
}

const struct bench_row rows_busy[] = {
	{.name = "busy-head",
	 .family = "busy-head",
	 .about = "a record stays reserved for 1 s; consumer's CPU, and its delay after the commit",
	 .measure = measure,
	 .key = METRIC_CPU_PCT,
	 .kinds = KIND_LOOP,
	 .size = 16,
	 .stamp = true},
	{0},
};
