// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * user_ring.h: what piles up behind samples that are not ended, in whatever order they are, of
 * every length, and wherever the ring ends: after every call the position stands before the first
 * that is open.
 */
#include "user_rig.h"

#define MIB (1U << 20)

/* Takes samples whose payload, if any, begins with the number of the sample. */
struct taken {
	const uint8_t *discarded; /* by number */
	unsigned int next;
};

static int take(void *ctx, uint8_t *data, uint32_t size)
{
	struct taken *t = ctx;

	while (t->discarded[t->next])
		t->next++;
	if (size)
		assert_int_equal(*(uint32_t *)(void *)data, t->next);
	t->next++;
	return 0;
}

struct pile {
	struct user_rig rig;
	unsigned int count;
	unsigned int first; /* that is not ended */
	void **data;
	uint64_t *pos;
	uint8_t *ended;
	uint8_t *discarded;
	struct taken taken;
};

static void pile_open(struct pile *pile, size_t ring_size, const struct start *start)
{
	user_rig_open(&pile->rig, ring_size, start);
	pile->count = pile->first = 0;
	pile->data = calloc(ring_size / 8, sizeof(void *));
	pile->pos = calloc(ring_size / 8 + 1, sizeof(uint64_t));
	pile->ended = calloc(ring_size / 8 + 1, 1);
	pile->discarded = calloc(ring_size / 8 + 1, 1);
	assert_true(pile->data && pile->pos && pile->ended && pile->discarded);
	pile->pos[0] = pile->rig.p.reserve_pos;
	pile->taken = (struct taken){.discarded = pile->discarded};
}

static void pile_reserve(struct pile *pile, size_t size)
{
	void *data;

	assert_int_equal(reserve(&pile->rig, size, &data), 0);
	if (size)
		*(uint32_t *)data = pile->count;
	pile->data[pile->count++] = data;
	pile->pos[pile->count] = pile->rig.p.reserve_pos;
	assert_int_equal(pile->rig.p.published, pile->pos[pile->first]);
}

static void pile_end(struct pile *pile, unsigned int i, bool discards)
{
	pile->discarded[i] = discards;
	assert_int_equal(discards ? discard(&pile->rig, pile->data[i])
				  : submit(&pile->rig, pile->data[i]),
			 0);
	assert_int_equal(submit(&pile->rig, pile->data[i]), -EINVAL); /* not twice */
	pile->ended[i] = 1;
	while (pile->ended[pile->first])
		pile->first++;
	if (pile->rig.p.published != pile->pos[pile->first])
		fail_msg("%u of %u: published to %llx, not to %llx", i, pile->count,
			 (unsigned long long)pile->rig.p.published,
			 (unsigned long long)pile->pos[pile->first]);
	assert_int_equal(sim_ring_prod(pile->rig.r),
			 ring_word(pile->rig.r, pile->pos[pile->first]));
}

/* All are ended: everything arrives, is counted, and nothing is noted any more. */
static void pile_close(struct pile *pile)
{
	const struct bpfring_user_ring *p = &pile->rig.p;
	unsigned int discards = 0;

	for (unsigned int i = 0; i < pile->count; i++)
		discards += pile->discarded[i];
	assert_int_equal(p->published, p->reserve_pos);
	assert_int_equal(p->samples, pile->count - discards);
	assert_int_equal(p->discards, discards);
	assert_int_equal(p->latest, 0);
	for (size_t i = 0; i < pile->rig.r->size / 512; i++)
		assert_int_equal(pile->rig.open[i], 0);
	while (sim_drain(pile->rig.r, take, &pile->taken, 0))
		;
	while (pile->taken.next < pile->count && pile->discarded[pile->taken.next])
		pile->taken.next++;
	assert_int_equal(pile->taken.next, pile->count);
	free(pile->data);
	free(pile->pos);
	free(pile->ended);
	free(pile->discarded);
	user_rig_close(&pile->rig);
}

/* One sample is open while the ring fills up behind it, to the last byte. */
static void behind_one(void **state)
{
	static const size_t sizes[] = {1, 8, 24, 1000, 4088};

	(void)state;
	for_each_start(s) for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
	{
		struct pile pile;

		pile_open(&pile, MIB, s);
		pile_reserve(&pile, 8);
		for (void *data; bpfring_user_ring_free_space(&pile.rig.p) >= sizes[k] + 15;) {
			pile_reserve(&pile, sizes[k]);
			data = pile.data[pile.count - 1];
			assert_int_equal(submit(&pile.rig, (uint8_t *)data + 8), -EINVAL);
			pile_end(&pile, pile.count - 1, false);
		}
		assert_int_equal(pile.rig.p.published, s->pos);
		pile_end(&pile, 0, false);
		pile_close(&pile);
	}
}

/*
 * Every @step-th is open, and ended in the end: forwards, backwards, or the odd ones first. Each
 * start of a ring takes its turn with each of these orders, and each step meets them all.
 */
static void behind_several(void **state)
{
	unsigned int turn = 0;

	(void)state;
	for (unsigned int step = 2; step < 20000; step = step * 3 / 2 + 1, turn++)
		for_each_start(s)
		{
			const unsigned int order = (turn + (unsigned int)(s - starts)) % 3;
			struct pile pile;
			unsigned int opened;

			pile_open(&pile, MIB, s);
			while (bpfring_user_ring_free_space(&pile.rig.p) >= 16) {
				pile_reserve(&pile, pile.count % 8 + 1);
				if ((pile.count - 1) % step)
					pile_end(&pile, pile.count - 1, false);
			}
			assert_int_equal(pile.rig.p.published, s->pos);
			opened = (pile.count - 1) / step + 1;
			for (unsigned int i = 0; i < opened; i++) {
				unsigned int odd = i < opened / 2 ? 2 * i + 1
								  : 2 * (i - opened / 2);
				unsigned int which[] = {i, opened - 1 - i, odd};

				pile_end(&pile, which[order] * step, false);
			}
			pile_close(&pile);
		}
}

/* Discarded ones and empty ones between the others, and ends in any order. */
static void a_mixture(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct pile pile;
		unsigned int open = 0, ended[64] = {0};

		pile_open(&pile, PAGE, &starts[round % ARRAY_SIZE(starts)]);
		for (unsigned int i = 0; i < 64; i++) {
			seed = seed * 1103515245 + 12345;
			pile_reserve(&pile, (seed >> 16) % 5 * 9);
			if ((seed >> 20) % 8 < round % 8) {
				pile_end(&pile, i, (seed >> 24) % 8 == 0);
				ended[i] = 1;
			}
		}
		while (open < 64) {
			unsigned int i = open;

			seed = seed * 1103515245 + 12345;
			if ((seed >> 16) % 2)
				i += (seed >> 18) % (64 - open);
			if (!ended[i]) {
				pile_end(&pile, i, (seed >> 24) % 8 == 0);
				ended[i] = 1;
			}
			while (open < 64 && ended[open])
				open++;
		}
		pile_close(&pile);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_one),
		cmocka_unit_test(behind_several),
		cmocka_unit_test(a_mixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
