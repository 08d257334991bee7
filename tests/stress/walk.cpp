// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A random walk over the calls of consumer and loop, on simulated rings. Callbacks make further
 * calls, fail, throw, jump, fork, or end their thread; threads are cancelled in their sleep;
 * signals come at any time. Every record has to come out once and in order, what was given to a
 * callback that left included, and after each walk nothing may be left behind.
 */
#include <bpfring/bpfring.h>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ctime>
#include <unistd.h>

extern "C" {
#include "sim_sys.h"
}
#include "stress.h"

#define USAGE "[--seconds N] [--seed N] [--ops N] [--forks 0]"

/* See tests/unit/ring/leave.c. */
extern "C" const char *__asan_default_options()
{
	return "detect_stack_use_after_return=1";
}

extern "C" {
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char *file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char *file, int line);
}

namespace
{
enum { RINGS = 4, LOOPS = 3, EVENTS = 3, MOST_DEPTH = 2 };

struct ring {
	sim_ring *r;
	sim_map *map;
	bpfring_consumer *c;
	std::atomic<uint64_t> put; /* records committed or reserved */
	uint64_t got;		   /* all below were given to somebody who keeps them */
	unsigned int held;	   /* behind that, by peek */
	void *busy;
	bool busy_discards;
	int in_loop; /* -1: none */
	int calls;   /* callbacks that run */
	bool left;   /* by longjmp(): what it took is given back by the next call but peek */
	bpfring_consumer *closed; /* from a callback of its own */
};

struct loop {
	bpfring_loop *l;
	int calls; /* in progress */
	bool left, by_main;
	int inside; /* this one is watched by that loop; -1: none */
};

struct left {
	int number;
};

ring rings[RINGS];
loop loops[LOOPS];
int events[EVENTS], event_in[EVENTS];
uint32_t dice;
uint64_t seed, walk, ops;
bool child; /* of a fork in a callback */
bool forks;
bool in_thread;	 /* that may end */
bool only_leave; /* another thread looks at the objects as well */
sigjmp_buf base;
std::atomic<bpfring_loop *> polled; /* for the signal handler */
unsigned long ways[8];

/* Only one thread walks at a time, but signal handlers and sleepers have their own dice. */
uint32_t roll(uint32_t sides)
{
	return next_random(&dice) % sides;
}

char last_line[512] = "none\n";

[[noreturn]] void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "walk %llu of seed %llu, op %llu: ", (unsigned long long)walk,
		(unsigned long long)seed, (unsigned long long)ops);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\nthe last message was: %s", last_line);
	va_end(args);
	abort();
}

void keep_line(bpfring_log_level level, const char *fmt, va_list args)
{
	char line[sizeof(last_line)];

	vsnprintf(line, sizeof(line), fmt, args); /* formats and arguments agree */
	if (level <= BPFRING_LOG_WARN)
		memcpy(last_line, line, sizeof(line));
}

void op(int depth);

enum way { THROW, JUMP, CANCEL, EXIT, FORK_AND_RETURN };

/* Signals come at any time. */
void wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("cannot wait for a child");
	if (status)
		fail("a child failed: status %#x", status);
}

/* Leaves the callback for good, or comes back in a child as well. */
void leave()
{
	switch (roll(in_thread ? 5 : 3)) {
	case THROW:
		ways[THROW]++;
		throw left{1};
	case JUMP:
		ways[JUMP]++;
		siglongjmp(base, 1);
	case 3:
		ways[CANCEL]++;
		pthread_cancel(pthread_self());
		pthread_testcancel();
		fail("a cancelled thread goes on");
	case 4:
		ways[EXIT]++;
		pthread_exit(nullptr);
	default:
		break;
	}
	if (only_leave || child || !forks)
		return;
	ways[FORK_AND_RETURN]++;
	switch (pid_t pid = fork()) {
	case -1:
		fail("cannot fork");
	case 0:
		alarm(60);
		child = true;
		break;
	default:
		wait_for(pid);
		break;
	}
}

/* At the end of a callback: what it returns. */
int misbehave(int depth)
{
	switch (roll(24)) {
	case 0:
		return BPFRING_STOP;
	case 1:
		return -EIO;
	case 2:
		leave();
		return 0;
	case 3:
	case 4:
		if (depth < MOST_DEPTH && !only_leave && !child)
			op(depth + 1);
		return 0;
	default:
		return 0;
	}
}

