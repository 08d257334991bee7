/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A producer's end on a simulated user ring, by either data path. */
#ifndef TESTS_UNIT_USER_RIG_H
#define TESTS_UNIT_USER_RIG_H

#include <bpfring/user_ring.h>
#include <stdlib.h>
#include <string.h>

#include "sim_user.h"
#include "unit.h"

struct user_rig {
	struct sim_ring *r;
	struct bpfring_user_ring p;
	uint64_t *open;
};

static inline void user_rig_attach(struct user_rig *rig)
{
	free(rig->open);
	rig->open = calloc(1, BPFRING_OPEN_SIZE(rig->r->size));
	assert_non_null(rig->open);
	assert_int_equal(bpfring_user_ring_init(&rig->p, rig->r->cons_word, rig->r->prod_word,
						rig->r->data, rig->open, rig->r->size,
						rig->r->word_size, NULL),
			 0);
}

static inline void user_rig_open(struct user_rig *rig, size_t size, const struct start *start)
{
	memset(rig, 0, sizeof(*rig));
	assert_int_equal(sim_user_ring_new(&rig->r, size, start ? start->word_size : 8,
					   start ? start->pos : 0),
			 0);
	user_rig_attach(rig);
}

static inline void user_rig_close(struct user_rig *rig)
{
	free(rig->open);
	sim_ring_free(rig->r);
}

static inline int reserve(struct user_rig *rig, size_t size, void **ret)
{
	return bpfring_user_ring_reserve(&rig->p, size, ret);
}

/* The compiler would warn of pointers that are no samples; they are to be refused at run time. */
static inline void *from_somewhere(void *data)
{
	__asm__("" : "+r"(data));
	return data;
}

static inline int submit(struct user_rig *rig, void *data)
{
	return bpfring_user_ring_submit(&rig->p, from_somewhere(data));
}

static inline int discard(struct user_rig *rig, void *data)
{
	return bpfring_user_ring_discard(&rig->p, from_somewhere(data));
}

/* A sample whose payload tells its number in every byte. */
static inline void *begin(struct user_rig *rig, uint8_t number, size_t size)
{
	void *data = NULL;

	assert_int_equal(reserve(rig, size, &data), 0);
	memset(data, number, size);
	return data;
}

/* What a drain found. */
struct found {
	unsigned int count;
	uint8_t numbers[64];
	uint32_t sizes[64];
};

static inline int find(void *ctx, uint8_t *data, uint32_t size)
{
	struct found *found = ctx;

	assert_true(found->count < ARRAY_SIZE(found->numbers));
	for (uint32_t i = 1; i < size; i++)
		assert_int_equal(data[i], data[0]);
	found->numbers[found->count] = size ? data[0] : 0;
	found->sizes[found->count++] = size;
	return 0;
}

/* Drains exactly these numbers. */
#define assert_drained(rig, ...)                                                                \
	do {                                                                                    \
		const uint8_t want_[] = {0, __VA_ARGS__};                                       \
		struct found found_ = {0};                                                      \
		assert_int_equal(sim_drain((rig)->r, find, &found_, 0), ARRAY_SIZE(want_) - 1); \
		assert_memory_equal(found_.numbers, want_ + 1, ARRAY_SIZE(want_) - 1);          \
	} while (0)

#define assert_nothing_drained(rig) assert_int_equal(sim_drain((rig)->r, find, NULL, 0), 0)

#endif /* TESTS_UNIT_USER_RIG_H */
