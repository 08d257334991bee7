// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * producer_recovery.h on the replaced system: what others left in a ring, or this producer itself.
 */
#include "producer_rig.h"

/* Writes a header as another producer may have. */
static void header(uint64_t pos, uint32_t value)
{
	*sim_ring_header(r, pos) = value;
}

/* A header that was written over: what is open is given up, and the ring flows on. */
static void recovery_from_ourselves(void **state)
{
	void *a, *b;

	(void)state;
	ring(PAGE, &starts[0]);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_reserve(p, 8, &a), 0);
	assert_int_equal(bpfring_producer_reserve(p, 8, &b), 0);
	assert_int_equal(bpfring_producer_discard(p, b), 0);
	((uint32_t *)a)[-2] = 24;
	assert_int_equal(bpfring_producer_submit(p, a), -EBADMSG);
	assert_logged("-EBADMSG", "written over", "bpfring_producer_recover()");
	assert_int_equal(bpfring_producer_submit(p, a), -EINVAL);
	assert_logged("-EINVAL");
	assert_int_equal(put_sample(4, 8), -EBADMSG);
	assert_int_equal(bpfring_producer_recover(p, NULL), 0);
	assert_int_equal(put_sample(5, 100), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
	done();
}

static void recovery(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_RECOVER);
	BPFRING_OPTS(bpfring_recovery, found);
	void *data;

	(void)state;
	for_each_start(s)
	{
		ring(PAGE, s);
		header(s->pos, 16);			      /* good */
		header(s->pos + 24, 40 | BPFRING_BUSY_BIT);   /* abandoned */
		header(s->pos + 72, 8 | BPFRING_DISCARD_BIT); /* discarded */
		header(s->pos + 88, 8);			      /* good */
		header(s->pos + 104, 5000);		      /* nonsense */
		sim_ring_set_prod(r, s->pos + 512);
		assert_int_equal(open_with(NULL), 0);
		assert_int_equal(bpfring_producer_check(p, &found), 1);
		assert_int_equal(found.samples, 2);
		assert_int_equal(found.discards, 1);
		assert_int_equal(found.busy, 1);
		assert_int_equal(found.broken, 1);
		assert_int_equal(found.broken_bytes, 512 - 104);
		assert_int_equal(found.moved, 0);
		assert_int_equal(found.position, ring_word(r, s->pos) + 24);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 0);
		assert_int_equal(bpfring_producer_reserve(p, 8, &data), 0);
		assert_int_equal(bpfring_producer_recover(p, NULL), -EBUSY);
		assert_logged("-EBUSY", "samples are reserved");
		assert_int_equal(bpfring_producer_discard(p, data), 0);
		assert_int_equal(bpfring_producer_recover(p, &found), 1);
		assert_int_equal(found.samples, 1);
		assert_int_equal(found.busy, 1);
		assert_int_equal(bpfring_producer_check(p, &found), 0);
		assert_int_equal(put_sample(5, 100), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 2);
		assert_int_equal(bpfring_producer_free_space(p), PAGE);
		bpfring_producer_close(p);
		/* a position in the middle of a word, and one beyond the ring */
		sim_ring_set_prod(r, sim_ring_prod(r) + 13);
		header(sim_ring_cons(r), 0);
		assert_int_equal(open_with(&opts), 0);
		assert_logged("5");
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		bpfring_producer_close(p);
		sim_ring_set_prod(r, sim_ring_prod(r) + PAGE + 8);
		assert_int_equal(open_with(&opts), 0);
		log_forget();
		assert_int_equal(bpfring_producer_free_space(p), PAGE);
		assert_int_equal(put_sample(6, 8), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		done();
		sim_sys_reset();
	}
}

static int drain_if(void *ctx)
{
	return *(bool *)ctx ? sim_drain(r, NULL, NULL, 0) : 0;
}

