// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Where ours does other than libbpf: each test holds it against a heading of docs/compat.md. */
#include "scenario.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct api compat;
static const struct api *const api = &compat;

static int count_record(void *ctx, void *data, size_t size)
{
	(void)data, (void)size;
	++*(unsigned int *)ctx;
	return 0;
}

/* "Records without a callback": libbpf crashes. */
static void test_null_callback(void **state)
{
	struct ring r = ring_new(4096);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, NULL, NULL, NULL);

	(void)state;
	assert_non_null(rb);
	for (int i = 0; i < 3; i++) {
		put_numbers(&r, 2, 1);
		assert_int_equal(i ? api->ring_buffer__poll(rb, 1000 * (i - 1))
				   : api->ring_buffer__consume(rb),
				 2);
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* "consume_n() of nothing". */
static void test_budget_of_nothing(void **state)
{
	unsigned int seen = 0;
	struct ring a = ring_new(4096), b = ring_new(4096);
	struct ring_buffer *rb = api->ring_buffer__new(a.fd, count_record, &seen, NULL);

	(void)state;
	api->ring_buffer__add(rb, b.fd, count_record, &seen);
	put_numbers(&a, 5, 1);
	put_numbers(&b, 5, 1);
	assert_int_equal(api->ring_buffer__consume_n(rb, 0), 0);
	assert_int_equal(api->ring__consume_n(api->ring_buffer__ring(rb, 1), 0), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(api->ring_buffer__consume_n(rb, 7), 7);
	assert_int_equal(seen, 7);
	api->ring_buffer__free(rb);
	ring_free(&a);
	ring_free(&b);
}

struct freer {
	struct ring_buffer *rb;
	unsigned int seen;
};

static int free_it(void *ctx, void *data, size_t size)
{
	struct freer *f = ctx;

	(void)data, (void)size;
	if (++f->seen == 2)
		api->ring_buffer__free(f->rb);
	return 0;
}

/* "Freeing a manager in its callback": libbpf crashes. */
static void test_free_in_callback(void **state)
{
	(void)state;
	for (int way = 0; way < 6; way++) {
		struct ring r = ring_new(4096), other = ring_new(4096);
		unsigned int fds = count_fds(), mappings = count_map_mappings();
		struct freer f = {0};

		f.rb = api->ring_buffer__new(r.fd, free_it, &f, NULL);
		api->ring_buffer__add(f.rb, other.fd, free_it, &f);
		if (way == 3)
			api->ring_buffer__epoll_fd(f.rb);
		if (way >= 4) {
			put_numbers(&r, 1, 1);
			api->ring_buffer__poll(f.rb, 1000);
		}
		put_numbers(&r, 4, 1);
		put_numbers(&other, 4, 1);
		if (way == 0)
			api->ring_buffer__consume(f.rb);
		else if (way == 1)
			api->ring__consume(api->ring_buffer__ring(f.rb, 0));
		else
			api->ring_buffer__poll(f.rb, way == 5 ? 0 : 1000);
		assert_int_equal(f.seen, 2);
		assert_int_equal(count_fds(), fds);
		assert_int_equal(count_map_mappings(), mappings);
		ring_free(&r);
		ring_free(&other);
	}
}

/* "Busy heads": neither poll nor the descriptor keeps the program awake. */
static void test_busy_head_sleeps(void **state)
{
	(void)state;
	for (int descriptor = 0; descriptor < 2; descriptor++) {
		unsigned int seen = 0, turns = 0;
		struct ring r = ring_new(4096);
		struct ring_buffer *rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL);
		struct pollfd wanted = {.events = POLLIN};
		struct busy busy;
		int64_t end, cpu;

		if (descriptor)
			wanted.fd = api->ring_buffer__epoll_fd(rb);
		put_numbers(&r, 1, 1);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 1);
		assert_null(busy_begin(&busy, &r, 0, false));
		put_numbers(&r, 1, 1);
		cpu = thread_cpu();
		end = monotonic() + 300 * MSEC;
		for (; monotonic() < end; turns++) {
			if (descriptor)
				poll(&wanted, 1, 100);
			assert_int_equal(api->ring_buffer__poll(rb, descriptor ? 0 : 100), 0);
		}
		cpu = thread_cpu() - cpu;
		assert_true(turns < 30); /* libbpf: hundreds of thousands */
		assert_true(cpu < 100 * MSEC);
		busy_end(&busy, 5);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 2);
		api->ring_buffer__free(rb);
		ring_free(&r);
	}
}

