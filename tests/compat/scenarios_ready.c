// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What counts as ready: notified or not, seen through poll and through the descriptor. */
#include "scenario.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

/* How long a call took, in coarse steps that a loaded machine does not cross. */
static const char *duration(int64_t ns)
{
	return ns < limit(60 * MSEC) ? "at once" : "after its time-out";
}

static void time_outs(const struct api *api, struct trace *t)
{
	static const int times[] = {0, 1, 100};
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		for (int records = 0; records < 2; records++) {
			int64_t start = monotonic();

			put_numbers(&r, (uint64_t)records, 5);
			noted(t, "poll", api->ring_buffer__poll(rb, times[i]));
			note(t, "%d ms: %s", times[i], duration(monotonic() - start));
		}
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
}

static void unnotified(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	produce(&r, OP_NUMBER, 0, 1, 1, NO_WAKEUP);
	POLL(rb, 0);
	POLL(rb, 70);
	CONSUME(rb);
	POLL(rb, 0);
	produce(&r, OP_NUMBER, 0, 1, 2, NO_WAKEUP);
	produce(&r, OP_NUMBER, 0, 1, 3, 0); /* does not notify either: there is one before it */
	POLL(rb, 0);
	POLL(rb, 70);
	produce(&r, OP_NUMBER, 0, 1, 4, FORCE_WAKEUP);
	POLL(rb, 70);
	POLL(rb, 0);
	produce(&r, OP_DISCARD, 0, 1, 0, FORCE_WAKEUP);
	POLL(rb, 0);
	produce(&r, OP_NUMBER, 0, 1, 5, 0);
	CONSUME(rb);
	POLL(rb, 0);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/*
 * A poll that found records leaves the ring on epoll's list: the next one looks at it in any case.
 */
static void unnotified_after_a_poll(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	for (int i = 0; i < 6; i++) {
		put_numbers(&r, 1, 1);
		i % 2 ? POLL(rb, 0) : POLL(rb, 100);
		produce(&r, OP_NUMBER, 0, 1, 2, NO_WAKEUP);
		i % 3 ? POLL(rb, 0) : POLL(rb, 100);
		POLL(rb, 0);
		produce(&r, OP_NUMBER, 0, 1, 3, NO_WAKEUP);
		POLL(rb, 0);
		CONSUME(rb);
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* poll visits what is ready; what nobody was notified of waits for consume. */
static void only_what_is_ready(const struct api *api, struct trace *t)
{
	struct ring a = ring_new(4096), b = ring_new(4096);
	struct sink sa = SINK(t, 0), sb = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(a.fd, take, &sa, NULL);

	api->ring_buffer__add(rb, b.fd, take, &sb);
	produce(&b, OP_NUMBER, 0, 2, 50, NO_WAKEUP);
	put_numbers(&a, 1, 1);
	POLL(rb, 100);
	put_numbers(&a, 1, 2);
	POLL(rb, 0);
	POLL(rb, 70);
	CONSUME(rb);
	produce(&a, OP_NUMBER, 0, 1, 3, NO_WAKEUP);
	put_numbers(&b, 1, 60);
	POLL(rb, 100);
	POLL(rb, 0);
	produce(&a, OP_NUMBER, 0, 1, 4, FORCE_WAKEUP);
	POLL(rb, 100);
	api->ring_buffer__free(rb);
	ring_free(&a);
	ring_free(&b);
}

static void descriptor(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	int fd = api->ring_buffer__epoll_fd(rb);

	note(t, "flags: %d", fcntl(fd, F_GETFD));
	note(t, "the same: %d", fd == api->ring_buffer__epoll_fd(rb));
	for (int i = 0; i < 4; i++) {
		readable(t, "idle", fd);
		put_numbers(&r, 2, 1);
		readable(t, "record", fd);
		readable(t, "record, once more", fd);
		switch (i) {
		case 0:
			POLL(rb, 0);
			break;
		case 1:
			CONSUME(rb);
			break;
		case 2:
			POLL(rb, 100);
			break;
		default:
			s.seen = 0;
			s.fail_at = 1;
			s.fail_with = -EIO;
			POLL(rb, 0);
			readable(t, "failed", fd);
			CONSUME(rb);
		}
		readable(t, "drained", fd);
		produce(&r, OP_NUMBER, 0, 1, 3, NO_WAKEUP);
		readable(t, "not notified", fd);
		POLL(rb, 0);
		produce(&r, OP_NUMBER, 0, 1, 3, NO_WAKEUP);
		readable(t, "not notified, a poll later", fd);
		produce(&r, OP_NUMBER, 0, 1, 4, FORCE_WAKEUP);
		readable(t, "forced", fd);
		CONSUME(rb);
		readable(t, "drained", fd);
		produce(&r, OP_DISCARD, 0, 1, 0, 0);
		readable(t, "discarded", fd);
		POLL(rb, 0);
		readable(t, "passed over", fd);
	}
	api->ring_buffer__free(rb);
	note(t, "closed: %d", fcntl(fd, F_GETFD) < 0 ? errno : 0);
	ring_free(&r);
}

static void descriptor_and_budgets(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);
	int fd = api->ring_buffer__epoll_fd(rb);

	put_numbers(&r, 3, 1);
	for (int i = 0; i < 4; i++) {
		readable(t, "before", fd);
		noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	}
	readable(t, "in the end", fd);
	put_numbers(&r, 3, 1);
	noted(t, "consume_n(1)", api->ring__consume_n(api->ring_buffer__ring(rb, 0), 1));
	POLL(rb, 0);
	readable(t, "in the end", fd);
	produce(&r, OP_NUMBER, 0, 3, 3, NO_WAKEUP);
	noted(t, "consume_n(1)", api->ring_buffer__consume_n(rb, 1));
	readable(t, "two were not notified of", fd);
	noted(t, "consume", api->ring__consume(api->ring_buffer__ring(rb, 0)));
	put_numbers(&r, 1, 9);
	readable(t, "one more", fd);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* Takes what an outer epoll says is ready. */
static void outer_turn(const struct api *api, struct trace *t, int outer, struct ring_buffer *rb,
		       int timeout)
{
	struct epoll_event event;
	int n = epoll_wait(outer, &event, 1, timeout);

	note(t, "outer: %d", n);
	if (n > 0)
		POLL(rb, 0);
}

static void nested(const struct api *api, struct trace *t)
{
	static const uint32_t kinds[] = {EPOLLIN, EPOLLIN | EPOLLET};
	struct ring a = ring_new(4096), b = ring_new(4096);
	struct sink sa = SINK(t, 0), sb = SINK(t, 1);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct ring_buffer *rb = api->ring_buffer__new(a.fd, take, &sa, NULL);
		struct epoll_event event = {.events = kinds[i]};
		int outer = epoll_create1(EPOLL_CLOEXEC), middle = epoll_create1(EPOLL_CLOEXEC);

		api->ring_buffer__add(rb, b.fd, take, &sb);
		epoll_ctl(middle, EPOLL_CTL_ADD, api->ring_buffer__epoll_fd(rb), &event);
		epoll_ctl(outer, EPOLL_CTL_ADD, middle, &event);
		outer_turn(api, t, middle, rb, 0);
		for (uint64_t n = 0; n < 10; n++) {
			put_numbers(n % 3 ? &a : &b, 1 + n % 2, 10 * n);
			if (n % 4 == 3)
				put_numbers(&b, 1, 10 * n + 5);
			outer_turn(api, t, n % 2 ? middle : outer, rb, 100);
			outer_turn(api, t, middle, rb, 0);
		}
		outer_turn(api, t, outer, rb, 10);
		put_numbers(&a, 1, 1);
		close(outer);
		close(middle);
		POLL(rb, 0);
		api->ring_buffer__free(rb);
	}
	ring_free(&a);
	ring_free(&b);
}

/* A program that polls for a while and asks for the descriptor then. */
static void descriptor_later(const struct api *api, struct trace *t)
{
	for (int way = 0; way < 3; way++) {
		struct ring r = ring_new(4096);
		struct sink s = SINK(t, 1);
		struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);
		int fd;

		for (uint64_t i = 0; i < 20; i++) {
			put_numbers(&r, 1, i);
			POLL(rb, 100);
		}
		if (way == 1)
			put_numbers(&r, 2, 70);
		if (way == 2)
			POLL(rb, 1);
		fd = api->ring_buffer__epoll_fd(rb);
		readable(t, "descriptor", fd);
		POLL(rb, 0);
		readable(t, "drained", fd);
		put_numbers(&r, 2, 80);
		readable(t, "records", fd);
		POLL(rb, 100);
		api->ring_buffer__free(rb);
		ring_free(&r);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void alarm_in(int64_t ns)
{
	struct itimerval when = {.it_value = {.tv_usec = (suseconds_t)(ns / 1000)}};

	setitimer(ITIMER_REAL, &when, NULL);
}

static void signals(const struct api *api, struct trace *t)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, before;
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	sigaction(SIGALRM, &action, &before);
	for (int i = 0; i < 4; i++) {
		alarm_in(20 * MSEC);
		POLL(rb, -1);
		put_numbers(&r, 3, 1);
		POLL(rb, -1);
		alarm_in(20 * MSEC);
		POLL(rb, 10000);
		alarm_in(20 * MSEC);
		if (i == 1) {
			api->ring_buffer__epoll_fd(rb);
			alarm_in(20 * MSEC);
		}
		POLL(rb, -7);
	}
	sigaction(SIGALRM, &before, NULL);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* A program whose handler runs in callbacks: it has its own signal mask there. */
static int take_and_signal(void *ctx, void *data, size_t size)
{
	struct sink *s = ctx;
	sigset_t mask;

	take(s, data, size);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	note(s->t, "  blocked: TERM %d, USR2 %d", sigismember(&mask, SIGTERM),
	     sigismember(&mask, SIGUSR2));
	return 0;
}

static void signal_mask(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take_and_signal, &s, NULL);
	sigset_t mask, before;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, &before);
	for (uint64_t i = 0; i < 6; i++) {
		put_numbers(&r, 1, i);
		i % 3 ? POLL(rb, 100) : POLL(rb, 0);
		POLL(rb, 1);
	}
	sigprocmask(SIG_SETMASK, NULL, &mask);
	note(t, "blocked: TERM %d, USR2 %d", sigismember(&mask, SIGTERM),
	     sigismember(&mask, SIGUSR2));
	sigprocmask(SIG_SETMASK, &before, NULL);
	api->ring_buffer__free(rb);
	ring_free(&r);
}

/* bpftrace goes on only if errno is 0 or EINTR after a poll. */
static void errno_stays(const struct api *api, struct trace *t)
{
	struct ring r = ring_new(4096);
	struct sink s = SINK(t, 1);
	struct ring_buffer *rb = api->ring_buffer__new(r.fd, take, &s, NULL);

	errno = 0;
	for (uint64_t i = 0; i < 4; i++) {
		put_numbers(&r, 1, i);
		POLL(rb, 100);
		note(t, "errno %d", errno);
		POLL(rb, 1);
		note(t, "errno %d", errno);
		CONSUME(rb);
		POLL(rb, 0);
		note(t, "errno %d", errno);
	}
	api->ring_buffer__free(rb);
	ring_free(&r);
}

const struct scenario scenarios_ready[] = {
	{"time-outs", time_outs, 0},
	{"not notified", unnotified, 0},
	{"not notified after a poll", unnotified_after_a_poll, 0},
	{"only what is ready", only_what_is_ready, 0},
	{"descriptor", descriptor, 0},
	{"descriptor and budgets", descriptor_and_budgets, 105},
	{"nested", nested, 0},
	{"descriptor asked for later", descriptor_later, 0},
	{"signals", signals, 0},
	{"signal mask", signal_mask, 0},
	{"errno stays", errno_stays, 0},
	{0},
};
