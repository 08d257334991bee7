// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What happens in the middle of a drain: the callback closes or refills, the ring breaks. */
#include <errno.h>

#include "rig.h"

/* What a callback does to its own consumer. */
struct inside {
	struct rig *rig;
	unsigned long calls;
	int result;
};

static int consume_inside(void *ctx, const void *data, size_t size)
{
	struct inside *in = ctx;

	(void)data;
	(void)size;
	in->calls++;
	assert_int_equal(bpfring_consumer_consume(in->rig->c, consume_inside, ctx, NULL, NULL),
			 -EINVAL);
	assert_int_equal(bpfring_consumer_wait(in->rig->c, 0), -EINVAL);
	return 0;
}

static int close_inside(void *ctx, const void *data, size_t size)
{
	struct inside *in = ctx;

	in->calls++;
	bpfring_consumer_close(in->rig->c);
	in->rig->c = NULL;
	/* the record outlives the close until the callback returns */
	assert_int_equal(size, 8);
	assert_int_equal(*(const uint64_t *)data, 1);
	return in->result;
}

static int close_inside_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	assert_int_equal(count, 3);
	return close_inside(ctx, records[0].data, records[0].size);
}

static void consume_from_its_own_callback(void **state)
{
	struct inside in = {0};
	struct rig rig;

	(void)state;
	in.rig = &rig;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_consume(rig.c, consume_inside, &in, NULL, NULL), 2);
	assert_int_equal(in.calls, 2);
	assert_logged("events", "callbacks"); /* once */
	rig_close(&rig);
}

static void close_from_its_own_callback(void **state)
{
	static const int results[] = {0, BPFRING_STOP, -EIO};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(results); i++) {
		struct inside in = {.result = results[i / 2]};
		BPFRING_OPTS(bpfring_outcome, out);
		unsigned int taken = i % 2 ? 3 : 1;
		struct rig rig;
		int n;

		in.rig = &rig;
		rig_open(&rig, PAGE, NULL, 0);
		for (uint64_t k = 1; k <= 3; k++)
			put_number(rig.r, k);
		n = i % 2 ? bpfring_consumer_consume_batch(rig.c, close_inside_batch, &in, NULL,
							   &out)
			  : bpfring_consumer_consume(rig.c, close_inside, &in, NULL, &out);
		assert_int_equal(n, in.result == -EIO ? -EIO : (int)taken);
		assert_int_equal(out.end,
				 in.result == -EIO ? BPFRING_END_ERROR : BPFRING_END_STOPPED);
		assert_int_equal(out.records, taken);
		assert_int_equal(in.calls, 1);
		assert_int_equal(sim_ring_cons(rig.r), 16 * taken);
		assert_int_equal(sim_sys_live_allocations(), 0);
		rig_close(&rig);
	}
}

static void a_corrupt_ring(void **state)
{
	(void)state;
	for (int batch = 0; batch < 2; batch++) {
		BPFRING_OPTS(bpfring_outcome, out);
		struct counter counter = {0};
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		put(rig.r, 8);
		put(rig.r, 8);
		*sim_ring_header(rig.r, 16) = 9;
		for (int again = 0; again < 3; again++) {
			int n = batch ? bpfring_consumer_consume_batch(rig.c, count_batch, &counter,
								       NULL, &out)
				      : bpfring_consumer_consume(rig.c, count_record, &counter,
								 NULL, &out);

			assert_int_equal(n, -EBADMSG);
			assert_int_equal(out.records, again == 0);
			assert_int_equal(out.bytes, again == 0 ? 16 : 0);
			assert_int_equal(out.end, BPFRING_END_BROKEN);
			assert_logged("events", "42", "corrupt");
			assert_int_equal(sim_ring_cons(rig.r), 16);
		}
		assert_int_equal(bpfring_consumer_wait(rig.c, 0), -EBADMSG);
		assert_logged("events", "42", "corrupt");
		rig_close(&rig);
		assert_int_equal(counter.records, 1);
	}
}

static int another_moves_the_position(void *ctx, const void *data, size_t size)
{
	struct inside *in = ctx;

	(void)data;
	(void)size;
	in->calls++;
	sim_ring_set_cons(in->rig->r, 32);
	return in->result;
}

static int another_moves_it_in_a_batch(void *ctx, const struct bpfring_record *records,
				       unsigned int count)
{
	(void)count;
	return another_moves_the_position(ctx, records->data, records->size);
}

