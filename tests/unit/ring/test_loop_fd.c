// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A loop inside another one: its descriptor is readable when there is work, and only then. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

/* The outer loop: poll(2) or epoll, level- or edge-triggered. */
enum outer_kind { POLL, EPOLL_LEVEL, EPOLL_EDGE, OUTER_KINDS };

struct outer {
	enum outer_kind kind;
	int epoll_fd;
	int fd;
};

static void outer_open(struct outer *o, enum outer_kind kind, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | (kind == EPOLL_EDGE ? EPOLLET : 0)};

	*o = (struct outer){kind, epoll_create1(EPOLL_CLOEXEC), fd};
	assert_int_equal(epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
}

static int outer_wait(const struct outer *o, const struct sim_ring *r, int timeout_ms)
{
	struct epoll_event event;

	sim_ring_settle_event((struct sim_ring *)(uintptr_t)r);
	if (o->kind == POLL)
		return poll(&(struct pollfd){.fd = o->fd, .events = POLLIN}, 1, timeout_ms);
	return epoll_wait(o->epoll_fd, &event, 1, timeout_ms);
}

static struct bpfring_loop *loop_new(uint32_t wait, uint64_t budget_records)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = wait, .budget_records = budget_records);
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	return l;
}

static void no_descriptor_while_spinning(void **state)
{
	struct bpfring_loop *l = loop_new(BPFRING_WAIT_SPIN, 0);

	(void)state;
	assert_int_equal(bpfring_loop_fd(l), -EOPNOTSUPP);
	assert_logged("BPFRING_WAIT_SPIN");
	assert_int_equal(bpfring_loop_dispatch(l), -EINVAL);
	assert_logged("bpfring_loop_fd()");
	bpfring_loop_free(l);
}

/* Runs until it has been unreadable for a while; the number of dispatches. */
static int settle(struct bpfring_loop *l, const struct outer *o, const struct sim_ring *r)
{
	int dispatches = 0;

	while (outer_wait(o, r, 20) > 0) {
		assert_true(bpfring_loop_dispatch(l) >= 0);
		if (++dispatches > 10000)
			fail_msg("readable without end");
	}
	return dispatches;
}

static void readable_only_when_there_is_work(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * OUTER_KINDS; i++) {
		struct bpfring_loop *l = loop_new((uint32_t)i / OUTER_KINDS, 0);
		struct counter counter = {0};
		struct outer outer;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		outer_open(&outer, (enum outer_kind)(i % OUTER_KINDS), bpfring_loop_fd(l));
		assert_int_equal(bpfring_loop_fd(l), outer.fd);
		assert_int_equal(outer_wait(&outer, rig.r, 5), 0); /* nothing in it yet */
		assert_int_equal(bpfring_loop_add(l, rig.c, count_numbers, &counter), 0);
		settle(l, &outer, rig.r); /* the first look */
		for (uint64_t n = 0; n < 20; n++) {
			assert_int_equal(outer_wait(&outer, rig.r, 0), 0);
			put_number(rig.r, counter.next);
			assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
			assert_int_equal(bpfring_loop_dispatch(l), 1);
			/* the windows after it, and then silence */
			assert_in_range(settle(l, &outer, rig.r), 0, 8);
			assert_int_equal(counter.records, n + 1);
		}
		close(outer.epoll_fd);
		bpfring_loop_free(l);
		rig_close(&rig);
	}
}

static void work_left_by_a_budget(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * OUTER_KINDS; i++) {
		struct bpfring_loop *l = loop_new((uint32_t)i / OUTER_KINDS, 3);
		struct counter counter = {0};
		struct outer outer;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		outer_open(&outer, (enum outer_kind)(i % OUTER_KINDS), bpfring_loop_fd(l));
		for (uint64_t n = 0; n < 10; n++)
			put_number(rig.r, n);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_numbers, &counter), 0);
		/* one dispatch per readiness, as an edge-triggered loop does */
		for (unsigned long want = 3; want <= 12; want += 3) {
			assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
			assert_int_equal(counter.records, want < 10 ? want : 10);
		}
		settle(l, &outer, rig.r);
		assert_int_equal(counter.records, 10);
		close(outer.epoll_fd);
		bpfring_loop_free(l);
		rig_close(&rig);
	}
}

static int read_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	++*(int *)ctx;
	return read(fd, &count, sizeof(count)) == 8 ? 0 : -EIO;
}

static void descriptors_wakes_and_stops(void **state)
{
	(void)state;
	for (int kind = 0; kind < OUTER_KINDS; kind++) {
		struct bpfring_loop *l = loop_new(0, 0);
		int event = eventfd(0, EFD_CLOEXEC), calls = 0;
		struct counter counter = {0};
		struct outer outer;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		outer_open(&outer, (enum outer_kind)kind, bpfring_loop_fd(l));
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, read_event, &calls), 0);
		settle(l, &outer, rig.r);
		assert_int_equal(write(event, &(uint64_t){1}, 8), 8);
		assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
		assert_int_equal(bpfring_loop_dispatch(l), 0);
		assert_int_equal(calls, 1);
		settle(l, &outer, rig.r);
		/* committed in silence: found by a wake-up */
		assert_int_equal(sim_output(rig.r, "x", 1, SIM_NO_WAKEUP), 0);
		assert_int_equal(outer_wait(&outer, rig.r, 5), 0);
		assert_int_equal(bpfring_loop_wakeup(l), 0);
		assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
		assert_int_equal(bpfring_loop_dispatch(l), 1);
		settle(l, &outer, rig.r);
		assert_int_equal(bpfring_loop_stop(l), 0);
		assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
		assert_int_equal(bpfring_loop_dispatch(l), 0);
		settle(l, &outer, rig.r);
		close(outer.epoll_fd);
		bpfring_loop_free(l);
		rig_close(&rig);
		close(event);
	}
}

