// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* user_ring.h: what is published when, on a drained ring, wherever words wrap. */
#include "user_rig.h"

static void one_by_one(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig;
		uint64_t bytes = 0;

		user_rig_open(&rig, PAGE, s);
		for (unsigned int i = 0; i < 2048; i++) {
			size_t size = i * 7 % 256;
			struct found found = {0};
			void *data = begin(&rig, (uint8_t)i, size);

			assert_int_equal((uintptr_t)data % 8, 0);
			assert_nothing_drained(&rig); /* not submitted: it is not there */
			assert_int_equal(submit(&rig, data), 0);
			bytes += (size + 15) & ~7ULL;
			assert_int_equal(sim_ring_prod(rig.r), ring_word(rig.r, s->pos + bytes));
			assert_int_equal(sim_drain(rig.r, find, &found, 0), 1);
			assert_int_equal(found.sizes[0], size);
			assert_int_equal(found.numbers[0], size ? (uint8_t)i : 0);
		}
		assert_int_equal(rig.p.samples, 2048);
		assert_int_equal(rig.p.discards, 0);
		assert_int_equal(rig.p.full, 0);
		user_rig_close(&rig);
	}
}

static void only_the_longest_prefix_is_published(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig;
		void *a, *b, *c, *d;

		user_rig_open(&rig, PAGE, s);
		a = begin(&rig, 1, 100);
		b = begin(&rig, 2, 0);
		c = begin(&rig, 3, 24);
		d = begin(&rig, 4, 1000);
		assert_int_equal(submit(&rig, c), 0);
		assert_nothing_drained(&rig);
		assert_int_equal(submit(&rig, a), 0);
		assert_drained(&rig, 1);
		assert_int_equal(discard(&rig, b), 0);
		assert_drained(&rig, 3);
		assert_nothing_drained(&rig);
		assert_int_equal(submit(&rig, d), 0);
		assert_drained(&rig, 4);
		assert_int_equal(rig.p.samples, 3);
		assert_int_equal(rig.p.discards, 1);
		user_rig_close(&rig);
	}
}

/* Every order of ending four samples, each submitted or discarded. */
static void every_order(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < 256 * 16; order++) {
		const unsigned int next[4] = {order & 3, order >> 2 & 3, order >> 4 & 3,
					      order >> 6 & 3};
		unsigned int ended = 0, drained = 0, expected = 0;
		struct user_rig rig;
		void *data[4];

		for (unsigned int i = 0; i < 4; i++)
			ended |= 1U << next[i];
		if (ended != 15)
			continue; /* no permutation */
		user_rig_open(&rig, PAGE, &starts[order % ARRAY_SIZE(starts)]);
		for (uint8_t i = 0; i < 4; i++)
			data[i] = begin(&rig, i, (i + 1) * 8U);
		ended = 0;
		for (unsigned int i = 0; i < 4; i++) {
			bool drop = order >> 8 >> next[i] & 1;
			struct found found = {0};
			int n;

			assert_int_equal(drop ? discard(&rig, data[next[i]])
					      : submit(&rig, data[next[i]]),
					 0);
			ended |= 1U << next[i];
			n = sim_drain(rig.r, find, &found, 0);
			for (int k = 0; k < n; k++) {
				while (order >> 8 >> expected & 1)
					expected++;
				assert_int_equal(found.numbers[k], expected);
				expected++;
			}
			drained += (unsigned int)n;
			for (unsigned int k = 0; k < expected; k++)
				assert_true(ended >> k & 1);
		}
		assert_int_equal(drained, 4 - __builtin_popcount(order >> 8));
		assert_int_equal(rig.p.published, rig.p.reserve_pos);
		user_rig_close(&rig);
	}
}

static void space(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig;
		void *data, *last = &rig;

		user_rig_open(&rig, PAGE, s);
		assert_int_equal(rig.p.max_sample, PAGE - 8);
		assert_int_equal(reserve(&rig, PAGE - 7, &last), -E2BIG);
		assert_int_equal(reserve(&rig, UINT32_MAX, &last), -E2BIG);
		/* one sample may fill the ring */
		data = begin(&rig, 1, PAGE - 8);
		assert_int_equal(bpfring_user_ring_free_space(&rig.p), 0);
		assert_int_equal(reserve(&rig, 0, &last), -ENOSPC);
		assert_int_equal(submit(&rig, data), 0);
		assert_int_equal(reserve(&rig, 0, &last), -ENOSPC);
		assert_drained(&rig, 1);
		assert_int_equal(bpfring_user_ring_free_space(&rig.p), PAGE);
		/* or as many as there are */
		for (unsigned int i = 0; i < PAGE / 8; i++)
			assert_int_equal(submit(&rig, begin(&rig, 0, 0)), 0);
		assert_int_equal(reserve(&rig, 0, &last), -ENOSPC);
		assert_ptr_equal(last, &rig); /* written only on success */
		assert_int_equal(sim_drain(rig.r, NULL, NULL, 0), PAGE / 8);
		/* space comes back as it is drained, not before */
		assert_int_equal(submit(&rig, begin(&rig, 1, 1016)), 0);
		assert_int_equal(submit(&rig, begin(&rig, 2, 2040)), 0);
		assert_int_equal(reserve(&rig, 1017, &data), -ENOSPC);
		data = begin(&rig, 3, 1016);
		assert_drained(&rig, 1, 2);
		assert_int_equal(reserve(&rig, 3065, &last), -ENOSPC);
		assert_int_equal(submit(&rig, data), 0);
		assert_drained(&rig, 3);
		assert_int_equal(submit(&rig, begin(&rig, 4, PAGE - 8)), 0);
		assert_drained(&rig, 4);
		assert_int_equal(rig.p.full, 5);
		assert_int_equal(rig.p.max_fill, PAGE);
		user_rig_close(&rig);
	}
}

/* Reserved, even submitted out of order, then killed: the next producer finds a ring that flows. */
static void a_producer_dies(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct user_rig rig;

		user_rig_open(&rig, PAGE, s);
		for (uint8_t i = 0; i < 200; i++) {
			assert_int_equal(submit(&rig, begin(&rig, i, 8)), 0);
			begin(&rig, 255, 104);
			assert_int_equal(submit(&rig, begin(&rig, 254, 16)), 0);
			user_rig_attach(&rig);
			assert_drained(&rig, i);
		}
		user_rig_close(&rig);
	}
}

static void the_largest_sample(void **state)
{
	struct user_rig rig;
	void *data;

	(void)state;
	/* of a dynptr, not of the ring: the kernel could never take a larger one */
	user_rig_open(&rig, 1U << 26, NULL);
	assert_int_equal(rig.p.max_sample, (1U << 24) - 1);
	assert_int_equal(bpfring_user_ring_reserve(&rig.p, 1U << 24, &data), -E2BIG);
	assert_int_equal(bpfring_user_ring_reserve(&rig.p, SIZE_MAX, &data), -E2BIG);
	assert_int_equal(bpfring_user_ring_reserve(&rig.p, (1U << 24) - 1, &data), 0);
	assert_int_equal(bpfring_user_ring_submit(&rig.p, data), 0);
	assert_int_equal(sim_drain(rig.r, NULL, NULL, 0), 1);
	user_rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(only_the_longest_prefix_is_published),
		cmocka_unit_test(every_order),
		cmocka_unit_test(space),
		cmocka_unit_test(a_producer_dies),
		cmocka_unit_test(the_largest_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
