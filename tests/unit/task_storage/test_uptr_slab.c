// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * src/task_storage/uptr_slab.c: where cells lie, and that none is dealt twice without a fresh page
 * between.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rig.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

static bool madvise_fails;

int __real_bpfring_sys_madvise(void *addr, size_t size, int advice);
int __wrap_bpfring_sys_madvise(void *addr, size_t size, int advice);
int __wrap_bpfring_sys_madvise(void *addr, size_t size, int advice)
{
	return madvise_fails ? -EINVAL : __real_bpfring_sys_madvise(addr, size, advice);
}

/* A handle as far as the slab looks at it. */
struct slab_rig {
	struct bpfring_task_storage ts;
	struct bpfring_task_member members[TASK_MAX_UPTRS];
};

static void start(struct slab_rig *r, uint32_t packing, const uint32_t *sizes, unsigned int count)
{
	memset(r, 0, sizeof(*r));
	r->ts.opts.packing = packing;
	r->ts.layout.members = r->members;
	r->ts.layout.count = r->ts.layout.uptr_count = count;
	for (unsigned int i = 0; i < count; i++) {
		r->members[i] = (struct bpfring_task_member){
			.size = sizes[i], .align = 8, .flags = BPFRING_TASK_MEMBER_SHARED};
		r->ts.layout.uptrs[i] = i;
	}
	madvise_fails = false;
	assert_int_equal(bpfring_task_slab.init(&r->ts), 0);
}

static void stop(struct slab_rig *r)
{
	bpfring_task_slab.fini(&r->ts);
}

static struct task_cell deal(struct slab_rig *r)
{
	struct task_cell cell = {0};

	assert_int_equal(bpfring_task_slab.alloc(&r->ts, &cell), 0);
	return cell;
}

static struct bpfring_task_storage_stats stats(struct slab_rig *r)
{
	struct bpfring_task_storage_stats s = {0};

	bpfring_task_slab.stats(&r->ts, &s);
	return s;
}

/* Inside one page, aligned, zero; beside all others. */
static void well_placed(const struct slab_rig *r, const struct task_cell *cell)
{
	for (unsigned int i = 0; i < r->ts.layout.uptr_count; i++) {
		uintptr_t at = (uintptr_t)cell->mem[i];
		uint32_t size = r->members[i].size;

		assert_int_equal(at % r->members[i].align, 0);
		assert_int_equal(at / PAGE, (at + size - 1) / PAGE);
		assert_int_equal(cell->ref[i], at);
		for (uint32_t b = 0; b < size; b++)
			assert_int_equal(((unsigned char *)at)[b], 0);
		memset(cell->mem[i], 0xff, size);
	}
}

static void placement(void **state)
{
	static const struct {
		uint32_t packing, sizes[3];
		unsigned int count;
		uint64_t cell_size;
	} kinds[] = {
		{BPFRING_TASK_PACKING_DENSE, {48, 8}, 2, 56},
		{BPFRING_TASK_PACKING_DENSE, {1}, 1, 8},
		{BPFRING_TASK_PACKING_DENSE, {9, 9}, 2, 32},
		{BPFRING_TASK_PACKING_LINE, {8}, 1, 64},
		{BPFRING_TASK_PACKING_LINE, {65}, 1, 128},
		{BPFRING_TASK_PACKING_PAGE, {8}, 1, PAGE},
		{BPFRING_TASK_PACKING_DENSE, {PAGE}, 1, PAGE},
		{BPFRING_TASK_PACKING_DENSE, {2056}, 1, 2056},
		{BPFRING_TASK_PACKING_DENSE, {8, PAGE, 8}, 3, 3 * PAGE},
		{BPFRING_TASK_PACKING_DENSE, {3000, 3000}, 2, 2 * PAGE},
	};

	(void)state;
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct slab_rig r;

		start(&r, kinds[k].packing, kinds[k].sizes, kinds[k].count);
		for (int i = 0; i < 200; i++) {
			struct task_cell cell = deal(&r);

			well_placed(&r, &cell); /* not zero, if it overlapped one before */
			if (kinds[k].packing == BPFRING_TASK_PACKING_LINE)
				assert_int_equal((uintptr_t)cell.mem[0] % 64, 0);
		}
		assert_int_equal(stats(&r).cell_size, kinds[k].cell_size);
		stop(&r);
	}
}

/* The least that 10,000 cells can take, in whole pages. */
static void as_many_as_fit(void **state)
{
	static const uint32_t sizes[] = {48, 8};
	struct slab_rig r;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 2);
	for (int i = 0; i < 10000; i++)
		deal(&r);
	assert_int_equal(stats(&r).bytes, (10000 + 72) / 73 * PAGE); /* 73 in a page */
	stop(&r);
}

/*
 * A cell that was given back stays as it is until its whole page is given back, and is then fresh.
 */
