// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Positions that are those of no record: refused by every open, repaired by one that asks for it.
 */
#include <errno.h>

#include "rig.h"

/* Four laps of records, of which the last so many are not read. */
static void fill(struct rig *rig, unsigned int unread)
{
	struct bpfring_ring *cons = bpfring_consumer_ring(rig->c);
	struct counter counter = {0};

	for (unsigned int i = 0; i < 4 * PAGE / 16; i++) {
		put(rig->r, 8);
		bpfring_ring_set_quiet(cons, 1);
		assert_int_equal(
			bpfring_consumer_consume(rig->c, count_record, &counter, NULL, NULL), 1);
	}
	for (unsigned int i = 0; i < unread; i++)
		put(rig->r, 8);
}

static int open_again(struct rig *rig, uint32_t flags)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = flags);

	return bpfring_consumer_open(&rig->c, rig->r->event_fd, &opts);
}

/* Relative to the true position, with 10 unread records of 16 bytes. */
static const int64_t wrong[] = {4,     8,	   -4,
				-8,    1,	   -1,
				24,    168,	   176,
				512,   25600,	   -(int64_t)PAGE,
				-5000, 0x40000000, -(int64_t)PAGE + 168};

static void every_wrong_position(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			struct counter counter = {0};
			struct rig rig;
			uint64_t pos;

			rig_open(&rig, PAGE, s, 0);
			fill(&rig, 10);
			pos = stats_of_consumer(rig.c).cons_pos;
			bpfring_consumer_close(rig.c);
			sim_ring_set_cons(rig.r, pos + (uint64_t)wrong[i]);
			if (open_again(&rig, 0) != -EBADMSG)
				fail_msg("moved by %d: opened", (int)wrong[i]);
			assert_logged("events", "42", "corrupt", "BPFRING_CONSUMER_RECOVER");
			assert_int_equal(sim_ring_cons(rig.r),
					 ring_word(rig.r, pos + (uint64_t)wrong[i]));
			assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), 0);
			assert_logged("events", "42", "given up");
			/* the note says where the one before stood */
			assert_int_equal(sim_ring_cons(rig.r), ring_word(rig.r, pos));
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				10);
			assert_int_equal(stats_of_consumer(rig.c).repaired, 1);
			rig_close(&rig);
			sim_sys_set_word_size(8);
		}
	}
}

/*
 * Without the note, or with one of long ago, the kernel's own pointer: what was reserved since is
 * there.
 */
static void without_a_note(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (size_t n = 0; n < 2 * ARRAY_SIZE(wrong); n++) {
			const size_t i = n / 2;
			uint64_t *note;
			struct counter counter = {0};
			struct rig rig;
			uint64_t pos;
			void *busy;

			rig_open(&rig, PAGE, s, 0);
			fill(&rig, 6);
			busy = sim_reserve(rig.r, 8);
			put(rig.r, 8);
			put(rig.r, 8);
			put(rig.r, 8);
			pos = stats_of_consumer(rig.c).cons_pos;
			bpfring_consumer_close(rig.c);
			note = (uint64_t *)(void *)((char *)rig.r->cons_word + BPFRING_NOTE_OFFSET);
			if (n % 2 && s->word_size == 8)
				*note ^= 1ULL << 32; /* 4 GiB away */
			else
				*note = 0;
			sim_ring_set_cons(rig.r, pos + (uint64_t)wrong[i]);
			assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), 0);
			assert_logged("events", "42", "given up");
			assert_int_equal(sim_ring_cons(rig.r), ring_word(rig.r, pos + 6 * 16));
			assert_in_range(stats_of_consumer(rig.c).given_up,
					wrong[i] < 0 && wrong[i] > -(int64_t)PAGE
						? (uint64_t)(96 - wrong[i])
						: 0,
					PAGE);
			/* nothing that is being written is written over */
			assert_int_equal(
				bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
				0);
			while (sim_output(rig.r, "", 0, 0) == 0)
				;
			sim_submit(rig.r, busy, 0);
			assert_true(bpfring_consumer_consume(rig.c, count_record, &counter, NULL,
							     NULL) > 200);
			rig_close(&rig);
			sim_sys_set_word_size(8);
		}
	}
}