int depth_now; /* of the callback that runs */

void expect(ring *r, const void *data, size_t size)
{
	uint64_t number = *static_cast<const uint64_t *>(data);

	if (child)
		fail("a record is handled in a forked child");
	if (size != 8 || number != r->got)
		fail("ring %td: record %llu instead of %llu", r - rings, (unsigned long long)number,
		     (unsigned long long)r->got);
	r->got++;
}

int end_of_callback(ring *r)
{
	int ret;

	r->calls++;
	ret = misbehave(depth_now);
	r->calls--;
	if (!r->calls) /* what is closed is freed when the call ends */
		r->closed = nullptr;
	return ret;
}

/* Now and then the records from some index on stay in the ring. */
int end_of_records(ring *r, unsigned int count)
{
	int ret = end_of_callback(r);
	unsigned int taken;

	if (ret < 0 || child || roll(8))
		return ret;
	taken = roll(count + 1);
	r->got -= count - taken;
	return BPFRING_KEEP_FROM(taken);
}

int on_record(void *ctx, const void *data, size_t size)
{
	expect(static_cast<ring *>(ctx), data, size);
	return end_of_records(static_cast<ring *>(ctx), 1);
}

int on_batch(void *ctx, const bpfring_record *records, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		expect(static_cast<ring *>(ctx), records[i].data, records[i].size);
	return end_of_records(static_cast<ring *>(ctx), count);
}

int on_look(void *ctx, const bpfring_record *, bpfring_record_state)
{
	return end_of_callback(static_cast<ring *>(ctx));
}

int on_event(void *, int fd, uint32_t)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		fail("cannot read an event");
	return misbehave(depth_now);
}

int check(int ret)
{
	static const int known[] = {EINVAL, EEXIST, ENOENT, ECHILD, EIO, EOPNOTSUPP, ELOOP, E2BIG};

	if (ret >= 0 || ret == BPFRING_STOP)
		return ret;
	for (int err : known)
		if (ret == -err)
			return ret;
	fail("%s", bpfring_errname(ret));
}

/* Left by longjmp() in the thread that lives on: it is that one's, and another is refused. */
bool is_of_main(const loop *l)
{
	return in_thread && l->left && l->by_main;
}

int poll_loop(loop *l, int how)
{
	bpfring_loop *before = polled.exchange(l->l);
	int ret;

	l->calls++;
	if (!is_of_main(l))
		l->left = false;
	if (how == 0) {
		ret = bpfring_loop_dispatch(l->l);
	} else if (how == 1) {
		bpfring_loop_stop(l->l);
		ret = bpfring_loop_run(l->l);
	} else {
		ret = bpfring_loop_poll(l->l, roll(3) ? 0 : static_cast<int64_t>(roll(300000)));
	}
	l->calls--;
	polled = before;
	return check(ret);
}

void run_loop(loop *l)
{
	l->calls++;
	check(bpfring_loop_run(l->l));
	l->calls--;
}

int on_loop(void *ctx, int, uint32_t)
{
	int ret = poll_loop(static_cast<loop *>(ctx), 0);

	if (ret >= 0 || ret == -ECHILD)
		return ret;
	return misbehave(depth_now);
}

/* Producers */
void produce(ring *r)
{
	for (uint32_t n = roll(20); n; n--) {
		uint64_t *payload;

		if (roll(8) == 0 &&
		    (payload = static_cast<uint64_t *>(sim_reserve(r->r, roll(64)))))
			sim_discard(r->r, payload, roll(3));
		payload = static_cast<uint64_t *>(sim_reserve(r->r, 8));
		if (!payload)
			return;
		*payload = r->put++;
		sim_submit(r->r, payload, roll(8) ? 0 : roll(3));
	}
}

void hold_busy(ring *r)
{
	uint64_t *payload;

	if (r->busy) {
		if (r->busy_discards)
			sim_discard(r->r, r->busy, roll(2));
		else
			sim_submit(r->r, r->busy, roll(2));
		r->busy = nullptr;
		return;
	}
	payload = static_cast<uint64_t *>(sim_reserve(r->r, 8));
	if (!payload)
		return;
	r->busy = payload;
	r->busy_discards = roll(2);
	if (!r->busy_discards)
		*payload = r->put++;
}

