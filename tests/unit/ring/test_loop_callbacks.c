// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Callbacks that add, remove and close, themselves and others that have work pending. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

enum { RINGS = 5 };

enum action {
	REMOVE_SELF,
	REMOVE_OTHERS,
	CLOSE_SELF,
	CLOSE_OTHERS,
	CLOSE_ALL,
	REPLACE_OTHER, /* close one and put a new one in its place */
	ACTIONS,
};

struct crowd {
	struct bpfring_loop *loop;
	struct rig rigs[RINGS];
	struct counter counters[RINGS];
	enum action action;
	bool done;
	int event;
	int result;
};

static int act(struct crowd *crowd, int self)
{
	for (int i = 0; i < RINGS; i++) {
		struct rig *rig = &crowd->rigs[i];

		if (!rig->c)
			continue;
		switch (crowd->action) {
		case REMOVE_SELF:
		case REMOVE_OTHERS:
			if ((i == self) == (crowd->action == REMOVE_SELF))
				assert_int_equal(bpfring_loop_remove(crowd->loop, rig->c), 0);
			break;
		case CLOSE_SELF:
		case CLOSE_OTHERS:
		case CLOSE_ALL:
			if (crowd->action == CLOSE_ALL ||
			    (i == self) == (crowd->action == CLOSE_SELF)) {
				bpfring_consumer_close(rig->c);
				rig->c = NULL;
			}
			break;
		default:
			if (i == (self + 1) % RINGS) {
				bpfring_consumer_close(rig->c);
				assert_int_equal(
					bpfring_consumer_open(&rig->c, rig->r->event_fd, NULL), 0);
				assert_int_equal(bpfring_loop_add(crowd->loop, rig->c, count_record,
								  &crowd->counters[i]),
						 0);
			}
			break;
		}
	}
	crowd->done = true;
	return crowd->result;
}

struct member {
	struct crowd *crowd;
	int self;
};

static int on_record(void *ctx, const void *data, size_t size)
{
	const struct member *m = ctx;

	count_record(&m->crowd->counters[m->self], data, size);
	return m->crowd->done ? 0 : act(m->crowd, m->self);
}

static int on_fd(void *ctx, int fd, uint32_t events)
{
	struct crowd *crowd = ctx;
	uint64_t count;

	(void)events;
	assert_int_equal(read(fd, &count, sizeof(count)), 8);
	return crowd->done ? 0 : act(crowd, -1);
}

static void crowd_open(struct crowd *crowd, struct member *members, enum action action)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->action = action;
	crowd->event = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(bpfring_loop_new(&crowd->loop, NULL), 0);
	for (int i = 0; i < RINGS; i++) {
		rig_open(&crowd->rigs[i], PAGE, NULL, 0);
		members[i] = (struct member){crowd, i};
		assert_int_equal(
			bpfring_loop_add(crowd->loop, crowd->rigs[i].c, on_record, &members[i]), 0);
	}
}

static void crowd_close(struct crowd *crowd)
{
	bpfring_loop_free(crowd->loop);
	for (int i = 0; i < RINGS; i++)
		rig_close(&crowd->rigs[i]);
	close(crowd->event);
}

static uint64_t rings_in(const struct crowd *crowd)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};

	assert_int_equal(bpfring_loop_stats(crowd->loop, &stats), 0);
	return stats.rings;
}

/* All rings have three records and are told so by one and the same poll. */
static void callbacks_that_change_the_loop(void **state)
{
	static const unsigned long left[ACTIONS] = {RINGS - 1, 1, RINGS - 1, 1, 0, RINGS};

	(void)state;
	for (int armed = 0; armed < 2; armed++) {
		for (int action = 0; action < ACTIONS; action++) {
			struct member members[RINGS];
			struct crowd crowd;
			uint64_t records = 0, pending = 0;

			crowd_open(&crowd, members, (enum action)action);
			if (armed) /* they sleep, so that it is events that tell */
				assert_int_equal(bpfring_loop_poll(crowd.loop, 0), 0);
			for (int i = 0; i < RINGS; i++)
				for (int k = 0; k < 3; k++)
					put(crowd.rigs[i].r, 8);
			for (int i = 0; i < 10; i++)
				assert_true(bpfring_loop_poll(crowd.loop, 0) >= 0);
			assert_true(crowd.done);
			assert_int_equal(rings_in(&crowd), left[action]);
			for (int i = 0; i < RINGS; i++) {
				records += crowd.counters[i].records;
				pending += (sim_ring_prod(crowd.rigs[i].r) -
					    sim_ring_cons(crowd.rigs[i].r) + 8) /
					   16;
			}
			/* what was not handled is still in its ring */
			assert_int_equal(records + pending, 3 * RINGS);
			if (left[action] >= RINGS - 1)
				assert_true(records >= 3 * (RINGS - 1) + 1);
			else
				assert_in_range(records, 1, 3);
			crowd_close(&crowd);
		}
	}
}

