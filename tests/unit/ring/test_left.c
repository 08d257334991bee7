// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Callbacks that never return, in every way and from every call. What they were given counts as
 * consumed, the rest comes to the next call, from whatever thread and depth, and all can be freed.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <ucontext.h>
#include <unistd.h>

#include "leave.h"
#include "rig.h"

enum place {
	CONSUME,
	CONSUME_BATCH,
	SNAPSHOT,
	POLL,
	POLL_BATCH,
	RUN,
	DISPATCH,
	POLL_FD,
	DISPATCH_FD,
	NESTED, /* in a loop that a loop dispatches */
	PLACES,
};

static const char *const place_names[PLACES] = {
	"consume", "consume_batch", "snapshot", "poll",		"poll, batch",
	"run",	   "dispatch",	    "poll, fd", "dispatch, fd", "nested",
};

/* What the callback does before it leaves. */
enum before { NOTHING, REMOVE, CLOSE, CLOSE_OTHER, BEFORE_COUNT };

struct scene {
	struct rig rig, other; /* that is in the loop too */
	struct bpfring_loop *l, *outer;
	int event;
	enum place place;
	enum way way;
	enum before before;
	bool armed;	 /* has left already */
	uint64_t next;	 /* number that has to come next */
	uint64_t others; /* records of the other ring */
};

static void go(struct scene *s)
{
	if (s->armed)
		return;
	s->armed = true;
	switch (s->before) {
	case REMOVE:
		assert_int_equal(bpfring_loop_remove(s->l, s->rig.c), 0);
		break;
	case CLOSE:
		bpfring_consumer_close(s->rig.c);
		s->rig.c = NULL;
		break;
	case CLOSE_OTHER:
		bpfring_consumer_close(s->other.c);
		s->other.c = NULL;
		break;
	default:
		break;
	}
	leave(s->way);
}

static int on_record(void *ctx, const void *data, size_t size)
{
	struct scene *s = ctx;

	assert_int_equal(size, 8);
	assert_int_equal(*(const uint64_t *)data, s->next);
	if (s->next++ == 2)
		go(s);
	return 0;
}

static int on_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct scene *s = ctx;

	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(*(const uint64_t *)records[i].data, s->next++);
	go(s);
	return 0;
}

static int on_look(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	(void)record;
	assert_int_equal(state, BPFRING_RECORD_READY);
	go(ctx);
	return 0;
}

static int on_other(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	((struct scene *)ctx)->others++;
	return 0;
}

static int on_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	assert_int_equal(read(fd, &count, 8), 8);
	go(ctx);
	return 0;
}

static int on_loop(void *ctx, int fd, uint32_t events)
{
	struct scene *s = ctx;
	int n = bpfring_loop_dispatch(s->l);

	(void)fd;
	(void)events;
	return n < 0 ? n : 0;
}

static void call(void *ctx)
{
	struct scene *s = ctx;

	switch (s->place) {
	case CONSUME:
		bpfring_consumer_consume(s->rig.c, on_record, s, NULL, NULL);
		break;
	case CONSUME_BATCH:
		bpfring_consumer_consume_batch(s->rig.c, on_batch, s, NULL, NULL);
		break;
	case SNAPSHOT:
		bpfring_consumer_snapshot(s->rig.c, on_look, s);
		break;
	case RUN:
		bpfring_loop_run(s->l);
		break;
	case DISPATCH:
	case DISPATCH_FD:
		bpfring_loop_dispatch(s->l);
		break;
	case NESTED:
		bpfring_loop_poll(s->outer, -1);
		break;
	default:
		bpfring_loop_poll(s->l, -1);
		break;
	}
}

