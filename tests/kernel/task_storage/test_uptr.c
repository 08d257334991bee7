// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What only memory pinned by the kernel has: its pages, programs that sleep. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

#define PAGE 4096UL

/* Pins that are held in the whole system. The kernel counts them by processor and adds up later. */
#define VMSTAT_ERROR 250
static long pins(void)
{
	long acquired = 0, released = 0, value;
	FILE *f = fopen("/proc/vmstat", "r");
	char name[64];

	assert_non_null(f);
	while (fscanf(f, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			acquired = value;
		if (!strcmp(name, "nr_foll_pin_released"))
			released = value;
	}
	fclose(f);
	return acquired - released;
}

static void *map_page(int prot, int flags, int fd)
{
	void *page = mmap(NULL, PAGE, prot, flags, fd, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	return page;
}

/* A userfaultfd on one page: who reads it sleeps until the page is filled. */
static int slow_page(void *page)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.range = {.start = (uintptr_t)page, .len = PAGE},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, UFFDIO_API, &api), 0);
	assert_int_equal(ioctl(fd, UFFDIO_REGISTER, &reg), 0);
	return fd;
}

static void fill_slow_page(int fd, void *page)
{
	struct uffdio_zeropage zero = {.range = {.start = (uintptr_t)page, .len = PAGE}};

	assert_int_equal(ioctl(fd, UFFDIO_ZEROPAGE, &zero), 0);
}

struct sleeper {
	struct fixture *f;
	void *page;
	pid_t tid;
	int err;
};

static void *sleep_in_bpf(void *arg)
{
	struct sleeper *s = arg;
	struct {
		uint64_t fault, tag;
	} ctx = {(uintptr_t)s->page, 0xdead};
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx)};

	bind_cell(s->f);
	s->tid = gettid();
	s->err = bpf_prog_test_run_opts(bpf_program__fd(s->f->skel->progs.sleep_and_write), &opts);
	s->err = s->err ? s->err : (int)opts.retval;
	return NULL;
}

struct holder {
	struct fixture *f;
	struct task_cell_test *cell;
	pthread_barrier_t *barrier;
};

static void *hold_cell(void *arg)
{
	struct holder *h = arg;

	h->cell = bind_cell(h->f);
	pthread_barrier_wait(h->barrier);
	pthread_barrier_wait(h->barrier);
	return NULL;
}

/*
 * A BPF program that has a cell's address sleeps; the cell is taken back, and hundreds of threads
 * are bound. When the program wakes up and writes, it must hit none of them.
 */
static void sleeping_program_hits_nobody(void **state)
{
	enum { COUNT = 200 };
	struct fixture *f = *state;
	struct sleeper s = {
		.f = f, .page = map_page(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)};
	int fd = slow_page(s.page);
	struct holder h[COUNT];
	pthread_barrier_t all;
	pthread_t thread, threads[COUNT];
	struct uffd_msg msg;

	pthread_create(&thread, NULL, sleep_in_bpf, &s);
	assert_int_equal(read(fd, &msg, sizeof(msg)), sizeof(msg)); /* asleep in BPF */
	assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, s.tid), 0);
	pthread_barrier_init(&all, NULL, COUNT + 1);
	for (int i = 0; i < COUNT; i++) {
		h[i] = (struct holder){.f = f, .barrier = &all};
		pthread_create(&threads[i], NULL, hold_cell, &h[i]);
	}
	pthread_barrier_wait(&all);
	fill_slow_page(fd, s.page);
	pthread_join(thread, NULL);
	assert_int_equal(s.err, 0); /* it did write */
	for (int i = 0; i < COUNT; i++) {
		assert_int_not_equal(h[i].cell->sum, 0xdead);
		assert_int_not_equal(h[i].cell->a, 0xdead);
	}
	pthread_barrier_wait(&all);
	for (int i = 0; i < COUNT; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all);
	close(fd);
	munmap(s.page, PAGE);
}

