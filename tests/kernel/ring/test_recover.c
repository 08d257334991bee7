// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Rings whose positions contradict each other: refused, and repaired if asked for, with all that
 * can be saved.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"

#define RING 4096U

/* The positions of a ring, to be spoiled. */
struct positions {
	uint64_t *cons;
	const uint64_t *prod;
};

static struct positions positions_of(const struct ring *r)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct positions p;
	void *mem = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	p.cons = mem;
	mem = mmap(NULL, page, PROT_READ, MAP_SHARED, r->fd, (off_t)page);
	assert_ptr_not_equal(mem, MAP_FAILED);
	p.prod = mem;
	return p;
}

static void positions_free(struct positions *p)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(p->cons, page);
	munmap((void *)(uintptr_t)p->prod, page);
}

struct seen {
	uint64_t first, next;
	bool begun;
};

/* Numbers without a gap, from any on. */
static int see(void *ctx, const void *data, size_t size)
{
	struct seen *seen = ctx;
	uint64_t number;

	assert_int_equal(size, 8);
	memcpy(&number, data, sizeof(number));
	if (!seen->begun)
		seen->first = seen->next = number;
	seen->begun = true;
	assert_int_equal(number, seen->next);
	seen->next++;
	return 0;
}

static struct bpfring_consumer *recovered(const struct ring *r, const struct positions *p)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_RECOVER);
	struct bpfring_consumer *c = NULL;

	if (bpfring_consumer_open(&c, r->fd, NULL) != -EBADMSG)
		fail_msg("consumer %lld, producer %lld: opened", (long long)*p->cons,
			 (long long)*p->prod);
	assert_null(c);
	assert_non_null(strstr(log_text(), "BPFRING_CONSUMER_RECOVER"));
	log_forget();
	assert_int_equal(bpfring_consumer_open(&c, r->fd, &opts), 0);
	assert_int_equal(consumer_stats(c).repaired, 1);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(log_text(), "given up"));
	log_forget();
	return c;
}

/* Where the consumer position was put, by what it is relative to. 16 bytes a record. */
static const struct spoiled {
	enum { FROM_CONSUMER, FROM_PRODUCER, ABSOLUTE } from;
	int64_t by;
} spoiled[] = {
	{FROM_PRODUCER, 8},
	{FROM_PRODUCER, 16},
	{FROM_PRODUCER, 25608},
	{FROM_PRODUCER, 1LL << 40},
	{FROM_PRODUCER, -(int64_t)RING - 8},
	{FROM_PRODUCER, -(int64_t)RING - 1600},
	{FROM_PRODUCER, -8},
	{FROM_PRODUCER, -1},
	{FROM_PRODUCER, -24},
	{FROM_CONSUMER, 8},
	{FROM_CONSUMER, 4},
	{FROM_CONSUMER, -1},
	{FROM_CONSUMER, -8},
	{FROM_CONSUMER, 24},
	{ABSOLUTE, 0},
	{ABSOLUTE, 8},
	{ABSOLUTE, -8},
};

static void spoil(const struct positions *p, const struct spoiled *how)
{
	uint64_t from = how->from == FROM_CONSUMER   ? *p->cons
			: how->from == FROM_PRODUCER ? *p->prod
						     : 0;

	__atomic_store_n(p->cons, from + (uint64_t)how->by, __ATOMIC_SEQ_CST);
}

/* @noted: a consumer of this library was there, so that its note says where it stood. */
static void one_case(const struct spoiled *how, bool noted, bool with_busy)
{
	struct ring r = ring_new(RING);
	struct positions p = positions_of(&r);
	struct seen seen = {0};
	struct bpfring_consumer *c = consumer_new(&r, 0);
	uint64_t put = 300, taken = 270;
	const char *cannot = NULL;
	struct bpfring_record record;
	struct busy b;

	log_forget();
	for (uint64_t i = 0; i < put; i++) {
		put_numbers(&r, 1, i);
		if (i < 30)
			continue;
		bpfring_ring_set_quiet(bpfring_consumer_ring(c), noted);
		assert_int_equal(bpfring_consumer_peek(c, &record), 1);
		assert_int_equal(bpfring_consumer_release(c), 0);
	}
	if (with_busy)
		cannot = busy_begin(&b, &r, 0, false);
	if (cannot) {
		bpfring_consumer_close(c);
		positions_free(&p);
		ring_free(&r);
		skip_because("%s", cannot);
	}
	bpfring_consumer_close(c);
	if (!noted) /* it was one of another library */
		memset((char *)p.cons + BPFRING_NOTE_OFFSET, 0, 8);
	spoil(&p, how);
	c = recovered(&r, &p);
	assert_true(bpfring_consumer_consume(c, see, &seen, NULL, NULL) >= 0);
	if (with_busy) {
		busy_end(&b, put++);
		assert_int_equal(bpfring_consumer_consume(c, see, &seen, NULL, NULL), 1);
	}
	if (noted && seen.begun) /* from where ours stood: nothing is lost, nothing comes twice */
		assert_int_equal(seen.first, taken);
	if (noted || with_busy || seen.begun)
		assert_int_equal(seen.next, put);
	assert_true(consumer_stats(c).given_up <= RING);
	/* and it flows */
	for (int i = 0; i < 100; i++) {
		put_numbers(&r, 100, put);
		put += 100;
		assert_int_equal(bpfring_consumer_consume(c, see, &seen, NULL, NULL), 100);
	}
	bpfring_consumer_close(c);
	assert_int_equal(log_lines(), 0);
	positions_free(&p);
	ring_free(&r);
}

