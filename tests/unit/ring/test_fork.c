// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A forked child is told that it must not consume, and whatever it does, its parent goes on. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

struct family {
	struct rig rig;
	struct bpfring_loop *loop;
	struct counter counter;
	int which;
};

static int on_fd(void *ctx, int fd, uint32_t events)
{
	(void)ctx;
	(void)fd;
	(void)events;
	return 0;
}

static int see(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	(void)ctx;
	(void)record;
	(void)state;
	return 0;
}

/* Everything that could touch the ring; the number of the call that was allowed, 0: none. */
static int try_everything(void *ctx)
{
	struct family *f = ctx;
	struct bpfring_consumer *c = f->rig.c;
	struct bpfring_record record;
	int i = 0;

	bpfring_set_log(NULL);
#define REFUSED(call)                  \
	do {                           \
		i++;                   \
		if ((call) != -ECHILD) \
			return i;      \
	} while (0)
	REFUSED(bpfring_consumer_consume(c, count_record, &f->counter, NULL, NULL)); /* 1 */
	REFUSED(bpfring_consumer_consume_batch(c, count_batch, &f->counter, NULL, NULL));
	REFUSED(bpfring_consumer_wait(c, 0));
	REFUSED(bpfring_consumer_wakeup(c));
	REFUSED(bpfring_consumer_snapshot(c, see, NULL)); /* 5 */
	REFUSED(bpfring_consumer_peek(c, &record));
	REFUSED(bpfring_consumer_peek_batch(c, &record, 1));
	REFUSED(bpfring_loop_add(f->loop, c, count_record, &f->counter));
	REFUSED(bpfring_loop_add_batch(f->loop, c, count_batch, &f->counter));
	REFUSED(bpfring_loop_add_fd(f->loop, 0, EPOLLIN, on_fd, NULL)); /* 10 */
	REFUSED(bpfring_loop_poll(f->loop, 0));
	REFUSED(bpfring_loop_run(f->loop));
	REFUSED(bpfring_loop_stop(f->loop));
	REFUSED(bpfring_loop_wakeup(f->loop));
	REFUSED(bpfring_loop_fd(f->loop)); /* 15 */
	REFUSED(bpfring_loop_dispatch(f->loop));
#undef REFUSED
	return 0;
}

static void family_open(struct family *f, bool looped)
{
	memset(f, 0, sizeof(*f));
	rig_open(&f->rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&f->loop, NULL), 0);
	assert_true(bpfring_loop_fd(f->loop) >= 0);
	if (looped)
		assert_int_equal(bpfring_loop_add(f->loop, f->rig.c, count_numbers, &f->counter),
				 0);
}

static void family_close(struct family *f)
{
	bpfring_loop_free(f->loop);
	rig_close(&f->rig);
}

static void nothing_is_allowed_in_a_child(void **state)
{
	(void)state;
	for (int looped = 0; looped < 2; looped++) {
		struct family f;

		family_open(&f, looped);
		put_number(f.rig.r, 0);
		put_number(f.rig.r, 1);
		assert_int_equal(in_child(try_everything, &f), 0);
		if (!looped)
			assert_int_equal(bpfring_consumer_consume(f.rig.c, count_numbers,
								  &f.counter, NULL, NULL),
					 2);
		else
			assert_int_equal(bpfring_loop_poll(f.loop, 0), 2);
		family_close(&f);
	}
}

/* Also of records that the parent had already seen coming. */
static int peek_in_child(void *ctx)
{
	struct family *f = ctx;
	struct bpfring_record record;

	return bpfring_consumer_peek(f->rig.c, &record) == -ECHILD ? 0 : 1;
}

static void peek_is_refused_in_the_middle_of_a_batch(void **state)
{
	struct bpfring_record record;
	struct family f;

	(void)state;
	family_open(&f, false);
	for (uint64_t i = 0; i < 3; i++)
		put_number(f.rig.r, i);
	assert_int_equal(bpfring_consumer_peek(f.rig.c, &record), 1);
	assert_int_equal(in_child(peek_in_child, &f), 0);
	bpfring_consumer_cancel(f.rig.c);
	family_close(&f);
}

