// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings that nobody could have made: errors, no wild reads, no endless loop. */
#include "tap_rig.h"

#include "observe/tap.h"

static uint32_t random_state = 1;

static uint32_t dice(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void test_impossible_header(void **state)
{
	static struct seen seen;

	(void)state;
	for_each_start(start)
	{
		static const uint32_t headers[] = {9, 16, 4096, 0x3fffffff, 0x80000100, 0x7fffffff};

		for (unsigned int i = 0; i < ARRAY_SIZE(headers); i++) {
			struct bpfring_tap *t;
			struct rig rig;

			memset(&seen, 0, sizeof(seen));
			rig_ring(&rig, PAGE, start);
			t = tap_of(&rig, BPFRING_TAP_NOW, 0);
			put_number(rig.r, 1);
			put_number(rig.r, 2);
			*sim_ring_header(rig.r, start->pos + 16) = headers[i];
			/* what comes before is good */
			assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), -EBADMSG);
			assert_int_equal(seen.count, 1);
			assert_logged("'events'", "contradicts itself");
			assert_int_equal(stats_of_tap(t).missed, 16);
			/* and what comes after */
			*sim_ring_header(rig.r, start->pos + 16) = 8;
			put_number(rig.r, 3);
			assert_reads(t, &seen, 1, BPFRING_END_DRAINED);
			assert_int_equal(seen.numbers[1], 3);
			assert_int_equal(seen.records[1].missed, 16);
			bpfring_tap_close(t);
			rig_close(&rig);
		}
	}
}

static void test_positions_that_jump(void **state)
{
	static struct seen seen;
	static const uint64_t jumps[] = {PAGE + 8, 1ULL << 20, 1ULL << 40, 1ULL << 62,
					 (1ULL << 63) - 8};

	(void)state;
	for_each_start(start)
	{
		for (unsigned int i = 0; i < ARRAY_SIZE(jumps); i++) {
			struct bpfring_tap *t;
			struct rig rig;

			memset(&seen, 0, sizeof(seen));
			rig_ring(&rig, PAGE, start);
			t = tap_of(&rig, BPFRING_TAP_NOW, 0);
			put_number(rig.r, 1);
			sim_ring_set_prod(rig.r, ring_word(rig.r, start->pos + jumps[i]));
			bpfring_tap_read(t, see, &seen, NULL, NULL);
			stats_of_tap(t);
			/* back: no ring does that */
			sim_ring_set_prod(rig.r, start->pos);
			if (start->word_size == 8 && jumps[i] < 1ULL << 62)
				assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL),
						 -EBADMSG);
			else
				bpfring_tap_read(t, see, &seen, NULL, NULL);
			stats_of_tap(t);
			sim_ring_set_prod(rig.r, ring_word(rig.r, start->pos + 4));
			assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), -EBADMSG);
			sim_ring_set_prod(rig.r, ring_word(rig.r, start->pos + 16));
			bpfring_tap_read(t, see, &seen, NULL, NULL);
			stats_of_tap(t);
			log_forget();
			bpfring_tap_close(t);
			rig_close(&rig);
		}
	}
}

/* The memory changes wherever and whenever it likes. */
static void spoil(struct sim_ring *r)
{
	switch (dice() % 8) {
	case 0:
		sim_ring_set_prod(r, ring_word(r, (uint64_t)dice() << (dice() % 32)));
		break;
	case 1:
		sim_ring_set_prod(r, ring_word(r, sim_ring_prod(r) + (dice() % 1024) * 8));
		break;
	case 2:
		sim_ring_set_cons(r, ring_word(r, sim_ring_prod(r) - dice() % 8192));
		break;
	case 3: {
		void *word = (uint8_t *)r->prod_word + (size_t)2 * r->word_size;

		memcpy(word, &(uint64_t){sim_ring_prod(r) - dice() % 8192}, r->word_size);
		break;
	}
	default:
		*sim_ring_header(r, (uint64_t)dice() * 8) = dice() % 3 ? dice() % 200
								       : dice() << (dice() % 32);
	}
}

