// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings that are no maps: they are opened by their memory, and all else is as with maps. */
#define _GNU_SOURCE
#include <bpfring/loop.h>
#include <bpfring/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"
#include "unit.h"

static struct bpfring_memory memory_of(const struct sim_ring *r)
{
	return (struct bpfring_memory){
		.sz = sizeof(struct bpfring_memory),
		.memory_fd = r->memory_fd,
		.event_fd = r->event_fd,
		.ring_size = r->size,
		.word_size = r->word_size,
		.name = "simulated",
	};
}

static int in_order(void *ctx, const void *data, size_t size)
{
	uint64_t *next = ctx, number;

	assert_int_equal(size, sizeof(number));
	memcpy(&number, data, sizeof(number));
	assert_int_equal(number, (*next)++);
	return 0;
}

static void all_ways_of_consuming(void **state)
{
	(void)state;
	for (unsigned int word = 4; word <= 8; word += 4) {
		BPFRING_OPTS(bpfring_consumer_stats, stats);
		uint64_t next = 0, put = 0;
		struct bpfring_record record;
		struct bpfring_memory memory;
		struct bpfring_consumer *c;
		struct bpfring_loop *l;
		struct sim_ring *r;

		/* over the end of 32 bits and of the ring */
		assert_int_equal(sim_ring_new(&r, PAGE, word, word == 4 ? UINT32_MAX - 199 : 8), 0);
		memory = memory_of(r);
		assert_int_equal(bpfring_consumer_open_memory(&c, &memory, NULL), 0);
		assert_int_equal(bpfring_loop_new(&l, NULL), 0);
		for (int round = 0; round < 1000; round++) {
			for (int i = round % 4; i >= 0; i--, put++)
				assert_int_equal(sim_output(r, &put, sizeof(put), 0), 0);
			switch (round % 3) {
			case 0:
				assert_true(bpfring_consumer_consume(c, in_order, &next, NULL,
								     NULL) > 0);
				break;
			case 1:
				assert_int_equal(bpfring_consumer_wait(c, -1), 1);
				while (bpfring_consumer_peek(c, &record) == 1)
					in_order(&next, record.data, record.size);
				assert_int_equal(bpfring_consumer_release(c), 0);
				break;
			default:
				assert_int_equal(bpfring_loop_add(l, c, in_order, &next), 0);
				while (next < put)
					assert_true(bpfring_loop_poll(l, -1) >= 0);
				assert_int_equal(bpfring_loop_remove(l, c), 0);
				break;
			}
			assert_int_equal(next, put);
		}
		assert_int_equal(bpfring_consumer_stats(c, &stats), 0);
		assert_int_equal(stats.records, put);
		assert_int_equal(stats.map_id, 0);
		assert_string_equal(stats.map_name, "simulated");
		bpfring_loop_free(l);
		bpfring_consumer_close(c);
		sim_ring_free(r);
	}
}

/* The descriptors are duplicates, and the next consumer goes on where this one stopped. */
static void as_long_as_the_consumer(void **state)
{
	uint64_t next = 0, put = 0;
	struct bpfring_memory memory;
	struct bpfring_consumer *c;
	struct sim_ring *r;

	(void)state;
	assert_int_equal(sim_ring_new(&r, PAGE, 8, 0), 0);
	memory = memory_of(r);
	memory.memory_fd = dup(r->memory_fd);
	memory.event_fd = dup(r->event_fd);
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 5; n++, put++)
			assert_int_equal(sim_output(r, &put, sizeof(put), 0), 0);
		assert_int_equal(bpfring_consumer_open_memory(&c, &memory, NULL), 0);
		if (i == 2) {
			close(memory.memory_fd);
			close(memory.event_fd);
		}
		assert_int_equal(bpfring_consumer_consume(c, in_order, &next, NULL, NULL), 5);
		if (i == 2)
			assert_int_equal(bpfring_consumer_wait(c, 1000000), 0);
		bpfring_consumer_close(c);
	}
	assert_int_equal(sim_ring_cons(r), 16 * put);
	sim_ring_free(r);
}

static void refuses(const struct bpfring_memory *memory, int err)
{
	struct bpfring_consumer *c = NULL;
	int got = bpfring_consumer_open_memory(&c, memory, NULL);

	if (got != err)
		fail_msg("%s, not %s", bpfring_errname(got), bpfring_errname(err));
	assert_null(c);
}

static void bad_memory(void **state)
{
	struct bpfring_memory good, bad;
	struct sim_ring *r;

	(void)state;
	assert_int_equal(sim_ring_new(&r, PAGE, 8, 0), 0);
	good = memory_of(r);
	refuses(NULL, -EINVAL);
	bad = good, bad.sz = 4;
	refuses(&bad, -EINVAL);
	bad = good, bad.memory_fd = -1;
	refuses(&bad, -EBADF);
	bad = good, bad.event_fd = 4000;
	refuses(&bad, -EBADF);
	bad = good, bad.ring_size = PAGE + 8;
	refuses(&bad, -EINVAL);
	bad = good, bad.ring_size = PAGE / 2;
	refuses(&bad, -EINVAL);
	bad = good, bad.ring_size = 1ULL << 40;
	refuses(&bad, -EINVAL);
	bad = good, bad.ring_size = 2 * PAGE; /* longer than the file */
	refuses(&bad, -EINVAL);
	bad = good, bad.word_size = 2;
	refuses(&bad, -EINVAL);
	bad = good, bad.memory_fd = r->event_fd;
	refuses(&bad, -EINVAL);
	bad = good, bad.memory_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	refuses(&bad, -EACCES);
	close(bad.memory_fd);
	sim_ring_set_cons(r, 4096 * 3);
	refuses(&good, -EBADMSG);
	sim_ring_free(r);
}

static void silent(enum bpfring_log_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_of_consuming),
		cmocka_unit_test(as_long_as_the_consumer),
		cmocka_unit_test(bad_memory),
	};

	bpfring_set_log(silent);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