/* The child tears down what it inherited, in each order; the parent must not notice. */
static int tear_down(void *ctx)
{
	struct family *f = ctx;

	bpfring_set_log(NULL);
	switch (f->which) {
	case 0:
		bpfring_consumer_close(f->rig.c);
		break;
	case 1:
		bpfring_loop_free(f->loop);
		break;
	case 2:
		bpfring_loop_free(f->loop);
		bpfring_consumer_close(f->rig.c);
		break;
	case 3:
		bpfring_consumer_close(f->rig.c);
		bpfring_loop_free(f->loop);
		break;
	case 4:
		bpfring_loop_remove(f->loop, f->rig.c);
		break;
	default:
		break;
	}
	return 0;
}

static void put_next(void *ctx)
{
	struct family *f = ctx;

	put_number(f->rig.r, f->counter.next);
}

static void a_child_that_tears_down_leaves_its_parent_alone(void **state)
{
	(void)state;
	for (int which = 0; which < 6; which++) {
		struct family f;

		family_open(&f, true);
		sim_clock_start(1000);
		put_number(f.rig.r, 0);
		assert_int_equal(bpfring_loop_poll(f.loop, 0), 1);
		f.which = which;
		/* quiet, asleep and armed, and both again after the child */
		for (int i = 0; i < 4; i++) {
			assert_int_equal(in_child(tear_down, &f), 0);
			sim_clock_at(sim_clock_now() + 10 * MSEC, put_next, &f);
			assert_int_equal(bpfring_loop_poll(f.loop, -1), 1);
			assert_int_equal(in_child(tear_down, &f), 0);
			put_next(&f);
			assert_int_equal(bpfring_loop_poll(f.loop, -1), 1);
		}
		assert_int_equal(f.counter.records, 9);
		family_close(&f);
		sim_sys_reset();
	}
}

static int open_own(void *ctx)
{
	struct family *f = ctx;
	struct counter counter = {0};
	struct bpfring_consumer *c = NULL;

	bpfring_consumer_close(f->rig.c);
	if (bpfring_consumer_open(&c, f->rig.r->event_fd, NULL))
		return 1;
	if (bpfring_consumer_consume(c, count_record, &counter, NULL, NULL) != 2)
		return 2;
	bpfring_consumer_close(c);
	return 0;
}

static void a_child_may_open_its_own(void **state)
{
	struct family f;

	(void)state;
	family_open(&f, false);
	put_number(f.rig.r, 0);
	put_number(f.rig.r, 1);
	assert_int_equal(in_child(open_own, &f), 0);
	/* the parent notices that somebody was there, at the latest when it would overwrite */
	assert_int_equal(sim_ring_cons(f.rig.r), 32);
	assert_true(bpfring_consumer_consume(f.rig.c, count_record, &f.counter, NULL, NULL) < 0);
	log_forget();
	assert_int_equal(sim_ring_cons(f.rig.r), 32);
	family_close(&f);
}

struct forked {
	struct family f;
	unsigned long fork_at; /* at which call of the callback */
	unsigned long calls;
	int result;    /* of the callback in the child */
	pid_t child;   /* 0 in it */
	int status;    /* how it ended: before its parent goes on */
	uint64_t cons; /* position when it was forked */
};

/* The child returns from it, as it must not. */
static int fork_inside(void *ctx, const void *data, size_t size)
{
	struct forked *forked = ctx;

	(void)data, (void)size;
	if (++forked->calls == forked->fork_at) {
		forked->cons = sim_ring_cons(forked->f.rig.r);
		forked->child = fork();
		assert_true(forked->child >= 0);
		if (!forked->child) {
			bpfring_set_log(NULL);
			return forked->result;
		}
		assert_int_equal(waitpid(forked->child, &forked->status, 0), forked->child);
	}
	return 0;
}

static int fork_inside_a_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	(void)count;
	return fork_inside(ctx, records->data, records->size);
}

static int go_on(struct forked *forked, int how)
{
	struct family *f = &forked->f;

	switch (how) {
	case 0:
		return bpfring_consumer_consume(f->rig.c, fork_inside, forked, NULL, NULL);
	case 1:
		return bpfring_consumer_consume_batch(f->rig.c, fork_inside_a_batch, forked, NULL,
						      NULL);
	default:
		return bpfring_loop_poll(f->loop, 0);
	}
}

/*
 * A child that goes on behind its parent's callback handles nothing more, and gives nothing back.
 */