static void scene_open(struct scene *s, enum place place, enum way way)
{
	memset(s, 0, sizeof(*s));
	s->place = place;
	s->way = way;
	s->event = -1;
	rig_open(&s->rig, PAGE, NULL, 0);
	for (uint64_t i = 0; i < 5; i++)
		put_number(s->rig.r, i);
	if (place < POLL)
		return;
	rig_open(&s->other, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&s->l, NULL), 0);
	if (place == DISPATCH || place == DISPATCH_FD || place == NESTED)
		assert_true(bpfring_loop_fd(s->l) >= 0);
	if (place == POLL_BATCH)
		assert_int_equal(bpfring_loop_add_batch(s->l, s->rig.c, on_batch, s), 0);
	else
		assert_int_equal(bpfring_loop_add(s->l, s->rig.c, on_record, s), 0);
	assert_int_equal(bpfring_loop_add(s->l, s->other.c, on_other, s), 0);
	if (place == POLL_FD || place == DISPATCH_FD) {
		s->event = eventfd(1, EFD_CLOEXEC);
		assert_int_equal(
			bpfring_loop_add_fd(s->l, s->event, EPOLLIN | EPOLLET, on_event, s), 0);
	}
	if (place == NESTED) {
		assert_int_equal(bpfring_loop_new(&s->outer, NULL), 0);
		assert_int_equal(
			bpfring_loop_add_fd(s->outer, bpfring_loop_fd(s->l), EPOLLIN, on_loop, s),
			0);
	}
}

static void scene_close(struct scene *s)
{
	bpfring_loop_free(s->outer);
	bpfring_loop_free(s->l);
	if (s->event >= 0)
		close(s->event);
	rig_close(&s->rig);
	if (s->other.r)
		rig_close(&s->other);
}

/* One more call, as the application makes it. */
static void call_again(struct scene *s)
{
	if (s->place == SNAPSHOT)
		s->place = CONSUME;
	if (s->place == DISPATCH || s->place == DISPATCH_FD) {
		struct pollfd fd = {.fd = bpfring_loop_fd(s->l), .events = POLLIN};

		if (poll(&fd, 1, 10000) != 1)
			fail_msg("the loop's descriptor does not say that there is work");
		assert_true(bpfring_loop_dispatch(s->l) >= 0);
	} else if (s->place == NESTED) {
		assert_true(bpfring_loop_poll(s->outer, 10000 * MSEC) >= 0);
	} else if (s->place >= POLL) {
		assert_true(bpfring_loop_poll(s->l, 10000 * MSEC) >= 0);
	} else if (s->place == CONSUME_BATCH) {
		assert_true(bpfring_consumer_consume_batch(s->rig.c, on_batch, s, NULL, NULL) >= 0);
	} else {
		assert_true(bpfring_consumer_consume(s->rig.c, on_record, s, NULL, NULL) >= 0);
	}
}

static void go_on(struct scene *s)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};

	for (uint64_t i = 5; i < 8; i++)
		put_number(s->rig.r, i);
	if (s->other.c)
		put_number(s->other.r, 0);
	for (int i = 0; i < 100 && (s->next < 8 || (s->other.c && !s->others)); i++)
		call_again(s);
	assert_int_equal(s->next, 8);
	assert_int_equal(bpfring_consumer_stats(s->rig.c, &stats), 0);
	assert_int_equal(stats.records, 8);
	assert_int_equal(stats.bytes, 8 * 16);
	if (s->other.c)
		assert_int_equal(s->others, 1);
}

/* The same from further down on the stack than the call that was left. */
static __attribute__((noinline)) void go_on_deeper(struct scene *s, int depth)
{
	volatile char space[512];

	space[depth] = 1;
	if (depth)
		go_on_deeper(s, depth - 1);
	else
		go_on(s);
	assert_int_equal(space[depth], 1);
}

static void *go_on_elsewhere(void *ctx)
{
	go_on(ctx);
	return NULL;
}

enum after { GO_ON, GO_ON_DEEPER, GO_ON_ELSEWHERE, FREE, AFTERS };

static void check_left(enum place place, enum way way, enum before before, enum after after)
{
	struct scene s;
	pthread_t thread;

	scene_open(&s, place, way);
	s.before = before;
	if (!left(way, call, &s))
		fail_msg("%s out of %s: it came back", way_names[way], place_names[place]);
	if (log_lines())
		fail_msg("%s out of %s: %s", way_names[way], place_names[place], log_text());
	if (before == REMOVE || before == CLOSE)
		after = FREE;
	switch (after) {
	case GO_ON:
		go_on(&s);
		break;
	case GO_ON_DEEPER:
		go_on_deeper(&s, 20);
		break;
	case GO_ON_ELSEWHERE:
		assert_int_equal(pthread_create(&thread, NULL, go_on_elsewhere, &s), 0);
		pthread_join(thread, NULL);
		break;
	default:
		break;
	}
	/* what was given to the callback does not come to the next consumer */
	bpfring_consumer_close(s.rig.c);
	if (before == CLOSE || s.rig.c)
		assert_int_equal(sim_ring_cons(s.rig.r), 16 * s.next);
	s.rig.c = NULL;
	scene_close(&s);
}

