// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * user_ring.h: something writes over a header before its sample is ended, this process or another
 * that has the map. Submit and discard notice; nothing from there on is published, whatever the
 * header says, and what is still open is never published.
 */
#include "user_rig.h"

#define HEADER(data) ((uint32_t *)(data)-2)

static void a_b_c(struct user_rig *rig, void *data[3])
{
	user_rig_open(rig, PAGE, NULL);
	for (uint8_t i = 0; i < 3; i++)
		data[i] = begin(rig, i, 8);
}

/* The ring stands still, and says so. What was published before is still there. */
static void assert_stuck(struct user_rig *rig, uint64_t published)
{
	void *data;

	assert_true(rig->p.lost);
	assert_int_equal(sim_ring_prod(rig->r), published);
	assert_int_equal(reserve(rig, 8, &data), 0);
	assert_int_equal(submit(rig, data), -EBADMSG);
	assert_int_equal(sim_ring_prod(rig->r), published);
}

/* Any of three, alone or with the others ended; its length, its flags, its check, or all of it. */
static void every_header(void **state)
{
	static const struct {
		unsigned int word;
		uint32_t value;
	} changes[] = {
		{0, 0},
		{0, 7},
		{0, 9},	 /* as long in the ring: the kernel would not notice */
		{0, 24}, /* covers the next */
		{0, 3000},
		{0, 8 | BPFRING_BUSY_BIT},
		{0, 8 | BPFRING_DISCARD_BIT},
		{0, UINT32_MAX},
		{1, 0},
		{1, 8},
		{1, UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		for (unsigned int which = 0; which < 3; which++)
			for (unsigned int ended = 0; ended < 8; ended++) {
				struct user_rig rig;
				uint64_t published;
				void *data[3];

				if (ended >> which & 1)
					continue;
				a_b_c(&rig, data);
				for (unsigned int k = 0; k < 3; k++)
					if (ended >> k & 1)
						assert_int_equal(submit(&rig, data[k]), 0);
				published = rig.p.published;
				HEADER(data[which])[changes[i].word] = changes[i].value;
				assert_int_equal(ended % 2 ? discard(&rig, data[which])
							   : submit(&rig, data[which]),
						 -EBADMSG);
				assert_int_equal(submit(&rig, data[which]), -EINVAL);
				assert_stuck(&rig, published);
				user_rig_close(&rig);
			}
}

/* All headers zeroed or filled by a write that went too far. */
static void many_headers(void **state)
{
	static const uint8_t fills[] = {0, 0xff, 1, 0x20};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
		struct user_rig rig;
		void *data[3];

		a_b_c(&rig, data);
		memset(HEADER(data[1]), fills[i], 32);
		assert_int_equal(submit(&rig, data[2]), -EBADMSG);
		assert_int_equal(submit(&rig, data[1]), -EBADMSG);
		assert_int_equal(submit(&rig, data[0]), -EBADMSG);
		assert_stuck(&rig, 0); /* the first is whole, but too late */
		user_rig_close(&rig);
	}
}

/* Its second producer is what broke it. */
static void by_a_second_producer(void **state)
{
	struct user_rig rig;
	void *data[3];

	(void)state;
	a_b_c(&rig, data);
	HEADER(data[0])[0] = 100;
	sim_ring_set_prod(rig.r, 104);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(submit(&rig, data[i]), -EBUSY);
	user_rig_close(&rig);
}

/* Any header at any moment, in a ring that goes round and round. */
static void any(void **state)
{
	unsigned int seed = 1, lost = 0;

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct user_rig rig;
		void *open[8] = {NULL};
		uint64_t at[8] = {0}, pos = 0;
		unsigned int broken = 0; /* a bit for each */

		user_rig_open(&rig, PAGE, NULL);
		for (unsigned int step = 0; step < 600 && !rig.p.lost; step++) {
			unsigned int i;
			int err;

			seed = seed * 1103515245 + 12345;
			i = (seed >> 16) % 8;
			if (open[i]) {
				err = submit(&rig, open[i]);
				assert_int_equal(err, broken >> i & 1 ? -EBADMSG : 0);
				open[i] = NULL;
			} else {
				at[i] = rig.p.reserve_pos;
				if (reserve(&rig, (seed >> 19) % 20, &open[i]))
					open[i] = NULL;
			}
			if (open[i] && step % 300 == round % 300) {
				HEADER(open[i])[seed >> 24 & 1] ^= 1U << (seed >> 25) % 32;
				broken |= 1U << i;
			}
			assert_true(rig.p.published <= rig.p.reserve_pos);
			assert_true(rig.p.published >= pos);
			pos = rig.p.published;
			for (unsigned int k = 0; k < 8; k++)
				if (open[k])
					assert_true(at[k] >= pos);
			if (step % 16 == 0)
				sim_ring_set_cons(rig.r, pos);
		}
		lost += rig.p.lost == EBADMSG;
		user_rig_close(&rig);
	}
	assert_true(lost > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header),
		cmocka_unit_test(many_headers),
		cmocka_unit_test(by_a_second_producer),
		cmocka_unit_test(any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