static void a_child_that_returns_from_a_callback(void **state)
{
	static const int results[] = {0, 1, BPFRING_STOP, -EIO};

	(void)state;
	for (int how = 0; how < 3; how++) {
		for (unsigned long at = 1; at <= 40; at += at < 3 ? 1 : 6) {
			struct forked forked = {.fork_at = how == 1 ? 1 + at % 2 : at,
						.result = results[at % ARRAY_SIZE(results)],
						.child = -1};
			int n;

			family_open(&forked.f, false);
			if (how == 2)
				assert_int_equal(bpfring_loop_add(forked.f.loop, forked.f.rig.c,
								  fork_inside, &forked),
						 0);
			for (uint64_t i = 0; i < 100; i++)
				put_number(forked.f.rig.r, i);
			n = go_on(&forked, how);
			if (!forked.child)
				_exit(n != -ECHILD				     ? 1
				      : forked.calls != forked.fork_at		     ? 2
				      : go_on(&forked, how) != -ECHILD		     ? 3
				      : forked.cons != sim_ring_cons(forked.f.rig.r) ? 4
										     : 0);
			while (how == 2 && n > 0 && n < 100) /* its time was up */
				n += bpfring_loop_poll(forked.f.loop, 0);
			assert_int_equal(n, 100);
			if (forked.status)
				fail_msg("way %d, call %lu: the child ended with %x", how,
					 forked.fork_at, (unsigned int)forked.status);
			family_close(&forked.f);
		}
	}
}

/* Forked while another thread is in it: that thread is not there in the child. */
static atomic_bool in_callback, may_go_on;

static int block(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	atomic_store(&in_callback, true);
	while (!atomic_load(&may_go_on))
		usleep(100);
	return 0;
}

static void *run_loop(void *ctx)
{
	return bpfring_loop_run(((struct family *)ctx)->loop) ? ctx : NULL;
}

static void *wait_and_consume(void *ctx)
{
	struct family *f = ctx;

	if (bpfring_consumer_wait(f->rig.c, -1) == 1)
		bpfring_consumer_consume(f->rig.c, block, NULL, NULL, NULL);
	return NULL;
}

/* The child reads counters, tears down, and gives everything back. */
static int look_and_tear_down(void *ctx)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
	struct bpfring_loop_stats loop_stats = {.sz = sizeof(loop_stats)};
	struct family *f = ctx;

	alarm(20); /* it must not hang */
	if (bpfring_consumer_stats(f->rig.c, &stats) || bpfring_loop_stats(f->loop, &loop_stats) ||
	    stats.ring_size != PAGE)
		return 1;
	if (bpfring_loop_poll(f->loop, 0) != -ECHILD ||
	    bpfring_consumer_consume(f->rig.c, count_record, &f->counter, NULL, NULL) != -ECHILD)
		return 2;
	log_forget();
	bpfring_loop_free(f->loop);
	bpfring_consumer_close(f->rig.c);
	if (log_lines())
		return 3;
	return sim_sys_live_allocations() || sim_sys_live_mappings() ? 4 : 0;
}

static void forked_beside_a_thread_that_is_in_it(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const bool looped = i % 2, sleeping = i / 2;
		struct bpfring_loop_stats stats = {.sz = sizeof(stats)};
		struct family f;
		pthread_t thread;

		family_open(&f, false);
		atomic_store(&in_callback, false);
		atomic_store(&may_go_on, false);
		if (looped)
			assert_int_equal(bpfring_loop_add(f.loop, f.rig.c, block, NULL), 0);
		if (!sleeping)
			put_number(f.rig.r, 0);
		assert_int_equal(
			pthread_create(&thread, NULL, looped ? run_loop : wait_and_consume, &f), 0);
		if (sleeping)
			usleep(20000);
		while (!sleeping && !atomic_load(&in_callback))
			usleep(100);
		for (int n = 0; n < 10; n++)
			assert_int_equal(in_child(look_and_tear_down, &f), 0);
		atomic_store(&may_go_on, true);
		if (sleeping)
			put_number(f.rig.r, 0);
		while (!atomic_load(&in_callback))
			usleep(100);
		if (looped)
			assert_int_equal(bpfring_loop_stop(f.loop), 0);
		pthread_join(thread, NULL);
		assert_int_equal(bpfring_loop_stats(f.loop, &stats), 0);
		family_close(&f);
	}
}

/* Forked in a callback, and the child returns from it: no further record is handled there. */
static int fork_at_the_second(void *ctx, const void *data, size_t size)
{
	struct family *f = ctx;

	count_record(&f->counter, data, size);
	if (f->counter.records == 2 && !fork())
		alarm(20);
	return 0;
}