static void every_way_out_of_every_call(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		if (way_closed(way)) {
			print_message("%s: %s\n", way_names[way], way_closed(way));
			continue;
		}
		for (enum place place = 0; place < PLACES; place++)
			for (enum after after = 0; after < AFTERS; after++) {
				/* one that longjmp() left belongs to its thread, until that ends */
				if (way == BY_LONGJMP && after == GO_ON_ELSEWHERE)
					continue;
				check_left(place, way, NOTHING, after);
			}
	}
}

static void removed_or_closed_before(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		if (way_closed(way))
			continue;
		for (enum before before = REMOVE; before < BEFORE_COUNT; before++)
			for (enum place place = 0; place < PLACES; place++) {
				/* see closed_before_it_jumped() */
				if (before == CLOSE && (way == BY_LONGJMP || way == BY_RAW_EXIT))
					continue;
				if (place < POLL && before != CLOSE)
					continue;
				check_left(place, way, before, GO_ON);
			}
	}
}

/* Nobody comes back who could free it: it is closed once more. */
static void closed_before_it_jumped(void **state)
{
	(void)state;
	for (enum place place = 0; place < PLACES; place++) {
		struct bpfring_consumer *c;
		struct scene s;

		scene_open(&s, place, BY_LONGJMP);
		s.before = CLOSE;
		c = s.rig.c;
		assert_true(left(BY_LONGJMP, call, &s));
		if (!s.rig.c && (place == POLL_FD || place == DISPATCH_FD)) {
			scene_close(&s); /* not from its own callback: freed at once */
			continue;
		}
		bpfring_consumer_close(c);
		assert_int_equal(sim_ring_cons(s.rig.r), 16 * s.next);
		scene_close(&s);
	}
}

/* Taken out of its loop behind a callback that was left: what that was given is given back. */
static void removed_after_it_jumped(void **state)
{
	(void)state;
	for (enum place place = POLL; place <= DISPATCH; place++) {
		struct scene s;

		scene_open(&s, place, BY_LONGJMP);
		assert_true(left(BY_LONGJMP, call, &s));
		assert_int_equal(bpfring_loop_remove(s.l, s.rig.c), 0);
		assert_true(s.next > 0);
		assert_int_equal(sim_ring_cons(s.rig.r), 16 * s.next);
		scene_close(&s);
	}
}

static void *free_it(void *ctx)
{
	struct scene *s = ctx;

	bpfring_loop_free(s->l);
	s->l = NULL;
	return NULL;
}

/* A call that is refused, or that has nothing to do, takes it back as well: others may have it. */
static void taken_back_by_any_call(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		pthread_t thread;
		struct scene s;

		scene_open(&s, POLL, BY_LONGJMP);
		assert_true(left(BY_LONGJMP, call, &s));
		switch (how) {
		case 0:
			assert_int_equal(bpfring_loop_poll(s.l, -2), -EINVAL);
			break;
		case 1:
			assert_int_equal(bpfring_loop_dispatch(s.l), -EINVAL);
			break;
		default:
			assert_int_equal(bpfring_loop_stop(s.l), 0);
			assert_int_equal(bpfring_loop_run(s.l), 0);
			break;
		}
		log_forget();
		assert_int_equal(pthread_create(&thread, NULL, free_it, &s), 0);
		pthread_join(thread, NULL);
		if (log_lines())
			fail_msg("case %d: %s", how, log_text());
		scene_close(&s);
	}
}