/* The same from the callback of a descriptor, while the rings wait for their turn. */
static void descriptors_that_change_the_loop(void **state)
{
	(void)state;
	for (int action = 0; action < ACTIONS; action++) {
		struct member members[RINGS];
		struct crowd crowd;
		unsigned long want;

		crowd_open(&crowd, members, (enum action)action);
		assert_int_equal(bpfring_loop_poll(crowd.loop, 0), 0);
		assert_int_equal(
			bpfring_loop_add_fd(crowd.loop, crowd.event, EPOLLIN, on_fd, &crowd), 0);
		for (int i = 0; i < RINGS; i++)
			put(crowd.rigs[i].r, 8);
		assert_int_equal(write(crowd.event, &(uint64_t){1}, 8), 8);
		want = action == REMOVE_SELF || action == CLOSE_SELF || action == REPLACE_OTHER
			       ? RINGS
			       : 0;
		for (int i = 0; i < 3; i++)
			want -= (unsigned long)bpfring_loop_poll(crowd.loop, 0);
		assert_int_equal(want, 0);
		assert_true(crowd.done);
		crowd_close(&crowd);
	}
}

/* It took itself out of the loop: the rest of its records is not for it, whatever it returns. */
struct leaver {
	struct bpfring_loop *loop;
	struct bpfring_consumer *c;
	unsigned long records;
	int result;
	bool closes;
};

static void leave_loop(struct leaver *leaver)
{
	if (leaver->closes)
		bpfring_consumer_close(leaver->c);
	else
		assert_int_equal(bpfring_loop_remove(leaver->loop, leaver->c), 0);
}

static int leave_at_the_third(void *ctx, const void *data, size_t size)
{
	struct leaver *leaver = ctx;

	(void)data, (void)size;
	if (++leaver->records != 3)
		return 0;
	leave_loop(leaver);
	return leaver->result;
}

static int leave_with_a_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct leaver *leaver = ctx;

	(void)records;
	leaver->records += count;
	leave_loop(leaver);
	return leaver->result;
}

static void whoever_left_gets_no_more(void **state)
{
	static const int results[] = {0, 1, BPFRING_STOP, -EIO};

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(results); i++) {
		struct leaver leaver = {.result = results[i / 4], .closes = i % 2};
		const bool batch = i / 2 % 2;
		const unsigned long taken = batch ? 64 : 3;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		leaver.c = rig.c;
		assert_int_equal(bpfring_loop_new(&leaver.loop, NULL), 0);
		if (batch)
			assert_int_equal(bpfring_loop_add_batch(leaver.loop, rig.c,
								leave_with_a_batch, &leaver),
					 0);
		else
			assert_int_equal(
				bpfring_loop_add(leaver.loop, rig.c, leave_at_the_third, &leaver),
				0);
		for (uint64_t n = 0; n < 100; n++)
			put_number(rig.r, n);
		assert_int_equal(bpfring_loop_poll(leaver.loop, 0),
				 leaver.result == -EIO ? -EIO : (int)taken);
		for (int n = 0; n < 3; n++)
			assert_int_equal(bpfring_loop_poll(leaver.loop, MSEC), 0);
		assert_int_equal(leaver.records, taken);
		/*
		 * it is left so that the next record notifies whoever waits, once the rest is taken
		 */
		assert_int_equal(sim_ring_cons(rig.r), 16 * taken);
		if (leaver.closes)
			assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, NULL), 0);
		assert_int_equal(bpfring_consumer_wait(rig.c, 0), 1);
		leaver.records = 100; /* counts on */
		assert_int_equal(
			bpfring_consumer_consume(rig.c, leave_at_the_third, &leaver, NULL, NULL),
			100 - (int)taken);
		bpfring_loop_free(leaver.loop);
		rig_close(&rig);
	}
}

