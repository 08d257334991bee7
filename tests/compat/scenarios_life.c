// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Beginnings and ends: processes, threads, descriptors that are closed in odd orders. */
#include "scenario.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/wait.h>

static void wait_for(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void map_closed(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb;
	int fd = dup(r.fd), other;

	rb = api->ring_buffer__new(fd, take, &s, NULL);
	put_numbers(&r, 2, 1);
	POLL(rb, 100);
	close(fd);
	put_numbers(&r, 2, 3);
	POLL(rb, 100);
	other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL); /* the same number */
	note(t, "number taken: %d", other == fd);
	put_numbers(&r, 2, 5);
	POLL(rb, 0);
	readable(t, "descriptor", api->ring_buffer__epoll_fd(rb));
	put_numbers(&r, 2, 7);
	readable(t, "descriptor", api->ring_buffer__epoll_fd(rb));
	POLL(rb, 100);
	CONSUME(rb);
	api->ring_buffer__free(rb);
	note(t, "other is open: %d", fcntl(other, F_GETFD) >= 0);
	close(other);
	ring_free(&r);
}

/* The last descriptor of the map outside of the manager is closed: the ring lives on. */
static void map_forgotten(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	put_numbers(&r, 3, 1);
	ring_free(&r);
	POLL(rb, 100);
	POLL(rb, 1);
	CONSUME(rb);
	api->ring_buffer__free(rb);
}

static void child_consumes(const struct api *api, struct trace *t)
{
	for (int way = 0; way < 4; way++) {
		struct ring r = ring_new(4096);
		struct sink s = SINK(t, 1);
		struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);
		pid_t pid;

		for (uint64_t i = 0; way && i < 5; i++) {
			put_numbers(&r, 1, i);
			POLL(rb, 100);
		}
		if (way > 1)
			put_numbers(&r, 2, 70);
		pid = fork();
		if (!pid) {
			note(t, "child");
			if (way == 3) {
				CONSUME(rb);
			} else {
				put_numbers(&r, 2, 10);
				POLL(rb, 100);
			}
			POLL(rb, 0);
			put_numbers(&r, 2, 20);
			POLL(rb, 100);
			put_numbers(&r, 1, 30);
			api->ring_buffer__free(rb);
			_exit(0);
		}
		wait_for(pid);
		note(t, "parent");
		put_numbers(&r, 1, 31);
		POLL(rb, 100);
		put_numbers(&r, 2, 40);
		POLL(rb, 100);
		CONSUME(rb);
		api->ring_buffer__free(rb);
		ring_free(&r);
	}
}

/* new, daemon(), consume in the child: with poll, and with the descriptor in an outer epoll. */
static void daemon_like(const struct api *api, struct trace *t)
{
	for (int outer_loop = 0; outer_loop < 2; outer_loop++) {
		struct ring r = ring_new(4096);
		pid_t pid = fork();
		struct ring_buffer *rb;
		struct epoll_event event = {.events = EPOLLIN};
		struct sink s = SINK(t, 1);
		int done[2], outer = -1;
		char byte;

		if (pid) {
			wait_for(pid);
			ring_free(&r);
			continue;
		}
		assert_int_equal(pipe(done), 0);
		rb = api->ring_buffer__new(r.fd, take, &s, NULL);
		if (outer_loop) {
			outer = epoll_create1(EPOLL_CLOEXEC);
			epoll_ctl(outer, EPOLL_CTL_ADD, api->ring_buffer__epoll_fd(rb), &event);
		} else {
			POLL(rb, 1);
		}
		if (fork()) { /* the one that opened it is gone; its own parent waits for the end */
			close(done[1]);
			read(done[0], &byte, 1);
			_exit(0);
		}
		close(done[0]);
		for (uint64_t i = 0; i < 5; i++) {
			put_numbers(&r, 2, 10 * i);
			if (outer_loop)
				note(t, "outer: %d", epoll_wait(outer, &event, 1, 1000));
			outer_loop ? POLL(rb, 0) : POLL(rb, 1000);
			if (outer_loop)
				note(t, "outer: %d", epoll_wait(outer, &event, 1, 0));
		}
		api->ring_buffer__free(rb);
		_exit(0);
	}
}