/* What is held by a peek is not what a callback was given. */
static void held_while_a_snapshot_is_left(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		struct bpfring_record record;
		struct scene s;

		if (way_closed(way))
			continue;
		scene_open(&s, SNAPSHOT, way);
		for (uint64_t i = 0; i < 2; i++) {
			assert_int_equal(bpfring_consumer_peek(s.rig.c, &record), 1);
			assert_int_equal(*(const uint64_t *)record.data, i);
		}
		assert_true(left(way, call, &s));
		assert_int_equal(bpfring_consumer_consume(s.rig.c, on_record, &s, NULL, NULL),
				 -EINVAL);
		assert_logged("held");
		assert_int_equal(sim_ring_cons(s.rig.r), 0);
		bpfring_consumer_cancel(s.rig.c);
		go_on(&s);
		scene_close(&s);
	}
}

/* Left again and again, in all ways in turn. */
static void left_many_times(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, POLL, BY_LONGJMP);
	s.armed = true; /* at first they return */
	for (int i = 0; i < 200; i++) {
		s.way = (enum way)(i % WAYS);
		if (way_closed(s.way))
			continue;
		while (s.next < 5)
			call_again(&s);
		s.armed = false;
		s.next = 0;
		for (uint64_t n = 0; n < 5; n++)
			put_number(s.rig.r, n);
		assert_true(left(s.way, call, &s));
		assert_int_equal(s.next, 3);
	}
	scene_close(&s);
}

/* An edge-triggered descriptor that was reported together with the one whose callback left. */
struct two {
	struct bpfring_loop *l;
	int fds[2], calls[2];
	enum way way;
};

static int on_one_of_two(void *ctx, int fd, uint32_t events)
{
	struct two *t = ctx;

	(void)events;
	t->calls[fd == t->fds[1]]++;
	if (t->calls[0] + t->calls[1] == 1)
		leave(t->way);
	return 0;
}

static void poll_two(void *ctx)
{
	bpfring_loop_poll(((struct two *)ctx)->l, -1);
}

static void edges_are_not_lost(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		struct two t = {.way = way};

		if (way_closed(t.way))
			continue;
		assert_int_equal(bpfring_loop_new(&t.l, NULL), 0);
		for (int i = 0; i < 2; i++) {
			t.fds[i] = eventfd(1, EFD_CLOEXEC);
			assert_int_equal(bpfring_loop_add_fd(t.l, t.fds[i], EPOLLIN | EPOLLET,
							     on_one_of_two, &t),
					 0);
		}
		assert_true(left(t.way, poll_two, &t));
		assert_int_equal(t.calls[0] + t.calls[1], 1);
		assert_int_equal(bpfring_loop_poll(t.l, 10000 * MSEC), 0);
		assert_true(t.calls[0] && t.calls[1]);
		bpfring_loop_free(t.l);
		close(t.fds[0]);
		close(t.fds[1]);
	}
}

/*
 * A call that was left, and one of another object that has its very place on the stack: the
 * callback of the second one frees the first.
 */
struct pair {
	struct rig rigs[2];
	struct bpfring_loop *loops[2];
	int self;
	bool done;
};

static int jump_or_free(void *ctx, const void *data, size_t size)
{
	struct pair *p = ctx;

	(void)data, (void)size;
	if (!p->self)
		leave(BY_LONGJMP);
	bpfring_loop_free(p->loops[0]);
	p->loops[0] = NULL;
	bpfring_consumer_close(p->rigs[0].c);
	p->rigs[0].c = NULL;
	p->done = true;
	return 0;
}

static void call_self(void *ctx)
{
	struct pair *p = ctx;

	if (p->loops[p->self])
		bpfring_loop_poll(p->loops[p->self], -1);
	else
		bpfring_consumer_consume(p->rigs[p->self].c, jump_or_free, p, NULL, NULL);
}

