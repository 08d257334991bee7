/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What every unit test includes: CMocka with the headers that it wants before itself. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

/*
 * CMocka's asserts return, for all that the compiler knows: it warns of paths that are not there.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/*
 * For a test whose threads are cancelled or end in a callback: the stack that is unwound keeps the
 * marks of AddressSanitizer, and handlers trip over them; not so if what it watches is kept
 * elsewhere.
 */
#define UNWINDS_STACKS                                    \
	const char *__asan_default_options(void);         \
	const char *__asan_default_options(void)          \
	{                                                 \
		return "detect_stack_use_after_return=1"; \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE	      4096U
#define MSEC	      1000000LL
#define USEC	      1000LL

/* Where a ring may stand, with both sizes of a kernel's word. */
struct start {
	unsigned int word_size;
	uint64_t pos;
};

static const struct start starts[] = {
	{8, 0},
	{8, PAGE - 16},
	{8, (1ULL << 32) - 64},
	{8, (1ULL << 32)},
	{8, (uint64_t)-64},
	{8, (uint64_t)-8},
	{8, (uint64_t)-4096},
	{4, 0},
	{4, (1ULL << 31) - 64},
	{4, (1ULL << 32) - 64},
	{4, (1ULL << 32) - 8},
	{4, (1ULL << 32) - 4096},
};

#define for_each_start(s) for (const struct start *s = starts; s < starts + ARRAY_SIZE(starts); s++)

static inline struct sim_ring *ring_new(size_t size, const struct start *start)
{
	struct sim_ring *r = NULL;

	assert_int_equal(
		sim_ring_new(&r, size, start ? start->word_size : 8, start ? start->pos : 0), 0);
	return r;
}

/* A position as the ring's word can hold it. */
static inline uint64_t ring_word(const struct sim_ring *r, uint64_t pos)
{
	return r->word_size == 8 ? pos : (uint32_t)pos;
}

#endif /* TESTS_UNIT_H */