/* "Polls that find discarded records only": libbpf's returns before its time. */
static void test_discards_do_not_end_a_poll(void **state)
{
	unsigned int seen = 0;
	struct ring r = ring_new(4096);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL);
	int64_t start;

	(void)state;
	assert_int_equal(api->ring_buffer__poll(rb, 1), 0);
	produce(&r, OP_DISCARD, 0, 3, 0, 0);
	start = monotonic();
	assert_int_equal(api->ring_buffer__poll(rb, 100), 0);
	assert_true(monotonic() - start >= 99 * MSEC);
	put_numbers(&r, 1, 1);
	assert_int_equal(api->ring_buffer__poll(rb, 1000), 1);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* "Corrupt rings": an error, where libbpf calls back with whatever is there. */
static void test_corrupt_ring(void **state)
{
	unsigned int seen = 0;
	struct ring r = ring_new(4096);
	unsigned long *position = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
				       MAP_SHARED, r.fd, 0);
	struct ring_buffer *rb;

	(void)state;
	assert_true(position != MAP_FAILED);
	rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL);
	put_numbers(&r, 3, 1);
	*position = 1 << 20; /* ahead of the producer */
	assert_int_equal(api->ring_buffer__poll(rb, 0), -EBADMSG);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(api->ring_buffer__consume(rb), -EBADMSG);
	assert_int_equal(api->ring_buffer__poll(rb, 1000), -EBADMSG);
	assert_null(api->ring_buffer__new(r.fd, count_record, &seen, NULL));
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(seen, 0);
	api->ring_buffer__free(rb);
	munmap(position, (size_t)sysconf(_SC_PAGESIZE));
	ring_free(&r);
}

struct forker {
	bool done;
	pid_t child;
};

static int fork_it(void *ctx, void *data, size_t size)
{
	struct forker *f = ctx;

	(void)data, (void)size;
	if (!f->done) {
		f->done = true;
		f->child = fork();
	}
	return 0;
}

/* A callback forks and both go on: the child takes the ring up again. */
static void test_fork_in_callback(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		struct ring r = ring_new(4096);
		struct forker f = {0};
		int status = 0;
		struct ring_buffer *rb = api->ring_buffer__new(r.fd, fork_it, &f, NULL);

		put_numbers(&r, 2, 1);
		if (way == 0)
			api->ring_buffer__consume(rb);
		else
			api->ring_buffer__poll(rb, way == 1 ? 1000 : 0);
		if (!f.child) {
			api->ring_buffer__consume(rb); /* what its parent has not released */
			put_numbers(&r, 2, 5);
			_exit(api->ring_buffer__poll(rb, 1000) != 2);
		}
		assert_int_equal(waitpid(f.child, &status, 0), f.child);
		assert_int_equal(status, 0);
		api->ring_buffer__free(rb);
		ring_free(&r);
	}
}

struct jumper {
	jmp_buf where;
	unsigned int seen;
};

static int jump_out(void *ctx, void *data, size_t size)
{
	struct jumper *j = ctx;

	(void)data, (void)size;
	if (++j->seen == 2)
		longjmp(j->where, 1);
	return 0;
}

/* "Leaving a callback": the record counts as consumed, and everything goes on. */
static void test_longjmp(void **state)
{
	unsigned int fds = count_fds(), mappings = count_map_mappings();
	struct ring r = ring_new_at(1, 4096);
	struct ring_buffer *rb;
	struct jumper j = {.seen = 0};

	(void)state;
	rb = api->ring_buffer__new(r.fd, jump_out, &j, NULL);
	for (volatile int way = 0; way < 4; way++) {
		if (way == 3)
			api->ring_buffer__epoll_fd(rb);
		j.seen = 0;
		put_numbers(&r, 5, 1);
		if (!setjmp(j.where)) {
			if (way == 0)
				api->ring_buffer__consume(rb);
			else
				api->ring_buffer__poll(rb, way == 1 ? 0 : 1000);
			fail();
		}
		assert_int_equal(j.seen, 2);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 3);
		put_numbers(&r, 2, 7);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 2);
		assert_int_equal(api->ring_buffer__consume(rb), 0);
	}
	api->ring_buffer__free(rb);
	close(r.fd);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_map_mappings(), mappings);
}

