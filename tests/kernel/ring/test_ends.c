// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A consumer ends, in every way that a process can end, and another takes the ring over, of this
 * library or libbpf's. Nothing is lost; of what was released libbpf sees one record again at most,
 * ours none; what is seen is a record always; the ring flows on.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

#define RING 4096U

enum end { END_CLOSE, END_EXIT, END_EXEC, END_TERM, END_KILL, END_SEGV, ENDS };
enum rest { REST_EMPTY, REST_BACKLOG, REST_BUSY, RESTS };

static const char *const end_names[] = {"close", "exit", "exec", "TERM", "KILL", "SEGV"};
static const char *const rest_names[] = {"empty", "backlog", "busy head"};

/* What the two of them saw, in shared memory. */
static struct sight {
	uint64_t next;	   /* number expected next */
	uint64_t released; /* all before were given back */
	uint64_t twice;
	uint64_t bad; /* of another size, or not the number that was to come */
	uint64_t size;
} * sight;

static int see(void *ctx, const void *data, size_t size)
{
	uint64_t number = 0;

	(void)ctx;
	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	if ((size != sight->size && size != 8) || number > sight->next)
		sight->bad++;
	else if (number < sight->next)
		sight->twice++;
	else
		sight->next++;
	return 0;
}

static int see_libbpf(void *ctx, void *data, size_t size)
{
	return see(ctx, data, size);
}

/* Takes so many, quietly, as one that is awake does. */
static struct bpfring_consumer *take_some(const struct ring *r, uint64_t count, bool by_peek)
{
	struct bpfring_budget budget = {.sz = sizeof(budget), .records = count};
	struct bpfring_consumer *c = NULL;
	struct bpfring_record record;

	if (bpfring_consumer_open(&c, r->fd, NULL) || bpfring_consumer_wait(c, -1) != 1)
		_exit(10);
	for (uint64_t i = 0; by_peek && i < count; i++) {
		if (bpfring_consumer_peek(c, &record) != 1 || see(NULL, record.data, record.size) ||
		    bpfring_consumer_release(c))
			_exit(11);
	}
	if (!by_peek && bpfring_consumer_consume(c, see, NULL, &budget, NULL) != (int)count)
		_exit(12);
	sight->released = sight->next;
	return c;
}

static void end_now(enum end end, struct bpfring_consumer *c)
{
	signal(SIGSEGV, SIG_DFL);
	switch (end) {
	case END_CLOSE:
		bpfring_consumer_close(c);
		_exit(0);
	case END_EXIT:
		if (SANITIZED) /* it would look for leaks */
			_exit(0);
		exit(0);
	case END_EXEC:
		execlp("true", "true", NULL);
		_exit(13);
	case END_TERM:
		raise(SIGTERM);
		break;
	case END_KILL:
		raise(SIGKILL);
		break;
	default:
		raise(SIGSEGV);
	}
	_exit(14);
}

static void live_and_end(const struct ring *r, enum end end, uint64_t count, bool by_peek)
{
	static const int signals[] = {
		[END_TERM] = SIGTERM, [END_KILL] = SIGKILL, [END_SEGV] = SIGSEGV};
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0); /* no core */
		end_now(end, take_some(r, count, by_peek));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (end >= END_TERM ? !WIFSIGNALED(status) || WTERMSIG(status) != signals[end]
			    : !WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: status %x", end_names[end], (unsigned int)status);
}

/* Either successor. */
struct heir {
	struct bpfring_consumer *c;
	struct ring_buffer *rb;
};

static struct heir heir_new(const struct ring *r, bool libbpf)
{
	struct heir heir = {0};

	if (libbpf) {
		heir.rb = ring_buffer__new(r->fd, see_libbpf, NULL, NULL);
		assert_non_null(heir.rb);
	} else {
		assert_int_equal(bpfring_consumer_open(&heir.c, r->fd, NULL), 0);
	}
	return heir;
}

static void heir_take(const struct heir *heir)
{
	if (heir->rb)
		assert_true(ring_buffer__consume(heir->rb) >= 0);
	else
		assert_true(bpfring_consumer_consume(heir->c, see, NULL, NULL, NULL) >= 0);
}

