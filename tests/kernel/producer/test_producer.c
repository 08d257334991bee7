// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The producer on real rings: what arrives, what is refused, who dies. */
#include "user_rig.h"

#include <bpf/libbpf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS	200
#define COUNTED 100000000ULL

static void samples_come_once_and_in_order(void **state)
{
	struct user_rig rig;
	uint64_t number = 0;

	(void)state;
	rig_open(&rig, 4096, NULL);
	for (unsigned int round = 0; round < 1000; round++) {
		int drained = 0;

		for (size_t size = 16; !put(rig.p, 0, number, size + round % 100); size += 8) {
			number++;
			drained++;
		}
		assert_int_equal(run(rig.skel->progs.drain), drained);
	}
	assert_int_equal(rig.skel->bss->samples, number);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	assert_int_equal(bpfring_producer_free_space(rig.p), 4096);
	rig_close(&rig);
}

static void the_smallest_and_the_largest(void **state)
{
	struct user_rig rig;
	void *data;

	(void)state;
	rig_open(&rig, 4096, NULL);
	for (int lap = 0; lap < 3; lap++) {
		assert_int_equal(bpfring_producer_reserve(rig.p, 4096 - 7, &data), -E2BIG);
		assert_int_equal(bpfring_producer_reserve(rig.p, 4096 - 8, &data), 0);
		assert_int_equal(bpfring_producer_submit(rig.p, data), 0);
		assert_int_equal(bpfring_producer_reserve(rig.p, 0, &data), -ENOSPC);
		assert_int_equal(run(rig.skel->progs.drain_any), 1);
		for (int i = 0; i < 4096 / 8; i++) {
			assert_int_equal(bpfring_producer_reserve(rig.p, 0, &data), 0);
			assert_int_equal(bpfring_producer_submit(rig.p, data), 0);
		}
		assert_int_equal(bpfring_producer_reserve(rig.p, 0, &data), -ENOSPC);
		assert_int_equal(run(rig.skel->progs.drain_any), 4096 / 8);
		/* leave the next lap to start in the middle */
		assert_int_equal(put(rig.p, 0, 0, 1000), 0);
		assert_int_equal(run(rig.skel->progs.drain_any), 1);
	}
	rig_close(&rig);
}

/* One byte more, and the kernel could never take it nor what is behind it. */
static void the_limit_of_a_dynptr(void **state)
{
	struct user_rig rig;
	void *data;

	(void)state;
	rig_open(&rig, 64 << 20, NULL);
	assert_int_equal(bpfring_producer_max_sample(rig.p), USER_MAX_SAMPLE);
	assert_int_equal(bpfring_producer_reserve(rig.p, 1 << 24, &data), -E2BIG);
	assert_int_equal(bpfring_producer_reserve(rig.p, USER_MAX_SAMPLE, &data), 0);
	((uint8_t *)data)[USER_MAX_SAMPLE - 1] = 7;
	assert_int_equal(bpfring_producer_submit(rig.p, data), 0);
	assert_int_equal(put(rig.p, 0, 0, 16), 0);
	assert_int_equal(run(rig.skel->progs.drain_any), 2);
	assert_int_equal(rig.skel->bss->largest, 7);
	rig_close(&rig);
}

static void the_order_of_reservation(void **state)
{
	struct user_rig rig;
	void *data[3];

	(void)state;
	rig_open(&rig, 4096, NULL);
	for (unsigned int i = 0; i < 3; i++) {
		struct user_sample *sample;

		assert_int_equal(bpfring_producer_reserve(rig.p, sizeof(*sample), &data[i]), 0);
		sample = data[i];
		*sample = (struct user_sample){.number = i};
	}
	assert_int_equal(bpfring_producer_submit(rig.p, data[2]), 0);
	assert_int_equal(run(rig.skel->progs.drain), 0);
	assert_int_equal(bpfring_producer_submit(rig.p, data[0]), 0);
	assert_int_equal(run(rig.skel->progs.drain), 1);
	assert_int_equal(bpfring_producer_submit(rig.p, data[1]), 0);
	assert_int_equal(run(rig.skel->progs.drain), 2);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	rig_close(&rig);
}

/* Reserves and submits until it is killed, sometimes with several reserved. */
static void produce_until_killed(int map_fd, int ready)
{
	struct bpfring_producer *p;
	uint64_t number = 0;

	if (bpfring_producer_open(&p, map_fd, NULL))
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		void *data[3];
		int n = 0;

		while (n < 3 && !bpfring_producer_reserve(p, 16 + (number * 40) % 512, &data[n]))
			n++;
		for (int i = n - 1; i >= 0; i--) {
			*(struct user_sample *)data[i] =
				(struct user_sample){USER_THREADS, 0, number++};
			if (bpfring_producer_submit(p, data[i]))
				_exit(1);
		}
	}
}