/*
 * A payload full of zeroes looks like a row of empty records; the kernel's own mark tells them
 * apart.
 */
static void zeroes_are_no_records(void **state)
{
	struct rig rig;
	void *payload;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	for (int i = 0; i < 3; i++) {
		payload = sim_reserve(rig.r, 104);
		memset(payload, 0, 104);
		sim_submit(rig.r, payload, 0);
	}
	for (uint64_t pos = 8; pos < 336; pos += 8) {
		sim_ring_set_cons(rig.r, pos);
		if (pos % 112 == 0) {
			assert_int_equal(open_again(&rig, 0), 0);
			bpfring_consumer_close(rig.c);
			continue;
		}
		if (open_again(&rig, 0) != -EBADMSG)
			fail_msg("opened at %u", (unsigned int)pos);
		assert_logged("corrupt");
	}
	rig.c = NULL;
	rig_close(&rig);
}

/* A kernel that does not know pending_pos: there is a zero in its place. */
static void an_older_kernel(void **state)
{
	struct counter counter = {0};
	struct rig rig;
	uint64_t pos;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	fill(&rig, 10);
	pos = stats_of_consumer(rig.c).cons_pos;
	bpfring_consumer_close(rig.c);
	memset((char *)rig.r->prod_word + 8, 0, 8);
	/* a ring in order is opened all the same */
	assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), 0);
	bpfring_consumer_close(rig.c);
	/* the note of ours is enough to go by; without it there is nothing */
	sim_ring_set_cons(rig.r, pos + PAGE);
	assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), 0);
	assert_logged("events", "42", "given up");
	assert_int_equal(sim_ring_cons(rig.r), pos);
	bpfring_consumer_close(rig.c);
	memset((char *)rig.r->cons_word + BPFRING_NOTE_OFFSET, 0, 8);
	sim_ring_set_cons(rig.r, pos + PAGE);
	assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), -EBADMSG);
	assert_logged("events", "42", "this kernel does not say where its records begin");
	assert_int_equal(sim_ring_cons(rig.r), pos + PAGE);
	sim_ring_set_cons(rig.r, pos);
	assert_int_equal(open_again(&rig, 0), 0);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 10);
	rig_close(&rig);
}

static void a_ring_in_order_is_not_touched(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (unsigned int unread = 0; unread < 200; unread += 13) {
			struct rig rig;
			uint64_t pos, word;

			rig_open(&rig, PAGE, s, 0);
			fill(&rig, unread);
			pos = stats_of_consumer(rig.c).cons_pos;
			word = sim_ring_cons(rig.r); /* that of a record kept back */
			assert_int_equal(word, ring_word(rig.r, pos - 16));
			bpfring_consumer_close(rig.c);
			sim_ring_set_cons(rig.r, word);
			assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), 0);
			assert_int_equal(sim_ring_cons(rig.r), word);
			assert_int_equal(ring_word(rig.r, stats_of_consumer(rig.c).cons_pos),
					 ring_word(rig.r, pos));
			assert_int_equal(stats_of_consumer(rig.c).repaired, 0);
			assert_int_equal(stats_of_consumer(rig.c).given_up, 0);
			rig_close(&rig);
			sim_sys_set_word_size(8);
		}
	}
}

/* Behind a producer position that cannot be there is nothing to go by. */
static void a_broken_producer(void **state)
{
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	put(rig.r, 8);
	sim_ring_set_prod(rig.r, 12);
	assert_int_equal(open_again(&rig, BPFRING_CONSUMER_RECOVER), -EBADMSG);
	assert_logged("events", "42");
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(every_wrong_position),		  rig_test(without_a_note),
		rig_test(zeroes_are_no_records),	  rig_test(an_older_kernel),
		rig_test(a_ring_in_order_is_not_touched), rig_test(a_broken_producer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