/* Kicks at a fill level go on from the position that the repair came to, a ring's length behind. */
static void recovery_and_kicks(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .kick = drain_if, .kick_bytes = 1024);
	BPFRING_OPTS(bpfring_recovery, found);
	bool drains = false;

	(void)state;
	ring(PAGE, NULL);
	opts.kick_ctx = &drains;
	assert_int_equal(open_with(&opts), 0);
	while (!put_sample(1, 120))
		;
	assert_int_equal(bpfring_producer_free_space(p), 0);
	sim_ring_set_prod(r, 1ULL << 40);
	assert_int_equal(bpfring_producer_recover(p, &found), 1);
	assert_int_equal(found.moved, 1ULL << 40);
	assert_int_equal(bpfring_producer_free_space(p), PAGE);
	drains = true;
	for (int i = 0; i < 100; i++)
		assert_int_equal(put_sample(3, 120), 0);
	done();
}

/* A sample that the kernel cannot pass even as a discarded one is cut into several. */
static void recovery_of_a_large_sample(void **state)
{
	BPFRING_OPTS(bpfring_recovery, found);

	(void)state;
	ring(1U << 26, NULL);
	header(0, (1U << 25) + 8);
	sim_ring_set_prod(r, (1U << 25) + 16);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), -E2BIG);
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(bpfring_producer_recover(p, &found), 1);
	assert_int_equal(found.broken_bytes, (1U << 25) + 16);
	assert_int_equal(put_sample(1, 8), 0);
	assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
	found.sz = 4;
	assert_int_equal(bpfring_producer_check(p, &found), -EINVAL);
	assert_int_equal(bpfring_producer_recover(p, &found), -EINVAL);
	assert_logged("-EINVAL", "BPFRING_OPTS");
	done();
}

/* Positions and headers that nobody would write: whatever is read there is bounded. */
static void any_ring(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_RECOVER);
	BPFRING_OPTS(bpfring_recovery, found);
	unsigned int seed = 1;

	(void)state;
	ring(PAGE, NULL);
	for (int i = 0; i < 20000; i++) {
		uint64_t cons = 0, prod;

		for (int k = 0; k < 3; k++) {
			seed = seed * 1103515245 + 12345;
			cons = cons << 31 | seed >> 1;
		}
		cons &= ~(uint64_t)(i % 8 ? 7 : 0);
		prod = i % 4 ? cons + seed % (2 * PAGE) : cons * seed;
		for (uint64_t pos = 0; pos < PAGE; pos += 8) {
			seed = seed * 1103515245 + 12345;
			header(pos, seed >> (seed >> 16) % 32 | seed << 30);
		}
		sim_ring_set_cons(r, cons);
		sim_ring_set_prod(r, prod);
		if (i % 2 && !open_with(NULL)) {
			int blocked = bpfring_producer_check(p, &found);

			assert_in_range(blocked, 0, 1);
			assert_true(found.broken_bytes <= PAGE);
			assert_int_equal(bpfring_producer_recover(p, &found), blocked);
			assert_true(bpfring_producer_free_space(p) <= PAGE);
			bpfring_producer_close(p);
		}
		/* the kernel's own position is not ours to repair */
		assert_int_equal(open_with(&opts), cons % 8 ? -EBADMSG : 0);
		log_forget();
		if (cons % 8)
			continue;
		assert_int_equal(bpfring_producer_check(p, &found), 0);
		while (!put_sample(1, 100))
			;
		assert_true(bpfring_producer_free_space(p) < 112);
		assert_true(sim_drain(r, NULL, NULL, 0) >= 0);
		assert_int_equal(bpfring_producer_free_space(p), PAGE);
		assert_int_equal(put_sample(1, 100), 0);
		assert_int_equal(sim_drain(r, NULL, NULL, 0), 1);
		bpfring_producer_close(p);
	}
	p = NULL;
	sim_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(recovery),	      rig_test(recovery_from_ourselves),
		rig_test(recovery_and_kicks), rig_test(recovery_of_a_large_sample),
		rig_test(any_ring),
	};

	return cmocka_run_group_tests(tests, keep_two, NULL);
}