static int fork_on_fd(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)ctx, (void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	if (!fork())
		alarm(20);
	return 0;
}

static int forked_in_a_callback(void *ctx)
{
	struct family *f = ctx;
	int event = eventfd(1, EFD_CLOEXEC), err, status;
	const pid_t parent = getpid();

	bpfring_set_log(NULL);
	if (f->which == 0)
		err = bpfring_consumer_consume(f->rig.c, fork_at_the_second, f, NULL, NULL);
	else if (f->which == 1)
		err = bpfring_loop_add(f->loop, f->rig.c, fork_at_the_second, f);
	else
		err = bpfring_loop_add_fd(f->loop, event, EPOLLIN, fork_on_fd, f);
	if (!err && f->which == 2)
		err = bpfring_loop_add(f->loop, f->rig.c, count_numbers, &f->counter);
	if (!err && f->which)
		err = bpfring_loop_dispatch(f->loop);
	if (getpid() != parent) {
		bool right = err == -ECHILD && f->counter.records == (f->which == 2 ? 0 : 2);

		if (f->which && bpfring_loop_poll(f->loop, 0) != -ECHILD)
			right = false;
		bpfring_loop_free(f->loop);
		bpfring_consumer_close(f->rig.c);
		_exit(right && !sim_sys_live_allocations() && !sim_sys_live_mappings() ? 0 : 1);
	}
	if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return 1;
	/* to fork may take longer than the budget of a turn */
	for (int i = 0; f->which && err >= 0 && f->counter.records < 5 && i < 10; i++)
		err = bpfring_loop_poll(f->loop, 100 * MSEC);
	close(event);
	return err >= 0 && f->counter.records == 5 ? 0 : 2;
}

static void a_child_that_comes_back_from_a_callback(void **state)
{
	(void)state;
	for (int which = 0; which < 3; which++) {
		struct family f;

		family_open(&f, false);
		f.which = which;
		for (uint64_t i = 0; i < 5; i++)
			put_number(f.rig.r, i);
		assert_int_equal(forked_in_a_callback(&f), 0);
		family_close(&f);
	}
}

struct ready {
	struct bpfring_loop *loop;
	int fds[2], calls;
	int result; /* of the child */
	pid_t child;
};

static int fork_at_the_first(void *ctx, int fd, uint32_t events)
{
	struct ready *ready = ctx;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	if (ready->calls++)
		return 0;
	ready->child = fork();
	if (ready->child)
		return 0;
	alarm(20);
	bpfring_set_log(NULL);
	return ready->result;
}

/* Both descriptors are ready, and no ring is there: only the parent goes on to the second. */
static void a_child_calls_no_further_descriptor(void **state)
{
	static const int results[] = {0, 1, BPFRING_STOP, -EIO};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct ready ready = {.result = results[i]};
		int err, status;

		assert_int_equal(bpfring_loop_new(&ready.loop, NULL), 0);
		for (int k = 0; k < 2; k++) {
			ready.fds[k] = eventfd(1, EFD_CLOEXEC);
			assert_int_equal(bpfring_loop_add_fd(ready.loop, ready.fds[k], EPOLLIN,
							     fork_at_the_first, &ready),
					 0);
		}
		err = bpfring_loop_poll(ready.loop, 0);
		if (!ready.child)
			_exit(ready.calls == 1 && (err == -ECHILD || err == results[i]) &&
					      err < 0 && bpfring_loop_poll(ready.loop, 0) == -ECHILD
				      ? 0
				      : 1);
		assert_int_equal(err, 0);
		assert_int_equal(ready.calls, 2);
		assert_int_equal(waitpid(ready.child, &status, 0), ready.child);
		assert_int_equal(status, 0);
		bpfring_loop_free(ready.loop);
		close(ready.fds[0]);
		close(ready.fds[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(nothing_is_allowed_in_a_child),
		rig_test(peek_is_refused_in_the_middle_of_a_batch),
		rig_test(a_child_that_tears_down_leaves_its_parent_alone),
		rig_test(a_child_may_open_its_own),
		rig_test(a_child_that_returns_from_a_callback),
		rig_test(forked_beside_a_thread_that_is_in_it),
		rig_test(a_child_that_comes_back_from_a_callback),
		rig_test(a_child_calls_no_further_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