/* Consumers */
void open_consumer(ring *r)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts);

	if (r->c || r->closed)
		return;
	if (bpfring_consumer_open(&r->c, r->r->event_fd, &opts))
		fail("cannot open");
	r->held = 0;
	r->in_loop = -1;
	r->left = false;
}

void close_consumer(ring *r)
{
	if (!r->c)
		return;
	if (r->calls)
		r->closed = r->c;
	bpfring_consumer_close(r->c);
	r->c = nullptr;
	r->held = 0;
	r->in_loop = -1;
	r->left = false;
}

void consume(ring *r)
{
	BPFRING_OPTS(bpfring_budget, budget);
	BPFRING_OPTS(bpfring_outcome, out);

	if (roll(2)) {
		budget.records = roll(4);
		budget.bytes = roll(200);
		budget.ns = roll(3) ? 0 : roll(100000);
	}
	r->left = false;
	if (roll(2))
		check(bpfring_consumer_consume(r->c, on_record, r, &budget, &out));
	else
		check(bpfring_consumer_consume_batch(r->c, on_batch, r, &budget, &out));
}

void peek(ring *r)
{
	bpfring_record record;

	if (r->calls || r->left)
		return;
	switch (roll(4)) {
	case 0:
		if (bpfring_consumer_release(r->c))
			fail("cannot release");
		r->got += r->held;
		r->held = 0;
		break;
	case 1:
		bpfring_consumer_cancel(r->c);
		r->held = 0;
		break;
	default:
		if (bpfring_consumer_peek(r->c, &record) != 1)
			break;
		if (*static_cast<const uint64_t *>(record.data) != r->got + r->held)
			fail("ring %td: peek gives another record", r - rings);
		r->held++;
		break;
	}
}

void consumer_op(ring *r)
{
	struct bpfring_consumer_stats stats {
	};

	stats.sz = sizeof(stats);
	if (!r->c) {
		open_consumer(r);
		return;
	}
	switch (roll(12)) {
	case 0:
		close_consumer(r);
		break;
	case 1:
	case 2:
	case 3:
		consume(r);
		break;
	case 4:
	case 5:
		peek(r);
		break;
	case 6:
		check(bpfring_consumer_wait(r->c, roll(2) ? 0 : roll(200000)));
		break;
	case 7:
		check(bpfring_consumer_wakeup(r->c));
		break;
	case 8:
		check(bpfring_consumer_snapshot(r->c, on_look, r));
		break;
	case 9:
		if (bpfring_consumer_stats(r->c, &stats) || stats.ring_size != 4096)
			fail("no statistics");
		break;
	case 10:
		check(bpfring_consumer_consume(r->c, nullptr, nullptr, nullptr, nullptr));
		break;
	default:
		check(bpfring_consumer_wait(r->c, -2));
		break;
	}
}

/* Loops */
void make_loop(loop *l)
{
	BPFRING_OPTS(bpfring_loop_opts, opts);

	opts.wait = roll(4);
	opts.max_latency_ns = roll(2) ? 0 : 1 + roll(500000);
	opts.tick_ns = roll(4) ? 0 : 1 + roll(1000000);
	opts.budget_records = roll(2) ? 0 : 1 + roll(5);
	if (bpfring_loop_new(&l->l, &opts))
		fail("cannot make a loop");
	l->inside = -1;
	l->left = false;
}

void free_loop(loop *l)
{
	const int number = static_cast<int>(l - loops);

	if (!l->l)
		return;
	if (polled == l->l)
		polled = nullptr;
	if (l->calls || is_of_main(l)) { /* refused */
		bpfring_loop_free(l->l);
		return;
	}
	if (l->inside >= 0)
		check(bpfring_loop_remove_fd(loops[l->inside].l, bpfring_loop_fd(l->l)));
	last_line[0] = 0;
	bpfring_loop_free(l->l);
	if (std::strstr(last_line, "not freed"))
		fail("loop %d, left %d by main %d, is not freed", number, l->left, l->by_main);
	l->l = nullptr;
	for (ring &r : rings)
		if (r.in_loop == number)
			r.in_loop = -1;
	for (int &in : event_in)
		if (in == number)
			in = -1;
	for (loop &other : loops)
		if (other.inside == number)
			other.inside = -1;
}

