// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * src/task_storage/fallback_slots.c: who has which slot, generations, and no slot dealt again
 * before a grace period.
 */
#define _GNU_SOURCE
#include <bpfring/bpfring.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys_bpf.h"
#include "task_storage/fallback_slots.h"
#include "test_common.h"
#include "unit.h"

#define SLOTS 130U /* three chunks, the last of two */

static void assert_logged(const char *words)
{
	if (!strstr(log_text(), words))
		fail_msg("no '%s' in: %s", words, log_text());
	log_forget();
}

static unsigned int waits;
static bool no_grace_period;

/* Arrays are memfds; the kernel would say that they are none. */
static struct bpf_map_info infos[4];
static int fds[4]; /* owners, cells; and those of another map */

int __wrap_bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd);
int __wrap_bpfring_sys_wait_for_rcu(int outer_fd, int inner_fd)
{
	assert_int_equal(outer_fd, -1);
	assert_true(inner_fd == fds[0] || inner_fd == fds[2]);
	waits++;
	return no_grace_period ? -EINVAL : 0;
}

int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret);
int __wrap_bpfring_sys_map_info(int fd, struct bpf_map_info *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] == fd) {
			*ret = infos[i];
			return 0;
		}
	}
	return -EBADF;
}

/* A process that has the arrays, as far as the slots look at its handle. */
struct slots_rig {
	struct bpfring_task_storage ts;
	struct bpfring_task_member member;
	uint32_t guard;
};

static int attach(struct slots_rig *r, uint32_t packing)
{
	memset(r, 0, sizeof(*r));
	r->guard = 1;
	r->ts.guard = &r->guard;
	r->ts.opts.packing = packing;
	r->member = (struct bpfring_task_member){
		.name = "cell", .size = 24, .align = 8, .flags = BPFRING_TASK_MEMBER_SHARED};
	r->ts.layout.members = &r->member;
	r->ts.layout.count = r->ts.layout.uptr_count = 1;
	bpfring_task_parts_none(&r->ts.parts);
	r->ts.parts.owner_fd = fds[0];
	r->ts.parts.slot_fds[0] = fds[1];
	return bpfring_task_slots.init(&r->ts);
}

static int arrays(void **state)
{
	(void)state;
	log_catch();
	waits = 0;
	no_grace_period = false;
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = memfd_create("slots", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fds[i], 2 * PAGE), 0);
		infos[i] = (struct bpf_map_info){.type = BPF_MAP_TYPE_ARRAY,
						 .map_flags = BPF_F_MMAPABLE,
						 .value_size = i % 2 ? 24 : 8,
						 .max_entries = SLOTS};
	}
	return 0;
}

static int no_arrays(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	if (*log_text())
		print_error("unexpected log: %s", log_text());
	return *log_text() ? -1 : 0;
}

static int deal(struct slots_rig *r, struct task_cell *ret)
{
	return bpfring_task_slots.alloc(&r->ts, ret);
}

static struct bpfring_task_storage_stats stats(struct slots_rig *r)
{
	struct bpfring_task_storage_stats s = {0};

	bpfring_task_slots.stats(&r->ts, &s);
	return s;
}

/* What BPF compares: the generation in the reference with that beside the slot. */
static bool followed(const struct slots_rig *r, const struct task_cell *cell)
{
	return *slot_owner(r->ts.path_state, (uint32_t)cell->ref[0] - 1) == cell->ref[0] >> 32;
}