/* A handover: the new manager is made before the old one goes. */
static void handed_over(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s1 = SINK(t, 1), s2 = SINK(t, 2);
	struct ring_buffer *one = api->ring_buffer__new(r.fd, take, &s1, NULL), *two;

	put_numbers(&r, 2, 1);
	POLL(one, 100);
	two = api->ring_buffer__new(r.fd, take, &s2, NULL);
	put_numbers(&r, 2, 3);
	POLL(one, 100);
	put_numbers(&r, 1, 5);
	POLL(one, 100);
	api->ring_buffer__free(one);
	put_numbers(&r, 2, 6);
	POLL(two, 100);
	POLL(two, 0);
	put_numbers(&r, 2, 8);
	POLL(two, 100);
	api->ring_buffer__free(two);
	ring_free(&r);
}

/* Two managers of one ring that take turns. */
static void taking_turns(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s1 = SINK(t, 1), s2 = SINK(t, 2);
	struct ring_buffer *one = api->ring_buffer__new(r.fd, take, &s1, NULL),
			   *two = api->ring_buffer__new(r.fd, take, &s2, NULL);

	for (uint64_t i = 0; i < 8; i++) {
		put_numbers(&r, 2, 10 * i);
		switch (i % 4) {
		case 0:
			POLL(one, 0);
			break;
		case 1:
			POLL(two, 0);
			break;
		case 2:
			CONSUME(one);
			break;
		default:
			CONSUME(two);
		}
	}
	api->ring_buffer__free(one);
	put_numbers(&r, 2, 90);
	POLL(two, 100);
	api->ring_buffer__free(two);
	ring_free(&r);
}

struct sleeper {
	const struct api *api;
	struct ring_buffer *rb;
	int result;
};

static void *sleep_in_poll(void *ctx)
{
	struct sleeper *s = ctx;

	s->result = s->api->ring_buffer__poll(s->rb, 300);
	return NULL;
}

/*
 * While one manager sleeps in poll, another takes the records: the sleeper hands none out a second
 * time.
 */
static void both_notified(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s1 = SINK(t, 1), s2 = SINK(t, 2);
	struct sleeper sleeper = {api, api->ring_buffer__new(r.fd, take, &s1, NULL), 0};
	struct ring_buffer *two = api->ring_buffer__new(r.fd, take, &s2, NULL);
	pthread_t thread;

	put_numbers(&r, 1, 1);
	POLL(sleeper.rb, 100);
	POLL(two, 1);
	pthread_create(&thread, NULL, sleep_in_poll, &sleeper);
	usleep(50000);
	produce(&r, OP_NUMBER, 0, 3, 10, NO_WAKEUP);
	CONSUME(two);
	produce(&r, OP_NUMBER, 0, 1, 20, NO_WAKEUP);
	produce(&r, OP_NUMBER, 0, 1, 21, FORCE_WAKEUP);
	pthread_join(thread, NULL);
	noted(t, "sleeper", sleeper.result);
	POLL(two, 0);
	put_numbers(&r, 2, 30);
	POLL(two, 100);
	POLL(sleeper.rb, 0);
	api->ring_buffer__free(two);
	api->ring_buffer__free(sleeper.rb);
	ring_free(&r);
}

struct worker {
	const struct api *api;
	struct trace *t;
	struct ring_buffer *rb;
	int records;
};

static void *poll_all(void *ctx)
{
	struct worker *w = ctx;

	while (w->records > 0) {
		int n = w->api->ring_buffer__poll(w->rb, 1000);

		if (n <= 0)
			break;
		w->records -= n;
	}
	return NULL;
}

static void other_thread(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(16384);
	struct sink s = SINK(t, 1);
	struct worker w = {api, t, api->ring_buffer__new(r.fd, take, &s, NULL), 300};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, poll_all, &w), 0);
	for (uint64_t i = 0; i < 100; i++)
		put_numbers(&r, 3, 3 * i);
	pthread_join(thread, NULL);
	note(t, "left: %d", w.records);
	POLL(w.rb, 0);
	api->ring_buffer__free(w.rb);
	ring_free(&r);
}