void add_or_remove(loop *l, int number)
{
	ring *r = &rings[roll(RINGS)];
	uint32_t n = roll(EVENTS);
	loop *inner = &loops[roll(LOOPS)];
	int ret;

	switch (roll(6)) {
	case 0:
	case 1:
		if (!r->c)
			break;
		ret = roll(2) ? bpfring_loop_add(l->l, r->c, on_record, r)
			      : bpfring_loop_add_batch(l->l, r->c, on_batch, r);
		if (!check(ret))
			r->in_loop = number;
		break;
	case 2:
		if (r->c && !check(bpfring_loop_remove(l->l, r->c)))
			r->in_loop = -1;
		break;
	case 3:
		if (!check(bpfring_loop_add_fd(
			    l->l, events[n],
			    EPOLLIN | (roll(2) ? static_cast<uint32_t>(EPOLLET) : 0), on_event,
			    nullptr)))
			event_in[n] = number;
		break;
	case 4:
		if (!check(bpfring_loop_remove_fd(l->l, events[n])))
			event_in[n] = -1;
		break;
	default:
		if (!inner->l || inner == l || inner->inside >= 0 || l->inside >= 0)
			break;
		ret = check(bpfring_loop_fd(inner->l));
		if (ret >= 0 && !check(bpfring_loop_add_fd(l->l, ret, EPOLLIN, on_loop, inner)))
			inner->inside = number;
		break;
	}
}

void loop_op(loop *l)
{
	struct bpfring_loop_stats stats {
	};

	stats.sz = sizeof(stats);
	if (!l->l) {
		make_loop(l);
		return;
	}
	switch (roll(16)) {
	case 0:
		free_loop(l);
		break;
	case 1:
		check(bpfring_loop_fd(l->l));
		break;
	case 2:
		check(bpfring_loop_wakeup(l->l));
		break;
	case 3:
		if (bpfring_loop_stats(l->l, &stats))
			fail("no statistics");
		break;
	case 4:
		check(bpfring_loop_poll(l->l, -2));
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		add_or_remove(l, static_cast<int>(l - loops));
		break;
	default:
		poll_loop(l, static_cast<int>(roll(4)));
		break;
	}
}

/* One call; from a callback if depth > 0. */
void op(int depth)
{
	const int before = depth_now;
	uint64_t one = 1;

	ops++;
	depth_now = depth;
	switch (roll(8)) {
	case 0:
		hold_busy(&rings[roll(RINGS)]);
		break;
	case 1:
	case 2:
		produce(&rings[roll(RINGS)]);
		break;
	case 3:
		if (write(events[roll(EVENTS)], &one, sizeof(one)) < 0)
			fail("cannot write an event");
		break;
	case 4:
	case 5:
		consumer_op(&rings[roll(RINGS)]);
		break;
	default:
		loop_op(&loops[roll(LOOPS)]);
		break;
	}
	depth_now = before;
}

/* Everything goes, in this order or that. */
void tear_down()
{
	for (uint32_t n = roll(2); n; n--)
		close_consumer(&rings[roll(RINGS)]);
	for (int i = 0; i < LOOPS; i++)
		if (loops[i].inside >= 0)
			free_loop(&loops[i]);
	for (loop &l : loops)
		free_loop(&l);
	for (ring &r : rings)
		close_consumer(&r);
}

