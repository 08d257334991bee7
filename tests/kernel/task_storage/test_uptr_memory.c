// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The caller's own memory: what the kernel pins, and what it refuses. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

#define PAGE 4096UL

static void *map_page(int prot, int flags, int fd)
{
	void *page = mmap(NULL, PAGE, prot, flags, fd, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	return page;
}

static int share(struct fixture *f, void *mem)
{
	return bpfring_task_storage_lend(f->ts, f->cell, mem);
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

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(memory_that_can_be_shared),
		TEST(memory_that_cannot),
		TEST(a_shared_mapping_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	(void)argc;
	return fixture_main(1, argv, run);
}