static void another_call_at_the_same_place(void **state)
{
	(void)state;
	for (int looped = 0; looped < 2; looped++) {
		struct pair p = {0};

		for (int i = 0; i < 2; i++) {
			rig_open(&p.rigs[i], PAGE, NULL, 0);
			put(p.rigs[i].r, 8);
			if (!looped)
				continue;
			assert_int_equal(bpfring_loop_new(&p.loops[i], NULL), 0);
			assert_int_equal(
				bpfring_loop_add(p.loops[i], p.rigs[i].c, jump_or_free, &p), 0);
		}
		assert_true(left(BY_LONGJMP, call_self, &p));
		p.self = 1;
		assert_false(left(BY_LONGJMP, call_self, &p));
		assert_true(p.done);
		for (int i = 0; i < 2; i++) {
			bpfring_loop_free(p.loops[i]);
			rig_close(&p.rigs[i]);
		}
	}
}

/*
 * Coroutines: a callback that goes on elsewhere, whose stack says nothing of the call that it is
 * in.
 */
static struct {
	ucontext_t in_callback, elsewhere;
	struct scene *s;
	int err;
	char *stack;
} coroutine;

/* One above the other, so that a thread can have either of them. */
#define STACK_SIZE (512 * 1024)
static char stacks[2][STACK_SIZE] __attribute__((aligned(64)));

static void call_from_elsewhere(void)
{
	coroutine.err = coroutine.s->l ? bpfring_loop_poll(coroutine.s->l, 0)
				       : bpfring_consumer_consume(coroutine.s->rig.c, on_other,
								  coroutine.s, NULL, NULL);
}

static int go_elsewhere(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	getcontext(&coroutine.elsewhere);
	coroutine.elsewhere.uc_stack.ss_sp = coroutine.stack;
	coroutine.elsewhere.uc_stack.ss_size = STACK_SIZE;
	coroutine.elsewhere.uc_link = &coroutine.in_callback;
	makecontext(&coroutine.elsewhere, call_from_elsewhere, 0);
	swapcontext(&coroutine.in_callback, &coroutine.elsewhere);
	return 0;
}

static void *call_and_go_elsewhere(void *ctx)
{
	struct scene *s = ctx;

	coroutine.s = s;
	if (s->l) {
		assert_int_equal(bpfring_loop_remove(s->l, s->rig.c), 0);
		assert_int_equal(bpfring_loop_add(s->l, s->rig.c, go_elsewhere, NULL), 0);
		assert_int_equal(bpfring_loop_poll(s->l, -1), 5);
	} else {
		assert_int_equal(bpfring_consumer_consume(s->rig.c, go_elsewhere, NULL, NULL, NULL),
				 5);
	}
	return NULL;
}

static void from_a_stack_of_its_own(void **state)
{
	(void)state;
	if (way_closed(BY_RAW_EXIT)) {
		print_message("sanitizers know one stack per thread\n");
		skip();
	}
	for (int i = 0; i < 4; i++) {
		pthread_attr_t attr;
		pthread_t thread;
		struct scene s;

		scene_open(&s, i % 2 ? POLL : CONSUME, BY_LONGJMP);
		coroutine.stack = stacks[i / 2];
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stacks[!(i / 2)], STACK_SIZE);
		assert_int_equal(pthread_create(&thread, &attr, call_and_go_elsewhere, &s), 0);
		pthread_join(thread, NULL);
		pthread_attr_destroy(&attr);
		assert_int_equal(coroutine.err, -EINVAL);
		assert_logged("own callbacks");
		scene_close(&s);
	}
}

/* Cancelled in its sleep. */
struct sleeper {
	struct rig rig;
	struct bpfring_loop *l; /* NULL: the consumer waits by itself */
	int64_t timeout;
	uint64_t next;
};

static int on_number(void *ctx, const void *data, size_t size)
{
	struct sleeper *s = ctx;

	(void)size;
	assert_int_equal(*(const uint64_t *)data, s->next);
	s->next++;
	return 0;
}

static void *sleep_for_good(void *ctx)
{
	struct sleeper *s = ctx;

	while (s->l ? bpfring_loop_poll(s->l, s->timeout) >= 0
		    : bpfring_consumer_wait(s->rig.c, s->timeout) == 0)
		;
	return NULL;
}

