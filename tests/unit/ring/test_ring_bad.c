// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* ring.h: corrupt rings, second consumers, forked children, bad arguments. */
#include <bpfring/ring.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int init(struct bpfring_ring *c, struct sim_ring *r)
{
	return bpfring_ring_init(c, r->cons_word, r->prod_word, r->data, r->size, r->word_size,
				 NULL);
}

static void put(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	assert_non_null(payload);
	sim_submit(r, payload, 0);
}

static void arguments(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_ring c;
	static const uint64_t sizes[] = {0, 1, 4, 7, 12, 4095, 4097, 6144, UINT64_MAX};
	static const unsigned int words[] = {0, 1, 2, 5, 16, 64};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(bpfring_ring_init(&c, r->cons_word, r->prod_word, r->data,
						   sizes[i], 8, NULL),
				 -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(bpfring_ring_init(&c, r->cons_word, r->prod_word, r->data, r->size,
						   words[i], NULL),
				 -EINVAL);
	assert_int_equal(init(&c, r), 0);
	sim_ring_free(r);
}

static void a_corrupt_header_is_refused(void **state)
{
	/* what the header says, behind one good record; 64 bytes are there */
	static const uint32_t headers[] = {
		57,
		64,
		65,
		PAGE - 16,
		PAGE - 8,
		PAGE,
		0x10000,
		0x3ffffff8,
		0x3fffffff,
		BPFRING_DISCARD_BIT | 57,
		BPFRING_DISCARD_BIT | 0x3fffffff,
	};

	(void)state;
	for_each_start(s)
	{
		for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
			struct sim_ring *r = ring_new(PAGE, s);
			struct bpfring_record record, records[4];
			struct bpfring_ring c;

			put(r, 24);
			put(r, 56);
			*sim_ring_header(r, s->pos + 32) = headers[i];
			assert_int_equal(init(&c, r), 0);
			/* a batch ends before it, the error comes with the next */
			assert_int_equal(bpfring_ring_peek_batch(&c, records, 4), 1);
			assert_int_equal(bpfring_ring_peek_batch(&c, records, 4), -EBADMSG);
			for (int again = 0; again < 3; again++) {
				assert_int_equal(bpfring_ring_peek(&c, &record), -EBADMSG);
				assert_int_equal(c.pos, s->pos + 32);
			}
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(bpfring_ring_peek(&c, &record), -EBADMSG);
			assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + 32));
			/* mended, it goes on */
			*sim_ring_header(r, s->pos + 32) = 56;
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			assert_int_equal(record.size, 56);
			sim_ring_free(r);
		}
	}
}

/* Contradicting positions: (consumer, producer) relative to the start. */
static void positions_that_cannot_be(void **state)
{
	static const struct {
		int64_t cons, prod;
		int err;
	} cases[] = {
		{0, 0, 0},
		{0, 8, 0},
		{0, PAGE, 0},
		{0, PAGE + 8, -EBADMSG},
		{8, 0, -EBADMSG},
		{0, -8, -EBADMSG},
		{0, 4, -EBADMSG},
		{0, 1, -EBADMSG},
		{-1, 0, -EBADMSG},
		{-7, 0, -EBADMSG},
		{1, 0, -EBADMSG},
		{PAGE, 0, -EBADMSG},
		{-(int64_t)PAGE, 0, 0},
		{-(int64_t)PAGE - 8, 0, -EBADMSG},
		{0x40000000, 0, -EBADMSG},
	};

	(void)state;
	for_each_start(s)
	{
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct sim_ring *r = ring_new(PAGE, s);
			struct bpfring_ring c;

			sim_ring_set_cons(r, s->pos + (uint64_t)cases[i].cons);
			sim_ring_set_prod(r, s->pos + (uint64_t)cases[i].prod);
			if (init(&c, r) != cases[i].err)
				fail_msg("word %u, start %llx, case %zu: not %d", s->word_size,
					 (unsigned long long)s->pos, i, cases[i].err);
			sim_ring_free(r);
		}
	}
}

/* The producer position is changed under a consumer that runs. */
static void a_producer_that_jumps(void **state)
{
	static const int64_t jumps[] = {-8, -16, PAGE + 8, 2 * PAGE, 4, 1, 0x7ffffff8};

	(void)state;
	for_each_start(s)
	{
		for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
			struct sim_ring *r = ring_new(PAGE, s);
			struct bpfring_record record;
			struct bpfring_ring c;
			uint64_t pos;

			assert_int_equal(init(&c, r), 0);
			for (int n = 0; n < 3; n++)
				put(r, 8);
			pos = sim_ring_prod(r);
			for (int n = 0; n < 2; n++)
				assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			assert_int_equal(bpfring_ring_release(&c), 0);
			assert_int_equal(bpfring_ring_peek(&c, &record), 1);
			sim_ring_set_prod(r, pos + (uint64_t)jumps[i]);
			assert_int_equal(bpfring_ring_peek(&c, &record), -EBADMSG);
			assert_int_equal(c.pos, s->pos + 48);
			bpfring_ring_cancel(&c);
			if (jumps[i] != -8 && jumps[i] != -16) {
				assert_int_equal(bpfring_ring_arm(&c), -EBADMSG);
				assert_int_equal(sim_ring_cons(r), ring_word(r, s->pos + 32));
			}
			sim_ring_free(r);
		}
	}
}