static uint64_t dump_flags(const void *mem, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false, found = false;
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (uintptr_t)mem >= start && (uintptr_t)mem < end;
		if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	fclose(f);
	return found;
}

/* Other placements; memory that stays out of dumps and of children. */
static void packing_and_flags(void **state)
{
	static const struct {
		uint32_t packing;
		uint64_t size;
	} kinds[] = {{BPFRING_TASK_PACKING_DENSE, 48 + 8},
		     {BPFRING_TASK_PACKING_LINE, 64},
		     {BPFRING_TASK_PACKING_PAGE, PAGE}};
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		BPFRING_OPTS(bpfring_task_storage_opts, opts, .packing = kinds[i].packing,
			     .flags = BPFRING_TASK_NODUMP | BPFRING_TASK_NOFORK);
		struct bpfring_task_storage_stats s = {.sz = sizeof(s)};
		struct task_cell_test *cell;
		pid_t pid;

		bpfring_task_storage_close(f->ts);
		assert_int_equal(
			bpfring_task_storage_open(&f->ts, bpf_map__fd(f->skel->maps.store), &opts),
			0);
		cell = bind_cell(f);
		assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
		assert_true(s.cell_size >= kinds[i].size && s.cell_size % 8 == 0);
		if (kinds[i].packing == BPFRING_TASK_PACKING_LINE)
			assert_int_equal((uintptr_t)cell % 64, 0);
		if (kinds[i].packing == BPFRING_TASK_PACKING_PAGE)
			assert_int_equal((uintptr_t)cell % PAGE, 0);
		assert_true(dump_flags(cell, " dd"));
		assert_true(dump_flags(cell, " wf"));
		cell->a = 5;
		pid = fork();
		if (!pid) {
			CHILD_CHECK(cell->a == 0); /* wiped */
			CHILD_CHECK(!bpfring_task_storage_bind(f->ts, f->cell, (void **)&cell));
			_exit(0);
		}
		join_child(pid);
	}
}

static pthread_barrier_t barrier;

static void *bind_and_stay(void *arg)
{
	bind_cell(arg);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* 10,000 threads: no more memory than their cells, and none when they have ended. */
static void ten_thousand_threads(void **state)
{
	static pthread_t threads[10000];
	const int count = (int)ARRAY_SIZE(threads) / slowness();
	struct fixture *f = *state;
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};
	long before, now;
	uint64_t ideal;
	pthread_attr_t attr;

	pthread_barrier_init(&barrier, NULL, (unsigned int)count + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32 * 1024);
	sleep(1); /* what earlier tests pinned is let go */
	before = pins();
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], &attr, bind_and_stay, f), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
	ideal = (s.cell_size * (uint64_t)count + PAGE - 1) / PAGE * PAGE;
	now = pins();
	printf("%d threads: cells of %llu bytes, %llu KiB pinned, %llu KiB would be the least; "
	       "the kernel counts %ld pins (two members)\n",
	       count, (unsigned long long)s.cell_size, (unsigned long long)s.bytes / 1024,
	       (unsigned long long)ideal / 1024, now - before);
	assert_int_equal(s.bound, count);
	assert_true(s.bytes <= ideal + ideal / 10);
	assert_in_range(now - before, 2 * count - VMSTAT_ERROR, 2 * count + VMSTAT_ERROR);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
	for (int i = 0; i < 100 && pins() > before + VMSTAT_ERROR; i++)
		usleep(100000); /* RCU tasks trace */
	printf("after their end: %llu KiB pinned, %ld pins\n", (unsigned long long)s.bytes / 1024,
	       pins() - before);
	assert_int_equal(s.bytes, 0);
	assert_int_equal(s.bound, 0);
	assert_true(pins() <= before + VMSTAT_ERROR);
	pthread_attr_destroy(&attr);
	pthread_barrier_destroy(&barrier);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(sleeping_program_hits_nobody),
		TEST(packing_and_flags),
		TEST(ten_thousand_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	(void)argc;
	return fixture_main(1, argv, run);
}