static void cancelled_in_its_sleep(void **state)
{
	static const int64_t timeouts[] = {-1, 3 * MSEC, 1000 * MSEC};
	static const useconds_t after[] = {0, 300, 5000};

	(void)state;
	for (int looped = 0; looped < 2; looped++) {
		struct sleeper s = {0};

		rig_open(&s.rig, PAGE, NULL, 0);
		if (looped) {
			assert_int_equal(bpfring_loop_new(&s.l, NULL), 0);
			assert_int_equal(bpfring_loop_add(s.l, s.rig.c, on_number, &s), 0);
		}
		for (size_t i = 0; i < 20 * ARRAY_SIZE(timeouts) * ARRAY_SIZE(after); i++) {
			pthread_t thread;
			void *result;

			s.timeout = timeouts[i % ARRAY_SIZE(timeouts)];
			assert_int_equal(pthread_create(&thread, NULL, sleep_for_good, &s), 0);
			usleep(after[i / ARRAY_SIZE(timeouts) % ARRAY_SIZE(after)]);
			/* the edge of this record may be what it had just been told of */
			if (i % 2 && looped)
				put_number(s.rig.r, s.next);
			pthread_cancel(thread);
			pthread_join(thread, &result);
			assert_ptr_equal(result, PTHREAD_CANCELED);
			if (sim_ring_prod(s.rig.r) == 16 * s.next)
				put_number(s.rig.r, s.next);
			if (looped)
				assert_int_equal(bpfring_loop_poll(s.l, 10000 * MSEC), 1);
			else if (bpfring_consumer_wait(s.rig.c, 10000 * MSEC) == 1)
				assert_int_equal(bpfring_consumer_consume(s.rig.c, on_number, &s,
									  NULL, NULL),
						 1);
			assert_int_equal(sim_ring_prod(s.rig.r), 16 * s.next);
		}
		bpfring_loop_free(s.l);
		rig_close(&s.rig);
	}
}

/*
 * longjmp() out of a signal handler that came in the sleep; elsewhere it would be out of malloc(),
 * say.
 */
static void on_signal(int number)
{
	(void)number;
	leave(BY_LONGJMP);
}

static bool sleeps(pid_t thread)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	stat = fopen(path, "re");
	assert_non_null(stat);
	assert_int_equal(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
	fclose(stat);
	return state == 'S';
}

/* The main thread, whose number is that of the process. */
static void *signal_in_its_sleep(void *ctx)
{
	int found = 0;

	while (found < 5) {
		usleep(1000);
		found = sim_sys_count("epoll_wait") && sleeps(getpid()) ? found + 1 : 0;
	}
	pthread_kill(*(const pthread_t *)ctx, SIGUSR1);
	return NULL;
}

static void sleep_call(void *ctx)
{
	struct scene *s = ctx;

	if (s->place == CONSUME)
		bpfring_consumer_wait(s->rig.c, -1);
	else
		bpfring_loop_poll(s->l, -1);
}

static void left_by_a_signal_handler(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
	pthread_t self = pthread_self(), thread;

	(void)state;
	if (jump_closed()) {
		print_message("%s\n", jump_closed());
		skip();
	}
	sigaction(SIGUSR1, &action, NULL);
	for (int looped = 0; looped < 2; looped++) {
		struct scene s;

		scene_open(&s, looped ? POLL : CONSUME, BY_LONGJMP);
		s.armed = true; /* callbacks return */
		while (s.next < 5)
			call_again(&s);
		while (looped && bpfring_loop_poll(s.l, MSEC) > 0)
			;
		for (int i = 0; i < 10; i++) {
			sim_sys_count_reset();
			assert_int_equal(pthread_create(&thread, NULL, signal_in_its_sleep, &self),
					 0);
			assert_true(left(BY_LONGJMP, sleep_call, &s));
			pthread_join(thread, NULL);
		}
		go_on(&s);
		scene_close(&s);
	}
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(every_way_out_of_every_call),
		rig_test(removed_or_closed_before),
		rig_test(closed_before_it_jumped),
		rig_test(removed_after_it_jumped),
		rig_test(taken_back_by_any_call),
		rig_test(held_while_a_snapshot_is_left),
		rig_test(left_many_times),
		rig_test(edges_are_not_lost),
		rig_test(another_call_at_the_same_place),
		rig_test(from_a_stack_of_its_own),
		rig_test(cancelled_in_its_sleep),
		rig_test(left_by_a_signal_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
