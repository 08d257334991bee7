// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* BPFRING_KEEP: what a callback does not want stays in the ring and comes again. */
#include <errno.h>
#include <stdlib.h>

#include "rig.h"

#define RECORDS 20000U

/* A queue that is full now and then. */
struct queue {
	uint64_t next; /* number of the record that has to come */
	uint64_t kept;
	int64_t budget; /* records that it still takes */
	unsigned int seed;
};

static unsigned int some(struct queue *q, unsigned int most)
{
	return (unsigned int)rand_r(&q->seed) % most;
}

static int take_one(void *ctx, const void *data, size_t size)
{
	struct queue *q = ctx;
	uint64_t number;

	assert_int_equal(size, sizeof(number));
	memcpy(&number, data, sizeof(number));
	assert_int_equal(number, q->next);
	if (!some(q, 5)) {
		q->kept++;
		return BPFRING_KEEP;
	}
	q->next++;
	return some(q, 9) ? 0 : BPFRING_STOP;
}

static int take_some(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct queue *q = ctx;
	unsigned int take = some(q, 3) ? count : some(q, count + 1);

	for (unsigned int i = 0; i < count; i++) {
		uint64_t number;

		memcpy(&number, records[i].data, sizeof(number));
		assert_int_equal(number, q->next + i);
	}
	if (take >= count) {
		q->next += count;
		return some(q, 2) ? 0 : BPFRING_KEEP_FROM(count); /* all are taken */
	}
	q->next += take;
	q->kept += count - take;
	return BPFRING_KEEP_FROM(take);
}

/* Writes what there is room for, up to @most; every third record or so is discarded. */
static void put_some(struct rig *rig, struct queue *q, uint64_t *number, uint64_t *discards,
		     unsigned int most)
{
	while (most-- && *number < RECORDS) {
		void *space;

		if (!some(q, 3)) {
			space = sim_reserve(rig->r, 8 * some(q, 4));
			if (!space)
				return;
			sim_discard(rig->r, space, 0);
			++*discards;
		}
		space = sim_reserve(rig->r, sizeof(*number));
		if (!space)
			return;
		memcpy(space, number, sizeof(*number));
		sim_submit(rig->r, space, 0);
		++*number;
	}
}

/* Takes what the queue wants; the number of records. */
static int consume(struct rig *rig, struct queue *q, bool batches)
{
	BPFRING_OPTS(bpfring_outcome, out);
	const uint64_t before = q->next, kept = q->kept;
	int n = batches ? bpfring_consumer_consume_batch(rig->c, take_some, q, NULL, &out)
			: bpfring_consumer_consume(rig->c, take_one, q, NULL, &out);

	assert_int_equal(n, q->next - before);
	assert_int_equal(out.records, q->next - before);
	assert_int_equal(out.end == BPFRING_END_KEPT, q->kept > kept);
	return n;
}

static void each_record_comes_until_it_is_taken(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct queue q = {.seed = i + 1};
		uint64_t number = 0, discards = 0;
		struct rig rig;

		rig_open(&rig, i < 2 ? PAGE : 16 * PAGE, NULL, 0);
		while (q.next < RECORDS) {
			put_some(&rig, &q, &number, &discards, some(&q, 100));
			consume(&rig, &q, i % 2);
		}
		assert_true(q.kept > 100);
		assert_int_equal(consume(&rig, &q, false), 0);
		assert_int_equal(stats_of_consumer(rig.c).records, RECORDS);
		assert_int_equal(stats_of_consumer(rig.c).discards, discards);
		assert_int_equal(sim_ring_cons(rig.r), sim_ring_prod(rig.r));
		assert_int_equal(log_lines(), 0);
		rig_close(&rig);
	}
}

static void in_a_loop(void **state)
{
	(void)state;
	for (uint32_t wait = BPFRING_WAIT_ADAPTIVE; wait <= BPFRING_WAIT_COALESCE; wait++) {
		BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait);

		for (int batches = 0; batches < 2; batches++) {
			uint64_t number = 0, discards = 0;
			struct queue q = {.seed = 3 * wait + (unsigned int)batches + 1};
			struct bpfring_loop *l;
			struct rig rig;

			rig_open(&rig, PAGE, NULL, 0);
			assert_int_equal(bpfring_loop_new(&l, &opts), 0);
			if (batches)
				assert_int_equal(bpfring_loop_add_batch(l, rig.c, take_some, &q),
						 0);
			else
				assert_int_equal(bpfring_loop_add(l, rig.c, take_one, &q), 0);
			while (q.next < RECORDS) {
				/* the ring may be quiet, and keep a record back */
				put_some(&rig, &q, &number, &discards, some(&q, 100));
				bpfring_loop_wakeup(l);
				assert_return_code(bpfring_loop_poll(l, 0), 0);
			}
			assert_int_equal(stats_of_consumer(rig.c).records, RECORDS);
			bpfring_loop_free(l);
			rig_close(&rig);
		}
	}
}

static int keep(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	++*(int *)ctx;
	return BPFRING_KEEP;
}

/* A loop that is run again does not sleep before a record that was kept. */
static void the_next_poll_does_not_wait(void **state)
{
	static const uint32_t waits[] = {BPFRING_WAIT_ADAPTIVE, BPFRING_WAIT_SLEEP,
					 BPFRING_WAIT_COALESCE};
	int calls;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		BPFRING_OPTS(bpfring_loop_opts, opts, .wait = waits[i]);
		struct bpfring_loop *l;
		struct rig rig;

		calls = 0;
		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_new(&l, &opts), 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, keep, &calls), 0);
		put(rig.r, 8);
		assert_int_equal(bpfring_loop_run(l), 0);
		assert_int_equal(bpfring_loop_run(l), 0);
		assert_int_equal(bpfring_loop_poll(l, -1), 0);
		assert_int_equal(calls, 3);
		bpfring_loop_free(l);
		/* for whoever comes next it is still there */
		assert_int_equal(sim_ring_cons(rig.r), 0);
		assert_int_equal(bpfring_consumer_consume(rig.c, keep, &calls, NULL, NULL), 0);
		rig_close(&rig);
	}
}

/* Numbers beyond those of a batch are errors of the program's own. */
static int far_off(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	return *(int *)ctx;
}

static void what_is_no_verdict(void **state)
{
	int values[] = {BPFRING_KEEP_FROM(65), -100000, -1, BPFRING_STOP + 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		BPFRING_OPTS(bpfring_outcome, out);
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		put(rig.r, 8);
		put(rig.r, 8);
		assert_int_equal(bpfring_consumer_consume(rig.c, far_off, &values[i], NULL, &out),
				 values[i]);
		assert_int_equal(out.end, BPFRING_END_ERROR);
		assert_int_equal(out.records, 1);
		assert_int_equal(sim_ring_cons(rig.r), 16);
		rig_close(&rig);
	}
}

static int close_and_keep(void *ctx, const void *data, size_t size)
{
	struct rig *rig = ctx;

	(void)data;
	(void)size;
	bpfring_consumer_close(rig->c);
	return BPFRING_KEEP;
}

static void kept_by_one_that_is_closed(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_consume(rig.c, close_and_keep, &rig, NULL, NULL), 0);
	rig.c = NULL;
	assert_int_equal(sim_ring_cons(rig.r), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(each_record_comes_until_it_is_taken), rig_test(in_a_loop),
		rig_test(the_next_poll_does_not_wait),	       rig_test(what_is_no_verdict),
		rig_test(kept_by_one_that_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