static void never_twice(void **state)
{
	static const uint32_t sizes[] = {1024};
	struct task_cell cells[4], next;
	struct slab_rig r;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 1);
	for (int i = 0; i < 4; i++)
		cells[i] = deal(&r);
	memset(cells[0].mem[0], 0x77, 1024);
	for (int i = 0; i < 3; i++)
		bpfring_task_slab.retire(&r.ts, &cells[i]);
	assert_int_equal(stats(&r).retired, 3);
	for (int i = 0; i < 8; i++) {
		next = deal(&r);
		for (int c = 0; c < 4; c++)
			assert_ptr_not_equal(next.mem[0], cells[c].mem[0]);
	}
	assert_int_equal(((unsigned char *)cells[0].mem[0])[5], 0x77);
	bpfring_task_slab.retire(&r.ts, &cells[3]);
	assert_int_equal(stats(&r).retired, 0);
	assert_int_equal(((unsigned char *)cells[0].mem[0])[5], 0); /* another page */
	assert_int_equal(stats(&r).bytes, 2 * PAGE);
	next = deal(&r);
	assert_ptr_equal(next.mem[0], cells[0].mem[0]);
	stop(&r);
}

/* The page that is dealt from begins anew too. */
static void one_thread_at_a_time(void **state)
{
	static const uint32_t sizes[] = {64};
	struct slab_rig r;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 1);
	for (int i = 0; i < 1000; i++) {
		struct task_cell cell = deal(&r);

		well_placed(&r, &cell);
		assert_int_equal(stats(&r).bytes, PAGE);
		bpfring_task_slab.retire(&r.ts, &cell);
		assert_int_equal(stats(&r).bytes, 0);
	}
	stop(&r);
}

/* Pages that cannot be replaced are given up. */
static void lost_pages(void **state)
{
	static const uint32_t sizes[] = {2048};
	struct task_cell a, b;
	struct slab_rig r;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 1);
	a = deal(&r);
	madvise_fails = true;
	bpfring_task_slab.retire(&r.ts, &a);
	assert_logged("cannot replace the pages", "EINVAL");
	assert_int_equal(stats(&r).lost, 1);
	assert_int_equal(stats(&r).retired, 0);
	madvise_fails = false;
	for (int i = 0; i < 300; i++) {
		b = deal(&r);
		assert_true((uintptr_t)b.mem[0] / PAGE != (uintptr_t)a.mem[0] / PAGE);
	}
	stop(&r);
}

/* In a forked child one cell is kept, the others are fresh. */
static void in_a_child(void **state)
{
	static const uint32_t sizes[] = {1024};
	struct task_cell cells[6], next;
	struct slab_rig r;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 1);
	for (int i = 0; i < 6; i++) {
		cells[i] = deal(&r);
		memset(cells[i].mem[0], 0x11 * (i + 1), 1024);
	}
	assert_int_equal(bpfring_task_slab.restart(&r.ts, &cells[1]), 1);
	assert_int_equal(((unsigned char *)cells[1].mem[0])[0], 0x22);
	assert_int_equal(((unsigned char *)cells[5].mem[0])[0], 0);
	assert_int_equal(stats(&r).bytes, PAGE);
	for (int i = 0; i < 20; i++) {
		next = deal(&r);
		well_placed(&r, &next);
		assert_true((uintptr_t)next.mem[0] / PAGE != (uintptr_t)cells[1].mem[0] / PAGE);
	}
	bpfring_task_slab.retire(&r.ts, &cells[1]);
	assert_int_equal(stats(&r).retired, 0);
	stop(&r);
}

/* Each has pages of its own, the same for all threads; what failed is made up for the next time. */
static void members_of_the_process(void **state)
{
	static const uint32_t sizes[] = {8, 100, 24, 2 * PAGE};
	unsigned long before = sim_sys_live_mappings();
	struct task_cell a, b;
	struct slab_rig r;
	void *first;

	(void)state;
	start(&r, BPFRING_TASK_PACKING_DENSE, sizes, 4);
	r.members[1].flags |= BPFRING_TASK_MEMBER_PROCESS;
	r.members[3].flags |= BPFRING_TASK_MEMBER_PROCESS;
	bpfring_task_slab.fini(&r.ts);
	assert_int_equal(bpfring_task_slab.init(&r.ts), 0);
	sim_sys_fail(1, "mmap");
	assert_true(bpfring_task_slab.alloc_process(&r.ts, &r.ts.process) < 0);
	sim_sys_fail(-1, NULL);
	first = r.ts.process.mem[1];
	assert_non_null(first);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bpfring_task_slab.alloc_process(&r.ts, &r.ts.process), 0);
		assert_ptr_equal(r.ts.process.mem[1], first);
		assert_null(r.ts.process.mem[0]);
		assert_null(r.ts.process.mem[2]);
		assert_int_equal(stats(&r).bytes, 3 * PAGE);
	}
	memset(r.ts.process.mem[3], 1, 2 * PAGE);
	a = deal(&r);
	b = deal(&r);
	for (int i = 0; i < 4; i++) {
		assert_true((a.mem[i] == b.mem[i]) == (i % 2));
		assert_int_equal(a.ref[i], (uintptr_t)a.mem[i]);
		if (i % 2)
			assert_ptr_equal(a.mem[i], r.ts.process.mem[i]);
	}
	assert_int_equal(stats(&r).cell_size, 32);
	assert_int_equal(stats(&r).bytes, 4 * PAGE);
	stop(&r);
	assert_int_equal(sim_sys_live_mappings(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(placement),
		rig_test(as_many_as_fit),
		rig_test(never_twice),
		rig_test(one_thread_at_a_time),
		rig_test(lost_pages),
		rig_test(in_a_child),
		rig_test(members_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