/* However the callback ends: a stop hides nothing, an error of its own goes before. */
static void a_second_consumer(void **state)
{
	static const int results[] = {0, BPFRING_STOP, -EIO};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(results); i++) {
		struct inside in = {.result = results[i / 2]};
		const int expected = in.result == -EIO ? -EIO : -EBUSY;
		BPFRING_OPTS(bpfring_outcome, out);
		struct rig rig;
		int n;

		in.rig = &rig;
		rig_open(&rig, PAGE, NULL, 0);
		for (int k = 0; k < 100; k++)
			put(rig.r, 8);
		n = i % 2 ? bpfring_consumer_consume_batch(rig.c, another_moves_it_in_a_batch, &in,
							   NULL, &out)
			  : bpfring_consumer_consume(rig.c, another_moves_the_position, &in, NULL,
						     &out);
		assert_int_equal(n, expected);
		assert_int_equal(out.end, BPFRING_END_BROKEN);
		assert_int_equal(sim_ring_cons(rig.r), 32);
		assert_logged("events", "42", "second consumer");
		/* it stays refused */
		assert_true(bpfring_consumer_consume(rig.c, another_moves_the_position, &in, NULL,
						     &out) < 0);
		log_forget();
		assert_int_equal(sim_ring_cons(rig.r), 32);
		bpfring_consumer_close(rig.c);
		rig.c = NULL;
		assert_int_equal(sim_ring_cons(rig.r), 32);
		rig_close(&rig);
	}
}

/* A long drain gives space back on the way: a producer that fills up meanwhile never fails. */
static int refill(void *ctx, const void *data, size_t size)
{
	struct inside *in = ctx;

	(void)data;
	(void)size;
	if (++in->calls < 10000)
		put(in->rig->r, 8);
	return 0;
}

static void space_is_given_back_on_the_way(void **state)
{
	static const size_t sizes[] = {PAGE, 16 * PAGE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct inside in = {0};
		struct rig rig;
		unsigned long filled;

		in.rig = &rig;
		rig_open(&rig, sizes[i], NULL, 0);
		/* to three quarters: what is consumed and held back must fit into the rest */
		for (filled = 0; filled < sizes[i] / 16 * 3 / 4; filled++)
			put(rig.r, 8);
		assert_int_equal(bpfring_consumer_consume(rig.c, refill, &in, NULL, NULL),
				 filled + 9999);
		rig_close(&rig);
	}
}

/* Behind a long row of discarded records most of it is given back already. */
static int look_at_the_position(void *ctx, const void *data, size_t size)
{
	struct inside *in = ctx;
	uint64_t pos = bpfring_consumer_ring(in->rig->c)->last;

	(void)data;
	assert_int_equal(size, 40);
	if (in->calls++)
		assert_true(pos - sim_ring_cons(in->rig->r) <= PAGE / 16);
	return 0;
}

static int look_in_a_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		look_at_the_position(ctx, records[i].data, records[i].size);
	return 0;
}

static void discards_are_given_back_on_the_way(void **state)
{
	(void)state;
	for (int batch = 0; batch < 2; batch++) {
		struct inside in = {0};
		struct bpfring_budget budget = {.sz = sizeof(budget), .bytes = 256};
		BPFRING_OPTS(bpfring_outcome, out);
		struct rig rig;

		in.rig = &rig;
		rig_open(&rig, PAGE, NULL, 0);
		put(rig.r, 40);
		for (int i = 0; i < 200; i++)
			sim_discard(rig.r, sim_reserve(rig.r, 8), 0);
		put(rig.r, 40);
		assert_int_equal(batch ? bpfring_consumer_consume_batch(rig.c, look_in_a_batch, &in,
									NULL, &out)
				       : bpfring_consumer_consume(rig.c, look_at_the_position, &in,
								  NULL, &out),
				 2);
		assert_int_equal(out.end, BPFRING_END_DRAINED);
		/* and limits end in the middle of such a row */
		for (int i = 0; i < 100; i++)
			sim_discard(rig.r, sim_reserve(rig.r, 8), 0);
		for (int i = 0; i < 5; i++) {
			assert_int_equal(
				batch ? bpfring_consumer_consume_batch(rig.c, look_in_a_batch, &in,
								       &budget, &out)
				      : bpfring_consumer_consume(rig.c, look_at_the_position, &in,
								 &budget, &out),
				0);
			assert_int_equal(out.end, BPFRING_END_BUDGET);
			assert_in_range(out.bytes, 256, 256 + PAGE / 32 + 16);
		}
		while (out.end == BPFRING_END_BUDGET)
			assert_int_equal(bpfring_consumer_consume(rig.c, look_at_the_position, &in,
								  &budget, &out),
					 0);
		assert_int_equal(sim_ring_cons(rig.r), sim_ring_prod(rig.r));
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(consume_from_its_own_callback),
		rig_test(close_from_its_own_callback),
		rig_test(a_corrupt_ring),
		rig_test(a_second_consumer),
		rig_test(space_is_given_back_on_the_way),
		rig_test(discards_are_given_back_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