static void *poll_for_ever(void *ctx)
{
	api->ring_buffer__poll(ctx, -1);
	return NULL;
}

/* A thread that is cancelled in poll leaves a manager that others use and free. */
static void test_cancelled(void **state)
{
	unsigned int fds = count_fds(), seen = 0;
	struct ring r = ring_new_at(1, 4096);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL);

	(void)state;
	for (int i = 0; i < 10; i++) {
		pthread_t thread;

		if (i == 5)
			api->ring_buffer__epoll_fd(rb);
		pthread_create(&thread, NULL, poll_for_ever, rb);
		usleep((useconds_t)(i * 700));
		pthread_cancel(thread);
		pthread_join(thread, NULL);
		put_numbers(&r, 2, 1);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 2);
	}
	api->ring_buffer__free(rb);
	close(r.fd);
	assert_int_equal(count_fds(), fds);
}

/*
 * A program that only polls in windows leaves true positions when it sleeps long, and at its end.
 */
static void test_positions_are_true_in_the_end(void **state)
{
	unsigned int seen = 0;
	struct ring r = ring_new(4096);
	unsigned long *position =
		mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, r.fd, 0);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL);

	(void)state;
	for (int i = 1; i <= 20; i++) {
		put_numbers(&r, 1, 1);
		assert_int_equal(api->ring_buffer__poll(rb, 1000), 1);
	}
	assert_int_equal(api->ring_buffer__poll(rb, 20), 0);
	assert_int_equal(*position, 20 * 16);
	put_numbers(&r, 1, 1);
	assert_int_equal(api->ring_buffer__poll(rb, 1000), 1);
	api->ring_buffer__free(rb);
	assert_int_equal(*position, 21 * 16);
	munmap(position, (size_t)sysconf(_SC_PAGESIZE));
	ring_free(&r);
}

static atomic_bool stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = true;
}

struct poller {
	struct ring_buffer *rb;
	atomic_bool done;
};

static void *poll_until_stopped(void *ctx)
{
	struct poller *p = ctx;

	while (!stop && api->ring_buffer__poll(p->rb, -1) >= 0)
		;
	p->done = true;
	return NULL;
}

/*
 * A flag that a signal handler sets ends a loop of poll(-1), whenever the signal comes: also
 * between two looks of one poll. The flag may be set just before poll is called, as with libbpf; so
 * a second signal is allowed.
 */
static void test_signal_at_any_time(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, before;
	int missed = 0;

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	for (int i = 0; i < 150; i++) {
		unsigned int seen = 0;
		struct ring r = ring_new_at(1, 4096);
		struct poller p = {.rb = api->ring_buffer__new(r.fd, count_record, &seen, NULL)};
		pthread_t thread;
		int64_t end;

		stop = false;
		pthread_create(&thread, NULL, poll_until_stopped, &p);
		for (int n = 0; n < 20; n++) /* so that it waits in windows */
			put_numbers(&r, 1, 1);
		usleep((useconds_t)(i * 13 % 900));
		pthread_kill(thread, SIGUSR1);
		for (end = monotonic() + limit(2000 * MSEC); !p.done && monotonic() < end;)
			usleep(100);
		missed += !p.done;
		if (!p.done)
			pthread_kill(thread, SIGUSR1);
		pthread_join(thread, NULL);
		api->ring_buffer__free(p.rb);
		close(r.fd);
	}
	sigaction(SIGUSR1, &before, NULL);
	print_message("%d of 150 signals came just before a poll\n", missed);
	assert_true(missed <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_callback),
		cmocka_unit_test(test_budget_of_nothing),
		cmocka_unit_test(test_free_in_callback),
		cmocka_unit_test(test_busy_head_sleeps),
		cmocka_unit_test(test_discards_do_not_end_a_poll),
		cmocka_unit_test(test_corrupt_ring),
		cmocka_unit_test(test_fork_in_callback),
		cmocka_unit_test(test_longjmp),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_positions_are_true_in_the_end),
		cmocka_unit_test(test_signal_at_any_time),
	};
	const char *why = kernel_open();
	int failed;

	if (!why)
		why = api_open_compat(&compat);
	if (why) {
		print_message("skipped: %s\n", why);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