/* ThreadSanitizer remembers those that are not in a child, and takes it to race with them. */
void forget_threads()
{
	if (!AnnotateIgnoreReadsBegin)
		return;
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

/* After an op, however it ended. */
void settle(bool jumped, bool by_main = false)
{
	for (ring &r : rings) {
		if (jumped && r.calls)
			r.left = true;
		r.calls = 0;
		if (jumped && r.closed) /* nobody else is left to free it */
			bpfring_consumer_close(r.closed);
		r.closed = nullptr;
	}
	for (loop &l : loops) {
		if (jumped && l.calls) {
			l.left = true;
			l.by_main = by_main;
		}
		l.calls = 0;
	}
	depth_now = 0;
	polled = nullptr;
	if (!child)
		return;
	tear_down();
	if (sim_sys_live_allocations() || sim_sys_live_mappings())
		fail("a child cannot give back what it inherited: %lu allocations, %lu mappings",
		     sim_sys_live_allocations(), sim_sys_live_mappings());
	syscall(SYS_exit_group, 0); /* without a word on threads that were not joined */
}

void one_op()
{
	volatile bool jumped = true;

	if (!sigsetjmp(base, 0)) {
		try {
			op(0);
		} catch (const left &) {
		}
		jumped = false;
	}
	settle(jumped, true);
}

/* From somewhere further down, or further up, than before. */
__attribute__((noinline)) void one_op_at(uint32_t depth)
{
	volatile char space[256];

	space[0] = static_cast<char>(depth);
	if (depth)
		one_op_at(depth - 1);
	else
		one_op();
	if (space[0] != static_cast<char>(depth))
		fail("the stack is overwritten");
}

void *op_in_thread(void *)
{
	one_op();
	return nullptr;
}

/* This thread lives, and whether it is still in there is its secret: others are refused. */
bool anything_left()
{
	for (const ring &r : rings)
		if (r.left)
			return true;
	for (const loop &l : loops)
		if (l.left)
			return true;
	return false;
}

void op_by_another_thread()
{
	pthread_t thread;

	if (anything_left())
		return;
	in_thread = true;
	if (pthread_create(&thread, nullptr, op_in_thread, nullptr))
		fail("cannot start a thread");
	pthread_join(thread, nullptr);
	in_thread = false;
	settle(false);
}

/* A thread that sleeps, and is woken, stopped or cancelled. */
struct sleeper {
	loop *l;
	ring *r;
	bool jumped;
};

void *sleep_in_thread(void *ctx)
{
	auto *s = static_cast<sleeper *>(ctx);

	s->jumped = sigsetjmp(base, 0);
	if (!s->jumped) {
		try {
			if (s->l)
				run_loop(s->l);
			else
				check(bpfring_consumer_wait(s->r->c, -1));
		} catch (const left &) {
		}
	}
	return nullptr;
}

void fork_beside()
{
	pid_t pid;

	if (!forks)
		return;
	pid = fork();

	if (pid < 0)
		fail("cannot fork");
	if (!pid) {
		alarm(60);
		forget_threads();
		child = true;
		settle(false);
	}
	wait_for(pid);
}

void sleep_for_a_while()
{
	sleeper s = {&loops[roll(LOOPS)], &rings[roll(RINGS)], false};
	pthread_t thread;
	uint32_t own;

	if (roll(3) == 0)
		s.l = nullptr;
	if (anything_left() || (!s.l && s.r->held))
		return;
	if (s.l ? !s.l->l : !s.r->c)
		return;
	if (!s.l) /* what a thread is about to make is lost to a child that is forked just then */
		check(bpfring_consumer_wait(s.r->c, 0));
	in_thread = only_leave = true;
	own = dice; /* which are the sleeper's until it ends */
	if (pthread_create(&thread, nullptr, sleep_in_thread, &s))
		fail("cannot start a thread");
	for (uint32_t n = next_random(&own) % 4; n; n--) {
		static const uint64_t one = 1;

		if (next_random(&own) % 2) {
			timespec pause = {0, next_random(&own) % 200000};

			nanosleep(&pause, nullptr);
		}
		switch (next_random(&own) % 4) {
		case 0:
			fork_beside();
			break;
		case 1:
			if (write(events[next_random(&own) % EVENTS], &one, sizeof(one)) < 0)
				fail("cannot write an event");
			break;
		case 2:
			if (s.l)
				bpfring_loop_wakeup(s.l->l);
			else
				bpfring_consumer_wakeup(s.r->c);
			break;
		default: {
			ring *r = &rings[next_random(&own) % RINGS];
			auto *payload = static_cast<uint64_t *>(sim_reserve(r->r, 8));

			if (payload) {
				*payload = r->put++;
				sim_submit(r->r, payload, next_random(&own) % 3);
			}
			break;
		}
		}
	}
	pthread_cancel(thread);
	pthread_join(thread, nullptr);
	in_thread = only_leave = false;
	settle(s.jumped);
}

void on_alarm(int)
{
	static uint32_t own = 99;
	bpfring_loop *l = polled;

	if (!l)
		return;
	if (next_random(&own) % 2)
		bpfring_loop_wakeup(l);
	else
		bpfring_loop_stop(l);
}

/* All that is left comes out. */
void take_the_rest()
{
	for (ring &r : rings) {
		if (r.busy)
			hold_busy(&r);
		close_consumer(&r);
		if (bpfring_consumer_open(&r.c, r.r->event_fd, nullptr))
			fail("cannot open in the end");
		while (r.got < r.put) {
			bpfring_record record;

			if (bpfring_consumer_peek(r.c, &record) != 1)
				fail("ring %td: records %llu to %llu are lost", &r - rings,
				     (unsigned long long)r.got, (unsigned long long)r.put.load());
			expect(&r, record.data, record.size);
			bpfring_consumer_release(r.c);
		}
		close_consumer(&r);
	}
}

unsigned int count_fds()
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void one_walk(uint64_t length)
{
	unsigned int fds = count_fds();

	for (int i = 0; i < RINGS; i++) {
		ring *r = &rings[i];

		if (sim_ring_new(&r->r, 4096, roll(2) ? 8 : 4, roll(2) ? 0 : 4294963200ULL))
			fail("cannot make a ring");
		r->map = sim_sys_map(r->r, "walk", static_cast<uint32_t>(i) + 1);
		r->got = r->put = 0;
		r->in_loop = -1;
		sim_sys_set_word_size(r->r->word_size);
		open_consumer(r);
		/* the word size is the kernel's, so the same for all */
		if (r->r->word_size != rings[0].r->word_size) {
			close_consumer(r);
			sim_sys_forget_map(r->map);
			sim_ring_free(r->r);
			i--;
		}
	}
	sim_sys_set_word_size(rings[0].r->word_size);
	for (int i = 0; i < EVENTS; i++) {
		events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		event_in[i] = -1;
	}
	for (uint64_t n = 0; n < length; n++) {
		switch (roll(40)) {
		case 0:
			op_by_another_thread();
			break;
		case 1:
			sleep_for_a_while();
			break;
		case 2:
			if (roll(4) == 0)
				fork_beside();
			break;
		default:
			one_op_at(roll(8));
			break;
		}
	}
	tear_down();
	take_the_rest();
	for (ring &r : rings) {
		sim_sys_forget_map(r.map);
		sim_ring_free(r.r);
	}
	for (int fd : events)
		close(fd);
	if (sim_sys_live_allocations() || sim_sys_live_mappings() || count_fds() != fds)
		fail("left behind: %lu allocations, %lu mappings, %d descriptors",
		     sim_sys_live_allocations(), sim_sys_live_mappings(),
		     static_cast<int>(count_fds() - fds));
}

int64_t seconds_now()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}
} // namespace

