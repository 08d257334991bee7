// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What only memory pinned by the kernel has: its errors, its pages, programs that sleep. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
 * A BPF program that has a cell's address sleeps; the cell is taken back, and hundreds of threads are
 * bound. When the program wakes up and writes, it must hit none of them.
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

static int share(struct fixture *f, void *mem)
{
	return bpfring_task_storage_share(f->ts, f->cell, mem);
}

static void works_with(struct fixture *f, void *mem)
{
	struct task_cell_test *cell = mem;

	assert_int_equal(share(f, mem), 0);
	assert_ptr_equal(bind_cell(f), mem);
	cell->a = 20;
	cell->b = 3;
	fixture_look();
	assert_int_equal(cell->sum, 23);
}

static char in_bss[2 * PAGE] __attribute__((aligned(4096)));

static void memory_that_can_be_shared(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test on_stack __attribute__((aligned(128))) = {0};
	int memfd = memfd_create("test", 0);
	char path[] = "/tmp/bpfring_test_XXXXXX";
	int file = mkstemp(path);
	struct task_cell_test *own = bind_cell(f);
	void *heap = aligned_alloc(PAGE, PAGE);
	void *anon = map_page(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	void *mem, *private;

	assert_int_equal(ftruncate(memfd, PAGE), 0);
	assert_int_equal(ftruncate(file, PAGE), 0);
	memset(heap, 0, PAGE);
	works_with(f, &on_stack);
	works_with(f, in_bss);
	works_with(f, in_bss + PAGE - sizeof(struct task_cell_test)); /* up to the very end */
	works_with(f, heap);
	works_with(f, anon);
	mem = map_page(PROT_READ | PROT_WRITE, MAP_SHARED, memfd);
	works_with(f, mem);
	private = map_page(PROT_READ | PROT_WRITE, MAP_PRIVATE, file);
	works_with(f, private);
	assert_int_equal(share(f, NULL), 0); /* back to the cell */
	assert_ptr_equal(bind_cell(f), own);
	own->a = 1;
	own->b = 1;
	fixture_look();
	assert_int_equal(own->sum, 2);
	munmap(mem, PAGE);
	munmap(private, PAGE);
	munmap(anon, PAGE);
	free(heap);
	close(memfd);
	close(file);
	unlink(path);
}

static void refused(struct fixture *f, void *mem, int err, const char *cause)
{
	struct task_cell_test *cell = bind_cell(f);

	log_forget();
	assert_int_equal(share(f, mem), err);
	if (!strstr(log_text(), cause))
		fail_msg("the log says: %s", log_text());
	assert_ptr_equal(bind_cell(f), cell); /* what was shared is shared still */
	cell->a++;
	fixture_look();
	assert_int_equal(cell->sum, cell->a);
}

static void memory_that_cannot(void **state)
{
	struct fixture *f = *state;
	void *page = map_page(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int secret = (int)syscall(447, 0); /* memfd_secret */

	catch_logs();
	refused(f, in_bss + 4, -EINVAL, "not aligned to 8");
	refused(f, in_bss + PAGE - 8, -EOPNOTSUPP, "cross the end of a page");
	refused(f, page, -EFAULT, "read-only");
	mprotect(page, PAGE, PROT_NONE);
	refused(f, page, -EFAULT, "may not be accessed");
	munmap(page, PAGE);
	refused(f, page, -EFAULT, "nothing is mapped");
#if UINTPTR_MAX > UINT32_MAX
	refused(f, (void *)0xffff888000000000, -EFAULT, "nothing is mapped");
#endif
	refused(f, (void *)(UINTPTR_MAX - 4095), -EFAULT, "nothing is mapped");
	if (secret >= 0) {
		assert_int_equal(ftruncate(secret, PAGE), 0);
		page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, secret, 0);
		if (page != MAP_FAILED) {
			refused(f, page, -EFAULT, "secret");
			munmap(page, PAGE);
		}
		close(secret);
	}
}

/* A file in memory can be shared, one whose pages are to be written back cannot. */
static void a_shared_mapping_of_a_file(void **state)
{
	struct fixture *f = *state;
	char path[] = "/bpfring_test_XXXXXX";
	int file = mkstemp(path);
	struct statfs fs;
	void *page;

	assert_true(file >= 0);
	unlink(path);
	assert_int_equal(fstatfs(file, &fs), 0);
	if ((unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC) {
		close(file);
		skip_because("the root file system is in memory");
	}
	assert_int_equal(ftruncate(file, PAGE), 0);
	page = map_page(PROT_READ | PROT_WRITE, MAP_SHARED, file);
	catch_logs();
	refused(f, page, -EFAULT, "shared mapping of a file");
	munmap(page, PAGE);
	close(file);
}

static int update_with(const struct fixture *f, int key, uint64_t address, uint64_t flags)
{
	struct {
		uint64_t before, cell;
		uint32_t weight, pad;
		uint64_t small;
	} value = {.cell = address};

	return bpf_map_update_elem(bpf_map__fd(f->skel->maps.store), &key, &value, flags);
}

static int update(const struct fixture *f, int key, const void *mem, uint64_t flags)
{
	return update_with(f, key, (uintptr_t)mem, flags);
}

/* What the kernel itself answers, which the library stands on. */
static void errors_of_the_kernel(void **state)
{
	struct fixture *f = *state;
	int fd = bpf_map__fd(f->skel->maps.store), key = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int bad = -1, zero = open("/dev/zero", O_RDONLY);
	uint64_t value[4] = {1, 1, 1, 1};

	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), -ENOENT);
	assert_int_equal(bpf_map_delete_elem(fd, &key), -ENOENT);
	assert_int_equal(update(f, key, in_bss, BPF_EXIST), -ENOENT);
	assert_int_equal(update(f, key, in_bss + PAGE - 8, BPF_ANY), -EOPNOTSUPP);
	assert_int_equal(update_with(f, key, UINT64_MAX, BPF_ANY), -EFAULT);
	assert_int_equal(update(f, key, in_bss, BPF_F_LOCK), -EINVAL);
	assert_int_equal(update(f, key, in_bss, 8), -EINVAL);
	assert_int_equal(update(f, bad, in_bss, BPF_ANY), -EBADF);
	assert_int_equal(update(f, zero, in_bss, BPF_ANY), -EBADF);
	assert_int_equal(update(f, key, in_bss, BPF_NOEXIST), 0);
	assert_int_equal(update(f, key, in_bss, BPF_NOEXIST), -EEXIST);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	assert_int_equal(value[1], 0); /* pointers are not shown */
	assert_int_equal(bpf_map_get_next_key(fd, &key, &bad), -524);
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	close(zero);
	close(key);
}

