// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* How a ring is left: its true position, for anybody; and untouched by who only looked. */
#include <errno.h>

#include "rig.h"

struct scene {
	struct rig rig;
	struct bpfring_loop *loop;
	struct counter counter;
	int how;
	unsigned long leave_at; /* in the callback for this record; 0: outside */
};

enum { CLOSE, REMOVE, FREE_LOOP, HOWS };

static void leave(struct scene *s)
{
	switch (s->how) {
	case CLOSE:
		bpfring_consumer_close(s->rig.c);
		s->rig.c = NULL;
		break;
	case REMOVE:
		assert_int_equal(bpfring_loop_remove(s->loop, s->rig.c), 0);
		break;
	default:
		bpfring_loop_free(s->loop);
		s->loop = NULL;
	}
}

static int take(void *ctx, const void *data, size_t size)
{
	struct scene *s = ctx;

	count_numbers(&s->counter, data, size);
	if (s->counter.records == s->leave_at)
		leave(s);
	return 0;
}

static int take_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct scene *s = ctx;

	for (unsigned int i = 0; i < count; i++)
		count_numbers(&s->counter, records[i].data, records[i].size);
	if (s->leave_at)
		leave(s);
	return 0;
}

/* Out of a loop that is awake, from outside or from its callback, with or without records left. */
static void from_a_loop(void **state)
{
	static const unsigned long leave_at[] = {0, 1, 5, 17, 40};

	(void)state;
	for (int i = 0; i < 2 * HOWS * (int)ARRAY_SIZE(leave_at); i++) {
		const bool batch = i % 2;
		struct scene s = {.how = i / 2 % HOWS, .leave_at = leave_at[i / 2 / HOWS]};
		BPFRING_OPTS(bpfring_loop_opts, spin, .wait = BPFRING_WAIT_SPIN);
		uint64_t taken;

		if (s.how == FREE_LOOP && s.leave_at) /* not from a callback */
			continue;
		sim_clock_start(1000);
		rig_open(&s.rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_new(&s.loop, &spin), 0);
		assert_int_equal(batch ? bpfring_loop_add_batch(s.loop, s.rig.c, take_batch, &s)
				       : bpfring_loop_add(s.loop, s.rig.c, take, &s),
				 0);
		for (uint64_t n = 0; n < 40; n++)
			put_number(s.rig.r, n);
		taken = (uint64_t)bpfring_loop_poll(s.loop, 0);
		assert_int_equal(taken, s.leave_at && !batch ? s.leave_at : 40);
		if (!s.leave_at) {
			/* quiet: the last record is kept back */
			assert_int_equal(sim_ring_cons(s.rig.r), 39 * 16);
			leave(&s);
		}
		assert_int_equal(sim_ring_cons(s.rig.r), taken * 16);
		if (s.rig.c && taken == 40) {
			/* and not quiet any more */
			for (int k = 0; k < 3; k++) {
				s.rig.r->notified = 0;
				put_number(s.rig.r, s.counter.next);
				assert_int_equal(sim_ring_notified(s.rig.r), 1);
				assert_int_equal(bpfring_consumer_consume(s.rig.c, count_numbers,
									  &s.counter, NULL, NULL),
						 1);
			}
		}
		bpfring_loop_free(s.loop);
		rig_close(&s.rig);
		sim_sys_reset();
	}
}

/* By hand, with records held, released, and discarded ones at either place. */
static void by_hand(void **state)
{
	(void)state;
	for_each_start(start)
	{
		for (unsigned int released = 0; released < 5; released++) {
			struct bpfring_record record;
			struct rig rig;

			rig_open(&rig, PAGE, start, 0);
			for (int i = 0; i < 6; i++) {
				put(rig.r, 8);
				sim_discard(rig.r, sim_reserve(rig.r, 8), 0);
			}
			bpfring_ring_set_quiet(bpfring_consumer_ring(rig.c), 1);
			for (unsigned int i = 0; i < released; i++) {
				assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
				assert_int_equal(bpfring_consumer_release(rig.c), 0);
			}
			assert_int_equal(bpfring_consumer_peek(rig.c, &record), 1);
			bpfring_consumer_close(rig.c);
			rig.c = NULL;
			assert_int_equal(
				sim_ring_cons(rig.r),
				ring_word(rig.r, start->pos + (released ? 32 * released - 16 : 0)));
			rig_close(&rig);
			sim_sys_set_word_size(8);
		}
	}
}

static int see(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	(void)record, (void)state;
	++*(unsigned int *)ctx;
	return 0;
}

/* Everything that one can do to look; the consumer is quiet, and before or behind what there is. */
static void by_one_who_looked(void **state)
{
	(void)state;
	for_each_start(start)
	{
		for (unsigned int unread = 0; unread < 4; unread++) {
			struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
			struct bpfring_record record;
			struct counter counter = {0};
			unsigned int seen = 0;
			struct rig rig, other;
			uint64_t word;

			rig_open(&rig, PAGE, start, 0);
			other = rig;
			put(rig.r, 8);
			assert_int_equal(bpfring_consumer_wait(rig.c, 0), 1);
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				1);
			for (unsigned int i = 0; i < unread; i++)
				put(rig.r, 8);
			word = sim_ring_cons(rig.r);
			assert_int_equal(word, ring_word(rig.r, start->pos));
			assert_int_equal(bpfring_consumer_open(&other.c, rig.r->event_fd, NULL), 0);
			assert_int_equal(bpfring_consumer_stats(other.c, &stats), 0);
			assert_int_equal(bpfring_consumer_avail_data(other.c), unread * 16);
			assert_int_equal(bpfring_consumer_snapshot(other.c, see, &seen), unread);
			assert_int_equal(bpfring_consumer_peek(other.c, &record), unread > 0);
			bpfring_consumer_cancel(other.c);
			bpfring_consumer_close(other.c);
			assert_int_equal(sim_ring_cons(rig.r), word);
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				unread);
			rig_close(&rig);
			sim_sys_set_word_size(8);
		}
	}
}

/* One that stays open and looks from time to time follows the consumer at work, over many laps. */
static void by_one_who_goes_on_looking(void **state)
{
	struct bpfring_consumer *other = NULL;
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_consumer_open(&other, rig.r->event_fd, NULL), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		unsigned int seen = 0;

		for (uint64_t k = 0; k < i % 200; k++)
			put(rig.r, 8);
		assert_int_equal(bpfring_consumer_snapshot(other, see, &seen), i % 200);
		assert_int_equal(seen, i % 200);
		assert_int_equal(bpfring_consumer_avail_data(other), i % 200 * 16);
		bpfring_ring_set_quiet(bpfring_consumer_ring(rig.c), i % 3 > 0);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
			i % 200);
		assert_int_equal(bpfring_consumer_avail_data(other), 0);
	}
	bpfring_consumer_close(other);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(from_a_loop),
		rig_test(by_hand),
		rig_test(by_one_who_looked),
		rig_test(by_one_who_goes_on_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
