// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * user_ring.h: something in the process writes over a header before its sample is ended. Not all of
 * that can be noticed; but what is still open is not published, now or a lap later, nothing is reached
 * beyond what is reserved, and a producer that gets stuck says so.
 */
#include "user_rig.h"

#define HEADER(data) (((uint32_t *)(data))[-2])

static void a_b_c(struct user_rig *rig, void *data[3])
{
	user_rig_open(rig, PAGE, NULL);
	for (uint8_t i = 0; i < 3; i++)
		data[i] = begin(rig, i, 8);
}

/* The first one seems to cover the others as well, or a part of them, and they are noted as ended. */
static void one_that_covers_others(void **state)
{
	(void)state;
	for (uint32_t covers = 9; covers < PAGE; covers++) {
		struct user_rig rig;
		void *data[3];

		a_b_c(&rig, data);
		assert_int_equal(submit(&rig, data[1]), 0);
		assert_int_equal(submit(&rig, data[2]), 0);
		HEADER(data[0]) = covers;
		assert_int_equal(submit(&rig, data[0]), -EBADMSG);
		assert_int_equal(rig.p.published, 0);
		assert_int_equal(rig.p.samples, 0); /* counted is what is published */
		assert_int_equal(submit(&rig, begin(&rig, 3, 8)), -EBUSY);
		assert_nothing_drained(&rig);
		user_rig_close(&rig);
	}
}

/* Others that are still open: they are not to be passed over, or to be ended when they were. */
static void one_that_covers_open_ones(void **state)
{
	(void)state;
	for (uint32_t covers = 9; covers < PAGE; covers++) {
		struct user_rig rig;
		void *data[3];
		int err;

		a_b_c(&rig, data);
		HEADER(data[0]) = covers;
		err = submit(&rig, data[0]);
		assert_true(rig.p.published <= rig.p.reserve_pos);
		for (unsigned int i = 1; i < 3 && !err; i++)
			err = submit(&rig, data[i]);
		assert_true(err == -EBADMSG || err == -EBUSY);
		assert_true(rig.p.lost);
		user_rig_close(&rig);
	}
}

/* That of the last sample, so that it seems to begin where the first one does, which is open. */
static void one_that_reaches_back(void **state)
{
	struct user_rig rig;
	void *a, *b;

	(void)state;
	user_rig_open(&rig, PAGE, NULL);
	a = begin(&rig, 1, 8);
	b = begin(&rig, 2, 8);
	HEADER(b) = 24;
	assert_int_equal(submit(&rig, b), 0);
	assert_nothing_drained(&rig);
	assert_int_equal(submit(&rig, a), -EBADMSG);
	assert_nothing_drained(&rig);
	user_rig_close(&rig);
}

/* Zero-length samples are no runs: there is no room to note one. BUSY does not make them longer. */
static void busy_ones_of_no_length(void **state)
{
	struct user_rig rig;
	void *data[6];

	(void)state;
	user_rig_open(&rig, PAGE, NULL);
	for (uint8_t i = 0; i < 6; i++)
		data[i] = begin(&rig, i, i % 5 ? 0 : 8);
	HEADER(data[1]) = HEADER(data[2]) = BPFRING_BUSY_BIT;
	assert_int_equal(submit(&rig, data[1]), 0);
	assert_int_equal(submit(&rig, data[2]), 0);
	assert_int_equal(submit(&rig, data[5]), 0); /* another run */
	assert_int_equal(submit(&rig, data[3]), 0);
	assert_int_equal(submit(&rig, data[4]), 0);
	assert_int_equal(submit(&rig, data[0]), 0);
	assert_int_equal(rig.p.published, rig.p.reserve_pos);
	user_rig_close(&rig);
}

/* Any header at any moment, in a ring that goes round and round: what is open stays unpublished. */
static void any(void **state)
{
	unsigned int seed = 1, lost = 0;

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct user_rig rig;
		void *open[8] = {NULL};
		uint64_t at[8], pos = 0;
		unsigned int broken = ~0U;

		user_rig_open(&rig, PAGE, NULL);
		for (unsigned int step = 0; step < 600 && !rig.p.lost; step++) {
			unsigned int i;

			seed = seed * 1103515245 + 12345;
			i = (seed >> 16) % 8;
			if (open[i]) {
				submit(&rig, open[i]);
				if (i == broken)
					broken = ~0U;
				open[i] = NULL;
			} else {
				at[i] = rig.p.reserve_pos;
				if (reserve(&rig, (seed >> 19) % 20, &open[i]))
					open[i] = NULL;
				else if (step == round % 200) {
					HEADER(open[i]) = (seed >> 20) % 200;
					broken = i;
				}
			}
			/* only the damaged one itself may have passed over others */
			assert_true(rig.p.published <= rig.p.reserve_pos);
			assert_true(rig.p.published >= pos);
			pos = rig.p.published;
			for (unsigned int k = 0; k < 8 && step < round % 200; k++)
				if (open[k])
					assert_true(at[k] >= pos);
			if (step % 16 == 0)
				sim_ring_set_cons(rig.r, pos);
		}
		lost += rig.p.lost;
		user_rig_close(&rig);
	}
	assert_true(lost > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_covers_others),
		cmocka_unit_test(one_that_covers_open_ones),
		cmocka_unit_test(one_that_reaches_back),
		cmocka_unit_test(busy_ones_of_no_length),
		cmocka_unit_test(any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