/* A map whose value is one __uptr to a struct of so many bytes. */
static int create(enum bpf_map_type type, uint32_t size, uint32_t flags)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = flags};
	struct btf *btf = btf__new_empty();
	int byte = btf__add_int(btf, "char", 1, 0),
	    index = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int bytes = btf__add_array(btf, index, byte, size);
	int shared = btf__add_struct(btf, "shared", size), pointer, fd, btf_fd;
	uint32_t raw_size;
	const void *raw;

	btf__add_field(btf, "bytes", bytes, 0, 0);
	pointer = btf__add_ptr(btf, btf__add_type_tag(btf, "uptr", shared));
	opts.btf_key_type_id = (uint32_t)index;
	opts.btf_value_type_id = (uint32_t)btf__add_struct(btf, "value", 8);
	btf__add_field(btf, "p", pointer, 0, 0);
	raw = btf__raw_data(btf, &raw_size);
	btf_fd = bpf_btf_load(raw, raw_size, NULL);
	assert_true(btf_fd >= 0);
	opts.btf_fd = (uint32_t)btf_fd;
	fd = bpf_map_create(type, "test", 4, 8, type == BPF_MAP_TYPE_TASK_STORAGE ? 0 : 1, &opts);
	close(btf_fd);
	btf__free(btf);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void errors_of_map_creation(void **state)
{
	(void)state;
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 1, BPF_F_NO_PREALLOC), 0);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, PAGE, BPF_F_NO_PREALLOC), 0);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, PAGE + 1, BPF_F_NO_PREALLOC), -E2BIG);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 0, BPF_F_NO_PREALLOC), -EINVAL);
	assert_int_equal(create(BPF_MAP_TYPE_TASK_STORAGE, 8, 0), -EINVAL);
	assert_int_equal(
		create(BPF_MAP_TYPE_TASK_STORAGE, 8, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG),
		-EINVAL);
	assert_int_equal(create(BPF_MAP_TYPE_ARRAY, 8, 0), -EOPNOTSUPP);
	assert_int_equal(create(BPF_MAP_TYPE_HASH, 8, 0), -EOPNOTSUPP);
}

/* A zombie still has its element; a reaped task has none, and none can be made. */
static void errors_of_dead_tasks(void **state)
{
	struct fixture *f = *state;
	int fd = bpf_map__fd(f->skel->maps.store), key;
	uint64_t value[4];
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	key = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(update(f, key, in_bss, BPF_ANY), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	join_child(pid);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), -ENOENT);
	assert_int_equal(update(f, key, in_bss, BPF_ANY), -ENOENT);
	assert_int_equal(bpf_map_delete_elem(fd, &key), -ENOENT);
	close(key);
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
	} kinds[] = {
		{BPFRING_TASK_DENSE, 48 + 8}, {BPFRING_TASK_LINE, 64}, {BPFRING_TASK_PAGE, PAGE}};
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		BPFRING_OPTS(bpfring_task_storage_opts, opts, .packing = kinds[i].packing,
			     .flags = BPFRING_TASK_NODUMP | BPFRING_TASK_NOFORK);
		struct bpfring_task_storage_stats s = {.sz = sizeof(s)};
		struct task_cell_test *cell;
		pid_t pid;

		bpfring_task_storage_close(f->ts);
		assert_int_equal(bpfring_task_storage_open_map(&f->ts, f->skel->maps.store, &opts),
				 0);
		cell = bind_cell(f);
		assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
		assert_true(s.cell_size >= kinds[i].size && s.cell_size % 8 == 0);
		if (kinds[i].packing == BPFRING_TASK_LINE)
			assert_int_equal((uintptr_t)cell % 64, 0);
		if (kinds[i].packing == BPFRING_TASK_PAGE)
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
		TEST(sleeping_program_hits_nobody), TEST(memory_that_can_be_shared),
		TEST(memory_that_cannot),	    TEST(a_shared_mapping_of_a_file),
		TEST(errors_of_the_kernel),	    TEST(errors_of_map_creation),
		TEST(errors_of_dead_tasks),	    TEST(packing_and_flags),
		TEST(ten_thousand_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	(void)argc;
	return fixture_main(1, argv, run);
}