static void producers_are_killed(void **state)
{
	unsigned int seed = 1;
	struct user_rig rig;
	uint64_t number = 0;
	int ready[2];

	(void)state;
	rig_load(&rig, 4096);
	assert_int_equal(pipe(ready), 0);
	for (int i = 0; i < KILLS; i++) {
		const bool early = i % 4 == 0; /* maybe before it submitted anything */
		uint64_t others = rig.skel->bss->others;
		int64_t until;
		pid_t pid = fork();
		char byte;

		if (!pid)
			produce_until_killed(rig.fd, ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		until = clock_of(CLOCK_MONOTONIC) + rand_r(&seed) % 1000000;
		while (clock_of(CLOCK_MONOTONIC) < until ||
		       (!early && rig.skel->bss->others == others))
			assert_true(run(rig.skel->progs.drain) >= 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* what it had submitted is there, what it had not is not, and the next goes on */
		assert_true(run(rig.skel->progs.drain) >= 0);
		assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
		assert_int_equal(bpfring_producer_free_space(rig.p), 4096);
		assert_int_equal(bpfring_producer_check(rig.p, NULL), 0);
		assert_int_equal(put(rig.p, 0, number++, 16), 0);
		assert_int_equal(run(rig.skel->progs.drain), 1);
		bpfring_producer_close(rig.p);
		rig.p = NULL;
	}
	assert_int_equal(rig.skel->bss->samples, KILLS);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	assert_true(rig.skel->bss->others >= KILLS / 4 * 3);
	close(ready[0]);
	close(ready[1]);
	rig_close(&rig);
}

/* What libbpf's producer leaves when it dies: a busy header, and the ring stands still. */
static void a_dead_producer_of_libbpf(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_RECOVER);
	BPFRING_OPTS(bpfring_recovery, found);
	struct user_ring_buffer *rb;
	struct user_rig rig;
	void *sample;

	(void)state;
	rig_load(&rig, 4096);
	rb = user_ring_buffer__new(rig.fd, NULL);
	assert_non_null(rb);
	assert_non_null(user_ring_buffer__reserve(rb, 100));
	sample = user_ring_buffer__reserve(rb, 16);
	assert_non_null(sample);
	*(struct user_sample *)sample = (struct user_sample){.number = 0};
	user_ring_buffer__submit(rb, sample);
	user_ring_buffer__free(rb);
	assert_int_equal(run(rig.skel->progs.drain), 0);

	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
	assert_int_equal(bpfring_producer_check(rig.p, &found), 1);
	assert_int_equal(found.busy, 1);
	assert_int_equal(found.samples, 1);
	assert_int_equal(run(rig.skel->progs.drain), 0); /* only looked at */
	bpfring_producer_close(rig.p);
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(bpfring_producer_check(rig.p, &found), 0);
	assert_int_equal(put(rig.p, 0, 1, 16), 0);
	assert_int_equal(run(rig.skel->progs.drain), 2);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	rig_close(&rig);
}

/* A sample that libbpf lets in and the kernel never takes. */
static void a_sample_too_large_of_libbpf(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_recovery, found);
	struct user_ring_buffer *rb;
	struct user_rig rig;
	void *sample;

	(void)state;
	rig_load(&rig, 64 << 20);
	rb = user_ring_buffer__new(rig.fd, NULL);
	assert_non_null(rb);
	sample = user_ring_buffer__reserve(rb, 1 << 24);
	assert_non_null(sample);
	user_ring_buffer__submit(rb, sample);
	user_ring_buffer__free(rb);
	assert_int_equal(run(rig.skel->progs.drain), -E2BIG);

	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain);
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(bpfring_producer_kick(rig.p), -E2BIG);
	assert_int_equal(bpfring_producer_recover(rig.p, &found), 1);
	assert_int_equal(found.broken, 1);
	assert_int_equal(found.broken_bytes, (1 << 24) + 8);
	assert_int_equal(put(rig.p, 0, 0, 16), 0);
	assert_int_equal(bpfring_producer_kick(rig.p), 1);
	assert_int_equal(bpfring_producer_free_space(rig.p), 64 << 20);
	rig_close(&rig);
}

static void counters_add_up(void **state)
{
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct user_rig rig;
	uint64_t number = 0, drained = 0, discards = 0;

	(void)state;
	rig_open(&rig, 1 << 20, NULL);
	while (number < COUNTED) {
		void *data;

		while (number < COUNTED && !put(rig.p, 0, number, 16)) {
			number++;
			if (number % 1000)
				continue;
			if (bpfring_producer_reserve(rig.p, 8, &data))
				break;
			assert_int_equal(bpfring_producer_discard(rig.p, data), 0);
			discards++;
		}
		drained += (uint64_t)run(rig.skel->progs.drain);
	}
	assert_int_equal(drained, COUNTED);
	assert_int_equal(rig.skel->bss->samples, COUNTED);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
	assert_int_equal(stats.samples, COUNTED);
	assert_int_equal(stats.discards, discards);
	assert_int_equal(stats.bytes, COUNTED * 24 + discards * 16);
	assert_int_equal(stats.max_fill, 1 << 20);
	rig_close(&rig);
}

/* A kick while another drain runs, which happens with several threads that kick. */
static void a_drain_within_a_drain(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	BPFRING_OPTS(bpfring_producer_stats, stats);
	struct user_rig rig = {.skel = user_bpf__open()};

	(void)state;
	assert_non_null(rig.skel);
	assert_int_equal(bpf_program__set_autoload(rig.skel->progs.drain_nested, true), 0);
	assert_int_equal(user_bpf__load(rig.skel), 0);
	rig.fd = bpf_map__fd(rig.skel->maps.user);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain_nested);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(put(rig.p, 0, 0, sizeof(struct user_sample)), 0);
	assert_int_equal(bpfring_producer_kick(rig.p), -EBUSY);
	assert_int_equal(rig.skel->bss->samples, 1); /* by the outer one, nothing is lost */
	assert_int_equal(put(rig.p, 0, 1, sizeof(struct user_sample)), 0);
	assert_int_equal(run(rig.skel->progs.drain), 1);
	assert_int_equal(bpfring_producer_stats(rig.p, &stats), 0);
	assert_int_equal(stats.kick_errors, 1);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_once_and_in_order),
		cmocka_unit_test(the_smallest_and_the_largest),
		cmocka_unit_test(the_limit_of_a_dynptr),
		cmocka_unit_test(the_order_of_reservation),
		cmocka_unit_test(producers_are_killed),
		cmocka_unit_test(a_dead_producer_of_libbpf),
		cmocka_unit_test(a_sample_too_large_of_libbpf),
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(a_drain_within_a_drain),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