static struct sim_ring *spoiled;

int __real_bpfring_tap_look_again(struct bpfring_tap *t);
int __wrap_bpfring_tap_look_again(struct bpfring_tap *t);

int __wrap_bpfring_tap_look_again(struct bpfring_tap *t)
{
	if (spoiled && dice() % 2)
		spoil(spoiled);
	return __real_bpfring_tap_look_again(t);
}

static struct sim_ring *goes_back;
static uint64_t goes_back_to;

uint64_t __real_bpfring_tap_oldest(struct bpfring_tap *t);
uint64_t __wrap_bpfring_tap_oldest(struct bpfring_tap *t);

uint64_t __wrap_bpfring_tap_oldest(struct bpfring_tap *t)
{
	if (spoiled && dice() % 2)
		spoil(spoiled);
	if (goes_back)
		sim_ring_set_prod(goes_back, goes_back_to);
	return __real_bpfring_tap_oldest(t);
}

/* Far away when the read begins, and back where the tap is when it looks for the oldest record. */
static void test_position_that_comes_back(void **state)
{
	static struct seen seen;

	(void)state;
	for (uint64_t back = 0; back <= 16; back += 8) {
		const struct start start = {8, 1 << 20};
		struct bpfring_tap *t;
		struct rig rig;

		memset(&seen, 0, sizeof(seen));
		rig_ring(&rig, PAGE, &start);
		t = tap_of(&rig, BPFRING_TAP_NOW, 0);
		sim_ring_set_prod(rig.r, start.pos + (1 << 20));
		goes_back_to = start.pos - 8 + back;
		goes_back = rig.r;
		assert_int_equal(bpfring_tap_read(t, see, &seen, NULL, NULL), -EBADMSG);
		goes_back = NULL;
		stats_of_tap(t);
		log_forget();
		bpfring_tap_close(t);
		rig_close(&rig);
	}
}

static int touch(void *ctx, const struct bpfring_tap_record *record)
{
	const uint8_t *data = record->data;
	unsigned long *sum = ctx;

	for (uint32_t i = 0; i < record->size; i++)
		*sum += data[i];
	if (dice() % 16 == 0)
		spoil(spoiled);
	return dice() % 64 ? 0 : BPFRING_STOP;
}

static void test_memory_that_changes(void **state)
{
	static const uint32_t flags[] = {0, BPFRING_TAP_SHOW_DISCARDED, BPFRING_TAP_PASS_BUSY,
					 BPFRING_TAP_SHOW_DISCARDED | BPFRING_TAP_PASS_BUSY};
	unsigned long sum = 0;

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		const struct start start = {round & 1 ? 4 : 8, (uint64_t)dice() * 8};
		BPFRING_OPTS(bpfring_tap_opts, opts, .flags = flags[round / 2 % 4],
			     .buffer_size = round % 3 ? 0 : 64);
		struct bpfring_tap *t;
		struct rig rig = {0};

		rig.r = ring_new(PAGE, &start);
		rig.r->overwrite = round % 5 == 0;
		rig.map = sim_sys_map(rig.r, "hostile", 7);
		sim_sys_set_word_size(start.word_size);
		assert_int_equal(bpfring_tap_open(&t, rig.r->event_fd, &opts), 0);
		for (unsigned int i = 0; i < 20; i++)
			put(rig.r, dice() % 100);
		spoiled = rig.r;
		for (unsigned int i = 0; i < 2000; i++) {
			spoil(rig.r);
			bpfring_tap_read(t, touch, &sum, NULL, NULL);
			stats_of_tap(t);
			if (dice() % 64 == 0)
				bpfring_tap_seek(t, dice() % 2);
		}
		spoiled = NULL;
		log_forget();
		bpfring_tap_close(t);
		rig_close(&rig);
	}
	assert_true(sum > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_impossible_header),
		rig_test(test_positions_that_jump),
		rig_test(test_memory_that_changes),
		rig_test(test_position_that_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
