// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: what a quiet consumer leaves behind when it is killed, and who makes what of it. */
#include "cons_rig.h"

/*
 * A consumer is gone without a word. The next finds the exact place; one that knows no note, a
 * record before.
 */
static void after_a_kill(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		uint64_t pos = s->pos;

		for (unsigned int i = 0; i < 600; i++) {
			struct bpfring_record record = {.pos = 1};
			struct bpfring_ring c; /* a new one each time, the old one just stops */

			init(&c, r);
			assert_int_equal(ring_word(r, c.released), ring_word(r, pos));
			assert_int_equal(put(r, 8), 1);
			bpfring_ring_set_quiet(&c, i % 3 != 0);
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			assert_int_equal(ring_word(r, record.pos), ring_word(r, pos));
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(bpfring_ring_peek(&c, &record), 0);
			pos += 16;
			assert_int_equal(sim_ring_cons(r), ring_word(r, i % 3 ? pos - 16 : pos));
		}
		sim_ring_free(r);
	}
}

/*
 * What a note may say that does not fit, all in words of the ring, around the position of two
 * records.
 */
static void a_note_that_does_not_fit_is_not_believed(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);

		assert_int_equal(put(r, 8), 1);
		assert_int_equal(put(r, 8), 1);
		for (int64_t offset = -2 * (int64_t)PAGE; offset < 2 * (int64_t)PAGE; offset++) {
			struct bpfring_ring c = {.note = note_of(r),
						 .word_size = (uint8_t)s->word_size};

			bpfring_priv_write_note(&c, s->pos + (uint64_t)offset);
			init(&c, r);
			/* forged, it hides no more than the record that it is the end of */
			if (c.released != s->pos + (offset == 16 ? 16 : 0))
				fail_msg("offset %d: at %llu", (int)offset,
					 (unsigned long long)c.released);
		}
		sim_ring_free(r);
	}
}

static void no_note_of_a_busy_or_broken_record(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c = {.note = note_of(r), .word_size = 8};
	void *busy = sim_reserve(r, 8);

	(void)state;
	bpfring_priv_write_note(&c, 16);
	init(&c, r);
	assert_int_equal(c.released, 0);
	sim_submit(r, busy, 0);
	*sim_ring_header(r, 0) = 80; /* beyond the producer */
	bpfring_priv_write_note(&c, 88);
	init(&c, r);
	assert_int_equal(c.released, 0);
	sim_ring_free(r);
}

/* It was killed between the store of the position and that of the note: the record comes again. */
static void killed_in_a_release(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c;
	uint64_t note;

	(void)state;
	init(&c, r);
	bpfring_ring_set_quiet(&c, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(put(r, 8), 1);
		note = *(uint64_t *)note_of(r);
		assert_int_equal(drain(&c), 1);
	}
	*(uint64_t *)note_of(r) = note;
	init(&c, r);
	assert_int_equal(c.released, 32);
	assert_int_equal(drain(&c), 1);
	sim_ring_free(r);
}

/* Others ran in between, who publish true positions and leave the note as it was. */
static void a_stale_note(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_ring c;

		init(&c, r);
		bpfring_ring_set_quiet(&c, 1);
		for (int i = 0; i < 5; i++)
			assert_int_equal(put(r, 8), 1);
		assert_int_equal(bpfring_ring_peek(&c, &(struct bpfring_record){0}), 1);
		assert_int_equal(bpfring_ring_release(&c), 0);
		for (uint64_t taken = 1; taken <= 5; taken++) {
			sim_ring_set_cons(r, s->pos + 16 * taken);
			init(&c, r);
			assert_int_equal(ring_word(r, c.released),
					 ring_word(r, s->pos + 16 * taken));
		}
		sim_ring_free(r);
	}
}

static void a_new_consumer_can_arm(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct sim_ring *r = ring_new(PAGE, s);
		struct bpfring_ring c;

		init(&c, r);
		bpfring_ring_set_quiet(&c, 1);
		put(r, 8);
		drain(&c);
		init(&c, r);
		assert_int_equal(bpfring_ring_avail_data(&c), 0);
		r->notified = 0;
		assert_int_equal(bpfring_ring_arm(&c), 0);
		assert_int_equal(sim_ring_cons(r), sim_ring_prod(r));
		put(r, 8);
		assert_int_equal(sim_ring_notified(r), 1);
		assert_int_equal(drain(&c), 1);
		sim_ring_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_kill),
		cmocka_unit_test(a_note_that_does_not_fit_is_not_believed),
		cmocka_unit_test(no_note_of_a_busy_or_broken_record),
		cmocka_unit_test(killed_in_a_release),
		cmocka_unit_test(a_stale_note),
		cmocka_unit_test(a_new_consumer_can_arm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
