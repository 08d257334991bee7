// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The simulated ring does what kernel/bpf/ringbuf.c does. Expectations are written out by hand. */
#include "sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE	      4096U
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	unsigned int word_size;
	uint64_t start;
} starts[] = {
	{8, 0},
	{8, 4096 - 16},
	{8, (1ULL << 32) - 64},
	{8, (1ULL << 32)},
	{8, (uint64_t)-64},
	{8, (uint64_t)-4096},
	{4, 0},
	{4, (1ULL << 32) - 64},
	{4, (1ULL << 32) - 4096},
};

static struct sim_ring *ring_new(size_t size, unsigned int word_size, uint64_t start)
{
	struct sim_ring *r = NULL;

	assert_int_equal(sim_ring_new(&r, size, word_size, start), 0);
	return r;
}

static void memory_is_mapped_twice(void **state)
{
	struct sim_ring *r = ring_new(2 * PAGE, 8, 0);

	(void)state;
	for (size_t i = 0; i < r->size; i++)
		r->data[i] = (uint8_t)(i * 7);
	assert_memory_equal(r->data, r->data + r->size, r->size);
	sim_ring_free(r);
}

static void largest_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct sim_ring *r = ring_new(PAGE, starts[i].word_size, starts[i].start);
		void *record;

		assert_null(sim_reserve(r, PAGE - 8));
		assert_null(sim_reserve(r, PAGE - 15));
		assert_null(sim_reserve(r, UINT32_MAX));
		assert_null(sim_reserve(r, UINT64_MAX));
		record = sim_reserve(r, PAGE - 16);
		assert_non_null(record);
		assert_null(sim_reserve(r, 0));
		sim_submit(r, record, 0);
		sim_ring_free(r);
	}
}

static void positions_and_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct sim_ring *r = ring_new(PAGE, starts[i].word_size, starts[i].start);
		const uint64_t mask = starts[i].word_size == 8 ? UINT64_MAX : UINT32_MAX;
		uint64_t pos = sim_ring_prod(r);
		uint8_t *one, *two;

		assert_int_equal(pos, starts[i].start & mask);
		one = sim_reserve(r, 1);
		assert_int_equal(sim_ring_prod(r), (pos + 16) & mask);
		assert_int_equal(*sim_ring_header(r, pos), 0x80000001);
		two = sim_reserve(r, 9);
		assert_int_equal(sim_ring_prod(r), (pos + 40) & mask);
		/* the way round the end leads into the second mapping */
		assert_ptr_equal(two - 8, r->data + ((pos + 16) & (PAGE - 1)));
		sim_discard(r, two, 0);
		assert_int_equal(*sim_ring_header(r, pos + 16), 0x40000009);
		sim_submit(r, one, 0);
		assert_int_equal(*sim_ring_header(r, pos), 1);
		sim_ring_free(r);
	}
}

static void a_busy_record_holds_up_the_space_behind_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct sim_ring *r = ring_new(PAGE, starts[i].word_size, starts[i].start);
		void *busy = sim_reserve(r, 1000);

		assert_int_equal(sim_output(r, "x", 1, 0), 0);
		/* A consumer that skips the busy record gives no space: it could be overwritten. */
		sim_ring_set_cons(r, sim_ring_prod(r));
		assert_null(sim_reserve(r, PAGE - 1024 - 8 + 1));
		sim_submit(r, busy, 0);
		busy = sim_reserve(r, PAGE - 1024 - 8 + 1);
		assert_non_null(busy);
		sim_submit(r, busy, 0);
		sim_ring_free(r);
	}
}

static void a_wrong_consumer_position_only_stops_reservations(void **state)
{
	struct sim_ring *r = ring_new(PAGE, 8, 0);

	(void)state;
	/* up to the new producer position it is believed, further it is not */
	sim_ring_set_cons(r, 16);
	assert_int_equal(sim_output(r, "12345678", 8, 0), 0);
	sim_ring_set_cons(r, 40);
	assert_int_equal(sim_output(r, "12345678", 8, 0), -EAGAIN);
	sim_ring_free(r);
}

