// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The simulated ring against the kernel: the same steps on both, chosen at random, must have the
 * same outcome: which records fit, where the positions are, what the headers say, what notifies.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"
#include "sim.h"

static const uint64_t pair_sizes[] = {PAIR_SIZE_0, PAIR_SIZE_1, PAIR_SIZE_2, PAIR_SIZE_3};

struct both {
	struct ring ring;
	struct sim_ring *sim;
	uint64_t *cons, *prod; /* the kernel's */
	uint8_t *data;
	size_t page;
	int epoll_fd;
	uint64_t head; /* where a consumer would stand */
};

static void both_open(struct both *b)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	void *mem;

	b->page = (size_t)sysconf(_SC_PAGESIZE);
	b->ring = ring_new(b->page);
	assert_int_equal(sim_ring_new(&b->sim, b->page, 8, 0), 0);
	mem = mmap(NULL, b->page, PROT_READ | PROT_WRITE, MAP_SHARED, b->ring.fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	b->cons = mem;
	mem = mmap(NULL, 3 * b->page, PROT_READ, MAP_SHARED, b->ring.fd, (off_t)b->page);
	assert_ptr_not_equal(mem, MAP_FAILED);
	b->prod = mem;
	b->data = (uint8_t *)mem + b->page;
	b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, b->ring.fd, &event), 0);
	b->head = 0;
}

static void both_close(struct both *b)
{
	close(b->epoll_fd);
	munmap(b->cons, b->page);
	munmap(b->prod, 3 * b->page);
	sim_ring_free(b->sim);
	ring_free(&b->ring);
}

static int simulate(struct sim_ring *r, int op, uint64_t size, unsigned int flags)
{
	uint64_t number = 7;
	void *one, *two;

	switch (op) {
	case OP_OUTPUT: {
		static char payload[MAX_PAYLOAD];

		return sim_output(r, payload, size, flags) == 0;
	}
	case OP_NUMBER:
		return sim_output(r, &number, sizeof(number), flags) == 0;
	case OP_DISCARD:
		one = sim_reserve(r, sizeof(number));
		if (one)
			sim_discard(r, one, flags);
		return one != NULL;
	default:
		one = sim_reserve(r, pair_sizes[size / 4]);
		if (!one)
			return 0;
		two = sim_reserve(r, pair_sizes[size % 4]);
		if (!two) {
			sim_discard(r, one, flags & 3);
			return 0;
		}
		sim_submit(r, two, flags >> 8);
		sim_submit(r, one, flags & 3);
		return 2;
	}
}

static void step(struct both *b, int n, int op, uint64_t size, unsigned int flags)
{
	uint64_t before = *b->prod, notified = sim_ring_notified(b->sim);
	int real = produce(&b->ring, op, size, 1, 7, flags),
	    simulated = simulate(b->sim, op, size, flags);
	struct epoll_event event;
	int edge, expected;

	if (real != simulated || *b->prod != sim_ring_prod(b->sim))
		fail_msg("step %d, op %d, size %u: kernel %d at %llu, simulation %d at %llu", n, op,
			 (unsigned int)size, real, (unsigned long long)*b->prod, simulated,
			 (unsigned long long)sim_ring_prod(b->sim));
	for (uint64_t pos = before; pos != *b->prod;) {
		const uint32_t *header = (uint32_t *)(void *)(b->data + (pos & (b->page - 1)));
		const uint32_t *other = sim_ring_header(b->sim, pos);

		if (header[0] != other[0] || header[1] != other[1])
			fail_msg("step %d: header %x %x, simulated %x %x", n, header[0], header[1],
				 other[0], other[1]);
		pos += ((header[0] & 0x3fffffff) + 15) & ~7ULL;
	}
	if (b->prod[1] && b->prod[1] != ((uint64_t *)b->sim->prod_word)[1])
		fail_msg("step %d: all before %llu is committed, simulated %llu", n,
			 (unsigned long long)b->prod[1],
			 (unsigned long long)((uint64_t *)b->sim->prod_word)[1]);
	usleep(150); /* the interrupt */
	edge = epoll_wait(b->epoll_fd, &event, 1, 0);
	/* a notification is an edge unless there is nothing between the positions */
	expected = sim_ring_notified(b->sim) != notified && sim_ring_readable(b->sim);
	if (edge != expected)
		fail_msg("step %d, op %d, flags %x, consumer %llu, record %llu: %d edges, not %d",
			 n, op, flags, (unsigned long long)*b->cons, (unsigned long long)before,
			 edge, expected);
}

/*
 * The consumer goes some records further, and stands there, a record before, or at a wrong place.
 */
static void move(struct both *b)
{
	uint64_t pos, before = b->head;

	for (long n = random() % 8; n && b->head != *b->prod; n--) {
		before = b->head;
		b->head += ((*sim_ring_header(b->sim, b->head) & 0x3fffffff) + 15) & ~7ULL;
	}
	pos = random() % 3 ? b->head : before;
	if (random() % 40 == 0)
		pos = *b->prod + (uint64_t)(random() % 5 - 2) * 8;
	__atomic_store_n(b->cons, pos, __ATOMIC_SEQ_CST);
	sim_ring_set_cons(b->sim, pos);
}

static void the_same_steps_on_both(void **state)
{
	static const unsigned int flags[] = {0, 0, 0, NO_WAKEUP, FORCE_WAKEUP, 3};
	static const uint64_t pairs[] = {0, 1, 4, 5, 6, 9, 10, 11, 14, 15};
	struct both b;

	(void)state;
	srandom(5);
	both_open(&b);
	for (int n = 0; n < 6000; n++) {
		unsigned int flag = flags[random() % 6];
		uint64_t size;

		if (random() % 2)
			move(&b);
		switch (random() % 6) {
		case 0:
			step(&b, n, OP_NUMBER, 0, flag);
			break;
		case 1:
			step(&b, n, OP_DISCARD, 0, flag);
			break;
		case 2:
			flag |= flags[random() % 6] << 8;
			step(&b, n, OP_PAIR, pairs[random() % 10], flag);
			break;
		default:
			size = (uint64_t)random() % (random() % 4 ? 64 : b.page + 16);
			if (size <= MAX_PAYLOAD)
				step(&b, n, OP_OUTPUT, size, flag);
			break;
		}
	}
	assert_true(*b.prod > 20 * b.page); /* or it was stuck */
	both_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_steps_on_both),
	};
	const char *cannot = kernel_open();
	int failed;

	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