static void all_once_then_a_grace_period(void **state)
{
	struct task_cell cells[SLOTS], next;
	bool seen[SLOTS] = {false};
	struct slots_rig r;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	for (unsigned int i = 0; i < SLOTS; i++) {
		assert_int_equal(deal(&r, &cells[i]), 0);
		assert_int_equal((uint32_t)cells[i].ref[0], cells[i].number + 1);
		assert_true(cells[i].number < SLOTS && !seen[cells[i].number]);
		seen[cells[i].number] = true;
		assert_true(followed(&r, &cells[i]));
		memset(cells[i].mem[0], 0xff, 24);
	}
	assert_int_equal(deal(&r, &next), -ENOSPC);
	assert_logged(
		"all 130 slots of the fall-back are taken; prepare it with a larger max_threads");
	assert_int_equal(waits, 0);

	for (unsigned int i = 0; i < 10; i++) {
		bpfring_task_slots.retire(&r.ts, &cells[i]);
		assert_false(followed(&r, &cells[i])); /* at once */
	}
	assert_int_equal(stats(&r).retired, 10);
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(deal(&r, &next), 0);
		assert_int_equal(waits, 1); /* one for all of them */
		assert_int_equal(*(uint64_t *)next.mem[0], 0);
		assert_true(followed(&r, &next));
		for (unsigned int c = 0; c < 10; c++)
			assert_false(followed(&r, &cells[c]));
	}
	bpfring_task_slots.fini(&r.ts);
}

static void no_reuse_without_a_grace_period(void **state)
{
	struct task_cell cell;
	struct slots_rig r;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	no_grace_period = true;
	for (unsigned int i = 0; i < SLOTS; i++) {
		assert_int_equal(deal(&r, &cell), 0);
		bpfring_task_slots.retire(&r.ts, &cell);
	}
	assert_int_equal(deal(&r, &cell), -ENOSPC);
	assert_logged("cannot wait for a grace period of RCU: -EINVAL");
	no_grace_period = false;
	assert_int_equal(deal(&r, &cell), 0);
	bpfring_task_slots.fini(&r.ts);
}

/* Slots are claimed by 64; those of a process that is gone are taken over after a grace period. */
static void two_processes(void **state)
{
	struct task_cell first[64], second[SLOTS], stale;
	struct slots_rig a, b;
	unsigned int count = 0;

	(void)state;
	assert_int_equal(attach(&a, BPFRING_TASK_PACKING_DENSE), 0);
	assert_int_equal(attach(&b, BPFRING_TASK_PACKING_DENSE), 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(deal(&a, &first[i]), 0);
	while (count < SLOTS && !deal(&b, &second[count]))
		count++;
	assert_int_equal(count, SLOTS - 64);
	assert_logged("all 130 slots");
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int c = 0; c < 64; c++)
			assert_int_not_equal(second[i].number, first[c].number);

	stale = first[0];
	bpfring_task_slots.fini(&a.ts); /* as if it had been killed: its elements stay */
	assert_true(followed(&b, &stale));
	assert_int_equal(waits, 0);
	assert_int_equal(deal(&b, &second[0]), 0);
	assert_int_equal(waits, 1);
	assert_false(followed(&b, &stale));
	bpfring_task_slots.fini(&b.ts);
}

static void packing(void **state)
{
	struct task_cell one, two;
	struct slots_rig r;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_LINE), 0);
	assert_int_equal(deal(&r, &one), 0);
	assert_int_equal(deal(&r, &two), 0);
	assert_true(one.number + 3 <= two.number ||
		    two.number + 3 <= one.number); /* 3 * 24 >= 64 */
	assert_int_equal(stats(&r).cell_size, 72);
	bpfring_task_slots.fini(&r.ts);
}

static void generations_wrap(void **state)
{
	struct task_cell cell;
	struct slots_rig r;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	assert_int_equal(deal(&r, &cell), 0);
	((struct slots *)r.ts.path_state)->generation[cell.number] = UINT32_MAX;
	bpfring_task_slots.retire(&r.ts, &cell);
	assert_int_equal(*slot_owner(r.ts.path_state, cell.number), 1); /* 0: never used */
	bpfring_task_slots.fini(&r.ts);
}