/* Which commits notify: by where the consumer stands, by flags, by submit or discard. */
static void notifications(void **state)
{
	static const struct {
		int64_t cons; /* from the record's position */
		unsigned int flags;
		int notified;
	} cases[] = {
		{0, 0, 1},
		{0, SIM_NO_WAKEUP, 0},
		{0, SIM_FORCE_WAKEUP, 1},
		{0, SIM_NO_WAKEUP | SIM_FORCE_WAKEUP, 1},
		{-8, 0, 0},
		{-1, 0, 0},
		{8, 0, 0},
		{-8, SIM_FORCE_WAKEUP, 1},
		{-4096, 0, 1}, /* positions are compared within the ring only */
		{4096, 0, 1},
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
			struct sim_ring *r = ring_new(PAGE, starts[s].word_size, starts[s].start);
			uint64_t pos = sim_ring_prod(r), events = 0;
			void *record = sim_reserve(r, 8);

			sim_ring_set_cons(r, pos + (uint64_t)cases[i / 2].cons);
			if (i % 2)
				sim_discard(r, record, cases[i / 2].flags);
			else
				sim_submit(r, record, cases[i / 2].flags);
			if (sim_ring_notified(r) != (uint64_t)cases[i / 2].notified)
				fail_msg("case %zu of start %zu", i, s);
			assert_int_equal(read(r->event_fd, &events, sizeof(events)) > 0,
					 cases[i / 2].notified);
			assert_int_equal(events, cases[i / 2].notified);
			sim_ring_free(r);
		}
	}
}

static void only_the_head_notifies(void **state)
{
	struct sim_ring *r = ring_new(PAGE, 8, 0);
	void *one = sim_reserve(r, 8), *two = sim_reserve(r, 8);

	(void)state;
	assert_int_equal(sim_ring_notified(r), 0); /* reserving does not */
	sim_submit(r, two, 0);
	assert_int_equal(sim_ring_notified(r), 0);
	sim_submit(r, one, 0);
	assert_int_equal(sim_ring_notified(r), 1);
	sim_ring_free(r);
}

static void map_refusals(void **state)
{
	struct sim_ring *r = ring_new(2 * PAGE, 8, 0);
	void *addr = NULL;

	(void)state;
	assert_int_equal(sim_ring_map(r, &addr, PAGE, PROT_READ, MAP_PRIVATE, 0), -EINVAL);
	assert_int_equal(sim_ring_map(r, &addr, 2 * PAGE, PROT_WRITE, MAP_SHARED, 0), -EPERM);
	assert_int_equal(sim_ring_map(r, &addr, PAGE, PROT_WRITE, MAP_SHARED, PAGE), -EPERM);
	assert_int_equal(sim_ring_map(r, &addr, 6 * PAGE, PROT_READ, MAP_SHARED, PAGE), -EINVAL);
	assert_null(addr);
	assert_int_equal(sim_ring_map(r, &addr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0), 0);
	*(uint64_t *)addr = 64;
	assert_int_equal(sim_ring_cons(r), 64);
	munmap(addr, PAGE);
	assert_int_equal(sim_ring_map(r, &addr, 5 * PAGE, PROT_READ, MAP_SHARED, PAGE), 0);
	memcpy(r->data + PAGE, "written", 8);
	assert_string_equal((char *)addr + 2 * PAGE, "written");
	assert_string_equal((char *)addr + 4 * PAGE, "written");
	munmap(addr, 5 * PAGE);
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_mapped_twice),
		cmocka_unit_test(largest_record),
		cmocka_unit_test(positions_and_headers),
		cmocka_unit_test(a_busy_record_holds_up_the_space_behind_it),
		cmocka_unit_test(a_wrong_consumer_position_only_stops_reservations),
		cmocka_unit_test(notifications),
		cmocka_unit_test(only_the_head_notifies),
		cmocka_unit_test(map_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