int main(int argc, char **argv)
{
	const uint64_t seconds = number_argument(argc, argv, "--seconds", 5);
	const uint64_t length = number_argument(argc, argv, "--ops", 500);
	/* 0: none. TSan's own runtime fails now and then in the child of a process with threads. */
	forks = number_argument(argc, argv, "--forks", 1);
	const itimerval every = {{0, 700}, {0, 700}};
	int64_t end = seconds_now() + static_cast<int64_t>(seconds);
	struct sigaction action {
	};

	check_arguments(argc, argv, USAGE);
	seed = number_argument(argc, argv, "--seed",
			       static_cast<uint64_t>(time(nullptr)) ^
				       static_cast<uint64_t>(getpid()));
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	bpfring_set_log(keep_line);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, nullptr);
	if (!AnnotateIgnoreReadsBegin) /* TSan fails on signals to a thread that ends */
		setitimer(ITIMER_REAL, &every, nullptr);
	do {
		dice = static_cast<uint32_t>((seed + walk) * 2654435761U) | 1;
		one_walk(length);
		walk++;
	} while (seconds_now() < end);
	printf("%llu walks, %llu calls; %lu left by exceptions, %lu by longjmp(), %lu by "
	       "cancellation, "
	       "%lu by pthread_exit(), %lu forked\n",
	       (unsigned long long)walk, (unsigned long long)ops, ways[THROW], ways[JUMP],
	       ways[CANCEL], ways[EXIT], ways[FORK_AND_RETURN]);
	return 0;
}