static void a_busy_head_does_not_spin(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * OUTER_KINDS; i++) {
		struct bpfring_loop *l = loop_new((uint32_t)i / OUTER_KINDS, 0);
		int64_t end = monotonic() + 100 * MSEC;
		struct counter counter = {0};
		struct outer outer;
		struct rig rig;
		int dispatches = 0;
		void *busy;

		rig_open(&rig, PAGE, NULL, 0);
		outer_open(&outer, (enum outer_kind)(i % OUTER_KINDS), bpfring_loop_fd(l));
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		put(rig.r, 8);
		busy = sim_reserve(rig.r, 8);
		while (monotonic() < end) {
			if (outer_wait(&outer, rig.r, 10) < 1)
				continue;
			assert_true(bpfring_loop_dispatch(l) >= 0);
			dispatches++;
		}
		/* the record, its windows, then 1, 2, 4 ... ms */
		assert_in_range(dispatches, 1, 25);
		sim_submit(rig.r, busy, 0);
		assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
		assert_int_equal(bpfring_loop_dispatch(l), 1);
		assert_int_equal(counter.records, 2);
		close(outer.epoll_fd);
		bpfring_loop_free(l);
		rig_close(&rig);
	}
}

static void a_tick(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .tick_ns = 20 * MSEC);
	struct bpfring_loop *l = NULL;
	struct counter counter = {0};
	struct outer outer;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	outer_open(&outer, EPOLL_EDGE, bpfring_loop_fd(l));
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(sim_output(rig.r, "x", 1, SIM_NO_WAKEUP), 0);
		while ((int)counter.records < i) {
			assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
		}
	}
	close(outer.epoll_fd);
	bpfring_loop_free(l);
	rig_close(&rig);
}

/* The first one is as far away as the others. */
static void no_tick_before_its_time(void **state)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .tick_ns = 3600000 * MSEC);
	struct bpfring_loop *l = NULL;
	struct outer outer;
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, &opts), 0);
	outer_open(&outer, EPOLL_LEVEL, bpfring_loop_fd(l));
	assert_int_equal(outer_wait(&outer, rig.r, 5), 0);
	close(outer.epoll_fd);
	bpfring_loop_free(l);
	rig_close(&rig);
}

static int leave_unread(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	++*(int *)ctx;
	return 0;
}

/*
 * A window is over, and a descriptor is ready that its callback does not read: that makes no
 * further edge.
 */
static void what_stays_ready(void **state)
{
	(void)state;
	for (int kind = 0; kind < OUTER_KINDS; kind++) {
		struct bpfring_loop *l = loop_new(BPFRING_WAIT_COALESCE, 0);
		int event = eventfd(0, EFD_CLOEXEC), calls = 0;
		struct counter counter = {0};
		struct outer outer;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		outer_open(&outer, (enum outer_kind)kind, bpfring_loop_fd(l));
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, leave_unread, &calls), 0);
		settle(l, &outer, rig.r);
		for (int i = 0; i < 2; i++) { /* it notifies, and is quiet then */
			put(rig.r, 8);
			assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
		}
		usleep(20000);
		assert_int_equal(write(event, &(uint64_t){1}, 8), 8);
		for (int i = 1; i <= 5; i++) {
			assert_int_equal(outer_wait(&outer, rig.r, 1000), 1);
			assert_true(bpfring_loop_dispatch(l) >= 0);
			assert_int_equal(calls, i);
		}
		close(outer.epoll_fd);
		bpfring_loop_free(l);
		rig_close(&rig);
		close(event);
	}
}

/* The timer fails: the dispatch says so. */
static void a_timer_that_fails(void **state)
{
	struct counter counter = {0};
	struct bpfring_loop *l;
	struct rig rig;

	(void)state;
	sim_clock_start(1000);
	l = loop_new(BPFRING_WAIT_COALESCE, 0);
	rig_open(&rig, PAGE, NULL, 0);
	assert_true(bpfring_loop_fd(l) >= 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	sim_sys_fail_always("timerfd_set", -ENOMEM);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_dispatch(l), -ENOMEM);
	sim_sys_fail(-1, NULL);
	assert_logged("cannot sleep", "ENOMEM");
	assert_int_equal(bpfring_loop_dispatch(l), 0);
	assert_int_equal(counter.records, 1);
	bpfring_loop_free(l);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(no_descriptor_while_spinning), rig_test(readable_only_when_there_is_work),
		rig_test(work_left_by_a_budget),	rig_test(descriptors_wakes_and_stops),
		rig_test(a_busy_head_does_not_spin),	rig_test(a_tick),
		rig_test(no_tick_before_its_time),	rig_test(what_stays_ready),
		rig_test(a_timer_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