static void a_second_consumer_is_noticed(void **state)
{
	(void)state;
	for_each_start(s)
	{
		for (int quiet = 0; quiet < 2; quiet++) {
			struct sim_ring *r = ring_new(PAGE, s);
			struct bpfring_record record;
			struct bpfring_ring one, two;

			put(r, 8);
			put(r, 8);
			assert_int_equal(init(&one, r), 0);
			assert_int_equal(init(&two, r), 0);
			bpfring_ring_set_quiet(&one, quiet);
			bpfring_ring_set_quiet(&two, quiet);
			assert_int_equal(bpfring_ring_peek(&one, &record), 1);
			assert_int_equal(bpfring_ring_peek(&two, &record), 1);
			assert_int_equal(bpfring_ring_peek(&two, &record), 1);
			assert_int_equal(bpfring_ring_release(&two), 0);
			for (int again = 0; again < 3; again++) {
				assert_int_equal(bpfring_ring_release(&one), -EBUSY);
				assert_int_equal(one.held_records, 1); /* stays held */
				assert_int_equal(sim_ring_cons(r),
						 ring_word(r, s->pos + (quiet ? 16 : 32)));
			}
			bpfring_ring_cancel(&one);
			/* nor does the sleep overwrite it */
			if (quiet)
				bpfring_ring_set_quiet(&one, 0);
			assert_int_equal(bpfring_ring_peek(&one, &record), 1);
			assert_int_equal(bpfring_ring_release(&one), -EBUSY);
			assert_int_equal(sim_ring_cons(r),
					 ring_word(r, s->pos + (quiet ? 16 : 32)));
			/* the one that is right goes on */
			put(r, 8);
			assert_int_equal(bpfring_ring_peek(&two, &record), 1);
			assert_int_equal(bpfring_ring_release(&two), 0);
			sim_ring_free(r);
		}
	}
}

static void arm_notices_a_second_consumer(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	struct bpfring_record record;
	struct bpfring_ring c;

	(void)state;
	assert_int_equal(init(&c, r), 0);
	bpfring_ring_set_quiet(&c, 1);
	put(r, 8);
	put(r, 8);
	assert_int_equal(bpfring_ring_peek(&c, &record), 1);
	assert_int_equal(bpfring_ring_release(&c), 0);
	sim_ring_set_cons(r, 32);
	assert_int_equal(bpfring_ring_arm(&c), -EBUSY);
	assert_int_equal(sim_ring_cons(r), 32);
	sim_ring_free(r);
}

/* Runs fn in a forked child; its return value, 0..255. */
static int in_child(int (*fn)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn(ctx));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

struct family {
	struct sim_ring *r;
	struct bpfring_ring c;
};

static int child_of_a_consumer(void *ctx)
{
	struct family *f = ctx;
	struct bpfring_record record;
	uint64_t before = sim_ring_cons(f->r);

	if (bpfring_ring_release(&f->c) != -ECHILD)
		return 1;
	bpfring_ring_cancel(&f->c);
	f->c.prod = f->c.pos;
	if (bpfring_ring_peek(&f->c, &record) != -ECHILD)
		return 2;
	if (bpfring_ring_peek_batch(&f->c, &record, 1) != -ECHILD)
		return 3;
	if (bpfring_ring_arm(&f->c) != -ECHILD)
		return 4;
	if (sim_ring_cons(f->r) != before)
		return 5;
	return 0;
}

static void a_child_must_not_consume(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct family f = {.r = ring_new(PAGE, s)};
		struct bpfring_record record;
		uint32_t *owner = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_ptr_not_equal(owner, MAP_FAILED);
		assert_int_equal(madvise(owner, PAGE, MADV_WIPEONFORK), 0);
		*owner = 1;
		assert_int_equal(bpfring_ring_init(&f.c, f.r->cons_word, f.r->prod_word, f.r->data,
						   f.r->size, f.r->word_size, owner),
				 0);
		bpfring_ring_set_quiet(&f.c, 1);
		put(f.r, 8);
		put(f.r, 8);
		assert_int_equal(bpfring_ring_peek(&f.c, &record), 1);
		assert_int_equal(in_child(child_of_a_consumer, &f), 0);
		/* the parent goes on as if nothing had been */
		assert_int_equal(bpfring_ring_peek(&f.c, &record), 1);
		assert_int_equal(bpfring_ring_release(&f.c), 0);
		assert_int_equal(bpfring_ring_arm(&f.c), 0);
		assert_int_equal(sim_ring_cons(f.r), sim_ring_prod(f.r));
		munmap(owner, PAGE);
		sim_ring_free(f.r);
	}
}

static void a_child_cannot_begin(void **state)
{
	struct sim_ring *r = ring_new(PAGE, NULL);
	static const uint32_t wiped;
	struct bpfring_ring c;

	(void)state;
	assert_int_equal(
		bpfring_ring_init(&c, r->cons_word, r->prod_word, r->data, r->size, 8, &wiped),
		-ECHILD);
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(a_corrupt_header_is_refused),
		cmocka_unit_test(positions_that_cannot_be),
		cmocka_unit_test(a_producer_that_jumps),
		cmocka_unit_test(a_second_consumer_is_noticed),
		cmocka_unit_test(arm_notices_a_second_consumer),
		cmocka_unit_test(a_child_must_not_consume),
		cmocka_unit_test(a_child_cannot_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