/* Whoever holds the arrays can write anything there; what is ours is known by heart. */
static void owners_that_others_write(void **state)
{
	struct task_cell cells[SLOTS];
	struct slots_rig r;
	uint64_t ref;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	for (unsigned int i = 0; i < SLOTS; i++) {
		assert_int_equal(deal(&r, &cells[i]), 0);
		ref = cells[i].ref[0];
		*slot_owner(r.ts.path_state, cells[i].number) = i % 2 ? UINT64_MAX : 0;
		bpfring_slots_refer(&r.ts, r.ts.path_state, &cells[i], false);
		assert_true(cells[i].ref[0] == ref);
		bpfring_task_slots.retire(&r.ts, &cells[i]);
		assert_int_equal(*slot_owner(r.ts.path_state, cells[i].number),
				 (uint32_t)((ref >> 32) + 1));
	}
	bpfring_task_slots.fini(&r.ts);
}

static void arrays_of_another_shape(void **state)
{
	const struct bpf_map_info good = infos[1];
	struct bpf_map_info bad[] = {good, good, good, good};
	struct slots_rig r;

	(void)state;
	bad[0].type = BPF_MAP_TYPE_HASH;
	bad[1].map_flags = 0;
	bad[2].value_size = 32;
	bad[3].max_entries = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		infos[1] = bad[i];
		assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), -EINVAL);
		assert_logged("is not the mmapable array");
	}
	infos[1] = good;
	infos[0].max_entries = SLOTS - 1;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), -EINVAL);
	assert_logged("not enough for 130 slots");
	infos[0].max_entries = infos[1].max_entries = PAGE / 8; /* no room behind them for claims */
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), -EINVAL);
	assert_logged("not enough for 512 slots");
}

static void entries_of_owners(void **state)
{
	(void)state;
	assert_int_equal(bpfring_task_owner_entries(1), 1);
	assert_int_equal(bpfring_task_owner_entries(130), 130);
	assert_int_equal(bpfring_task_owner_entries(PAGE / 8), PAGE / 8 + PAGE / 8 / 64 * 5);
	assert_int_equal(bpfring_task_owner_entries(16384), 16384 + 256 * 5);
	assert_true(bpfring_task_owner_entries(UINT32_MAX) > UINT32_MAX);
}

/* attach() takes the others. */
static void swap_arrays(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		const int fd = fds[i];

		fds[i] = fds[i + 2];
		fds[i + 2] = fd;
	}
}

static int move(struct slots_rig *r)
{
	struct task_parts to = r->ts.parts;
	int err;

	to.owner_fd = fds[2];
	to.slot_fds[0] = fds[3];
	err = bpfring_task_slots.move(&r->ts, &to);
	if (!err)
		r->ts.parts = to;
	return err;
}

/* Threads that share, as far as a move looks at them. */
static void share(struct slots_rig *r, struct binding *bindings, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct binding *b = &bindings[i];

		memset(b, 0, sizeof(*b));
		b->tid = (pid_t)i;
		b->has_cell = true;
		assert_int_equal(deal(r, &b->cell), 0);
		memset(b->cell.mem[0], (int)i + 1, 24);
		b->next = r->ts.buckets[i % TASK_BUCKETS];
		r->ts.buckets[i % TASK_BUCKETS] = b;
	}
}

static unsigned int deal_all(struct slots_rig *r)
{
	struct task_cell cell;
	unsigned int count = 0;

	while (!deal(r, &cell)) {
		assert_int_equal(*(uint64_t *)cell.mem[0], 0);
		count++;
	}
	assert_logged("all 130 slots");
	return count;
}