static void spoiled_positions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spoiled); i++)
		for (int noted = 0; noted < 2; noted++)
			one_case(&spoiled[i], noted, false);
}

static void spoiled_positions_and_a_busy_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spoiled); i++)
		one_case(&spoiled[i], i % 2, true);
}

static int ignore(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

/*
 * libbpf, begun at a place that is no record, runs past the producer; then no record fits any more.
 */
static void run_away_by_libbpf(void **state)
{
	struct ring r = ring_new(RING);
	struct positions p = positions_of(&r);
	struct bpfring_consumer *c;
	struct seen seen = {0};
	struct ring_buffer *rb;
	uint64_t put = 0;

	(void)state;
	log_forget();
	assert_int_equal(produce(&r, OP_OUTPUT, 100, 10, 0, 0), 10);
	__atomic_store_n(p.cons, *p.prod - 112 - 1, __ATOMIC_SEQ_CST);
	rb = ring_buffer__new(r.fd, ignore, NULL, NULL);
	ring_buffer__consume(rb);
	ring_buffer__free(rb);
	if (*p.cons <= *p.prod) {
		positions_free(&p);
		ring_free(&r);
		skip_because("this libbpf stops by itself");
	}
	assert_int_equal(produce(&r, OP_NUMBER, 0, 1, 0, 0), 0);
	c = recovered(&r, &p);
	bpfring_ring_peek(bpfring_consumer_ring(c), &(struct bpfring_record){0});
	assert_int_equal(bpfring_consumer_release(c), 0);
	for (int i = 0; i < 100; i++) {
		put_numbers(&r, 100, put);
		put += 100;
		assert_int_equal(bpfring_consumer_consume(c, see, &seen, NULL, NULL), 100);
	}
	bpfring_consumer_close(c);
	positions_free(&p);
	ring_free(&r);
}

static void a_ring_in_order_is_not_touched(void **state)
{
	(void)state;
	for (uint64_t fill = 0; fill < 200; fill += 7) {
		struct ring r = ring_new(RING);
		struct positions p = positions_of(&r);
		struct bpfring_consumer *c = consumer_new(&r, 0);
		struct bpfring_record record;
		struct seen seen = {0};
		uint64_t before;

		log_forget();
		bpfring_ring_set_quiet(bpfring_consumer_ring(c), fill % 2 != 0);
		put_numbers(&r, fill + 20, 0);
		for (int i = 0; i < 20; i++)
			assert_int_equal(bpfring_consumer_peek(c, &record), 1);
		assert_int_equal(bpfring_consumer_release(c), 0);
		before = *p.cons;
		for (int i = 0; i < 2; i++) {
			struct bpfring_consumer *next =
				consumer_new(&r, i ? BPFRING_CONSUMER_RECOVER : 0);

			assert_int_equal(*p.cons, before);
			assert_int_equal(bpfring_consumer_avail_data(next), fill * 16);
			assert_int_equal(consumer_stats(next).repaired, 0);
			if (!i)
				bpfring_consumer_close(next);
			else
				assert_int_equal(
					bpfring_consumer_consume(next, see, &seen, NULL, NULL),
					fill);
			if (i)
				bpfring_consumer_close(next);
		}
		assert_int_equal(log_lines(), 0);
		bpfring_consumer_close(c);
		positions_free(&p);
		ring_free(&r);
	}
}

/* It implies the claim: nobody repairs a ring that another has claimed. */
static void only_with_the_claim(void **state)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_RECOVER);
	struct ring r = ring_new(RING);
	struct bpfring_consumer *c = consumer_new(&r, BPFRING_CONSUMER_EXCLUSIVE), *other = NULL;

	(void)state;
	assert_int_equal(bpfring_consumer_open(&other, r.fd, &opts), -EBUSY);
	bpfring_consumer_close(c);
	assert_int_equal(bpfring_consumer_open(&c, r.fd, &opts), 0);
	opts.flags = BPFRING_CONSUMER_EXCLUSIVE;
	assert_int_equal(bpfring_consumer_open(&other, r.fd, &opts), -EBUSY);
	bpfring_consumer_close(c);
	ring_free(&r);
}

static bool kernel_says_where_records_begin(void)
{
	struct ring r = ring_new(RING);
	struct positions p = positions_of(&r);
	bool says;

	put_numbers(&r, 2, 0);
	says = p.prod[1] != 0;
	positions_free(&p);
	ring_free(&r);
	return says;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spoiled_positions),
		cmocka_unit_test(spoiled_positions_and_a_busy_record),
		cmocka_unit_test(run_away_by_libbpf),
		cmocka_unit_test(a_ring_in_order_is_not_touched),
		cmocka_unit_test(only_with_the_claim),
	};
	const char *cannot = kernel_open();
	int failed;

	if (!cannot && !kernel_says_where_records_begin())
		cannot = "this kernel does not say where its records begin (Linux 6.10)";
	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
