// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* user_ring.h: what is refused: pointers, a second producer, rings that cannot be. */
#include "user_rig.h"

static void what_may_not_be_ended(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig, other;
		uint8_t *a, *b, *c, *foreign;

		user_rig_open(&rig, PAGE, s);
		user_rig_open(&other, PAGE, s);
		foreign = begin(&other, 9, 64);
		assert_int_equal(submit(&rig, rig.r->data + 8), -EINVAL);
		for (uintptr_t small = 0; small < 64; small++) { /* nothing is reserved */
			assert_int_equal(submit(&rig, (void *)small), -EINVAL);
			assert_int_equal(discard(&rig, (void *)-small), -EINVAL);
		}
		a = begin(&rig, 1, 64);
		b = begin(&rig, 2, 64);
		c = begin(&rig, 3, 64);
		for (uintptr_t small = 0; small < 64; small++) {
			assert_int_equal(submit(&rig, (void *)small), -EINVAL);
			assert_int_equal(submit(&rig, (void *)-small), -EINVAL);
		}
		assert_int_equal(submit(&rig, foreign), -EINVAL);
		assert_int_equal(submit(&rig, &rig), -EINVAL);
		assert_int_equal(submit(&rig, a + 1), -EINVAL);
		assert_int_equal(submit(&rig, a + 8), -EINVAL);
		assert_int_equal(submit(&rig, a - 8), -EINVAL);
		assert_int_equal(submit(&rig, a + PAGE), -EINVAL); /* its second mapping */
		assert_int_equal(discard(&rig, c + 72), -EINVAL);  /* where the next will be */
		assert_int_equal(submit(&rig, b), 0);
		assert_int_equal(submit(&rig, b), -EINVAL); /* not published yet */
		assert_int_equal(discard(&rig, b), -EINVAL);
		assert_int_equal(submit(&rig, a), 0);
		assert_int_equal(submit(&rig, a), -EINVAL); /* published */
		assert_int_equal(submit(&rig, b), -EINVAL);
		assert_int_equal(discard(&rig, c), 0);
		assert_int_equal(discard(&rig, c), -EINVAL);
		assert_drained(&rig, 1, 2);
		assert_int_equal(submit(&rig, a), -EINVAL); /* drained */
		user_rig_close(&rig);
		user_rig_close(&other);
	}
}

static void a_second_producer(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig, second;
		void *a, *b, *c;

		user_rig_open(&rig, PAGE, s);
		a = begin(&rig, 1, 40);
		b = begin(&rig, 2, 40);
		c = begin(&rig, 3, 40);
		memset(&second, 0, sizeof(second));
		second.r = rig.r;
		user_rig_attach(&second);
		assert_int_equal(submit(&second, begin(&second, 7, 8)), 0);
		assert_int_equal(submit(&rig, a), -EBUSY);
		assert_int_equal(submit(&rig, b), -EBUSY);
		assert_true(rig.p.lost);
		/* the second's sample is whole, and nothing else is there */
		assert_drained(&second, 7);
		assert_int_equal(discard(&rig, c), -EBUSY);
		free(second.open);
		user_rig_close(&rig);
	}
}

/* The other one's position comes to be where ours would be: still not ours. */
static void a_second_producer_in_step(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig, second;
		void *data;
		int err;

		user_rig_open(&rig, PAGE, s);
		memset(&second, 0, sizeof(second));
		second.r = rig.r;
		user_rig_attach(&second);
		assert_int_equal(submit(&second, begin(&second, 7, 40)), 0);
		assert_int_equal(submit(&rig, begin(&rig, 1, 40)), -EBUSY);
		assert_int_equal(submit(&rig, begin(&rig, 2, 40)), -EBUSY);
		assert_int_equal(discard(&rig, begin(&rig, 3, 40)), -EBUSY);
		assert_int_equal(sim_drain(rig.r, NULL, NULL, 0), 1);
		while (!(err = reserve(&rig, 500, &data)))
			;
		assert_int_equal(err, -EBUSY); /* no drain can make space of that */
		for (int i = 0; i < 3; i++) {
			assert_int_equal(submit(&second, begin(&second, 8, 2000)), 0);
			assert_int_equal(sim_drain(rig.r, NULL, NULL, 0), 1);
		}
		assert_int_equal(reserve(&rig, 500, &data), -EBUSY);
		free(second.open);
		user_rig_close(&rig);
	}
}

static void a_forked_child(void **state)
{
	uint32_t owner = 1;
	struct user_rig rig;
	void *a, *ret;

	(void)state;
	user_rig_open(&rig, PAGE, NULL);
	rig.p.owner = &owner;
	a = begin(&rig, 1, 8);
	owner = 0;
	assert_int_equal(reserve(&rig, 8, &ret), -ECHILD);
	assert_int_equal(submit(&rig, a), -ECHILD);
	assert_int_equal(sim_ring_prod(rig.r), 0);
	owner = 1;
	user_rig_close(&rig);
}

static void a_position_outside_of_the_ring(void **state)
{
	struct user_rig rig;
	void *ret;

	(void)state;
	user_rig_open(&rig, PAGE, NULL);
	assert_int_equal(submit(&rig, begin(&rig, 1, PAGE - 8)), 0);
	sim_ring_set_cons(rig.r, 2 * PAGE);
	assert_int_equal(reserve(&rig, 8, &ret), -EBADMSG);
	user_rig_close(&rig);
}

static int init(struct sim_ring *r, uint64_t size, unsigned int word_size)
{
	uint64_t open[BPFRING_OPEN_SIZE(PAGE) / 8] = {0};
	struct bpfring_user_ring p;

	return bpfring_user_ring_init(&p, r->cons_word, r->prod_word, r->data, open, size,
				      word_size, NULL);
}

static void what_cannot_be_a_ring(void **state)
{
	struct sim_ring *r;

	(void)state;
	assert_int_equal(sim_user_ring_new(&r, PAGE, 8, 0), 0);
	assert_int_equal(init(r, PAGE, 8), 0);
	assert_int_equal(init(r, PAGE - 8, 8), -EINVAL);
	assert_int_equal(init(r, 8, 8), -EINVAL);
	assert_int_equal(init(r, 0, 8), -EINVAL);
	assert_int_equal(init(r, PAGE, 2), -EINVAL);
	sim_ring_set_prod(r, PAGE);
	assert_int_equal(init(r, PAGE, 8), 0);
	sim_ring_set_prod(r, PAGE + 8);
	assert_int_equal(init(r, PAGE, 8), -EBADMSG);
	sim_ring_set_prod(r, 4);
	assert_int_equal(init(r, PAGE, 8), -EBADMSG);
	sim_ring_set_prod(r, 8);
	sim_ring_set_cons(r, 16);
	assert_int_equal(init(r, PAGE, 8), -EBADMSG);
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_not_be_ended),
		cmocka_unit_test(a_second_producer),
		cmocka_unit_test(a_second_producer_in_step),
		cmocka_unit_test(a_forked_child),
		cmocka_unit_test(a_position_outside_of_the_ring),
		cmocka_unit_test(what_cannot_be_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