/* Other arrays at the same addresses, with the same contents. All slots are there still. */
static void moved(void **state)
{
	enum { SHARED = 70, RETIRED = 7 };
	struct task_cell gone[RETIRED], before[SHARED];
	static struct binding bindings[SHARED];
	struct slots_rig r, other;
	const struct slots *old;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	share(&r, bindings, SHARED);
	for (unsigned int i = 0; i < RETIRED; i++)
		assert_int_equal(deal(&r, &gone[i]), 0);
	for (unsigned int i = 0; i < RETIRED; i++)
		bpfring_task_slots.retire(&r.ts, &gone[i]);
	for (unsigned int i = 0; i < SHARED; i++)
		before[i] = bindings[i].cell;
	assert_int_equal(move(&r), 0);
	for (unsigned int i = 0; i < SHARED; i++) {
		const struct task_cell *cell = &bindings[i].cell;

		assert_ptr_equal(cell->mem[0], before[i].mem[0]);
		for (unsigned int k = 0; k < 24; k++)
			assert_int_equal(((unsigned char *)cell->mem[0])[k], i + 1);
		assert_true(followed(&r, cell));
		assert_int_equal((uint32_t)cell->ref[0], cell->number + 1);
	}
	old = r.ts.path_state;
	for (unsigned int i = 0; i < RETIRED; i++) /* others may have looked there */
		assert_int_not_equal(*slot_owner(old, gone[i].number), 0);
	assert_int_equal(stats(&r).bytes, PAGE);
	assert_int_equal(waits, 0);
	assert_int_equal(deal_all(&r), SLOTS - SHARED);
	assert_true(waits > 0);

	/* Those of the map before are free, and nobody else gets ours. */
	for (unsigned int chunk = 0; chunk < 3; chunk++) {
		struct claim_page claim;

		assert_int_equal(pread(fds[0], &claim, sizeof(claim),
				       (off_t)(SLOTS * 8 + chunk * sizeof(claim))),
				 sizeof(claim));
		assert_true(claim.holder == 0);
	}
	assert_int_equal(attach(&other, BPFRING_TASK_PACKING_DENSE), 0);
	assert_int_equal(deal_all(&other), SLOTS);
	bpfring_task_slots.fini(&other.ts);
	swap_arrays();
	assert_int_equal(attach(&other, BPFRING_TASK_PACKING_DENSE), 0);
	assert_int_equal(deal_all(&other), 0);
	bpfring_task_slots.fini(&other.ts);
	bpfring_task_slots.fini(&r.ts);
}

/* Nothing has happened then. */
static void cannot_move(void **state)
{
	static struct binding bindings[5];
	struct slots_rig r, other;

	(void)state;
	assert_int_equal(attach(&r, BPFRING_TASK_PACKING_DENSE), 0);
	share(&r, bindings, 5);
	infos[3].value_size = 32;
	assert_int_equal(move(&r), -EINVAL);
	assert_logged("is not the mmapable array");
	infos[3].value_size = 24;
	infos[2].max_entries = infos[3].max_entries = SLOTS - 2;
	assert_int_equal(move(&r), -EINVAL);
	assert_logged("cannot take the same slots in the new map: -EINVAL");
	infos[2].max_entries = infos[3].max_entries = SLOTS;

	/* Another process has them there. */
	swap_arrays();
	assert_int_equal(attach(&other, BPFRING_TASK_PACKING_DENSE), 0);
	assert_int_equal(deal_all(&other), SLOTS);
	swap_arrays();
	assert_int_equal(move(&r), -EBUSY);
	assert_logged("cannot take the same slots in the new map: -EBUSY");
	bpfring_task_slots.fini(&other.ts);

	for (unsigned int i = 0; i < 5; i++) {
		assert_true(followed(&r, &bindings[i].cell));
		assert_int_equal(*(unsigned char *)bindings[i].cell.mem[0], i + 1);
	}
	assert_int_equal(move(&r), 0);
	assert_int_equal(deal_all(&r), SLOTS - 5);
	bpfring_task_slots.fini(&r.ts);
}

#define slots_test(fn) cmocka_unit_test_setup_teardown(fn, arrays, no_arrays)

int main(void)
{
	const struct CMUnitTest tests[] = {
		slots_test(all_once_then_a_grace_period),
		slots_test(no_reuse_without_a_grace_period),
		slots_test(two_processes),
		slots_test(packing),
		slots_test(generations_wrap),
		slots_test(owners_that_others_write),
		slots_test(arrays_of_another_shape),
		slots_test(entries_of_owners),
		slots_test(moved),
		slots_test(cannot_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