struct pair {
	struct bpfring_loop *loop;
	int fds[2], calls[2];
	bool readd;
};

static int remove_the_other(void *ctx, int fd, uint32_t events)
{
	struct pair *p = ctx;
	int self = fd == p->fds[1];

	(void)events;
	p->calls[self]++;
	assert_int_equal(bpfring_loop_remove_fd(p->loop, p->fds[!self]), 0);
	assert_int_equal(bpfring_loop_remove_fd(p->loop, p->fds[!self]), -ENOENT);
	assert_logged("not watched");
	if (p->readd)
		assert_int_equal(
			bpfring_loop_add_fd(p->loop, p->fds[!self], EPOLLIN, remove_the_other, p),
			0);
	else
		close(p->fds[!self]);
	assert_int_equal(bpfring_loop_remove_fd(p->loop, fd), 0);
	return 0;
}

/* Both are ready: the first removes the second, which must not be called any more. */
static void a_removed_descriptor_is_not_called(void **state)
{
	(void)state;
	for (int readd = 0; readd < 2; readd++) {
		struct pair p = {.fds = {eventfd(1, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC)},
				 .readd = readd};

		assert_int_equal(bpfring_loop_new(&p.loop, NULL), 0);
		for (int i = 0; i < 2; i++)
			assert_int_equal(bpfring_loop_add_fd(p.loop, p.fds[i], EPOLLIN,
							     remove_the_other, &p),
					 0);
		assert_int_equal(bpfring_loop_poll(p.loop, -1), 0);
		assert_int_equal(p.calls[0] + p.calls[1], 1);
		if (readd) { /* put in again it is, by the next */
			assert_int_equal(bpfring_loop_remove_fd(p.loop, p.fds[p.calls[0] ? 1 : 0]),
					 0);
			close(p.fds[0]);
			close(p.fds[1]);
		} else {
			close(p.fds[p.calls[0] ? 0 : 1]);
		}
		bpfring_loop_free(p.loop);
	}
}

struct nested {
	struct bpfring_loop *loop;
	struct bpfring_consumer *c;
	int calls;
};

static int misuse(void *ctx, const void *data, size_t size)
{
	struct nested *n = ctx;

	(void)data;
	(void)size;
	n->calls++;
	assert_int_equal(bpfring_loop_poll(n->loop, 0), -EINVAL);
	assert_int_equal(bpfring_loop_run(n->loop), -EINVAL);
	assert_int_equal(bpfring_loop_dispatch(n->loop), -EINVAL);
	assert_int_equal(bpfring_consumer_consume(n->c, misuse, ctx, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_loop_add(n->loop, n->c, misuse, ctx), -EEXIST);
	bpfring_loop_free(n->loop); /* refused */
	return 0;
}

static void a_loop_used_from_its_own_callback(void **state)
{
	struct nested n = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	n.c = rig.c;
	assert_int_equal(bpfring_loop_new(&n.loop, NULL), 0);
	assert_true(bpfring_loop_fd(n.loop) >= 0);
	assert_int_equal(bpfring_loop_add(n.loop, rig.c, misuse, &n), 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_poll(n.loop, -1), 1);
	assert_int_equal(n.calls, 1);
	assert_non_null(strstr(log_text(), "polled from one of its own callbacks"));
	assert_non_null(strstr(log_text(), "not freed: this is one of its own callbacks"));
	assert_int_equal(log_lines(), 4); /* poll, consume, add, free */
	log_forget();
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_poll(n.loop, -1), 1);
	assert_logged("not freed"); /* what was not freed has to be known, each time */
	bpfring_loop_free(n.loop);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(callbacks_that_change_the_loop),
		rig_test(descriptors_that_change_the_loop),
		rig_test(whoever_left_gets_no_more),
		rig_test(a_removed_descriptor_is_not_called),
		rig_test(a_loop_used_from_its_own_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