static void several_threads(const struct api *api, struct trace *t)
{
	struct ring r[4];
	struct sink s[4];
	struct worker w[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		r[i] = ring_new(16384);
		s[i] = SINK(trace_new(), i);
		w[i] = (struct worker){api, NULL, api->ring_buffer__new(r[i].fd, take, &s[i], NULL),
				       300};
		assert_int_equal(pthread_create(&threads[i], NULL, poll_all, &w[i]), 0);
	}
	for (uint64_t i = 0; i < 100; i++)
		for (int n = 0; n < 4; n++)
			put_numbers(&r[n], 3, 3 * i);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		note(t, "left: %d\n%s", w[i].records, s[i].t->text);
		api->ring_buffer__free(w[i].rb);
		trace_free(s[i].t);
		ring_free(&r[i]);
	}
}

struct one_ring {
	const struct api *api;
	struct ring *ring;
	int records;
};

static void *consume_one(void *ctx)
{
	struct one_ring *o = ctx;
	int64_t end = monotonic() + limit(20000 * MSEC);

	while (o->records > 0 && monotonic() < end) {
		int n = o->api->ring__consume(o->ring);

		if (n < 0)
			break;
		o->records -= n;
	}
	return NULL;
}

/* Different rings of one manager, each consumed by a thread of its own. */
static void ring_per_thread(const struct api *api, struct trace *t)
{
	struct ring r[3];
	struct sink s[3];
	struct one_ring o[3];
	pthread_t threads[3];
	struct ring_buffer *rb = NULL;

	for (int i = 0; i < 3; i++) {
		r[i] = ring_new(16384);
		s[i] = SINK(trace_new(), i);
		if (rb)
			api->ring_buffer__add(rb, r[i].fd, take, &s[i]);
		else
			rb = api->ring_buffer__new(r[i].fd, take, &s[i], NULL);
	}
	for (unsigned int i = 0; i < 3; i++) {
		o[i] = (struct one_ring){api, api->ring_buffer__ring(rb, i), 300};
		assert_int_equal(pthread_create(&threads[i], NULL, consume_one, &o[i]), 0);
	}
	for (uint64_t i = 0; i < 100; i++)
		for (int n = 0; n < 3; n++)
			put_numbers(&r[n], 3, 3 * i);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		note(t, "left: %d\n%s", o[i].records, s[i].t->text);
		trace_free(s[i].t);
	}
	POLL(rb, 0);
	api->ring_buffer__free(rb);
	for (int i = 0; i < 3; i++)
		ring_free(&r[i]);
}

static void descriptors_come_back(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096), other = ring_new(4096);
	struct sink s = SINK(t, 1);
	unsigned int fds = count_fds(), mappings = count_map_mappings();

	for (int i = 0; i < 20; i++) {
		struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

		api->ring_buffer__add(rb, other.fd, take, &s);
		put_numbers(&r, 1, 1);
		if (i % 2)
			POLL(rb, 100);
		if (i % 3 == 1)
			api->ring_buffer__epoll_fd(rb);
		api->ring_buffer__add(rb, -1, take, &s);
		api->ring_buffer__new(-1, take, &s, NULL);
		api->ring_buffer__free(rb);
	}
	note(t, "descriptors: %d more, mappings: %d more", (int)(count_fds() - fds),
	     (int)(count_map_mappings() - mappings));
	ring_free(&r);
	ring_free(&other);
}

const struct scenario scenarios_life[] = {
	{"map closed", map_closed, 0},
	{"map forgotten", map_forgotten, 0},
	{"child consumes", child_consumes, 0},
	{"daemon", daemon_like, 0},
	{"handed over", handed_over, 0},
	{"taking turns", taking_turns, 0},
	{"both notified", both_notified, 0},
	{"other thread", other_thread, 0},
	{"several threads", several_threads, 0},
	{"a thread per ring", ring_per_thread, 103},
	{"descriptors come back", descriptors_come_back, 0},
	{0},
};