static void heir_free(struct heir *heir)
{
	ring_buffer__free(heir->rb);
	bpfring_consumer_close(heir->c);
}

static void put_sized(const struct ring *r, uint64_t count, uint64_t number)
{
	assert_int_equal(produce(r, OP_OUTPUT, sight->size, count, number, 0), count);
}

/* Is the ring, as others see it, without work? */
static bool looks_idle(const struct ring *r)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), n;

	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r->fd, &event), 0);
	n = epoll_wait(epoll_fd, &event, 1, 0);
	close(epoll_fd);
	return n == 0;
}

static void one_case(enum end end, enum rest rest, bool libbpf, uint64_t size, bool by_peek)
{
	struct ring r = ring_new(RING);
	const uint64_t fit = RING / (size + 15) - 2, taken = fit / 2 + 1;
	uint64_t put = rest == REST_BACKLOG ? fit : taken;
	const char *cannot = NULL;
	struct heir heir;
	struct busy b;

	*sight = (struct sight){.size = size};
	put_sized(&r, put, 0);
	if (rest == REST_BUSY)
		cannot = busy_begin(&b, &r, 0, false);
	if (cannot) {
		ring_free(&r);
		skip_because("%s", cannot);
	}
	live_and_end(&r, end, taken, by_peek);
	assert_int_equal(sight->next, taken);
	assert_int_equal(sight->released, taken);
	if (end == END_CLOSE && rest == REST_EMPTY)
		assert_true(looks_idle(&r));
	heir = heir_new(&r, libbpf);
	heir_take(&heir);
	if (rest == REST_BUSY) {
		assert_int_equal(sight->next, taken);
		busy_end(&b, put++);
		heir_take(&heir);
	}
	/* and on, for some laps */
	for (int i = 0; i < 200; i++) {
		put_sized(&r, fit / 2, put);
		put += fit / 2;
		heir_take(&heir);
	}
	if (sight->bad || sight->next != put || sight->twice > (libbpf ? 1 : 0))
		fail_msg("%s, %s, %s, records of %u: %u bad, %u seen twice, %u of %u seen",
			 end_names[end], rest_names[rest], libbpf ? "libbpf" : "bpfring",
			 (unsigned int)size, (unsigned int)sight->bad, (unsigned int)sight->twice,
			 (unsigned int)sight->next, (unsigned int)put);
	heir_free(&heir);
	assert_true(looks_idle(&r));
	ring_free(&r);
}

static void matrix(bool libbpf)
{
	static const uint64_t sizes[] = {8, 100, 500};

	for (enum end end = 0; end < ENDS; end++)
		for (enum rest rest = 0; rest < RESTS; rest++)
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
				one_case(end, rest, libbpf, sizes[i], i % 2);
}

static void taken_over_by_bpfring(void **state)
{
	(void)state;
	matrix(false);
}

static void taken_over_by_libbpf(void **state)
{
	(void)state;
	matrix(true);
}

/* Ours again after libbpf's, and so on: each leaves what the other can use. */
static void in_turn(void **state)
{
	const uint64_t size = 100;
	struct ring r = ring_new(RING);
	struct heir forgotten[30] = {0};
	uint64_t put = 0;

	(void)state;
	*sight = (struct sight){.size = size};
	for (int i = 0; i < 30; i++) {
		struct heir heir;

		put_sized(&r, 20, put);
		put += 20;
		live_and_end(&r, END_KILL, 15, i % 2);
		heir = heir_new(&r, i % 3);
		heir_take(&heir);
		assert_int_equal(sight->next, put);
		if (i % 4)
			heir_free(&heir);
		else /* as if it were killed, too */
			forgotten[i] = heir;
	}
	assert_int_equal(sight->bad, 0);
	assert_true(sight->twice <= 20);
	for (size_t i = 0; i < ARRAY_SIZE(forgotten); i++)
		heir_free(&forgotten[i]);
	ring_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_over_by_bpfring),
		cmocka_unit_test(taken_over_by_libbpf),
		cmocka_unit_test(in_turn),
	};
	const char *cannot = kernel_open();
	int failed;

	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	sight = mmap(NULL, sizeof(*sight), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (sight == MAP_FAILED)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
